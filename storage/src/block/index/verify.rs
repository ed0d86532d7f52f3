//! Reads a whole index, for its checksums.

use super::{Index, read_contents, read_section};
use crate::StorageError;
use crate::block::BlockStats;
use crate::block::verify::give_way;

/// Series or lists that are read before others get their turn.
const STEP_ENTRIES: usize = 1_024;

impl Index {
    /// Reads every series and every list of postings, and compares their number with the meta's.
    pub(crate) async fn verify(&self, stats: &BlockStats) -> Result<(), StorageError> {
        let ids = self.all_series()?;
        let (mut reader, mut chunks) = (self.series_reader(), 0u64);
        for some in ids.chunks(STEP_ENTRIES) {
            for id in some {
                let (labels, places) = reader.read(*id)?;
                labels.iter().try_for_each(|label| self.label(*label).map(drop))?;
                chunks += places.len() as u64;
            }
            give_way().await;
        }
        let found = (ids.len() as u64, chunks);
        if found != (stats.num_series, stats.num_chunks) {
            let (series, chunks) = found;
            let reason =
                format!("it has {series} series and {chunks} chunks, the meta says others");
            return Err(StorageError::corrupt(self.source.name(), reason));
        }
        self.verify_label_sections()?;
        for number in 0..self.table.len() {
            self.read_postings(self.table.entry(number).offset)?;
            if number.is_multiple_of(STEP_ENTRIES) {
                give_way().await;
            }
        }
        Ok(())
    }

    /// Sections that only older readers use: indices of labels, which lie in front of the postings,
    /// and their table.
    fn verify_label_sections(&self) -> Result<(), StorageError> {
        let source = self.source.as_ref();
        let [_, _, first, postings, table, _] = read_contents(source)?;
        let mut at = first.checked_next_multiple_of(4).unwrap_or(0);
        while at != 0 && at < postings {
            let bytes = read_section(source, at)?.len() as u64;
            at = (at + 4 + bytes + 4).next_multiple_of(4);
        }
        if table != 0 {
            read_section(source, table)?;
        }
        Ok(())
    }
}
