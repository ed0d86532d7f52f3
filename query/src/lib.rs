//! PromQL: parser and engine over one trait, [`Queryable`]. No storage, no cluster and no I/O.
//!
//! ```
//! use query::{Engine, EngineOptions, QueryTimes, memory::MemoryStore};
//!
//! let mut store = MemoryStore::default();
//! store.add(&[("__name__", "up"), ("job", "a")], &[(1_000, 1.0)]);
//! let engine = Engine::new(EngineOptions::default());
//! let plan = engine.prepare("sum by (job) (up)", QueryTimes::Instant(2_000)).unwrap();
//! let cancel = std::sync::atomic::AtomicBool::new(false);
//! let answer = futures::executor::block_on(query::run(&plan, &store, &cancel)).unwrap();
//! let json = String::from_utf8(query::json::data(&answer)).unwrap();
//! assert_eq!(
//!     json,
//!     r#"{"resultType":"vector","result":[{"metric":{"job":"a"},"value":[2,"1"]}]}"#
//! );
//! ```
//!
//! A query is [prepared](Engine::prepare) into a [`Plan`], whose requests a source answers
//! ([`select`], the only part that waits); then it is [evaluated](evaluate), which is pure
//! computation, and written as [`json`].

mod annotations;
pub mod dictionary;
mod engine;
mod error;
mod eval;
pub mod functions;
pub mod hashing;
mod histogram_column;
mod in_order;
pub mod json;
pub mod memory;
mod numbers;
mod plan;
pub mod queryable;
mod result;
pub mod syntax;

pub use annotations::ANNOTATIONS_MAX;
pub use dictionary::{Dictionary, Interner, NameId, PairId};
pub use engine::{Engine, Selected, evaluate, run, select};
pub use error::QueryError;
pub use histogram_column::HistogramColumn;
pub use in_order::{Spread, Workers, in_order};
pub use numbers::go_float;
pub use plan::{EngineOptions, Grid, Plan, QueryKind, QueryTimes};
pub use queryable::{Columns, Queryable, SelectRequest, SeriesBatch, SeriesSet, SourceError};
pub use result::{QueryResult, ResultSeries, ResultType, SampleCounts, Timings};
