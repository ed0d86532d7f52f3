//! Bugs that are planted on purpose, to see whether lives fail of them, and by the invariant that
//! should notice.
//!
//! A bug is a small change on the real path of the product behind `journal::planted!("ID")`, which
//! is the constant `false` in every build but that of `simulation-planted`. Ids of the form M1 are
//! bugs that others had; the others are ours.

mod bugs;
mod hunt;

pub use bugs::BUGS;
pub use hunt::run;

use crate::arguments::Arguments;
use crate::error::SimulationError;

/// A bug that can be planted.
#[derive(Clone, Copy, Debug)]
pub struct Bug {
    /// What `planted!` is asked for.
    pub id: &'static str,
    /// What is wrong.
    pub words: &'static str,
    /// The invariants that should notice it: those that state what it breaks.
    pub expected: &'static [&'static str],
    /// In which way it breaks them.
    pub why: &'static str,
}

/// Plants the bug that the arguments name into this process.
///
/// # Errors
/// `NotPlanted`: bugs were asked for and this program has none. `UnknownBug`.
pub fn plant(arguments: &Arguments) -> Result<(), SimulationError> {
    if arguments.plant.is_none() && arguments.planted.is_none() {
        return Ok(());
    }
    if !cfg!(feature = "planted") {
        return Err(SimulationError::NotPlanted);
    }
    let Some(id) = &arguments.plant else { return Ok(()) };
    if BUGS.iter().all(|bug| bug.id != id) {
        return Err(SimulationError::UnknownBug(id.clone()));
    }
    #[cfg(feature = "planted")]
    journal::planted::plant(id);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_bug_has_an_id_of_its_own_and_something_that_notices_it() {
        let ids: std::collections::BTreeSet<&str> = BUGS.iter().map(|bug| bug.id).collect();
        assert_eq!(ids.len(), BUGS.len());
        let is_told = |bug: &Bug| !bug.expected.is_empty() && !bug.why.is_empty();
        assert!(BUGS.iter().all(|bug| is_told(bug) && !bug.words.contains('|')));
    }
}
