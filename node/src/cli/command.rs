//! The tree of commands. The flags of a node come from the table of settings.

use clap::{Arg, ArgAction, Command};

use crate::config::table::{Kind, SETTINGS, Setting};

/// Where the admin commands look for a node.
pub const NODE_DEFAULT: &str = "http://127.0.0.1:10902";

/// Width of explanations in the long help, which is indented by ten.
const HELP_COLUMNS: usize = 80;

const EXIT_STATUS: &str = "\
Exit status:
  0  it worked
  1  it failed: no node answers, the node refuses, the node ended with an error
  2  the arguments or the configuration are wrong";

const ABOUT: &str = "\
A distributed, multi-tenant store for Prometheus metrics, in one binary: Prometheus writes to it,
two nodes keep every sample, blocks go to a bucket, PromQL comes back out.";

/// The whole command line.
pub fn granary() -> Command {
    Command::new("granary")
        .version(env!("CARGO_PKG_VERSION"))
        .about("A distributed, multi-tenant store for Prometheus metrics")
        .long_about(ABOUT)
        .after_help("`granary COMMAND --help` says more.")
        .after_long_help(format!(
            "Examples:\n  \
             granary demo                      see the whole system on this machine\n  \
             granary node                      run one node, everything on loopback\n  \
             granary ring show                 who owns what\n\n{EXIT_STATUS}"
        ))
        .subcommand_required(true)
        .arg_required_else_help(true)
        .disable_help_subcommand(true)
        .subcommands([node(), demo(), bench(), ring(), tenant(), status(), config(), version()])
}

fn example(lines: &str) -> String {
    format!("Example:\n{lines}\n\n{EXIT_STATUS}")
}

fn node() -> Command {
    Command::new("node")
        .about("Run a node until SIGTERM or Ctrl-C")
        .long_about(
            "Run a node until SIGTERM or Ctrl-C. Without any flag: one node, one copy of every \
             sample,\nthe bucket in a directory below ./data, everything on loopback.\n\n\
             Every flag is also an environment variable (--tsdb.path: GRANARY_TSDB_PATH) and a key \
             of the\nfile that --config.file names (tsdb.path). A flag beats the \
             environment, which \
             beats the file.",
        )
        .after_long_help(example(
            "  granary node --tsdb.path=/var/lib/granary \\\n    \
             --grpc-address=10.0.0.1:10901 --remote-write.address=10.0.0.1:19291 \\\n    \
             --cluster.seeds=10.0.0.1:10901,10.0.0.2:10901,10.0.0.3:10901 \\\n    \
             --cluster.bootstrap-expect=3",
        ))
        .args(SETTINGS.iter().map(flag))
}

/// The flag of a setting.
fn flag(setting: &'static Setting) -> Arg {
    let default =
        setting.default_words().map(|words| format!(" [default: {words}]")).unwrap_or_default();
    let short = format!("{}{default}", setting.help);
    let example = format!("[example: {}]", setting.example);
    let environment = format!("[environment: {}]", setting.env_name());
    let more = wrapped(setting.more);
    let long = format!("{}\n{more}{example}{default}\n{environment}", setting.help);
    let arg = Arg::new(setting.name)
        .long(setting.name)
        .value_name(setting.kind.placeholder())
        .help(short)
        .long_help(long)
        .help_heading(setting.group.heading())
        .hide(setting.hidden)
        .action(if setting.kind.is_list() { ArgAction::Append } else { ArgAction::Set });
    match setting.kind {
        Kind::Bool => arg.num_args(0..=1).require_equals(true).default_missing_value("true"),
        Kind::Time => arg.allow_hyphen_values(true),
        _ => arg,
    }
}

/// The text in lines of at most [`HELP_COLUMNS`], each ended.
fn wrapped(text: &str) -> String {
    let (mut lines, mut column) = (String::new(), 0);
    for word in text.split_whitespace() {
        if column > 0 && column + 1 + word.len() > HELP_COLUMNS {
            lines.push('\n');
            column = 0;
        }
        if column > 0 {
            lines.push(' ');
            column += 1;
        }
        lines.push_str(word);
        column += word.len();
    }
    if column > 0 {
        lines.push('\n');
    }
    lines
}

/// Arguments that the command reads itself.
fn passed_on() -> Arg {
    Arg::new("arguments")
        .value_name("FLAGS")
        .num_args(0..)
        .trailing_var_arg(true)
        .allow_hyphen_values(true)
}

fn demo() -> Command {
    Command::new("demo")
        .about("Show the whole system on this machine: six nodes, three tenants")
        .disable_help_flag(true)
        .arg(passed_on())
}

fn bench() -> Command {
    let write = Command::new("write")
        .about("Load a remote write endpoint and report what it took")
        .disable_help_flag(true)
        .arg(passed_on());
    let query = Command::new("query")
        .about("Query a server with Prometheus' HTTP API and report what it took")
        .disable_help_flag(true)
        .arg(passed_on());
    Command::new("bench")
        .about("Measure a running node")
        .after_long_help(example("  granary bench write --series=10000 --duration=30s"))
        .subcommand_required(true)
        .arg_required_else_help(true)
        .disable_help_subcommand(true)
        .subcommands([write, query])
}

fn ring() -> Command {
    let show = asks_a_node(Command::new("show"))
        .about("Show the hashrings, their nodes and who owns how many shards")
        .after_long_help(example("  granary ring show -o json"));
    let drain = asks_a_node(Command::new("drain"))
        .about("Move everything off a node (not supported yet)")
        .arg(Arg::new("NODE").help("Name or id of the node"))
        .after_long_help(EXIT_STATUS);
    group("ring", "Look at the hashrings", "  granary ring show").subcommands([show, drain])
}

fn tenant() -> Command {
    let ls = asks_a_node(Command::new("ls"))
        .about("List the tenants, their hashring and what each node holds of them")
        .after_long_help(example("  granary tenant ls"));
    let route = asks_a_node(Command::new("route"))
        .about("Send a tenant to a hashring; only before its first sample")
        .arg(Arg::new("TENANT").required(true).help("Name of the tenant"))
        .arg(Arg::new("HASHRING").required(true).help("Name of the hashring"))
        .after_long_help(example("  granary tenant route team-a hashring-0"));
    group("tenant", "Look at tenants and route them", "  granary tenant ls")
        .subcommands([ls, route])
}

fn status() -> Command {
    asks_a_node(Command::new("status"))
        .about("Show how a node and its cluster are")
        .after_long_help(example("  granary status --node=http://10.0.0.1:10902"))
}

fn config() -> Command {
    let check = Command::new("check")
        .about("Look for errors in flags, environment and file")
        .args(SETTINGS.iter().map(flag))
        .after_long_help(example("  granary config check --config.file=granary.yml"));
    let print = Command::new("print")
        .about("Print what a node would run with, as a configuration file; secrets are hidden")
        .args(SETTINGS.iter().map(flag))
        .arg(output(&["yaml", "json"]))
        .after_long_help(example("  granary config print --config.file=granary.yml"));
    let docs = Command::new("docs")
        .about("Print the page that explains every setting (docs/flags.md)")
        .after_long_help(example("  granary config docs > docs/flags.md"));
    group("config", "Check and show the configuration of a node", "  granary config print")
        .subcommands([check, print, docs])
}

fn version() -> Command {
    Command::new("version").about("Print the version").after_long_help(EXIT_STATUS)
}

fn group(name: &'static str, about: &'static str, lines: &str) -> Command {
    Command::new(name)
        .about(about)
        .after_long_help(example(lines))
        .subcommand_required(true)
        .arg_required_else_help(true)
        .disable_help_subcommand(true)
}

/// Adds what every command needs that asks a running node.
fn asks_a_node(command: Command) -> Command {
    let node = Arg::new("node")
        .long("node")
        .value_name("URL")
        .default_value(NODE_DEFAULT)
        .help("HTTP address of any node of the cluster");
    command.arg(node).arg(output(&["table", "json"]))
}

/// `-o`, with the first format as the default.
fn output(formats: &'static [&'static str]) -> Arg {
    Arg::new("output")
        .short('o')
        .long("output")
        .value_name("FORMAT")
        .value_parser(clap::builder::PossibleValuesParser::new(formats))
        .default_value(formats[0])
        .help("How to print it")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_tree_is_sound() {
        granary().debug_assert();
    }

    #[test]
    fn explanations_are_wrapped_between_words() {
        assert_eq!(wrapped(""), "");
        assert_eq!(wrapped("a b"), "a b\n");
        let lines = wrapped(&"word ".repeat(40));
        assert!(
            lines.lines().all(|line| (75..=HELP_COLUMNS).contains(&line.len()) || line.len() < 50)
        );
        assert_eq!(lines.split_whitespace().count(), 40);
    }

    #[test]
    fn flags_after_demo_and_bench_are_left_to_them() {
        let typed = ["granary", "demo", "--once", "--tsdb.min-block-duration=1m", "--help"];
        let matches = granary().try_get_matches_from(typed).expect("passes everything on");
        let (_, demo) = matches.subcommand().expect("demo");
        let passed: Vec<&String> = demo.get_many("arguments").expect("some").collect();
        assert_eq!(passed, ["--once", "--tsdb.min-block-duration=1m", "--help"]);
    }

    #[test]
    fn a_time_may_begin_with_a_dash_and_a_switch_may_stand_alone() {
        let typed =
            ["granary", "node", "--max-time", "-2w", "--query.enforce-tenancy", "--tsdb.path=x"];
        let matches = granary().try_get_matches_from(typed).expect("valid");
        let (_, node) = matches.subcommand().expect("node");
        let value = |name: &str| node.get_one::<String>(name).map(String::as_str);
        assert_eq!(value("max-time"), Some("-2w"));
        assert_eq!(value("query.enforce-tenancy"), Some("true"));
        assert_eq!(value("tsdb.path"), Some("x"));
    }
}
