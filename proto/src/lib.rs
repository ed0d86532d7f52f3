//! The words and the wire of granary: label sets, samples, matchers, ids, the columnar record and
//! the messages of the node-to-node RPCs. No I/O happens here.
//!
//! Everything that two crates or two nodes have to agree on lives here and nowhere else.

pub mod histogram;
pub mod ids;
pub mod kahan;
pub mod labels;
pub mod maps;
pub mod matcher;
pub mod record;
pub mod remote_write;
pub mod sample;
pub mod tenant;
pub mod varint;

pub use histogram::FloatHistogram;
pub use ids::{ClusterId, Epoch, Life, NodeId, SeriesId};
pub use labels::{Labels, LabelsBuilder, LabelsError};
pub use maps::{FixedMap, FixedSet};
pub use matcher::{MatchOp, Matcher, MatcherError, Regexes};
pub use record::{MetadataEntry, MetricType, SampleBatch};
pub use sample::{STALE_NAN_BITS, Sample, greater_value, is_stale, same_value};
pub use tenant::{TenantName, TenantNameError};

/// Generated messages and services of `proto/*.proto`.
#[allow(missing_docs, clippy::all)]
pub mod rpc {
    tonic::include_proto!("granary.rpc.v1");
}
