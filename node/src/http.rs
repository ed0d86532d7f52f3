//! The HTTP edges.

pub mod query_api;
