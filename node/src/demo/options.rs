//! Flags of `granary demo`. Whatever is not one of them goes to every node as it is, so that
//! `granary demo --tsdb.min-block-duration=1m` works without the demo knowing that flag.

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::{Args, Command, FromArgMatches};

/// Most targets of tenant `cluster`.
const TARGETS_MAX: i64 = 1000;

/// What the demo is asked to do.
#[derive(Args, Clone, Debug)]
pub struct DemoOptions {
    /// Print the table once, on free ports; exit 0 only when it is right.
    #[arg(long)]
    pub once: bool,
    /// Query and admin address of the first node [default: 127.0.0.1:10902; --once: a free port].
    #[arg(long, value_name = "HOST:PORT")]
    pub http_address: Option<SocketAddr>,
    /// gRPC address of the first node [default: 127.0.0.1:10901; --once: a free port].
    #[arg(long, value_name = "HOST:PORT")]
    pub grpc_address: Option<SocketAddr>,
    /// Write address of the first node [default: 127.0.0.1:19291; --once: a free port].
    #[arg(long = "remote-write.address", value_name = "HOST:PORT")]
    pub remote_write_address: Option<SocketAddr>,
    /// Keep all data here; without it in a temporary directory, removed at the end.
    #[arg(long, value_name = "DIR")]
    pub data_dir: Option<PathBuf>,
    /// Keep the nodes' logs here [default: logs in the data directory].
    #[arg(long, value_name = "DIR")]
    pub log_dir: Option<PathBuf>,
    /// Targets of tenant `cluster`; `a` and `b` have one each.
    #[arg(long, default_value_t = 17, value_name = "N",
          value_parser = clap::value_parser!(u32).range(1..=TARGETS_MAX))]
    pub targets: u32,
    /// Leave target N of tenant `cluster` stopped (from 1), to see the answer change.
    #[arg(long, hide = true, value_name = "N")]
    pub stop_target: Option<u32>,
    /// Flags for every node.
    #[arg(skip)]
    pub node_flags: Vec<String>,
}

/// What the arguments ask for.
#[derive(Debug)]
pub enum Parsed {
    /// To run.
    Run(Box<DemoOptions>),
    /// Help, or what is wrong with a flag.
    Say(clap::Error),
}

const AFTER_HELP: &str = "\
Any other flag goes to every node (see `granary node --help`).

Examples:
  granary demo
  granary demo --once
  granary demo --tsdb.min-block-duration=1m --data-dir=/tmp/granary";

fn command() -> Command {
    // The texts come last: the options' own doc comment is for readers of the code.
    DemoOptions::augment_args(Command::new("granary demo").no_binary_name(true))
        .about("Start six nodes in two hashrings with targets of three tenants on this machine")
        .after_help(AFTER_HELP)
}

/// Takes the demo's own flags out of the arguments; the others are for the nodes.
pub fn parse(args: impl IntoIterator<Item = String>) -> Parsed {
    let (own, node_flags) = split(args);
    let options = command()
        .try_get_matches_from(own)
        .and_then(|matches| DemoOptions::from_arg_matches(&matches));
    match options {
        Ok(options) => Parsed::Run(Box::new(DemoOptions { node_flags, ..options })),
        Err(error) => Parsed::Say(error),
    }
}

/// (arguments of the demo, arguments of the nodes), each in their order.
fn split(args: impl IntoIterator<Item = String>) -> (Vec<String>, Vec<String>) {
    let command = command();
    let (mut own, mut others) = (Vec::new(), Vec::new());
    let mut rest = args.into_iter().peekable();
    while let Some(arg) = rest.next() {
        let name = arg.split('=').next().unwrap_or_default();
        let short = matches!(name, "-h" | "--help");
        let known = command.get_arguments().find(|a| name.strip_prefix("--") == a.get_long());
        let takes_value = known.is_some_and(|a| a.get_action().takes_values());
        let has_value = arg.contains('=');
        if !arg.starts_with("--") && !short {
            // A value that follows a node's flag, or a mistake that the node will name.
            others.push(arg);
        } else if short || known.is_some() {
            own.push(arg);
            if takes_value && !has_value {
                own.extend(rest.next());
            }
        } else {
            others.push(arg);
        }
    }
    (own, others)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(args: &[&str]) -> DemoOptions {
        match parse(args.iter().map(|a| (*a).to_owned())) {
            Parsed::Run(options) => *options,
            Parsed::Say(error) => panic!("{error}"),
        }
    }

    #[test]
    fn flags_of_the_nodes_pass_through_in_their_order() {
        let options = parsed(&[
            "--tsdb.min-block-duration=1m",
            "--targets",
            "5",
            "--log.level",
            "debug",
            "--once",
            "--http-address=127.0.0.1:1",
        ]);
        assert_eq!(options.node_flags, ["--tsdb.min-block-duration=1m", "--log.level", "debug"]);
        assert!(options.once);
        assert_eq!(options.targets, 5);
        assert_eq!(options.http_address, Some("127.0.0.1:1".parse().unwrap()));
    }

    #[test]
    fn defaults_are_the_acceptance_picture() {
        let options = parsed(&[]);
        assert_eq!((options.targets, options.once, options.stop_target), (17, false, None));
        assert!(options.node_flags.is_empty());
    }

    #[test]
    fn help_and_mistakes_are_said() {
        for (args, status) in [(["--help"], 0), (["--targets=0"], 2), (["--http-address=x"], 2)] {
            match parse(args.iter().map(|a| (*a).to_owned())) {
                Parsed::Say(error) => assert_eq!(error.exit_code(), status),
                Parsed::Run(options) => panic!("{options:?}"),
            }
        }
    }
}
