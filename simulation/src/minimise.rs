//! Shrinks the faults of a life that fails to those that it needs: delta debugging (Zeller and
//! Hildebrandt, "Simplifying and isolating failure-inducing input", 2002), one process a try.

use std::collections::BTreeSet;
use std::io::Write;
use std::path::Path;
use std::process::Child;

use crate::arguments::Arguments;
use crate::campaign::{self, Tally};
use crate::error::SimulationError;
use crate::report::cause;

/// How a life with some faults ended.
struct Tried {
    /// What failed; `None` when it was green.
    by: Option<String>,
    faults: usize,
}

/// Finds a smallest set of faults with which the life of `seed` still fails by the same invariant,
/// tells every try, and at last the command that runs it. A life that is green has nothing to
/// shrink, which counts as failed.
pub fn run(
    program: &Path,
    seed: u64,
    arguments: &Arguments,
    out: &mut dyn Write,
) -> Result<Tally, SimulationError> {
    let whole = life(program, seed, arguments)?;
    let Some(by) = whole.by else {
        writeln!(out, "seed {seed} is green: there is nothing to shrink")
            .map_err(SimulationError::Output)?;
        return Ok(Tally { passed: 0, failed: 1 });
    };
    let left_out: BTreeSet<usize> = arguments.without_faults.iter().copied().collect();
    let all: Vec<usize> = (0..whole.faults).filter(|fault| !left_out.contains(fault)).collect();
    let without = |kept: &[usize]| Arguments {
        without_faults: (0..whole.faults).filter(|fault| !kept.contains(fault)).collect(),
        ..arguments.clone()
    };
    let kept = shrink(all, |kept| -> Result<bool, SimulationError> {
        let tried = life(program, seed, &without(kept))?;
        let same = tried.by.as_ref() == Some(&by);
        let told = tried.by.as_deref().unwrap_or("nothing");
        writeln!(out, "{} faults: {told} failed", kept.len()).map_err(SimulationError::Output)?;
        Ok(same)
    })?;
    let arguments = without(&kept);
    writeln!(out, "seed {seed} fails by {by} with {} of {} faults", kept.len(), whole.faults)
        .and_then(|()| writeln!(out, "replay: {}", arguments.replay(seed)))
        .map_err(SimulationError::Output)?;
    Ok(Tally { passed: 1, failed: 0 })
}

fn life(program: &Path, seed: u64, arguments: &Arguments) -> Result<Tried, SimulationError> {
    let child: Child = campaign::start(program, seed, arguments)?;
    let output =
        child.wait_with_output().map_err(|source| SimulationError::Process { seed, source })?;
    let text = String::from_utf8_lossy(&output.stdout);
    let planned = text.lines().find_map(|line| line.strip_prefix("faults planned: "));
    let planned = planned.and_then(|number| number.parse().ok()).unwrap_or(0);
    let faults = planned + arguments.without_faults.len();
    Ok(Tried { by: (!output.status.success()).then(|| cause(&text)), faults })
}

/// The smallest set that `fails` of those that the method comes to: no single member can be left
/// out of it.
fn shrink<E>(
    mut kept: Vec<usize>,
    mut fails: impl FnMut(&[usize]) -> Result<bool, E>,
) -> Result<Vec<usize>, E> {
    if fails(&[])? {
        return Ok(Vec::new());
    }
    let mut pieces = 2;
    while kept.len() >= 2 {
        let size = kept.len().div_ceil(pieces);
        let mut smaller = None;
        for piece in kept.chunks(size) {
            let rest: Vec<usize> = kept.iter().copied().filter(|f| !piece.contains(f)).collect();
            if fails(piece)? {
                smaller = Some((piece.to_vec(), 2));
                break;
            }
            if pieces > 2 && fails(&rest)? {
                smaller = Some((rest, (pieces - 1).max(2)));
                break;
            }
        }
        match smaller {
            Some((set, next)) => (kept, pieces) = (set, next),
            None if pieces >= kept.len() => break,
            None => pieces = (pieces * 2).min(kept.len()),
        }
    }
    Ok(kept)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shrunk(all: usize, needed: &[usize]) -> Vec<usize> {
        let fails = |set: &[usize]| Ok::<_, ()>(needed.iter().all(|fault| set.contains(fault)));
        shrink((0..all).collect(), fails).unwrap()
    }

    #[test]
    fn what_is_needed_is_what_is_left() {
        for needed in [&[][..], &[0], &[19], &[3, 4], &[0, 19], &[1, 7, 8, 13]] {
            assert_eq!(shrunk(20, needed), needed);
        }
        assert_eq!(shrunk(1, &[0]), [0]);
        assert_eq!(shrunk(2, &[0, 1]), [0, 1]);
    }

    #[test]
    fn no_member_of_what_is_left_can_go() {
        // Any two of these fail together: which two are found does not matter.
        let any = [2, 5, 11, 17];
        let fails =
            |set: &[usize]| Ok::<_, ()>(set.iter().filter(|f| any.contains(*f)).count() >= 2);
        let kept = shrink((0..20).collect(), fails).unwrap();
        assert_eq!(kept.len(), 2, "{kept:?}");
        assert!(kept.iter().all(|fault| any.contains(fault)), "{kept:?}");
    }
}
