//! Blocks in the bucket: uploaded whole, listed, read by ranges, deleted by marker.
//!
//! The layout is that of Thanos: `<ulid>/chunks/000001`, `<ulid>/index`, `<ulid>/meta.json`. What
//! has no `meta.json` is not a block yet; what has a `deletion-mark.json` is none any more.

mod index;
mod read;
mod retention;
mod ship;

pub use index::{BucketIndex, Refreshed};
pub use read::{BUCKET_INDEX_BYTES_MAX, BUCKET_READS_MAX};
pub use retention::{LocalBlock, deletable};
pub use ship::{DELETION_MARK_FILE, Uploaded, delete_block, is_shipped, mark_for_deletion, upload};

#[cfg(test)]
mod tests;
