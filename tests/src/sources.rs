//! Finds the source files of this repository, for the tests about them.

use std::path::{Path, PathBuf};

use crate::parts::repository;

/// Folders that hold no sources of ours.
const SKIPPED: [&str; 4] = ["target", "node_modules", "dist", ".git"];

/// A file of the repository.
pub struct Source {
    /// Path from the repository's first folder, with `/`.
    pub path: String,
    /// Its text.
    pub text: String,
}

/// All text files whose name ends with one of `endings`, in order of their paths.
pub fn files(endings: &[&str]) -> Vec<Source> {
    let root = repository();
    let mut found = Vec::new();
    collect(&root, endings, &mut found);
    found.sort();
    let source = |path: &PathBuf| {
        let text = std::fs::read_to_string(path).ok()?;
        let path = path.strip_prefix(&root).expect("found below it").display().to_string();
        Some(Source { path, text })
    };
    found.iter().filter_map(source).collect()
}

fn collect(folder: &Path, endings: &[&str], found: &mut Vec<PathBuf>) {
    let entries = std::fs::read_dir(folder).expect("the repository can be read");
    for entry in entries {
        let path = entry.expect("the repository can be read").path();
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        if path.is_dir() && !SKIPPED.contains(&name.as_str()) {
            collect(&path, endings, found);
        } else if path.is_file() && endings.iter().any(|ending| name.ends_with(ending)) {
            found.push(path);
        }
    }
}

impl Source {
    /// The lines outside of unit tests at the end of a Rust file, with their numbers. Whole files
    /// of tests and benches have none.
    pub fn product_lines(&self) -> impl Iterator<Item = (usize, &str)> {
        let is_test = self.is_test();
        let lines = self.text.lines().enumerate().map(|(index, line)| (index + 1, line));
        lines.take_while(move |(_, line)| !is_test && !line.starts_with("#[cfg(test)]"))
    }

    /// Whether the file is made for tests or benches only.
    pub fn is_test(&self) -> bool {
        let parts: Vec<&str> = self.path.split('/').collect();
        parts.iter().any(|part| ["tests", "benches"].contains(part))
            || ["tests.rs", "conformance.rs", "fakes.rs"].contains(parts.last().unwrap_or(&""))
    }
}
