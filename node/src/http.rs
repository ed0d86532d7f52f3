//! The HTTP edges: remote write on one listener; queries, administration and the page on another.

pub mod admin;
pub mod assets;
pub mod query_api;
pub mod receive;
pub mod serving;
pub mod starting;
