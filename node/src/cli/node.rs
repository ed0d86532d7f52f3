//! `granary node`.

use std::error::Error;
use std::pin::Pin;

use clap::ArgMatches;

use super::{CliError, settings};
use crate::config::NodeConfig;
use crate::telemetry;

/// A node at work; ends with an error when it cannot go on.
pub type RunFuture = Pin<Box<dyn Future<Output = Result<(), Box<dyn Error + Send + Sync>>>>>;

/// Runs a node until it is told to stop.
pub type RunNode = fn(NodeConfig) -> RunFuture;

/// Runs a node with the configuration that flags, environment and file give.
pub(super) fn run(arguments: &ArgMatches, run_node: RunNode) -> Result<(), CliError> {
    let config = settings::load(arguments)?;
    telemetry::start(&config.log);
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(|error| CliError::Failed(format!("cannot start the runtime: {error}")))?;
    runtime.block_on(run_node(config)).map_err(|error| CliError::Failed(chain(&*error)))
}

/// The error with what caused it, on one line.
fn chain(error: &(dyn Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let words = error.to_string();
        // Errors that pass their cause's words on would say everything twice.
        if !text.contains(&words) {
            text.push_str(": ");
            text.push_str(&words);
        }
        cause = error.source();
    }
    text.replace('\n', " ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, thiserror::Error)]
    #[error("cannot open the journal")]
    struct Outer(#[source] std::io::Error);

    #[test]
    fn an_error_is_told_with_its_causes_once() {
        let error = Outer(std::io::Error::other("disk\nfull"));
        assert_eq!(chain(&error), "cannot open the journal: disk full");
        assert_eq!(chain(&std::io::Error::other(error)), "cannot open the journal: disk full");
    }
}
