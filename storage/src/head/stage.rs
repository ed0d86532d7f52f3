//! Staging of a partition's frames, and its stand-in during replay.

use journal::{Journal, Position};
use proto::{Epoch, SampleBatch};

use super::append::Stage;
use super::frame::{Frame, KIND_RECORD};
use crate::StorageError;

/// Stages records under a partition's stream.
pub(super) struct JournalStage<'a> {
    pub journal: &'a Journal,
    pub stream: u32,
    pub payload: &'a mut Vec<u8>,
}

impl Stage for JournalStage<'_> {
    fn stage(&mut self, record: &SampleBatch) -> Result<Position, StorageError> {
        self.payload.clear();
        self.payload.push(KIND_RECORD);
        record.encode(self.payload);
        Ok(self.journal.stage(self.stream, record.epoch.0, self.payload)?)
    }

    fn newest(&self) -> Position {
        self.journal.last_staged()
    }

    fn limits_series(&self) -> bool {
        true
    }
}

/// The frame came out of the journal.
pub(super) struct Replayed(pub Position);

impl Stage for Replayed {
    fn stage(&mut self, _: &SampleBatch) -> Result<Position, StorageError> {
        Ok(self.0)
    }

    fn newest(&self) -> Position {
        self.0
    }

    fn limits_series(&self) -> bool {
        false
    }
}

/// Stages any frame.
pub(super) fn stage_frame(
    journal: &Journal,
    stream: u32,
    epoch: Epoch,
    frame: &Frame<'_>,
) -> Result<Position, StorageError> {
    let mut payload = Vec::new();
    frame.encode(&mut payload);
    Ok(journal.stage(stream, epoch.0, &payload)?)
}
