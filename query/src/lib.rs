//! PromQL: parser and engine over one trait, [`Queryable`]. No storage, no cluster and no I/O.

pub mod queryable;

pub use queryable::{
    Columns, Dictionary, PairId, Queryable, SelectRequest, SeriesBatch, SeriesSet, SourceError,
};
