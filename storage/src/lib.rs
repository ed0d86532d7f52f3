//! The storage engine of one node: the head (series in memory, journaled), chunks, Prometheus
//! blocks on disk and in the bucket. It knows no cluster, no actors and no HTTP.

pub mod block;
pub mod bucket;
pub mod budget;
pub mod chunk;
pub mod cut;
mod error;
pub mod head;
pub mod objstore;
pub mod packed;
pub mod series;

pub use budget::Budget;
pub use error::StorageError;
pub use packed::PackedSeries;
pub use series::{Chunk, ChunkView, ENCODING_XOR, Selection, SeriesChunks};
