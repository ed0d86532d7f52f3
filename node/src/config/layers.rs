//! Where settings are given: file, environment, flags; and which one counts.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::{Path, PathBuf};

use super::error::{ConfigError, Origin};
use super::suggest::nearest;
use super::table::{ENV_PREFIX, SETTINGS, Setting, env_names, find};

/// Largest configuration file, and largest bucket file, in bytes.
pub const FILE_BYTES_MAX: usize = 1 << 20;

/// One setting as it was given, once or (for lists) several times.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Given {
    /// Where.
    pub origin: Origin,
    /// The values.
    pub values: Vec<String>,
}

/// What was given, by the names of the settings.
pub type Layer = BTreeMap<&'static str, Given>;

/// Everything from outside that a configuration is made of.
pub struct Inputs<'a> {
    /// The flags.
    pub flags: Layer,
    /// The environment of the process.
    pub environment: Vec<(OsString, OsString)>,
    /// Name of this host, the default name of the node.
    pub host_name: String,
    /// Reads a file, at most [`FILE_BYTES_MAX`] bytes.
    pub read: &'a dyn Fn(&Path) -> std::io::Result<String>,
}

/// Puts file, environment and flags on top of each other.
pub(super) fn merge(inputs: &Inputs<'_>) -> Result<Layer, ConfigError> {
    let mut given = environment(&inputs.environment)?;
    given.extend(inputs.flags.clone());
    let Some(file) = given.get("config.file").and_then(|given| given.values.first()) else {
        return Ok(given);
    };
    let path = PathBuf::from(file);
    let text = (inputs.read)(&path).map_err(|error| ConfigError::Read {
        flag: "--config.file".to_owned(),
        path: path.clone(),
        error,
    })?;
    let mut merged = super::file::read(&path, &text)?;
    merged.extend(given);
    Ok(merged)
}

fn environment(variables: &[(OsString, OsString)]) -> Result<Layer, ConfigError> {
    let mut layer = Layer::new();
    for (name, value) in variables {
        let Some(name) = name.to_str().filter(|name| name.starts_with(ENV_PREFIX)) else {
            continue;
        };
        match setting_of_variable(name) {
            Some(setting) => {
                let value = unicode(setting, value)?;
                let given = Given { origin: Origin::Environment, values: vec![value] };
                layer.insert(setting.name, given);
            }
            None if is_service_link(name) => {}
            None => return Err(unknown_variable(name)),
        }
    }
    Ok(layer)
}

fn setting_of_variable(name: &str) -> Option<&'static Setting> {
    let at = env_names().iter().position(|known| known == name)?;
    SETTINGS.get(at)
}

fn unicode(setting: &Setting, value: &OsString) -> Result<String, ConfigError> {
    value.clone().into_string().map_err(|value| ConfigError::Invalid {
        setting: Origin::Environment.spelling(setting),
        value: value.to_string_lossy().into_owned(),
        reason: "is not valid UTF-8".to_owned(),
        example: format!("{}={}", setting.env_name(), setting.example),
    })
}

/// Kubernetes sets variables for every service, and a service may be called `granary`:
/// `GRANARY_SERVICE_HOST`, `GRANARY_SERVICE_PORT_HTTP`, `GRANARY_PORT`, `GRANARY_PORT_10902_TCP`.
fn is_service_link(name: &str) -> bool {
    let port_link = |(_, rest): (&str, &str)| {
        rest.is_empty() || rest.starts_with('_') && rest.as_bytes().get(1).is_some_and(is_digit)
    };
    name.ends_with("_SERVICE_HOST")
        || name.ends_with("_SERVICE_PORT")
        || name.contains("_SERVICE_PORT_")
        || name.split_once("_PORT").is_some_and(port_link)
}

fn is_digit(byte: &u8) -> bool {
    byte.is_ascii_digit()
}

fn unknown_variable(name: &str) -> ConfigError {
    ConfigError::Unknown {
        place: "environment".to_owned(),
        what: "variable",
        key: name.to_owned(),
        suggestion: nearest(name, env_names().iter().map(String::as_str)).map(str::to_owned),
    }
}

/// The setting with this key of the configuration file.
pub(super) fn setting_of_key(path: &Path, key: &str) -> Result<&'static Setting, ConfigError> {
    find(key).filter(|setting| setting.name != "config.file").ok_or_else(|| ConfigError::Unknown {
        place: path.display().to_string(),
        what: "key",
        key: key.to_owned(),
        suggestion: nearest(key, SETTINGS.iter().map(|s| s.name)).map(str::to_owned),
    })
}
