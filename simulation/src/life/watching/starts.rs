//! Starts of nodes (I15): what was durable when a node went down is there when it is up again.

use std::collections::BTreeMap;
use std::path::Path;

use storage::head::Head;

use super::blocks::Shelf;
use crate::fleet::Fleet;
use crate::host::{Host, Running};
use crate::invariants::i15_recovery::{Recovery, check, check_given_up};
use crate::invariants::{Contents, Violation, all_missing_from};
use crate::life::Stage;
use crate::life::durable::{ALWAYS, HEAD, add_contents, contents_of, open_head};
use crate::nemesis::Nemesis;

/// What a host had when its node went down.
struct Left {
    held: Contents,
    /// What a power cut would leave.
    durable: Contents,
    /// Position of the first frame of its journal.
    first: u64,
    frames: u64,
    frames_unproven: u64,
    damages: usize,
}

/// See the module.
#[derive(Default)]
pub struct StartWatch {
    /// Hosts whose node is down, or was when it was last looked at.
    left: BTreeMap<usize, Left>,
    /// The start that was last seen of each host.
    seen: BTreeMap<usize, u64>,
}

impl StartWatch {
    /// Looks at nodes that went down and at nodes that came up.
    pub fn look(
        &mut self,
        fleet: &Fleet,
        nemesis: &Nemesis,
        stage: &mut Stage,
        shelf: &mut Shelf,
    ) -> Result<(), Violation> {
        for (index, host) in fleet.hosts.iter().enumerate() {
            if let Some(why) = nemesis.given_up(index) {
                check_given_up(&host.name, fleet.now_ms(), nemesis.damages_of(index), why)?;
            }
            if let Some(head) = host.take_left() {
                self.left.insert(index, left(&head, host, nemesis.damages_of(index)));
            }
            let Some(running) = host.running() else { continue };
            if self.seen.insert(index, running.start) == Some(running.start) {
                continue;
            }
            if let Some(left) = self.left.remove(&index)
                && !nemesis.is_replaced(index)
            {
                let recovery = recovery(&left, host, &running, nemesis.damages_of(index), |held| {
                    for block in shelf.blocks_of(index, host) {
                        add_contents(held, &block.contents, ALWAYS);
                    }
                });
                note_kind(&running, stage);
                check(&Recovery { at_ms: fleet.now_ms(), ..recovery.clone() }, &stage.ledger)?;
                if recovery.looks_torn() {
                    excuse(&left.durable, &recovery.after, stage);
                }
                stage.checked("I15");
            }
        }
        Ok(())
    }
}

/// What is durable of a head that is given up. What was staged last may be or not: then nothing is
/// said of samples.
fn left(head: &Head, host: &Host, damages: usize) -> Left {
    let stats = head.journal().stats();
    let is_all_durable = stats.durable == stats.last_staged;
    let held = if is_all_durable {
        contents_of(head, ALWAYS).unwrap_or_default()
    } else {
        Contents::new()
    };
    let copy = host.disk.durable_below(Path::new(HEAD));
    let copy = open_head(&copy, &host.config).ok();
    let durable = copy.as_ref().and_then(|head| contents_of(head, ALWAYS).ok()).unwrap_or_default();
    let found = copy.map(|head| head.recovery().clone()).unwrap_or_default();
    let frames_unproven = found.last.0.saturating_sub(found.synced.0);
    Left { held, durable, first: first_of(&found), frames: found.frames, frames_unproven, damages }
}

/// Position of the first frame: those up to the last are there or known to be missing.
fn first_of(found: &journal::Recovery) -> u64 {
    let within = found.damaged.iter().filter(|damage| damage.last <= found.last);
    let missing: u64 = within.map(|damage| damage.last.0 + 1 - damage.first.0).sum();
    (found.last.0 + 1).saturating_sub(found.frames + missing)
}

fn recovery(
    left: &Left,
    host: &Host,
    running: &Running,
    damages: usize,
    add_blocks: impl FnOnce(&mut Contents),
) -> Recovery {
    let found = running.head.recovery();
    let reported = found.damaged.iter().filter(|damage| !damage.maybe_unsynced).count();
    let mut after = contents_of(&running.head, ALWAYS).unwrap_or_default();
    add_blocks(&mut after);
    Recovery {
        node: host.name.clone(),
        at_ms: 0,
        before: left.held.clone(),
        after,
        // Segments may have been given up since without that being durable when the node ended.
        frames_before: left.frames.saturating_sub(first_of(found).saturating_sub(left.first)),
        frames_unproven: left.frames_unproven,
        frames_after: found.frames,
        damages: damages.saturating_sub(left.damages) as u64,
        damages_ever: damages as u64,
        damages_reported: reported as u64,
    }
}

/// What was durable, is gone, and nothing on the disk tells of: with the other copy away, a
/// complete answer may lack it.
fn excuse(durable: &Contents, after: &Contents, stage: &mut Stage) {
    for (key, t) in all_missing_from(durable, after) {
        stage.ledger.lost_unnoticed(key, t);
    }
}

fn note_kind(running: &Running, stage: &mut Stage) {
    let found = running.head.recovery();
    if found.torn_tail_bytes > 0 || found.damaged.iter().any(|damage| damage.maybe_unsynced) {
        stage.sometimes("start with a torn tail");
    }
    if running.has_damaged_frames() {
        stage.sometimes("start with damaged frames");
    }
}
