//! Random PromQL over random data, and the comparison of two answers to it.
//!
//! Prometheus 2.42 and granary, which speaks 3.14, differ on purpose where a sample lies exactly on
//! the edge of a window. Here none does: samples lie between 300 and 700 milliseconds after a whole
//! second, queries are asked 250 milliseconds after one, and subqueries step on whole seconds.
//! [`generator`] says what else it leaves out.

pub mod both;
pub mod compare;
pub mod data;
pub mod generator;
#[path = "../../query/tests/queries/random.rs"]
pub mod random;
pub mod run;
