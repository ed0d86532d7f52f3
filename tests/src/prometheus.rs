//! Prometheus servers: those that scrape and remote-write, and those that are written to.

use std::net::SocketAddr;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use crate::clock::wait_for;
use crate::http::{self, Framing};
use crate::process::Process;
use crate::samples::Written;
use crate::{ports, write};

/// Longest wait for a server to be ready.
const READY_LIMIT: Duration = Duration::from_secs(60);

/// What one server does.
pub struct PrometheusPlan<'a> {
    /// Its name, for its files.
    pub name: &'a str,
    /// Where it listens.
    pub address: SocketAddr,
    /// What it scrapes.
    pub targets: &'a [SocketAddr],
    /// Where it remote-writes to.
    pub write_url: &'a str,
}

/// A running Prometheus.
pub struct Prometheus {
    /// Where it listens.
    pub address: SocketAddr,
    /// The process.
    pub process: Process,
}

impl Prometheus {
    /// Starts `program` with its files below `folder`.
    pub fn start(program: &Path, folder: &Path, plan: &PrometheusPlan<'_>) -> Prometheus {
        launch(program, folder, (plan.name, plan.address), &configuration(plan), &[])
    }

    /// Starts `program` as a server that takes remote write and scrapes nothing.
    pub fn receiver(program: &Path, folder: &Path) -> Prometheus {
        let flags = ["--web.enable-remote-write-receiver"];
        let mut server = launch(program, folder, ("receiver", ports::free()), "{}\n", &flags);
        server.wait_ready();
        server
    }

    /// Writes series to a [`Prometheus::receiver`].
    pub fn write(&self, series: &[Written]) {
        let (path, body) = ("/api/v1/write", write::body(series));
        let response = write::post_to(path, self.address, None, &body, Framing::Length);
        let response = response.expect("an answer");
        assert!(response.is_success(), "Prometheus refuses the data: {response:?}");
    }

    /// Waits until it is ready.
    pub fn wait_ready(&mut self) {
        wait_for("Prometheus to be ready", READY_LIMIT, || {
            self.process.assert_runs();
            let response = http::get(self.address, "/-/ready")?;
            if response.is_success() { Ok(()) } else { Err(response.body) }
        });
    }
}

fn launch(
    program: &Path,
    folder: &Path,
    (name, address): (&str, SocketAddr),
    configuration: &str,
    flags: &[&str],
) -> Prometheus {
    let home = folder.join(format!("prometheus-{name}"));
    std::fs::create_dir_all(&home).expect("room for a configuration");
    let config = home.join("prometheus.yml");
    std::fs::write(&config, configuration).expect("room for a configuration");
    let mut command = Command::new(program);
    command
        .arg(format!("--config.file={}", config.display()))
        .arg(format!("--storage.tsdb.path={}", home.join("data").display()))
        .arg(format!("--web.listen-address={address}"))
        .args(flags);
    let process = Process::start(&format!("prometheus {name}"), &mut command, &home.join("log"));
    Prometheus { address, process }
}

fn configuration(plan: &PrometheusPlan<'_>) -> String {
    let targets: Vec<String> = plan.targets.iter().map(|a| format!("'{a}'")).collect();
    format!(
        "global: {{scrape_interval: 1s, scrape_timeout: 1s}}\n\
         scrape_configs:\n\
         - job_name: targets\n\
        \x20 static_configs: [{{targets: [{}]}}]\n\
         remote_write:\n\
         - url: '{}'\n\
        \x20 queue_config: {{batch_send_deadline: 500ms, max_backoff: 500ms}}\n",
        targets.join(", "),
        plan.write_url
    )
}
