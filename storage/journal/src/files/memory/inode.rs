//! Content of one file: what is seen, what is durable, and the writes between the two.

use super::Crash;

const SECTOR_BYTES: usize = 512;

/// A tiny seeded generator (SplitMix64, Steele et al. 2014).
#[derive(Debug)]
pub(super) struct SplitMix(pub u64);

impl SplitMix {
    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut x = self.0;
        x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        x ^ (x >> 31)
    }
}

#[derive(Debug)]
enum Change {
    Write { offset: usize, bytes: Vec<u8> },
    SetLen(usize),
}

#[derive(Debug, Default)]
pub(super) struct Inode {
    content: Vec<u8>,
    durable: Vec<u8>,
    unsynced: Vec<Change>,
}

impl Inode {
    pub fn len(&self) -> u64 {
        self.content.len() as u64
    }

    pub fn read(&self, buffer: &mut [u8], offset: u64) -> usize {
        let from = (offset as usize).min(self.content.len());
        let bytes = buffer.len().min(self.content.len() - from);
        buffer[..bytes].copy_from_slice(&self.content[from..from + bytes]);
        bytes
    }

    pub fn write(&mut self, bytes: &[u8], offset: u64) {
        let offset = offset as usize;
        put(&mut self.content, offset, bytes);
        self.unsynced.push(Change::Write { offset, bytes: bytes.to_vec() });
    }

    pub fn set_len(&mut self, len: u64) {
        self.content.resize(len as usize, 0);
        self.unsynced.push(Change::SetLen(len as usize));
    }

    pub fn sync(&mut self) {
        for change in self.unsynced.drain(..) {
            match change {
                Change::Write { offset, bytes } => put(&mut self.durable, offset, &bytes),
                Change::SetLen(len) => self.durable.resize(len, 0),
            }
        }
    }

    pub fn durable_copy(&self) -> Inode {
        let durable = self.durable.clone();
        Inode { content: durable.clone(), durable, unsynced: Vec::new() }
    }

    pub fn durable_bytes(&self) -> Vec<u8> {
        self.durable.clone()
    }

    pub fn forget_unsynced(&mut self) {
        self.unsynced.clear();
    }

    pub fn zero(&mut self, offset: u64, bytes: u64) {
        for content in [&mut self.content, &mut self.durable] {
            let from = (offset as usize).min(content.len());
            let to = from.saturating_add(bytes as usize).min(content.len());
            content[from..to].fill(0);
        }
    }

    pub fn truncate(&mut self, bytes: u64) {
        self.content.truncate(bytes as usize);
        self.durable.truncate(bytes as usize);
    }

    pub fn flip(&mut self, offset: u64, mask: u8) -> bool {
        let offset = offset as usize;
        if let Some(byte) = self.durable.get_mut(offset) {
            *byte ^= mask;
        }
        match self.content.get_mut(offset) {
            Some(byte) => {
                *byte ^= mask;
                true
            }
            None => false,
        }
    }

    pub fn crash(&mut self, crash: Crash, random: &mut SplitMix) {
        match crash {
            Crash::Torn { .. } => self.tear(random),
            _ => self.unsynced.clear(),
        }
        self.content.clone_from(&self.durable);
    }

    /// Each sector of each unsynced write survives or not, by the toss of a coin.
    fn tear(&mut self, random: &mut SplitMix) {
        for change in std::mem::take(&mut self.unsynced) {
            match change {
                Change::SetLen(len) if random.next().is_multiple_of(2) => {
                    self.durable.resize(len, 0);
                }
                Change::SetLen(_) => {}
                Change::Write { offset, bytes } => self.tear_write(offset, &bytes, random),
            }
        }
    }

    fn tear_write(&mut self, offset: usize, bytes: &[u8], random: &mut SplitMix) {
        let mut at = 0;
        while at < bytes.len() {
            let sector_end = ((offset + at) / SECTOR_BYTES + 1) * SECTOR_BYTES;
            let piece = (sector_end - offset - at).min(bytes.len() - at);
            if random.next().is_multiple_of(2) {
                put(&mut self.durable, offset + at, &bytes[at..at + piece]);
            }
            at += piece;
        }
    }
}

fn put(content: &mut Vec<u8>, offset: usize, bytes: &[u8]) {
    let end = offset + bytes.len();
    if content.len() < end {
        content.resize(end, 0);
    }
    content[offset..end].copy_from_slice(bytes);
}
