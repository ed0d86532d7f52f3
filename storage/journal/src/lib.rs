//! Append-only checksummed segment files: the one implementation below the sample WAL and the
//! Raft log, and the seam to the disk ([`files`]) for everything that stores anything.
//!
//! ```
//! # use std::{path::Path, sync::Arc};
//! use journal::{Journal, JournalError, Options, files::memory::MemoryFiles};
//!
//! let files = Arc::new(MemoryFiles::default());
//! let options = Options { segment_bytes: 1 << 16, ..Options::default() };
//! let dir = Path::new("/data/journal");
//! let (journal, recovery) = Journal::open(files, dir, options, &mut |_position, _frame| {
//!     Ok::<(), JournalError>(())
//! })?;
//! assert_eq!(recovery.frames, 0);
//! let position = journal.stage(7, 1, b"what must not be lost")?;
//! assert!(journal.durable() < position);
//! journal.commit()?;
//! assert_eq!(journal.durable(), position);
//! # Ok::<(), JournalError>(())
//! ```
//!
//! Any number of threads stage; one driver calls [`Journal::commit`] in a loop, sleeping in
//! [`Journal::wait_staged`]; whoever needs an ack awaits [`Journal::wait_durable`].
//!
//! # What holds
//! - A position is reported durable only after its bytes were synced in a file whose name was
//!   synced; after that replay hands it over, with its bytes, in order, or reports it as damaged.
//! - A failed write or sync is never repeated. The journal then takes nothing more
//!   ([`JournalError::Failed`]) until it is opened again.
//! - Opening writes the frames of the last group, which may be in the page cache only, to a new
//!   file and syncs it: what replay handed over is durable when `open` returns.
//! - Opening fails if the disk does not answer a read: cutting there could lose what is durable.
//! - Replay may hand over frames that were staged and never acknowledged.

mod error;
pub mod files;
mod frame;
mod journal;
mod options;
pub mod planted;
mod recovery;
mod segment;
mod shelf;
mod staging;
mod writer;

pub use error::{JournalError, Result};
pub use frame::{FrameRef, Position};
pub use journal::{Journal, Stats};
pub use options::{Options, Progress};
pub use recovery::{Damage, Recovery};
