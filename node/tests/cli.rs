//! The command line from outside: what it says and how it ends.

use std::io::{Read, Write};
use std::net::TcpListener;
use std::process::{Command, Output};

fn granary(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_granary"));
    command.args(arguments);
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("GRANARY_") {
            command.env_remove(name);
        }
    }
    command
}

/// What ended how.
struct Ended {
    status: Option<i32>,
    out: String,
    err: String,
}

fn ended(command: &mut Command) -> Ended {
    let Output { status, stdout, stderr } = command.output().expect("granary starts");
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("granary prints text");
    Ended { status: status.code(), out: text(stdout), err: text(stderr) }
}

fn run(arguments: &[&str]) -> Ended {
    ended(&mut granary(arguments))
}

/// Runs a command that must fail with one line.
fn fails(status: i32, arguments: &[&str]) -> String {
    let ended = run(arguments);
    assert_eq!(ended.status, Some(status), "{arguments:?}: {}", ended.err);
    assert_eq!(ended.err.lines().count(), 1, "{}", ended.err);
    assert!(ended.err.starts_with("error: "), "{}", ended.err);
    assert_eq!(ended.out, "");
    ended.err
}

fn file(text: &str) -> tempfile::NamedTempFile {
    let mut file = tempfile::NamedTempFile::new().expect("a temporary file");
    file.write_all(text.as_bytes()).expect("room for it");
    file
}

#[test]
fn help_teaches_and_ends_with_0() {
    let help = run(&["--help"]);
    assert_eq!(help.status, Some(0));
    for part in ["granary demo", "Exit status:", "  2  ", "ring", "tenant", "bench", "config"] {
        assert!(help.out.contains(part), "{part}: {}", help.out);
    }
    let (short, long) = (run(&["node", "-h"]), run(&["node", "--help"]));
    assert!(short.out.len() * 2 < long.out.len());
    for part in ["Receiving:", "--tsdb.retention <DURATION>", "[default: 15d]"] {
        assert!(short.out.contains(part), "{part}: {}", short.out);
    }
    for part in ["Example:", "GRANARY_TSDB_RETENTION", "Exit status:"] {
        assert!(long.out.contains(part) && !short.out.contains(part), "{part}: {}", long.out);
    }
    assert!(!long.out.contains("min-block-duration"), "hidden: {}", long.out);
}

#[test]
fn every_command_has_an_example() {
    for command in [
        &["node"][..],
        &["ring", "show"],
        &["tenant", "ls"],
        &["tenant", "route"],
        &["status"],
        &["config", "check"],
        &["config", "print"],
        &["bench"],
    ] {
        let help = run(&[command, &["--help"]].concat());
        assert_eq!(help.status, Some(0));
        let example = format!("Example:\n  granary {}", command.join(" "));
        assert!(help.out.contains(&example), "{command:?}: {}", help.out);
    }
}

#[test]
fn demo_and_bench_explain_their_own_flags() {
    for (command, flag) in [(&["demo"][..], "--once"), (&["bench", "write"], "--series")] {
        let help = run(&[command, &["--help"]].concat());
        assert_eq!(help.status, Some(0), "{}", help.err);
        assert!(help.out.contains(flag), "{}", help.out);
    }
    assert_eq!(run(&["bench", "write", "--seires=1"]).status, Some(2));
}

#[test]
fn nothing_typed_is_wrong_but_shows_the_commands() {
    let nothing = run(&[]);
    assert_eq!(nothing.status, Some(2));
    assert!(nothing.err.contains("Commands:"), "{}", nothing.err);
}

#[test]
fn an_unknown_flag_or_command_gets_a_suggestion() {
    let flag = run(&["node", "--tsdb.retnetion=1d"]);
    assert_eq!(flag.status, Some(2));
    assert!(flag.err.contains("'--tsdb.retention'"), "{}", flag.err);
    let command = run(&["tenants", "ls"]);
    assert_eq!(command.status, Some(2));
    assert!(command.err.contains("'tenant'"), "{}", command.err);
}

#[test]
fn an_unknown_key_or_variable_gets_a_suggestion() {
    let file = file("tsdb.retention: 1d\nqeury.timeout: 1m\n");
    let path = file.path().to_str().expect("a plain path");
    let error = fails(2, &["node", "--config.file", path]);
    assert!(error.contains(&format!("{path}: unknown key qeury.timeout")), "{error}");
    assert!(error.contains("did you mean query.timeout?"), "{error}");
    let variable = ended(granary(&["config", "check"]).env("GRANARY_QUERY_TIMEOUTS", "1m"));
    assert_eq!(variable.status, Some(2));
    assert!(variable.err.contains("did you mean GRANARY_QUERY_TIMEOUT?"), "{}", variable.err);
}

#[test]
fn a_bad_value_names_flag_value_and_example() {
    let error = fails(2, &["node", "--tsdb.retention=15x"]);
    for part in ["--tsdb.retention", "\"15x\"", "unit \"x\"", "--tsdb.retention=30d"] {
        assert!(error.contains(part), "{part}: {error}");
    }
    let error = fails(2, &["config", "check", "--cluster.bootstrap-expect=3"]);
    assert!(error.contains("set --cluster.seeds="), "{error}");
}

#[test]
fn config_print_shows_the_winner_and_hides_secrets() {
    let file = file("tsdb.retention: 1d\nnode.zone: file\nobjstore.config: 'secret_key: hush'\n");
    let mut command = granary(&["config", "print", "--tsdb.retention=3d"]);
    let printed =
        ended(command.env("GRANARY_CONFIG_FILE", file.path()).env("GRANARY_NODE_ZONE", "env"));
    assert_eq!(printed.status, Some(0), "{}", printed.err);
    assert!(printed.out.contains("tsdb.retention: \"3d\"\n"), "{}", printed.out);
    assert!(printed.out.contains("node.zone: \"env\"\n"), "{}", printed.out);
    assert!(!printed.out.contains("hush") && printed.out.contains("<hidden>"), "{}", printed.out);
}

#[test]
fn a_node_that_is_not_there_is_said_so() {
    let free = TcpListener::bind("127.0.0.1:0").expect("a port").local_addr().expect("bound");
    for command in [&["status"][..], &["ring", "show"], &["tenant", "route", "a", "h0"]] {
        let error = fails(1, &[command, &["--node", &free.to_string()]].concat());
        let expected = format!("no node answers at http://{free}: is it running? see --node");
        assert!(error.contains(&expected), "{error}");
    }
}

#[test]
fn what_is_typed_wrong_is_told_before_a_node_is_asked() {
    let error = fails(2, &["tenant", "route", "a/b", "h0"]);
    assert!(error.contains("TENANT") && error.contains('/'), "{error}");
    let error = fails(2, &["status", "--node=ftp://x"]);
    assert!(error.contains("--node=http://"), "{error}");
    let error = fails(1, &["ring", "drain", "granary-0"]);
    assert!(error.contains("not supported yet"), "{error}");
}

#[allow(clippy::disallowed_methods, reason = "a server beside the process under test")]
/// Answers one request with this status and body, and gives back its first line.
fn answers_once(status: &str, body: &str) -> (String, std::thread::JoinHandle<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("bound").to_string();
    let answer = format!("HTTP/1.1 {status}\r\ncontent-length: {}\r\n\r\n{body}", body.len());
    let thread = std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().expect("a request");
        let mut request = Vec::new();
        while !request.ends_with(b"\r\n\r\n") {
            let mut byte = [0];
            stream.read_exact(&mut byte).expect("the request goes on");
            request.push(byte[0]);
        }
        stream.write_all(answer.as_bytes()).expect("somebody reads the answer");
        String::from_utf8_lossy(&request).lines().next().unwrap_or_default().to_owned()
    });
    (address, thread)
}

#[test]
fn json_is_what_the_node_says() {
    let body = concat!(
        r#"{"hashrings":[{"name":"default","epoch":1,"replication_factor":2,"tenants":[],"#,
        r#""nodes":[{"id":"n1","address":"a:1","state":"up"}],"shards":[["n1"]]}]}"#
    );
    let (node, server) = answers_once("200 OK", body);
    let shown = run(&["ring", "show", "-o", "json", "--node", &node]);
    assert_eq!((shown.status, shown.out.trim_end()), (Some(0), body));
    assert_eq!(server.join().expect("answered"), "GET /api/v1/granary/ring HTTP/1.1");
    let (node, server) = answers_once("200 OK", body);
    let shown = run(&["ring", "show", "--node", &node]);
    assert!(shown.out.contains("n1    a:1      up     1       1\n"), "{}", shown.out);
    server.join().expect("answered");
}

#[test]
fn a_refusal_is_told_in_the_nodes_words() {
    let (node, server) = answers_once("409 Conflict", r#"{"error":"tenant a has samples"}"#);
    let error = fails(1, &["tenant", "route", "a!", "hash ring", "--node", &node]);
    assert!(error.contains("refuses: tenant a has samples (status 409)"), "{error}");
    let asked = server.join().expect("answered");
    assert_eq!(asked, "POST /api/v1/granary/tenants/a!/route?hashring=hash+ring HTTP/1.1");
    for (status, body) in [("404 Not Found", "nope"), ("200 OK", "nope"), ("302 Found", "")] {
        let (node, server) = answers_once(status, body);
        let error = fails(1, &["tenant", "ls", "--node", &node]);
        assert!(error.contains("granary node"), "{error}");
        server.join().expect("answered");
    }
}

#[test]
fn the_page_of_settings_is_printed() {
    let docs = run(&["config", "docs"]);
    assert_eq!(docs.status, Some(0));
    assert!(docs.out.contains("### `--tsdb.retention`"), "{}", docs.out);
    assert_eq!(run(&["version"]).out, format!("granary {}\n", env!("CARGO_PKG_VERSION")));
}
