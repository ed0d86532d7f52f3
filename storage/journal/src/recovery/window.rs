//! Reads a file front to back through a small buffer.

use std::io;
use std::sync::Arc;

use crate::files::File;

const READ_BYTES: u64 = 1 << 20;

/// The part of a file around the place that is being looked at.
#[derive(Debug)]
pub(crate) struct Window {
    file: Arc<dyn File>,
    file_bytes: u64,
    start: u64,
    buffer: Vec<u8>,
}

impl Window {
    pub fn new(file: Arc<dyn File>) -> io::Result<Self> {
        let file_bytes = file.len()?;
        Ok(Self { file, file_bytes, start: 0, buffer: Vec::new() })
    }

    pub fn file_bytes(&self) -> u64 {
        self.file_bytes
    }

    /// `bytes` bytes at `offset`; `None` when the file ends before.
    pub fn get(&mut self, offset: u64, bytes: u64) -> io::Result<Option<&[u8]>> {
        let end = match offset.checked_add(bytes) {
            Some(end) if end <= self.file_bytes => end,
            _ => return Ok(None),
        };
        if offset < self.start || end > self.start + self.buffer.len() as u64 {
            self.fill(offset, bytes)?;
        }
        let from = (offset - self.start) as usize;
        Ok(Some(&self.buffer[from..from + bytes as usize]))
    }

    fn fill(&mut self, offset: u64, bytes: u64) -> io::Result<()> {
        let wanted = bytes.max(READ_BYTES).min(self.file_bytes - offset);
        self.buffer.resize(wanted as usize, 0);
        self.start = offset;
        self.file.read_exact_at(&mut self.buffer, offset).inspect_err(|_| self.buffer.clear())
    }
}
