//! What the heads on disks hold, again and again: it goes only when it is somewhere else (I12).

use std::collections::BTreeMap;
use std::path::Path;

use super::blocks::Shelf;
use crate::fleet::Fleet;
use crate::invariants::i12_local_after_bucket::check_head;
use crate::invariants::{Contents, Violation};
use crate::life::Stage;
use crate::life::durable::{ALWAYS, HEAD, contents_of, open_head};
use crate::nemesis::Nemesis;
use crate::world::store::Store;

/// Time between two looks, milliseconds.
const LOOK_MS: i64 = 5_000;

/// What a head held, and how often the disk had been damaged by then.
struct Held {
    contents: Contents,
    damages: usize,
}

/// See the module.
#[derive(Default)]
pub struct HoldingsWatch {
    looked_ms: i64,
    held: BTreeMap<usize, Held>,
}

impl HoldingsWatch {
    /// Looks at all disks, if it is time.
    pub fn look(
        &mut self,
        fleet: &Fleet,
        nemesis: &Nemesis,
        store: &Store,
        stage: &mut Stage,
        shelf: &mut Shelf,
    ) -> Result<(), Violation> {
        let now_ms = fleet.now_ms();
        if now_ms < self.looked_ms + LOOK_MS {
            return Ok(());
        }
        self.looked_ms = now_ms;
        for (index, host) in fleet.hosts.iter().enumerate() {
            let copy = host.disk.durable_below(Path::new(HEAD));
            let head = open_head(&copy, &host.config);
            let Ok(contents) = head.and_then(|head| contents_of(&head, ALWAYS)) else { continue };
            let held = Held { contents, damages: nemesis.damages_of(index) };
            let before = self.held.remove(&index).filter(|before| before.damages == held.damages);
            if let Some(before) = before {
                let blocks = shelf.blocks_of(index, host);
                let places: Vec<&Contents> = blocks.iter().map(|block| &block.contents).collect();
                let both = (&before.contents, &held.contents);
                if check_head(&host.name, now_ms, both, &places).is_err() {
                    let nodes = &stage.health.hosts[index].nodes;
                    let bucket = shelf.bucket_of(store, nodes)?;
                    let places: Vec<&Contents> =
                        places.into_iter().chain([&bucket.contents]).collect();
                    check_head(&host.name, now_ms, both, &places)?;
                }
                stage.checked("I12");
            }
            self.held.insert(index, held);
        }
        Ok(())
    }
}
