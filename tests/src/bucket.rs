//! Looks into a bucket directory or a node's local blocks.

use std::path::{Path, PathBuf};

use serde_json::Value;

/// A block that is whole: it has its meta.json.
#[derive(Debug, Clone)]
pub struct Block {
    /// Its id.
    pub ulid: String,
    /// Its folder.
    pub folder: PathBuf,
    /// Its meta.json.
    pub meta: Value,
}

impl Block {
    /// An external label.
    pub fn label(&self, name: &str) -> String {
        self.meta["thanos"]["labels"][name].as_str().unwrap_or_default().to_owned()
    }

    /// First timestamp, and the one after the last.
    pub fn times(&self) -> (i64, i64) {
        let time = |name: &str| self.meta[name].as_i64().unwrap_or(i64::MIN);
        (time("minTime"), time("maxTime"))
    }
}

/// The whole blocks in a folder, in the order of their ids.
pub fn blocks(folder: &Path) -> Vec<Block> {
    let Ok(entries) = std::fs::read_dir(folder) else { return Vec::new() };
    let mut found: Vec<Block> = entries.filter_map(|entry| block(&entry.ok()?.path())).collect();
    found.sort_by(|a, b| a.ulid.cmp(&b.ulid));
    found
}

fn block(folder: &Path) -> Option<Block> {
    let ulid = folder.file_name()?.to_str()?.to_owned();
    let text = std::fs::read_to_string(folder.join("meta.json")).ok()?;
    let meta = serde_json::from_str(&text).ok()?;
    Some(Block { ulid, folder: folder.to_owned(), meta })
}
