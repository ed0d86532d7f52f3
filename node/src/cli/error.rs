//! Why a command failed, and with which exit status.

use std::process::ExitCode;

use crate::config::ConfigError;

/// Why a command failed; one line for the person in front of it.
#[derive(Debug, thiserror::Error)]
pub enum CliError {
    /// The arguments make no sense; correct them. Exit status 2.
    #[error("{0}")]
    Usage(String),
    /// The configuration cannot be run; correct it. Exit status 2.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// Nobody answers at the address of `--node`. Exit status 1.
    #[error("no node answers at {0}: is it running? see --node")]
    NoAnswer(String),
    /// The command was understood and failed. Exit status 1.
    #[error("{0}")]
    Failed(String),
}

impl CliError {
    /// 2 for what is wrong with the input, 1 for everything else.
    pub fn exit_code(&self) -> ExitCode {
        match self {
            CliError::Usage(_) | CliError::Config(_) => ExitCode::from(2),
            CliError::NoAnswer(_) | CliError::Failed(_) => ExitCode::from(1),
        }
    }
}
