//! Engine lives: the storage engine of one node (head, journal, block writer and reader, nothing
//! replaced) on a disk in memory that loses what a real one may lose.
//!
//! A life is a run of random operations with crashes in between, hundreds of times a second; an
//! [`oracle`] knows every sample that was sent and every one that was reported durable, and
//! compares what is read with that.

pub mod disk;
pub mod knobs;
pub mod life;
pub mod node;
pub mod oracle;
pub mod reading;
pub mod report;
pub mod workload;

pub use life::run;
