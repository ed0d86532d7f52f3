//! What the compiler does not check: which crate may use which, where a heavy dependency may be
//! named, and how files look. Each test names every place that breaks its rule.

use std::collections::BTreeMap;

use tests::parts::repository;
use tests::sources::{Source, files};

/// Our crates with those of ours that each may depend on; the arrows of ARCHITECTURE.md.
const ARROWS: [(&str, &[&str]); 8] = [
    ("proto", &[]),
    ("storage/journal", &[]),
    ("cluster", &["proto", "journal"]),
    ("storage", &["proto", "journal"]),
    ("query", &["proto"]),
    ("node", &["proto", "journal", "cluster", "storage", "query"]),
    ("simulation", &["proto", "journal", "cluster", "storage", "query", "node"]),
    ("tests", &["proto"]),
];

/// A dependency, and the beginnings of the paths that may name it.
struct Door {
    words: &'static [&'static str],
    paths: &'static [&'static str],
}

/// The doors of ARCHITECTURE.md. `run.rs` puts the node together, so it meets most of them.
const DOORS: [Door; 6] = [
    Door { words: &["ractor::"], paths: &["node/src/actors", "node/src/run"] },
    Door {
        words: &["actix_web::", "actix_http::", "actix_rt::"],
        paths: &["node/src/http", "node/src/run", "simulation/src/world/http.rs"],
    },
    Door { words: &["openraft::"], paths: &["cluster/src/raft"] },
    Door { words: &["sled::"], paths: &["cluster/src/kv/sled_store.rs"] },
    Door {
        words: &["tonic::"],
        paths: &[
            "proto/src/lib.rs",
            // Peers, the Raft service, and the gRPC status that a wrong header is answered with.
            "cluster/src/handle.rs",
            "cluster/src/identity.rs",
            "cluster/src/options.rs",
            "cluster/src/peers.rs",
            "cluster/src/raft/",
            "cluster/src/service.rs",
            "cluster/src/tasks/",
            "cluster/src/wire.rs",
            // The net seam, connections to peers, the service for them, reading from them.
            "node/src/env",
            "node/src/peer",
            "node/src/read",
            "node/src/run",
            // The net seam of simulated hosts.
            "simulation/src/world/",
        ],
    },
    Door {
        words: &[
            "SystemTime::now",
            "std::time::Instant",
            "thread::spawn",
            "thread::Builder",
            "rand::rng()",
        ],
        // The command line measures no node: its clock does not have to be the seam.
        paths: &["node/src/env", "node/src/main.rs", "tests/src/clock.rs"],
    },
];

/// Files that may be long because they are tables.
const TABLES: [&str; 1] = ["node/src/config/table/rows.rs"];
/// Most lines of code in a file.
const FILE_LINES_MAX: usize = 500;
/// Longest line. Texts in quotes may run over: rustfmt does not break them.
const LINE_CHARS_MAX: usize = 100;
/// Files with a longer line that waits to be wrapped. May only get shorter.
const LONG_LINES: [&str; 1] = ["storage/src/head/slab.rs"];

fn assert_none(rule: &str, found: Vec<String>) {
    assert!(found.is_empty(), "{rule}:\n{}", found.join("\n"));
}

/// The lines of code of `source` for which `breaks` holds.
fn lines(source: &Source, breaks: impl Fn(&str) -> bool) -> Vec<String> {
    let code = source.product_lines().filter(|(_, line)| !line.trim_start().starts_with("//"));
    let bad = code.filter(|(_, line)| breaks(line));
    bad.map(|(number, line)| format!("{}:{number}: {}", source.path, line.trim())).collect()
}

/// The crates of the sections of a manifest that the product is built from.
fn dependencies(manifest: &str) -> Vec<String> {
    let mut section = "";
    let mut found = Vec::new();
    for line in manifest.lines().map(str::trim) {
        if line.starts_with('[') {
            section = line;
        } else if ["[dependencies]", "[build-dependencies]"].contains(&section) {
            let name = line.split(['.', '=', ' ']).next().unwrap_or_default();
            found.push(name.to_owned());
        }
    }
    found
}

/// Whether `line` names `word` as a path of its own (`my_sled::x` does not name `sled::`).
fn names(line: &str, word: &str) -> bool {
    line.match_indices(word).any(|(at, _)| {
        let before = line[..at].chars().next_back();
        !before.is_some_and(|c| c.is_alphanumeric() || c == '_')
    })
}

#[test]
fn crates_depend_along_the_arrows_only() {
    let ours = ["proto", "journal", "cluster", "storage", "query", "node", "simulation", "tests"];
    let mut wrong = Vec::new();
    for (folder, allowed) in ARROWS {
        let path = repository().join(folder).join("Cargo.toml");
        let manifest = std::fs::read_to_string(&path).expect("every crate has a manifest");
        for name in dependencies(&manifest) {
            if ours.contains(&name.as_str()) && !allowed.contains(&name.as_str()) {
                wrong.push(format!("{folder} depends on {name}"));
            }
        }
    }
    assert_none("arrows of ARCHITECTURE.md", wrong);
}

#[test]
fn every_crate_is_known_here() {
    let manifest = std::fs::read_to_string(repository().join("Cargo.toml")).expect("a workspace");
    let members = manifest.lines().find(|line| line.starts_with("members")).expect("members");
    let known = ARROWS.iter().filter(|(folder, _)| members.contains(&format!("\"{folder}\"")));
    assert_eq!(known.count(), members.matches('"').count() / 2, "{members}");
}

#[test]
fn heavy_dependencies_come_in_through_their_doors() {
    let sources = files(&[".rs"]);
    let mut wrong = Vec::new();
    for door in &DOORS {
        let outside = |source: &&Source| !door.paths.iter().any(|p| source.path.starts_with(p));
        for source in sources.iter().filter(outside) {
            let any = |line: &str| door.words.iter().any(|word| names(line, word));
            wrong.extend(lines(source, any));
        }
    }
    assert_none("doors of ARCHITECTURE.md", wrong);
}

#[test]
fn product_code_cannot_panic_by_unwrap_or_unfinished_work() {
    let banned = [".unwrap()", "todo!(", "unimplemented!(", "dbg!("];
    let bad = |line: &str| banned.iter().any(|word| line.contains(word));
    // This list is not a use of it.
    let sources = files(&[".rs"]);
    assert_none("banned words", sources.iter().flat_map(|s| lines(s, bad)).collect());
}

/// The ids in `text` that stand between `before` and `"`.
fn ids(text: &str, before: &str) -> Vec<String> {
    let rests = text.split(before).skip(1);
    rests.filter_map(|rest| Some(rest.split_once('"')?.0.to_owned())).collect()
}

#[test]
fn bugs_are_planted_on_purpose_only() {
    let mut wrong = Vec::new();
    for source in files(&["Cargo.toml"]) {
        let defaults =
            source.text.lines().filter(|line| line.trim_start().starts_with("default ="));
        let on = |line: &&str| line.contains("planted");
        wrong.extend(defaults.filter(on).map(|line| format!("{}: {line}", source.path)));
        let dependencies = source.text.lines().filter(|line| line.contains("features = ["));
        let on =
            |line: &&str| line.contains("\"planted\"") && !line.starts_with("required-features");
        wrong.extend(dependencies.filter(on).map(|line| format!("{}: {line}", source.path)));
    }
    assert_none("the feature `planted` is on by default", wrong);
}

#[test]
fn planted_bugs_and_their_table_are_the_same() {
    let (mut planted, mut listed) = (BTreeMap::new(), Vec::new());
    for source in files(&[".rs"]) {
        if source.path == "simulation/src/planted/bugs.rs" {
            let text: String = source.text.split_whitespace().collect();
            listed = ids(&text, "bug(\"");
        } else if !source.path.ends_with("src/planted.rs") && !source.is_test() {
            let found = ids(&source.text, "planted!(\"").into_iter();
            planted.extend(found.map(|id| (id, source.path.clone())));
        }
    }
    let product = ["storage/", "cluster/", "node/", "query/", "proto/"];
    let is_outside = |(_, path): &(&String, &String)| !product.iter().any(|p| path.starts_with(p));
    let outside = planted.iter().filter(is_outside).map(|(id, path)| format!("{path}: {id}"));
    assert_none("bugs planted outside of the product", outside.collect());
    listed.sort_unstable();
    assert_eq!(planted.into_keys().collect::<Vec<_>>(), listed, "product and table");
}

#[test]
fn every_file_says_what_it_is_for() {
    let silent = |source: &Source| !source.text.trim_start().starts_with("//!");
    let found = files(&[".rs"]).into_iter().filter(silent).map(|source| source.path).collect();
    assert_none("files without //! at their top", found);
}

#[test]
fn files_and_lines_are_short() {
    let mut wrong = Vec::new();
    for source in files(&[".rs"]) {
        let is_code = |line: &&str| !line.trim().is_empty() && !line.trim().starts_with("//");
        let code = source.text.lines().filter(is_code).count();
        if code > FILE_LINES_MAX && !TABLES.contains(&source.path.as_str()) {
            wrong.push(format!("{}: {code} lines of code, at most {FILE_LINES_MAX}", source.path));
        }
        for (index, line) in source.text.lines().enumerate() {
            let long = line.chars().count() > LINE_CHARS_MAX && !line.contains('"');
            if long && !LONG_LINES.contains(&source.path.as_str()) {
                wrong.push(format!("{}:{}: over {LINE_CHARS_MAX} chars", source.path, index + 1));
            }
        }
    }
    assert_none("long files and lines", wrong);
}

#[test]
fn nothing_names_the_machine_it_was_written_on_or_a_registry() {
    // Put together here, so that this file does not name them.
    let banned: Vec<String> = [("/wo", "rk/"), ("/ro", "ot/"), ("/ho", "me/")]
        .iter()
        .chain(&[("crates", ".io"), ("py", "pi.org"), ("npm", "js.org"), ("deb.deb", "ian.org")])
        .map(|(a, b)| format!("{a}{b}"))
        .collect();
    let mut wrong = Vec::new();
    for source in files(&[".rs", ".md", ".toml", ".template", ".ts", ".tsx", ".mjs", ".yml"]) {
        for (index, line) in source.text.lines().enumerate() {
            if banned.iter().any(|word| line.contains(word)) {
                wrong.push(format!("{}:{}: {}", source.path, index + 1, line.trim()));
            }
        }
    }
    assert_none("paths of a machine, hosts of registries", wrong);
}

#[test]
fn decisions_are_numbered_without_gaps() {
    let mut titles = BTreeMap::new();
    for source in files(&[".md"]).into_iter().filter(|s| s.path.starts_with("docs/adr/")) {
        let name = source.path.trim_start_matches("docs/adr/").to_owned();
        let number: u32 = name.split('-').next().and_then(|n| n.parse().ok()).unwrap_or(0);
        assert_eq!(name.find('-'), Some(4), "{name} is not NNNN-title.md");
        assert!(source.text.starts_with("# "), "{name} has no title");
        assert_eq!(titles.insert(number, name), None, "two decisions have the number {number}");
    }
    let expected: Vec<u32> = (1..=u32::try_from(titles.len()).expect("few")).collect();
    assert_eq!(titles.keys().copied().collect::<Vec<_>>(), expected, "{titles:?}");
}

#[test]
fn the_documents_that_the_code_points_to_are_there() {
    for path in [
        "README.md",
        "ARCHITECTURE.md",
        "CHANGELOG.md",
        "LICENSE",
        "docs/flags.md",
        "docs/glossary.md",
        "docs/formats/block.md",
        "docs/formats/journal.md",
        "docs/formats/record.md",
        "docs/formats/series-id.md",
    ] {
        let text = std::fs::read_to_string(repository().join(path)).unwrap_or_default();
        assert!(text.len() > 100, "{path} is missing or empty");
    }
}

#[test]
fn links_between_documents_lead_somewhere() {
    let mut broken = Vec::new();
    for source in files(&[".md"]).into_iter().filter(|s| !s.path.starts_with("ui/")) {
        let folder = repository().join(&source.path);
        let folder = folder.parent().expect("a file lies in a folder");
        for (at, _) in source.text.match_indices("](") {
            let target = source.text[at + 2..].split([')', '#']).next().unwrap_or_default();
            if !target.is_empty() && !target.contains("://") && !folder.join(target).exists() {
                broken.push(format!("{}: {target}", source.path));
            }
        }
    }
    assert_none("broken links", broken);
}
