//! Runs PromQL scripts in the language of Prometheus' own test suite.
//!
//! - `testdata/*.test`, the project's own scripts, always run and must pass wholly; those in
//!   `names-drop-at-once` without delayed removal of names, which is the default of the engine.
//! - `$PROMQLTEST_DIR/*.test`, Prometheus' suite, runs when that variable names its (absolute)
//!   folder, and must pass wholly, too.
//! - Without the variable it prints `SKIPPED: PROMQLTEST_DIR is not set` and succeeds, unless
//!   `CI_REQUIRE_PARTS` is set: then a missing suite is a failure.
//!
//! A case passes with all its re-runs, those that upstream's runner does: see `rerun`.
//!
//! `PROMQLTEST_FILE=name` runs one file.

#[path = "promqltest/compare.rs"]
mod compare;
#[path = "promqltest/execute.rs"]
mod execute;
#[path = "promqltest/histogram.rs"]
mod histogram;
#[path = "promqltest/rerun.rs"]
mod rerun;
#[path = "promqltest/script.rs"]
mod script;
#[path = "promqltest/self_test.rs"]
mod self_test;
#[path = "promqltest/storing.rs"]
mod storing;
#[path = "promqltest/values.rs"]
mod values;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use execute::Outcome;
use query::EngineOptions;

fn main() -> ExitCode {
    let results = [self_test::run(), own_scripts(), suite()];
    let failures: Vec<String> = results.into_iter().filter_map(Result::err).collect();
    failures.iter().for_each(|failure| println!("FAILED: {failure}"));
    if failures.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn testdata() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("testdata")
}

/// The project's own scripts: every case must pass.
fn own_scripts() -> Result<(), String> {
    let mut total = run_files(&scripts(&testdata())?, execute::upstream())?;
    let at_once = scripts(&testdata().join("names-drop-at-once"))?;
    let options = EngineOptions { delayed_name_removal: false, ..execute::upstream() };
    total.failures.extend(run_files(&at_once, options)?.failures);
    match total.failures.len() {
        0 => Ok(()),
        failed => Err(format!("{failed} cases of the project's own scripts")),
    }
}

/// Prometheus' suite: every case must pass.
fn suite() -> Result<(), String> {
    let Ok(folder) = std::env::var("PROMQLTEST_DIR") else {
        println!("SKIPPED: PROMQLTEST_DIR is not set");
        return match std::env::var_os("CI_REQUIRE_PARTS") {
            Some(_) => Err("PROMQLTEST_DIR is not set but CI_REQUIRE_PARTS is".to_owned()),
            None => Ok(()),
        };
    };
    let only = std::env::var("PROMQLTEST_FILE").ok();
    let mut paths = scripts(Path::new(&folder))?;
    paths.retain(|path| only.as_ref().is_none_or(|only| *only == file_name(path)));
    let total = run_files(&paths, execute::upstream())?;
    println!("queries of the passed cases, re-runs among them: {}", total.queries);
    let (files, passed, failed) = (paths.len(), total.passed, total.failures.len());
    let cases = passed + failed;
    println!("total: {files} files, {cases} cases, {passed} passed, {failed} failed, 0 skipped");
    match (files, failed) {
        (0, _) => Err(format!("{folder} has no such file")),
        (_, 0) => Ok(()),
        _ => Err(format!("{failed} cases of Prometheus' suite")),
    }
}

/// Runs scripts and reports each, with its failed cases.
fn run_files(paths: &[PathBuf], options: EngineOptions) -> Result<Outcome, String> {
    let mut total = Outcome::default();
    for path in paths {
        let outcome = run_file(path, options)?;
        let (passed, failed) = (outcome.passed, outcome.failures.len());
        println!("{}: {passed} passed, {failed} failed", file_name(path));
        outcome.failures.iter().for_each(|failure| println!("  {failure}"));
        total.passed += passed;
        total.queries += outcome.queries;
        total.failures.extend(outcome.failures);
    }
    Ok(total)
}

/// Scripts of a folder in order of their names.
fn scripts(folder: &Path) -> Result<Vec<PathBuf>, String> {
    let shown = folder.display();
    let entries = std::fs::read_dir(folder).map_err(|error| format!("{shown}: {error}"))?;
    let paths = entries.filter_map(|entry| entry.ok().map(|entry| entry.path()));
    let mut scripts: Vec<PathBuf> =
        paths.filter(|path| path.extension().is_some_and(|e| e == "test")).collect();
    scripts.sort();
    if scripts.is_empty() { Err(format!("{shown}: no .test files")) } else { Ok(scripts) }
}

fn run_file(path: &Path, options: EngineOptions) -> Result<Outcome, String> {
    let at = |error: String| format!("{}: {error}", path.display());
    let text = std::fs::read_to_string(path).map_err(|error| at(error.to_string()))?;
    let commands = script::parse(&text).map_err(at)?;
    Ok(execute::run(&commands, options))
}

fn file_name(path: &Path) -> String {
    path.file_name().map_or(String::new(), |name| name.to_string_lossy().into_owned())
}
