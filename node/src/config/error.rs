//! What can be wrong with a configuration. All of it is for the operator to correct; starting again
//! with the same input fails again.

use std::fmt;
use std::path::PathBuf;

use super::table::Setting;

/// Where a value came from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Origin {
    /// Nobody gave it.
    Default,
    /// The configuration file.
    File(PathBuf),
    /// An environment variable.
    Environment,
    /// A flag.
    Flag,
}

impl Origin {
    /// How the operator wrote the setting there.
    pub fn spelling(&self, setting: &Setting) -> String {
        let flag = setting.flag();
        match self {
            Origin::Flag | Origin::Default => flag,
            Origin::Environment => format!("{} (flag {flag})", setting.env_name()),
            Origin::File(path) => {
                format!("{}: {} (flag {flag})", path.display(), setting.name)
            }
        }
    }
}

/// A configuration that no node can run with.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// A value that cannot be read as what it should be.
    #[error("{setting}: {value:?} {reason}; write it like {example}")]
    Invalid {
        /// The setting as the operator wrote it.
        setting: String,
        /// The value that was given.
        value: String,
        /// What is wrong with it.
        reason: String,
        /// A value that would do, with its flag.
        example: String,
    },
    /// A key of the configuration file or an environment variable that does not exist.
    #[error("{place}: unknown {what} {key}{}", Hint(suggestion))]
    Unknown {
        /// The file, or the environment.
        place: String,
        /// `key` or `variable`.
        what: &'static str,
        /// What was given.
        key: String,
        /// What was perhaps meant.
        suggestion: Option<String>,
    },
    /// The configuration file or a file it names cannot be read.
    #[error("{flag}: cannot read {}: {error}", path.display())]
    Read {
        /// The flag that names the file.
        flag: String,
        /// The file.
        path: PathBuf,
        /// What the system said.
        error: std::io::Error,
    },
    /// The configuration file is no YAML map of settings.
    #[error("{}: {message}", path.display())]
    Yaml {
        /// The file.
        path: PathBuf,
        /// What is wrong, with the line.
        message: String,
    },
    /// Two settings that do not go together, and what to do about it.
    #[error("{0}")]
    Contradiction(String),
}

/// `: did you mean x?`, or nothing.
struct Hint<'a>(&'a Option<String>);

impl fmt::Display for Hint<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Some(name) => write!(f, "; did you mean {name}?"),
            None => Ok(()),
        }
    }
}
