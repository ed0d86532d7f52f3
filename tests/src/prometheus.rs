//! Prometheus servers that scrape and remote-write.

use std::net::SocketAddr;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use crate::clock::wait_for;
use crate::http;
use crate::process::Process;

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
        let home = folder.join(format!("prometheus-{}", plan.name));
        std::fs::create_dir_all(&home).expect("room for a configuration");
        let config = home.join("prometheus.yml");
        std::fs::write(&config, configuration(plan)).expect("room for a configuration");
        let mut command = Command::new(program);
        command
            .arg(format!("--config.file={}", config.display()))
            .arg(format!("--storage.tsdb.path={}", home.join("data").display()))
            .arg(format!("--web.listen-address={}", plan.address));
        let name = format!("prometheus {}", plan.name);
        let process = Process::start(&name, &mut command, &home.join("log"));
        Prometheus { address: plan.address, process }
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
