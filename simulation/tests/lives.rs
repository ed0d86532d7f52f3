//! Engine lives as the command line runs them, each in a process of its own.
#![allow(clippy::unwrap_used, reason = "a panic is how a test fails")]

use std::process::{Command, Output};

/// Operations of the lives here; short, because the engine is not optimised in tests.
const OPERATIONS: &str = "100";

fn simulation(arguments: &[&str]) -> (Output, String) {
    let program = env!("CARGO_BIN_EXE_simulation");
    let output = Command::new(program).args(arguments).output().unwrap();
    let text = String::from_utf8(output.stdout.clone()).unwrap();
    (output, text)
}

fn run(arguments: &[&str]) -> (Output, String) {
    simulation(&[&["--profile", "engine"], arguments].concat())
}

fn life(seed: u64) -> (Output, String) {
    run(&["--seed", &seed.to_string(), "--operations", OPERATIONS])
}

#[test]
fn twenty_lives_are_green() {
    let (output, text) = run(&["--seeds", "0..20", "--jobs", "2", "--operations", OPERATIONS]);
    assert_eq!(text.lines().last(), Some("20 passed, 0 failed"), "{text}");
    assert_eq!(output.status.code(), Some(0));
}

#[test]
fn the_same_seed_gives_the_same_life_in_another_process() {
    let mut hashes = std::collections::BTreeSet::new();
    for seed in 100..105 {
        let (first, second) = (life(seed).1, life(seed).1);
        assert_eq!(first, second, "seed {seed}");
        let hash = first.lines().last().and_then(|line| line.strip_prefix("trace hash: "));
        let hash = hash.unwrap_or_else(|| panic!("{first}"));
        assert!(hash.len() == 16 && hash.chars().all(|c| matches!(c, '0'..='9' | 'a'..='f')));
        hashes.insert(hash.to_owned());
    }
    assert_eq!(hashes.len(), 5, "seeds differ");
}

#[test]
fn a_journal_that_leaves_out_its_syncs_is_found_and_replays() {
    let many = ["--seeds", "0..6", "--jobs", "2", "--operations", OPERATIONS];
    let (output, text) = run(&[&many[..], &["--without-syncs"]].concat());
    assert_eq!(output.status.code(), Some(1), "{text}");
    assert!(text.contains("FAILED: an acknowledged sample is never lost: "), "{text}");
    let replay = text.lines().find_map(|line| line.strip_prefix("replay: ")).unwrap();
    let arguments = replay.strip_prefix("cargo run --release -p simulation -- ").unwrap();
    let arguments: Vec<&str> = arguments.split(' ').collect();
    let (again, evidence) = simulation(&arguments);
    assert_eq!(again.status.code(), Some(1));
    assert!(text.contains(&evidence), "{evidence}");
}

#[test]
fn a_life_that_proves_nothing_is_not_green() {
    let (output, text) = run(&["--seed", "0", "--operations", "1"]);
    assert_eq!(output.status.code(), Some(1), "{text}");
    assert!(text.contains("the life proves nothing"), "{text}");
}

#[test]
fn arguments_that_make_no_sense_are_told_from_failures() {
    let (output, _) = run(&["--seeds", "5..5"]);
    assert_eq!(output.status.code(), Some(2));
}
