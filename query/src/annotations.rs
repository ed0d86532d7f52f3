//! Warnings and infos of a query, with their places in its text.

use std::collections::BTreeSet;

use crate::syntax::line_column;

/// Most annotations of one kind that a result carries; further ones are counted.
pub const ANNOTATIONS_MAX: usize = 100;

/// What a query's user should know of its answer. Each text occurs once, with the place where it
/// came up first.
#[derive(Clone, Debug, Default)]
pub(crate) struct Annotations {
    warnings: Notes,
    infos: Notes,
}

#[derive(Clone, Debug, Default)]
struct Notes {
    /// Texts without their places.
    seen: BTreeSet<String>,
    texts: Vec<String>,
    left_out: usize,
}

impl Notes {
    /// Adds a text, shown as `shown` with its place.
    fn add(&mut self, text: &str, shown: impl FnOnce() -> String) {
        if self.seen.contains(text) {
            return;
        }
        if self.texts.len() < ANNOTATIONS_MAX {
            self.seen.insert(text.to_owned());
            self.texts.push(shown());
        } else {
            self.left_out += 1;
        }
    }

    fn into_texts(mut self, kind: &str) -> Vec<String> {
        if self.left_out > 0 {
            self.texts.push(format!("{} more {kind} annotations omitted", self.left_out));
        }
        self.texts
    }
}

impl Annotations {
    /// A warning about byte `at` of the query.
    pub(crate) fn warn(&mut self, query: &str, at: usize, text: &str) {
        self.warnings.add(text, || placed("warning", query, at, text));
    }

    /// An info about byte `at` of the query.
    pub(crate) fn info(&mut self, query: &str, at: usize, text: &str) {
        self.infos.add(text, || placed("info", query, at, text));
    }

    /// A warning of a source, passed on as it is.
    pub(crate) fn pass_on(&mut self, text: &str) {
        self.warnings.add(text, || text.to_owned());
    }

    /// Warnings and infos in order of appearance.
    pub(crate) fn into_texts(self) -> (Vec<String>, Vec<String>) {
        (self.warnings.into_texts("warning"), self.infos.into_texts("info"))
    }
}

fn placed(kind: &str, query: &str, at: usize, text: &str) -> String {
    let (line, column) = line_column(query, at);
    format!("PromQL {kind}: {text} ({line}:{column})")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_placed_counted_and_unique() {
        let mut notes = Annotations::default();
        notes.warn("a\n b", 3, "odd");
        notes.warn("a\n b", 0, "odd");
        for i in 0..ANNOTATIONS_MAX + 3 {
            notes.info("a", 0, &i.to_string());
        }
        let (warnings, infos) = notes.into_texts();
        assert_eq!(warnings, ["PromQL warning: odd (2:2)"]);
        assert_eq!(infos.len(), ANNOTATIONS_MAX + 1);
        assert_eq!(infos[ANNOTATIONS_MAX], "3 more info annotations omitted");
    }
}
