//! `granary demo` as a user meets it.

use std::net::TcpListener;
use std::path::Path;
use std::time::Duration;

use tests::clock::{pause, wait_for};
use tests::node::granary;
use tests::process::Process;

/// Longest wait for the table and for the end.
const LIMIT: Duration = Duration::from_secs(60);
const TABLE: [&str; 3] =
    [r#"{tenant_id="a"} 1"#, r#"{tenant_id="b"} 1"#, r#"{tenant_id="cluster"} 17"#];

#[test]
fn once_prints_the_table_and_exits_with_0() {
    let output = granary().args(["demo", "--once"]).output().expect("granary can be run");
    let error = String::from_utf8_lossy(&output.stderr);
    let printed = String::from_utf8_lossy(&output.stdout);
    assert_eq!(output.status.code(), Some(0), "{printed}{error}");
    assert_eq!(printed.lines().collect::<Vec<_>>(), TABLE, "{error}");
}

#[test]
fn a_stopped_target_shows_and_fails_the_run() {
    let output = granary().args(["demo", "--once", "--stop-target=3"]).output();
    let output = output.expect("granary can be run");
    let error = String::from_utf8_lossy(&output.stderr);
    let printed = String::from_utf8_lossy(&output.stdout);
    assert_eq!(output.status.code(), Some(1), "{printed}{error}");
    assert!(printed.lines().any(|line| line == r#"{tenant_id="cluster"} 16"#), "{printed}{error}");
    assert!(error.contains("cluster is 16, not 17"), "{error}");
}

#[test]
fn a_taken_default_port_is_named_with_its_flag() {
    // Whoever listens there already serves as well.
    let _listener = TcpListener::bind("127.0.0.1:10902");
    let output = granary().arg("demo").output().expect("granary can be run");
    let error = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{error}");
    assert!(error.contains("127.0.0.1:10902") && error.contains("--http-address"), "{error}");
}

#[test]
fn ctrl_c_leaves_nothing_behind() {
    let folder = tempfile::tempdir().expect("a temporary directory");
    let mut command = granary();
    command.env("TMPDIR", folder.path()).args([
        "demo",
        "--http-address=127.0.0.1:0",
        "--grpc-address=127.0.0.1:0",
        "--remote-write.address=127.0.0.1:0",
    ]);
    let log = folder.path().join("demo.log");
    let mut demo = Process::start("granary demo", &mut command, &log);
    wait_for("the demo's table", LIMIT, || {
        demo.assert_runs();
        let text = demo.log_text();
        if TABLE.iter().all(|line| text.lines().any(|l| l == *line)) { Ok(()) } else { Err(text) }
    });
    let children = children_of(demo.pid());
    assert_eq!(children.len(), 6, "six nodes run: {children:?}");
    demo.signal(libc::SIGINT);
    assert_eq!(demo.wait_end(LIMIT).code(), Some(0));
    pause(Duration::from_millis(100));
    let left: Vec<_> =
        children.iter().filter(|pid| Path::new(&format!("/proc/{pid}")).exists()).collect();
    assert!(left.is_empty(), "nodes outlive the demo: {left:?}");
    let files: Vec<_> = std::fs::read_dir(folder.path()).expect("it is there").collect();
    assert_eq!(files.len(), 1, "only the log is left: {files:?}");
}

/// Process ids of the children of a process.
fn children_of(parent: u32) -> Vec<u32> {
    let parent = format!("PPid:\t{parent}");
    let entries = std::fs::read_dir("/proc").expect("Linux has /proc");
    let pids = entries.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok());
    let is_child = |pid: &u32| {
        let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
        status.lines().any(|line| line == parent)
    };
    pids.filter(is_child).collect()
}
