//! One granary node as a process.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus, Output};
use std::time::Duration;

use serde_json::Value;

use crate::clock::wait_for;
use crate::process::Process;
use crate::{http, parts, ports};

/// Longest wait for a node to be ready.
pub const READY_LIMIT: Duration = Duration::from_secs(60);
/// Longest wait for a node to end after SIGTERM.
pub const STOP_LIMIT: Duration = Duration::from_secs(30);

/// Where a node listens.
#[derive(Debug, Clone, Copy)]
pub struct Addresses {
    /// Queries and administration.
    pub http: SocketAddr,
    /// Other nodes.
    pub grpc: SocketAddr,
    /// Remote write.
    pub write: SocketAddr,
}

impl Addresses {
    /// Three free ports.
    pub fn free() -> Addresses {
        Addresses { http: ports::free(), grpc: ports::free(), write: ports::free() }
    }
}

/// A node, running or not.
pub struct Node {
    /// Its name in the cluster.
    pub name: String,
    /// Its hashring.
    pub hashring: String,
    /// Where it listens.
    pub at: Addresses,
    /// Its data directory.
    pub data: PathBuf,
    /// Flags besides name, ring, addresses and data directory.
    pub flags: Vec<String>,
    log: PathBuf,
    process: Option<Process>,
}

impl Node {
    /// A node that does not run yet, with its files below `folder`.
    pub fn new(name: &str, hashring: &str, folder: &Path, flags: Vec<String>) -> Node {
        Node {
            name: name.to_owned(),
            hashring: hashring.to_owned(),
            at: Addresses::free(),
            data: folder.join(name),
            flags,
            log: folder.join(format!("{name}.log")),
            process: None,
        }
    }

    /// The command that starts it.
    pub fn command(&self) -> Command {
        let mut command = granary();
        command
            .arg("node")
            .arg(format!("--node.name={}", self.name))
            .arg(format!("--hashring={}", self.hashring))
            .arg(format!("--http-address={}", self.at.http))
            .arg(format!("--grpc-address={}", self.at.grpc))
            .arg(format!("--remote-write.address={}", self.at.write))
            .arg(format!("--tsdb.path={}", self.data.display()))
            .args(&self.flags);
        command
    }

    /// Starts it.
    pub fn start(&mut self) {
        self.process = Some(Process::start(&self.name, &mut self.command(), &self.log));
    }

    /// Whether it says that it is ready.
    pub fn is_ready(&self) -> Result<(), String> {
        let response = http::get(self.at.http, "/-/ready")?;
        match response.status {
            200 => Ok(()),
            status => Err(format!("status {status}: {}", response.body.trim())),
        }
    }

    /// Waits until it is ready.
    pub fn wait_ready(&mut self) {
        let what = format!("{} to be ready", self.name);
        wait_for(&what, READY_LIMIT, || {
            self.process().assert_runs();
            self.is_ready()
        });
    }

    /// The running process.
    pub fn process(&mut self) -> &mut Process {
        self.process.as_mut().unwrap_or_else(|| panic!("{} was not started", self.name))
    }

    /// Ends it as a crash would, without a chance to write anything.
    pub fn kill(&mut self) {
        self.process().kill();
    }

    /// SIGTERM.
    pub fn terminate(&mut self) {
        self.process().signal(libc::SIGTERM);
    }

    /// Waits until it has ended.
    pub fn wait_end(&mut self) -> ExitStatus {
        self.process().wait_end(STOP_LIMIT)
    }

    /// What it has logged so far.
    pub fn log_text(&self) -> String {
        std::fs::read_to_string(&self.log).unwrap_or_default()
    }

    /// Waits until it has logged `text`.
    pub fn wait_log(&mut self, text: &str, limit: Duration) -> String {
        let what = format!("{} to log {text:?}", self.name);
        wait_for(&what, limit, || {
            let log = self.log_text();
            if log.contains(text) { Ok(log) } else { Err("it did not".to_owned()) }
        })
    }

    /// The answer of `/api/v1/granary/status`.
    pub fn status(&self) -> Result<Value, String> {
        let response = http::get(self.at.http, "/api/v1/granary/status")?;
        serde_json::from_str(&response.body).map_err(|error| format!("{error}: {}", response.body))
    }

    /// Its id, as it says itself.
    pub fn id(&self) -> String {
        let status = self.status().expect("a node that is asked for its id runs");
        let id = status["node"]["id"].as_str().unwrap_or_default().to_owned();
        assert!(!id.is_empty(), "no node id in {status}");
        id
    }

    /// Runs `granary` with these arguments against this node.
    pub fn ask(&self, arguments: &[&str]) -> Output {
        let mut command = granary();
        command.args(arguments).arg(format!("--node=http://{}", self.at.http));
        command.output().expect("granary can be run")
    }

    /// The JSON that `granary <arguments> -o json` prints; fails if it fails.
    pub fn ask_json(&self, arguments: &[&str]) -> Value {
        let output = self.ask(&[arguments, &["-o", "json"]].concat());
        let error = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "granary {arguments:?} failed: {error}");
        serde_json::from_slice(&output.stdout).expect("-o json prints JSON")
    }
}

/// A `granary` command that no variable of the environment configures.
pub fn granary() -> Command {
    let mut command = Command::new(parts::granary());
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("GRANARY_") {
            command.env_remove(name);
        }
    }
    command
}
