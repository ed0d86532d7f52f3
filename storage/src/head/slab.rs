//! Byte blocks in size classes: chunk bytes, label pair ids and symbols live here, without one
//! allocation each.
//!
//! A reference is 32 bits: five of class, 27 of index. The freed blocks of a page are chained
//! through their own first four bytes and handed out again. Blocks longer than the largest class are boxed one by
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

/// Blocks of one class. A page whose blocks are all free gives its memory back, so that series
/// that grow in step do not leave every class behind.
#[derive(Debug)]
struct Page {
    bytes: Vec<u8>,
    live: u32,
    free: u32,
}

#[derive(Debug, Default)]
struct Class {
    pages: Vec<Page>,
    /// Pages with room, each once; the last is used first.
    roomy: Vec<u32>,
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
        Slab {
            classes: CLASSES.iter().map(|_| Class::default()).collect(),
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

impl Class {
    /// Number of a page with room for a block.
    fn page_with_room(&mut self) -> u32 {
        if let Some(number) = self.roomy.last() {
            return *number;
        }
        let number = self.pages.len() as u32;
        self.pages.push(Page { bytes: Vec::new(), live: 0, free: NONE });
        self.roomy.push(number);
        number
    }

    /// Frees a block; answers the bytes that went with an empty page.
    fn free(&mut self, number: u32, within: u32, size: usize) -> u64 {
        let page = &mut self.pages[number as usize];
        let was_full = !page.has_room(size);
        let at = within as usize * size;
        page.bytes[at..at + 4].copy_from_slice(&page.free.to_le_bytes());
        (page.free, page.live) = (within, page.live - 1);
        let mut returned = 0;
        if page.live == 0 {
            returned = page.bytes.len() as u64;
            (page.bytes, page.free) = (Vec::new(), NONE);
        }
        if was_full {
            self.roomy.push(number);
        }
        returned
    }
}

impl Page {
    fn has_room(&self, size: usize) -> bool {
        self.free != NONE || self.bytes.len() + size <= PAGE_BYTES
    }

    /// A block behind the last one.
    fn extend(&mut self, size: usize) -> u32 {
        if self.bytes.capacity() == 0 {
            self.bytes = Vec::with_capacity(PAGE_BYTES / size * size);
        }
        let within = (self.bytes.len() / size) as u32;
        self.bytes.resize(self.bytes.len() + size, 0);
        self.live += 1;
        within
    }

    /// The block freed last.
    fn reuse(&mut self, size: usize) -> u32 {
        let within = self.free;
        self.free = read_link(&self.bytes[within as usize * size..]);
        self.live += 1;
        within
    }
}

impl Slab {
    /// A block of at least `bytes`; its content is undefined.
    pub fn alloc(&mut self, bytes: usize) -> u32 {
        let Some(class) = class_of(bytes) else { return self.alloc_boxed(bytes) };
        let size = CLASSES[class as usize];
        self.live_bytes += size as u64;
        let (held, per_page) = (&mut self.classes[class as usize], PAGE_BYTES / size);
        let number = held.page_with_room();
        let page = &mut held.pages[number as usize];
        let fresh = page.free == NONE;
        let within = if fresh { page.extend(size) } else { page.reuse(size) };
        self.held_bytes += if fresh { size as u64 } else { 0 };
        if !page.has_room(size) {
            held.roomy.pop();
        }
        let index = number * per_page as u32 + within;
        assert!(index < INDEX_MAX, "series_max keeps a slab class below 2^27 blocks");
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
        let size = CLASSES[class as usize];
        self.live_bytes -= size as u64;
        let (number, within) =
            (index / (PAGE_BYTES / size) as u32, index % (PAGE_BYTES / size) as u32);
        self.held_bytes -= self.classes[class as usize].free(number, within, size);
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
        &self.classes[class as usize].pages[index as usize / per_page].bytes[at..at + size]
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
        &mut self.classes[class as usize].pages[index as usize / per_page].bytes[at..at + size]
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
            prop_assert_eq!((slab.live_bytes(), slab.held_bytes()), (0, 0));
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
