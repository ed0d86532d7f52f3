//! nginx with the shipped configuration of one tenant's proxy.

use std::net::SocketAddr;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use crate::clock::wait_for;
use crate::parts::repository;
use crate::process::Process;
use crate::{http, ports};

/// Longest wait for the proxy to listen.
const READY_LIMIT: Duration = Duration::from_secs(20);

/// HTTP version that nginx speaks to granary.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Upstream {
    /// As shipped: HTTP/1.1 with connections kept open.
    Http11,
    /// As without any such line in the configuration: HTTP/1.0.
    Http10,
}

/// A running proxy.
pub struct Nginx {
    /// Where it listens.
    pub address: SocketAddr,
    /// The process.
    pub process: Process,
}

impl Nginx {
    /// Starts `program` as the proxy of `tenant` before `granary`.
    pub fn start(
        program: &Path,
        folder: &Path,
        tenant: &str,
        granary: SocketAddr,
        upstream: Upstream,
    ) -> Nginx {
        let address = ports::free();
        let home = folder.join(format!("nginx-{tenant}"));
        std::fs::create_dir_all(&home).expect("room for a configuration");
        let file = home.join("nginx.conf");
        let text = configuration(address, tenant, granary, upstream);
        std::fs::write(&file, text).expect("room for a configuration");
        let mut command = Command::new(program);
        command
            .arg("-c")
            .arg(&file)
            .arg("-p")
            .arg(&home)
            .arg("-g")
            .arg(format!("daemon off; pid {};", home.join("pid").display()));
        let name = format!("nginx of {tenant}");
        let mut process = Process::start(&name, &mut command, &home.join("log"));
        wait_for(&name, READY_LIMIT, || {
            process.assert_runs();
            http::get(address, "/").map(|_| ())
        });
        Nginx { address, process }
    }
}

/// The shipped template with its places filled in.
fn configuration(
    listen: SocketAddr,
    tenant: &str,
    granary: SocketAddr,
    upstream: Upstream,
) -> String {
    let template = repository().join("deploy/nginx/tenant.conf.template");
    let mut text = std::fs::read_to_string(template).expect("the template is shipped");
    let values = [
        ("${LISTEN}", listen.to_string()),
        ("${TENANT}", tenant.to_owned()),
        ("${GRANARY}", granary.to_string()),
    ];
    for (place, value) in values {
        assert!(text.contains(place), "{place} is missing in the template");
        text = text.replace(place, &value);
    }
    assert!(!text.contains("${"), "a place of the template was not filled in:\n{text}");
    if upstream == Upstream::Http10 {
        let modern = ["proxy_http_version 1.1;", "proxy_set_header Connection \"\";"];
        let kept = text.lines().filter(|line| !modern.contains(&line.trim()));
        text = kept.collect::<Vec<_>>().join("\n");
        assert!(!text.contains("proxy_http_version"), "the proxy would speak HTTP/1.1:\n{text}");
    }
    text
}
