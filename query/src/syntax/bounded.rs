//! A text that is written up to a limit.

use std::fmt;
use std::io;

/// Takes bytes up to a limit; what is beyond it fails.
pub(super) struct Bounded {
    bytes: Vec<u8>,
    bytes_max: usize,
}

impl Bounded {
    pub(super) fn new(bytes_max: usize) -> Bounded {
        Bounded { bytes: Vec::new(), bytes_max }
    }

    pub(super) fn into_bytes(self) -> Vec<u8> {
        self.bytes
    }

    /// Whether there was room.
    fn put(&mut self, bytes: &[u8]) -> bool {
        let has_room = bytes.len() <= self.bytes_max - self.bytes.len();
        if has_room {
            self.bytes.extend_from_slice(bytes);
        }
        has_room
    }
}

impl fmt::Write for Bounded {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        if self.put(text.as_bytes()) { Ok(()) } else { Err(fmt::Error) }
    }
}

impl io::Write for Bounded {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self.put(bytes) {
            true => Ok(bytes.len()),
            false => Err(io::ErrorKind::FileTooLarge.into()),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
