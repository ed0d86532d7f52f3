//! The table of settings: the one place that knows their names, defaults and words.
//!
//! The flag of `tsdb.path` is `--tsdb.path`, its environment variable `GRANARY_TSDB_PATH` and its
//! key in the configuration file `tsdb.path`.

use std::sync::LazyLock;

mod rows;

pub use rows::SETTINGS;

/// What every environment variable of granary begins with.
pub const ENV_PREFIX: &str = "GRANARY_";

/// One setting.
#[derive(Debug)]
pub struct Setting {
    /// Name: the flag without its dashes.
    pub name: &'static str,
    /// Under which heading it is explained.
    pub group: Group,
    /// What a value looks like.
    pub kind: Kind,
    /// What is taken when nothing is given.
    pub default: DefaultValue,
    /// A value that would be accepted.
    pub example: &'static str,
    /// One line of explanation.
    pub help: &'static str,
    /// More explanation, for the long help; may be empty.
    pub more: &'static str,
    /// Not shown in the help; documented all the same.
    pub hidden: bool,
}

/// Headings of the help.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Group {
    /// What the node is.
    Node,
    /// Where it listens.
    Listeners,
    /// The other nodes.
    Cluster,
    /// The write edge.
    Receive,
    /// Local storage.
    Storage,
    /// The bucket.
    Bucket,
    /// The query edge.
    Query,
    /// Logging.
    Log,
}

/// What a value looks like.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// `IP:PORT` to listen on.
    Listen,
    /// `HOST:PORT` of a node.
    HostPort,
    /// Some `HOST:PORT`, separated by commas or given again and again.
    HostPorts,
    /// A length of time: `15d`, `1h30m`, `500ms`.
    Duration,
    /// A point in time, absolute or relative to now.
    Time,
    /// A number of bytes: `16MiB`.
    Size,
    /// A whole number.
    Count,
    /// `true` or `false`; the flag alone means `true`.
    Bool,
    /// Any text.
    Text,
    /// A file or directory.
    Path,
    /// Some names, separated by commas or given again and again.
    Names,
    /// `NAME="VALUE"`, given again and again.
    Labels,
    /// YAML text.
    Yaml,
}

/// What is taken when nothing is given.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DefaultValue {
    /// This text, read like a given one.
    Text(&'static str),
    /// Worked out from other settings or the machine, in these words.
    Computed(&'static str),
    /// Nothing.
    Unset,
}

impl Setting {
    /// Name of the environment variable.
    pub fn env_name(&self) -> String {
        let name = self.name.replace(['.', '-'], "_");
        format!("{ENV_PREFIX}{}", name.to_ascii_uppercase())
    }

    /// The setting as a flag.
    pub fn flag(&self) -> String {
        format!("--{}", self.name)
    }

    /// Default in words, if there is one.
    pub fn default_words(&self) -> Option<&'static str> {
        match self.default {
            DefaultValue::Text("") | DefaultValue::Unset => None,
            DefaultValue::Text(words) | DefaultValue::Computed(words) => Some(words),
        }
    }
}

impl Group {
    /// Every heading, in the order of the help.
    pub const ALL: [Group; 8] = [
        Group::Node,
        Group::Listeners,
        Group::Cluster,
        Group::Receive,
        Group::Storage,
        Group::Bucket,
        Group::Query,
        Group::Log,
    ];

    /// The heading.
    pub fn heading(self) -> &'static str {
        match self {
            Group::Node => "Node",
            Group::Listeners => "Listeners",
            Group::Cluster => "Cluster",
            Group::Receive => "Receiving",
            Group::Storage => "Local storage",
            Group::Bucket => "Bucket",
            Group::Query => "Queries",
            Group::Log => "Logs",
        }
    }
}

impl Kind {
    /// Placeholder of a value in the help.
    pub fn placeholder(self) -> &'static str {
        match self {
            Kind::Listen => "IP:PORT",
            Kind::HostPort => "HOST:PORT",
            Kind::HostPorts => "HOST:PORT,...",
            Kind::Duration => "DURATION",
            Kind::Time => "TIME",
            Kind::Size => "SIZE",
            Kind::Count => "N",
            Kind::Bool => "BOOL",
            Kind::Text => "NAME",
            Kind::Path => "PATH",
            Kind::Names => "NAME,...",
            Kind::Labels => "NAME=\"VALUE\"",
            Kind::Yaml => "YAML",
        }
    }

    /// Whether more than one value may be given.
    pub fn is_list(self) -> bool {
        matches!(self, Kind::HostPorts | Kind::Names | Kind::Labels)
    }
}

/// Looks a setting up by its name.
pub fn find(name: &str) -> Option<&'static Setting> {
    SETTINGS.iter().find(|setting| setting.name == name)
}

/// Names of all environment variables, in the order of the table.
static ENV_NAMES: LazyLock<Vec<String>> =
    LazyLock::new(|| SETTINGS.iter().map(Setting::env_name).collect());

/// Names of all environment variables, in the order of the table.
pub fn env_names() -> &'static [String] {
    &ENV_NAMES
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn names_and_environment_variables_are_unique() {
        let names: BTreeSet<&str> = SETTINGS.iter().map(|s| s.name).collect();
        let env: BTreeSet<&String> = env_names().iter().collect();
        assert_eq!((names.len(), env.len()), (SETTINGS.len(), SETTINGS.len()));
    }

    #[test]
    fn every_heading_explains_something() {
        for group in Group::ALL {
            assert!(SETTINGS.iter().any(|s| s.group == group && !s.hidden), "{group:?}");
        }
    }

    #[test]
    fn an_environment_variable_spells_the_flag() {
        let setting = find("receive.tenant-header").expect("listed");
        assert_eq!(setting.env_name(), "GRANARY_RECEIVE_TENANT_HEADER");
        assert_eq!(setting.flag(), "--receive.tenant-header");
    }
}
