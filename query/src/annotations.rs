//! Warnings and infos of a query, with their places in its text.

mod note;
mod raised;

pub(crate) use note::{Note, NoteSet, Operation};

use std::collections::BTreeSet;

use crate::eval::histogram::Raised;
use crate::syntax::{line_column, quote};
use raised::RaisedBuckets;

/// Most annotations of one kind that a result carries; further ones are counted.
pub const ANNOTATIONS_MAX: usize = 100;

/// What a query's user should know of its answer. Each text occurs once, with the place where it
/// came up first.
#[derive(Clone, Debug, Default)]
pub(crate) struct Annotations {
    warnings: Notes,
    infos: Notes,
    /// Overlapping start timestamps by metric: place and number.
    overlaps: Vec<(String, String, usize)>,
    /// Classic histograms whose buckets had to be raised, by metric.
    raised: Vec<RaisedBuckets>,
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

    /// All notes of a computation about byte `at` of the query.
    pub(crate) fn add_all(&mut self, query: &str, at: usize, set: NoteSet, metric: &str) {
        for note in set.notes {
            self.note(query, at, note, metric);
        }
        if set.start_overlaps > 0 {
            self.add_overlaps(place(query, at), metric, set.start_overlaps);
        }
    }

    /// A note about byte `at` of the query.
    pub(crate) fn note(&mut self, query: &str, at: usize, note: Note, metric: &str) {
        match note.is_warning() {
            true => self.warn(query, at, &note.text(metric)),
            false => self.info(query, at, &note.text(metric)),
        }
    }

    fn add_overlaps(&mut self, place: String, metric: &str, count: usize) {
        match self.overlaps.iter_mut().find(|(name, ..)| name == metric) {
            Some((_, _, sum)) => *sum += count,
            None => self.overlaps.push((metric.to_owned(), place, count)),
        }
    }

    /// An info of buckets of a classic histogram that had to be raised.
    pub(crate) fn raised(
        &mut self,
        query: &str,
        at: usize,
        metric: &str,
        time_ms: i64,
        raised: Raised,
    ) {
        match self.raised.iter_mut().find(|all| all.metric == metric) {
            Some(all) => all.add(time_ms, raised),
            None => {
                let place = place(query, at);
                self.raised.push(RaisedBuckets::new(metric.to_owned(), place, time_ms, raised));
            }
        }
    }

    /// A warning of a source, passed on as it is.
    pub(crate) fn pass_on(&mut self, text: &str) {
        self.warnings.add(text, || text.to_owned());
    }

    /// Warnings and infos in order of appearance.
    pub(crate) fn into_texts(mut self) -> (Vec<String>, Vec<String>) {
        for all in std::mem::take(&mut self.raised) {
            self.infos.add(&all.text(), || all.shown());
        }
        for (metric, place, count) in std::mem::take(&mut self.overlaps) {
            let times = if count > 1 { format!(" ({count} occurrences)") } else { String::new() };
            let text = "sample has start time that overlaps with previous sample timestamp";
            let name = quote(metric.as_bytes());
            self.warnings.add(&format!("{text} for metric {name}"), || {
                format!("PromQL warning: {text} for metric {name}{times} ({place})")
            });
        }
        (self.warnings.into_texts("warning"), self.infos.into_texts("info"))
    }
}

fn placed(kind: &str, query: &str, at: usize, text: &str) -> String {
    format!("PromQL {kind}: {text} ({})", place(query, at))
}

fn place(query: &str, at: usize) -> String {
    let (line, column) = line_column(query, at);
    format!("{line}:{column}")
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
