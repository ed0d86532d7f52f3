//! Harness of the black-box tests: granary nodes as real processes, and the real parts around them
//! (Prometheus, promtool, nginx, an S3 server).
//!
//! Everything listens on 127.0.0.1 on free ports, every wait is bounded and says what it waited
//! for, every child dies with the value that owns it. When a test fails, the ends of the logs of
//! its processes are printed. A harness may panic: that is how it fails a test.

pub mod bucket;
pub mod clock;
pub mod cluster;
pub mod exporter;
pub mod http;
pub mod nginx;
pub mod node;
pub mod parts;
pub mod ports;
pub mod process;
pub mod prometheus;
pub mod promql;
pub mod promtool;
pub mod query;
pub mod samples;
pub mod seaweed;
pub mod sources;
pub mod traffic;
pub mod write;

pub use cluster::{Cluster, ClusterPlan};
pub use node::Node;
