//! Reads the configuration out of flags, environment and file; `granary config ...`.

use std::io::{ErrorKind, Read};
use std::path::Path;

use clap::ArgMatches;
use clap::parser::ValueSource;

use super::CliError;
use crate::config::table::{SETTINGS, find};
use crate::config::{
    ConfigError, Effective, FILE_BYTES_MAX, Given, Inputs, Layer, NodeConfig, Origin, flags_page,
};

/// Where the system keeps the host name.
const HOST_NAME_FILES: [&str; 2] = ["/proc/sys/kernel/hostname", "/etc/hostname"];

/// The configuration that flags, environment and file give.
pub(super) fn load(arguments: &ArgMatches) -> Result<NodeConfig, ConfigError> {
    crate::config::load(&Inputs {
        flags: flags(arguments),
        environment: std::env::vars_os().collect(),
        host_name: host_name(),
        read: &read_file,
    })
}

fn flags(arguments: &ArgMatches) -> Layer {
    let given = |name| arguments.value_source(name) == Some(ValueSource::CommandLine);
    let names = SETTINGS.iter().map(|setting| setting.name).filter(|name| given(name));
    names
        .map(|name| {
            let values = arguments.get_many::<String>(name).into_iter().flatten().cloned();
            (name, Given { origin: Origin::Flag, values: values.collect() })
        })
        .collect()
}

fn host_name() -> String {
    let from_file = |path: &&str| std::fs::read_to_string(path).ok();
    let name =
        HOST_NAME_FILES.iter().find_map(from_file).or_else(|| std::env::var("HOSTNAME").ok());
    name.map(|name| name.trim().to_owned()).unwrap_or_else(|| "localhost".to_owned())
}

/// Reads a file of at most [`FILE_BYTES_MAX`] bytes.
fn read_file(path: &Path) -> std::io::Result<String> {
    let limit = u64::try_from(FILE_BYTES_MAX).unwrap_or(u64::MAX);
    let mut text = String::new();
    std::fs::File::open(path)?.take(limit.saturating_add(1)).read_to_string(&mut text)?;
    if text.len() > FILE_BYTES_MAX {
        let message = format!("it is larger than {FILE_BYTES_MAX} bytes");
        return Err(std::io::Error::new(ErrorKind::FileTooLarge, message));
    }
    Ok(text)
}

/// What `granary config ...` prints.
pub(super) fn text_of((name, arguments): (&str, &ArgMatches)) -> Result<String, CliError> {
    match name {
        "docs" => Ok(flags_page()),
        "check" => {
            load(arguments).map(|_| "the configuration is valid\n".to_owned()).map_err(Into::into)
        }
        _ => {
            let settings = load(arguments)?.settings_to_show();
            let json = arguments.get_one::<String>("output").is_some_and(|format| format == "json");
            Ok(if json { as_json(settings) } else { as_yaml(&settings) })
        }
    }
}

fn is_list(name: &str) -> bool {
    find(name).is_some_and(|setting| setting.kind.is_list())
}

fn as_json(settings: Vec<Effective>) -> String {
    let value = |name: &str, mut values: Vec<String>| match is_list(name) {
        true => serde_json::Value::from(values),
        false => serde_json::Value::from(values.pop()),
    };
    let pairs = settings.into_iter().map(|(name, values)| (name.to_owned(), value(name, values)));
    let object: serde_json::Map<_, _> = pairs.collect();
    format!("{:#}\n", serde_json::Value::from(object))
}

/// One `name: value` a line; texts in JSON's quotes, which are YAML's too.
fn as_yaml(settings: &[Effective]) -> String {
    let quoted = |value: &String| serde_json::Value::from(value.as_str()).to_string();
    let line = |(name, values): &Effective| {
        let values: Vec<String> = values.iter().map(quoted).collect();
        match is_list(name) {
            true => format!("{name}: [{}]\n", values.join(", ")),
            false => format!("{name}: {}\n", values.join("")),
        }
    };
    settings.iter().map(line).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_printed_is_a_configuration_file() {
        let config = NodeConfig::default();
        let yaml = as_yaml(&config.settings_to_show());
        assert!(yaml.contains("tsdb.retention: \"15d\"\n"), "{yaml}");
        assert!(yaml.contains("role: [\"receive\", \"store\", \"query\"]\n"), "{yaml}");
        let file = |_: &Path| Ok(yaml.clone());
        let environment = vec![("GRANARY_CONFIG_FILE".into(), "printed.yml".into())];
        let host_name = "other".to_owned();
        let inputs = Inputs { flags: Layer::new(), environment, host_name, read: &file };
        assert_eq!(crate::config::load(&inputs).expect("valid"), config);
    }

    #[test]
    fn json_has_lists_where_settings_are_lists() {
        let json = as_json(NodeConfig::default().settings_to_show());
        let read: serde_json::Value = serde_json::from_str(&json).expect("valid JSON");
        assert_eq!(read["tsdb.retention"], "15d");
        assert_eq!(read["label"], serde_json::json!(["receive_replica=\"localhost\""]));
    }

    #[test]
    fn a_file_without_end_is_not_read_to_the_end() {
        let error = read_file(Path::new("/dev/zero")).expect_err("it has no end");
        assert!(error.to_string().contains("larger than 1048576 bytes"), "{error}");
    }
}
