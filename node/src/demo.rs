//! `granary demo`: the whole system on one machine, as real processes of this executable.
//!
//! Three nodes in the hashring `default`, three in `hashring-0` with the hard tenants `a` and `b`,
//! RF 2, one bucket directory, and built-in targets that remote-write over HTTP. Every number
//! printed was read over HTTP on a node that took no write.
//!
//! ```text
//! options -> plan (names, ports, flags) -> fleet (child processes) -> startup (ready, routes)
//!         -> targets (writes) + watch (queries, table, verdict) -> fleet stopped, data removed
//! ```

mod directory;
mod fleet;
mod options;
mod plan;
mod ports;
mod process;
mod report;
mod startup;
mod table;
mod targets;
mod watch;

use std::io::Write;
use std::process::ExitCode;
use std::time::Duration;

use crate::client::{self, ClientError};

pub use options::{DemoOptions, Parsed, parse};

/// Longest wait for one answer of a node.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(5);
/// Time that nodes get to end after SIGTERM.
const STOP_GRACE: Duration = Duration::from_secs(10);
/// The same with `--once`, which is over within 45 s whatever happens.
const STOP_GRACE_ONCE: Duration = Duration::from_secs(5);

/// Why the demo ended, in words for the person in front of it.
#[derive(Debug, thiserror::Error)]
pub enum DemoError {
    /// Another program listens on an address.
    #[error("the address {address} is taken; choose another one with {flag}=HOST:PORT")]
    PortTaken {
        /// The address.
        address: std::net::SocketAddr,
        /// The demo's flag for it.
        flag: &'static str,
    },
    /// An address cannot be listened on for another reason.
    #[error("cannot listen on {address} ({flag}): {error}")]
    Listen {
        /// The address.
        address: std::net::SocketAddr,
        /// The demo's flag for it.
        flag: &'static str,
        /// What the system says.
        error: std::io::Error,
    },
    /// A flag that the demo sets for each node was given.
    #[error("the demo sets {0} for each node itself; leave it out")]
    FlagOfTheDemo(String),
    /// No range of free ports was found.
    #[error("no {0} free ports found on 127.0.0.1")]
    NoPorts(usize),
    /// A file or process could not be made.
    #[error("{what}: {error}")]
    Io {
        /// What was tried.
        what: String,
        /// What the system says.
        error: std::io::Error,
    },
    /// A node ended before the system was up.
    #[error("{node} ended with {status} while starting; the end of its log:\n{log}")]
    NodeEnded {
        /// Its name.
        node: String,
        /// Exit status.
        status: String,
        /// Last lines of its log.
        log: String,
    },
    /// The system was not up in time.
    #[error("after {seconds} s still waiting for {missing}; the end of {node}'s log:\n{log}")]
    NotUp {
        /// The limit.
        seconds: u64,
        /// What is missing.
        missing: String,
        /// The node whose log is shown.
        node: String,
        /// Last lines of its log.
        log: String,
    },
    /// A tenant could not be given to its hashring.
    #[error("tenant {tenant} cannot be routed to {hashring}: {error}")]
    Route {
        /// The tenant.
        tenant: String,
        /// The hashring.
        hashring: String,
        /// The node's answer.
        error: String,
    },
    /// With `--once`: the table is not the expected one.
    #[error("the answer is not right: {0}")]
    Wrong(String),
    /// The HTTP client failed for good.
    #[error(transparent)]
    Client(#[from] ClientError),
}

impl DemoError {
    fn io(what: impl Into<String>, error: std::io::Error) -> DemoError {
        DemoError::Io { what: what.into(), error }
    }
}

/// How a run ended that met no error.
#[derive(Debug, PartialEq, Eq)]
enum End {
    /// `--once` printed the right table.
    Right,
    /// Ctrl-C or SIGTERM.
    Interrupted,
}

/// Runs the command with the arguments that follow `granary demo`. `wall_clock_ms` gives
/// milliseconds since the Unix epoch for the targets' samples.
pub fn main(args: impl IntoIterator<Item = String>, wall_clock_ms: fn() -> i64) -> ExitCode {
    match parse(args) {
        Parsed::Run(options) => run(&options, wall_clock_ms),
        Parsed::Say(message) => {
            // Help goes to stdout with status 0, a wrong flag to stderr with status 2.
            let _ = message.print();
            ExitCode::from(u8::try_from(message.exit_code()).unwrap_or(2))
        }
    }
}

/// Runs the demo. On one thread: the children ask the kernel to die with the *thread* that made
/// them, so that has to be one which lives as long as the process.
pub fn run(options: &DemoOptions, wall_clock_ms: fn() -> i64) -> ExitCode {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let result = match runtime {
        Ok(runtime) => runtime.block_on(demonstrate(options, wall_clock_ms)),
        Err(error) => Err(DemoError::io("cannot start the runtime", error)),
    };
    match result {
        Ok(_) => ExitCode::SUCCESS,
        Err(error) => {
            progress(&format!("granary demo: {error}"));
            ExitCode::FAILURE
        }
    }
}

async fn demonstrate(options: &DemoOptions, now_ms: fn() -> i64) -> Result<End, DemoError> {
    // Listening for signals comes first: from here on none ends this process without cleaning up.
    let mut signals = process::Signals::listen()?;
    let directory = directory::DataDir::make(options.data_dir.as_deref())?;
    let plan = plan::Plan::make(options, directory.path())?;
    let http = client::http(REQUEST_TIMEOUT)?;
    let mut fleet = fleet::Fleet::default();
    let result = tokio::select! {
        end = watch::drive(options, &plan, &mut fleet, &http, now_ms) => end,
        () = signals.next() => Ok(End::Interrupted),
    };
    if result.as_ref().is_ok_and(|end| *end == End::Interrupted) {
        progress("stopping ...");
    }
    let grace = if options.once { STOP_GRACE_ONCE } else { STOP_GRACE };
    fleet.stop(&mut signals, grace).await;
    result
}

/// A line about what is going on, to stderr: stdout has only results.
fn progress(line: &str) {
    let _ = writeln!(std::io::stderr(), "{line}");
}

/// A line of the result. Whoever closed stdout has seen enough.
fn say(line: &str) {
    let _ = writeln!(std::io::stdout(), "{line}");
}
