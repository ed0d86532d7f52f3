//! Byte blocks in size classes: chunk bytes, label pair ids and symbols live here, without one
//! allocation each.
//!
//! A reference is 32 bits: five of class, 27 of index. Freed blocks are chained through their own
//! first four bytes and handed out again. Blocks longer than the largest class are boxed one by
//! one; only symbols with very long values are.

/// The reference that refers to nothing.
pub const NONE: u32 = u32::MAX;

const CLASSES: [usize; 27] = [
    8, 16, 24, 32, 40, 48, 56, 64, 96, 128, 160, 192, 224, 256, 320, 384, 448, 512, 640, 768, 896,
    1024, 1280, 1536, 1792, 2048, 2304,
];
/// Class number of boxed blocks.
const BOXED: u32 = 31;
const INDEX_BITS: u32 = 27;
const INDEX_MAX: u32 = (1 << INDEX_BITS) - 1;
const PAGE_BYTES: usize = 256 << 10;

#[derive(Debug)]
struct Class {
    pages: Vec<Vec<u8>>,
    used: u32,
    free: u32,
}

/// See the module.
#[derive(Debug)]
pub struct Slab {
    classes: Vec<Class>,
    boxed: Vec<Box<[u8]>>,
    boxed_free: Vec<u32>,
    live_bytes: u64,
    held_bytes: u64,
}

impl Default for Slab {
    fn default() -> Slab {
        let class = || Class { pages: Vec::new(), used: 0, free: NONE };
        Slab {
            classes: CLASSES.iter().map(|_| class()).collect(),
            boxed: Vec::new(),
            boxed_free: Vec::new(),
            live_bytes: 0,
            held_bytes: 0,
        }
    }
}

fn class_of(bytes: usize) -> Option<u32> {
    let at = CLASSES.partition_point(|size| *size < bytes);
    (at < CLASSES.len()).then_some(at as u32)
}

fn split(block: u32) -> (u32, u32) {
    (block >> INDEX_BITS, block & INDEX_MAX)
}

impl Slab {
    /// A block of at least `bytes`; its content is undefined.
    pub fn alloc(&mut self, bytes: usize) -> u32 {
        let Some(class) = class_of(bytes) else { return self.alloc_boxed(bytes) };
        let size = CLASSES[class as usize];
        self.live_bytes += size as u64;
        let free = self.classes[class as usize].free;
        if free != NONE {
            let block = class << INDEX_BITS | free;
            self.classes[class as usize].free = read_link(self.get(block));
            return block;
        }
        self.extend(class, size)
    }

    fn extend(&mut self, class: u32, size: usize) -> u32 {
        let held = &mut self.classes[class as usize];
        let index = held.used;
        assert!(index < INDEX_MAX, "series_max keeps a slab class below 2^27 blocks");
        let per_page = PAGE_BYTES / size;
        if (index as usize).is_multiple_of(per_page) {
            held.pages.push(Vec::with_capacity(per_page * size));
        }
        let page = &mut held.pages[index as usize / per_page];
        page.resize(page.len() + size, 0);
        held.used += 1;
        self.held_bytes += size as u64;
        class << INDEX_BITS | index
    }

    fn alloc_boxed(&mut self, bytes: usize) -> u32 {
        self.live_bytes += bytes as u64;
        self.held_bytes += bytes as u64;
        let fresh = vec![0; bytes].into_boxed_slice();
        let index = match self.boxed_free.pop() {
            Some(index) => {
                self.boxed[index as usize] = fresh;
                index
            }
            None => {
                self.boxed.push(fresh);
                self.boxed.len() as u32 - 1
            }
        };
        BOXED << INDEX_BITS | index
    }

    /// A block with these bytes in front.
    pub fn store(&mut self, bytes: &[u8]) -> u32 {
        let block = self.alloc(bytes.len());
        self.get_mut(block)[..bytes.len()].copy_from_slice(bytes);
        block
    }

    /// Gives a block back. It must not be used again.
    pub fn free(&mut self, block: u32) {
        let (class, index) = split(block);
        if class == BOXED {
            let bytes = std::mem::take(&mut self.boxed[index as usize]).len() as u64;
            self.live_bytes -= bytes;
            self.held_bytes -= bytes;
            self.boxed_free.push(index);
            return;
        }
        self.live_bytes -= CLASSES[class as usize] as u64;
        let next = std::mem::replace(&mut self.classes[class as usize].free, index);
        self.get_mut(block)[..4].copy_from_slice(&next.to_le_bytes());
    }

    /// The whole block, as long as its class.
    #[inline]
    pub fn get(&self, block: u32) -> &[u8] {
        let (class, index) = split(block);
        if class == BOXED {
            return &self.boxed[index as usize];
        }
        let size = CLASSES[class as usize];
        let per_page = PAGE_BYTES / size;
        let at = index as usize % per_page * size;
        &self.classes[class as usize].pages[index as usize / per_page][at..at + size]
    }

    /// The whole block to write.
    #[inline]
    pub fn get_mut(&mut self, block: u32) -> &mut [u8] {
        let (class, index) = split(block);
        if class == BOXED {
            return &mut self.boxed[index as usize];
        }
        let size = CLASSES[class as usize];
        let per_page = PAGE_BYTES / size;
        let at = index as usize % per_page * size;
        &mut self.classes[class as usize].pages[index as usize / per_page][at..at + size]
    }

    /// Moves the first `keep` bytes into a block of at least `bytes` and frees the old one.
    pub fn resize(&mut self, block: u32, keep: usize, bytes: usize) -> u32 {
        let size = self.get(block).len();
        if class_of(bytes).is_some_and(|class| CLASSES[class as usize] == size) {
            return block;
        }
        let fresh = self.alloc(bytes);
        let mut moved = [0u8; CLASSES[CLASSES.len() - 1]];
        let keep = keep.min(moved.len());
        moved[..keep].copy_from_slice(&self.get(block)[..keep]);
        self.get_mut(fresh)[..keep].copy_from_slice(&moved[..keep]);
        self.free(block);
        fresh
    }

    /// Bytes of blocks in use.
    pub fn live_bytes(&self) -> u64 {
        self.live_bytes
    }

    /// Bytes of blocks in use or free.
    pub fn held_bytes(&self) -> u64 {
        self.held_bytes
    }
}

fn read_link(block: &[u8]) -> u32 {
    u32::from_le_bytes(*block.first_chunk().expect("the smallest class has 8 bytes"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn blocks_keep_their_bytes(
            steps in prop::collection::vec((0usize..3000, any::<u8>(), any::<bool>()), 1..300)
        ) {
            let mut slab = Slab::default();
            let mut live: Vec<(u32, Vec<u8>)> = Vec::new();
            for (bytes, fill, free) in steps {
                if free && !live.is_empty() {
                    let (block, _) = live.swap_remove(bytes % live.len());
                    slab.free(block);
                } else {
                    let content = vec![fill; bytes];
                    live.push((slab.store(&content), content));
                }
                for (block, content) in &live {
                    prop_assert_eq!(&slab.get(*block)[..content.len()], content.as_slice());
                }
            }
            for (block, _) in live {
                slab.free(block);
            }
            prop_assert_eq!(slab.live_bytes(), 0);
        }
    }

    #[test]
    fn a_resized_block_keeps_its_front_and_frees_the_old_one() {
        let mut slab = Slab::default();
        let block = slab.store(&[7; 30]);
        let grown = slab.resize(block, 30, 100);
        assert_eq!(slab.get(grown)[..30], [7; 30]);
        assert_eq!(slab.live_bytes(), 128);
        assert_eq!(slab.alloc(32), block);
    }
}
