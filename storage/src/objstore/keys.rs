//! Sections of a YAML document whose every key has to be taken.

use std::collections::BTreeSet;

use serde_json::{Map, Value};

use super::{Secret, invalid};
use crate::StorageError;

/// Most changed letters for a name to be suggested.
const SUGGESTION_DISTANCE_MAX: usize = 3;

/// A mapping of the document, with its place for messages.
pub(super) struct Section<'a> {
    place: String,
    values: Option<&'a Map<String, Value>>,
    known: BTreeSet<String>,
}

impl<'a> Section<'a> {
    /// Takes a mapping; `place` is the dotted path in front of its keys.
    pub(super) fn open(place: &str, value: &'a Value) -> Result<Section<'a>, StorageError> {
        let values = match value {
            Value::Null => None,
            Value::Object(values) => Some(values),
            _ if place.is_empty() => return Err(invalid("it is no mapping of keys".to_owned())),
            _ => {
                let key = place.trim_end_matches('.');
                return Err(invalid(format!("the key {key} is no mapping of keys")));
            }
        };
        Ok(Section { place: place.to_owned(), values, known: BTreeSet::new() })
    }

    fn take(&mut self, key: &str) -> Option<&'a Value> {
        self.known.insert(key.to_owned());
        self.values?.get(key).filter(|value| !value.is_null())
    }

    /// A value as it is.
    pub(super) fn raw(&mut self, key: &str) -> Option<Value> {
        self.take(key).cloned()
    }

    /// Accepts a key without looking at it.
    pub(super) fn skip(&mut self, key: &str) {
        self.take(key);
    }

    /// A text; "" when it is not there. Numbers are taken as they are written.
    pub(super) fn text(&mut self, key: &str) -> Result<String, StorageError> {
        match self.take(key) {
            None => Ok(String::new()),
            Some(Value::String(text)) => Ok(text.clone()),
            Some(Value::Number(number)) => Ok(number.to_string()),
            Some(_) => Err(invalid(format!("the key {}{key} is no text", self.place))),
        }
    }

    pub(super) fn secret(&mut self, key: &str) -> Result<Secret, StorageError> {
        self.text(key).map(Secret)
    }

    /// A text that must not be empty.
    pub(super) fn required(&mut self, key: &str) -> Result<String, StorageError> {
        let text = self.text(key)?;
        if text.is_empty() {
            return Err(invalid(format!("the key {}{key} is missing", self.place)));
        }
        Ok(text)
    }

    /// A boolean; false when it is not there.
    pub(super) fn flag(&mut self, key: &str) -> Result<bool, StorageError> {
        match self.take(key) {
            None => Ok(false),
            Some(Value::Bool(flag)) => Ok(*flag),
            Some(_) => Err(invalid(format!("the key {}{key} is not true or false", self.place))),
        }
    }

    /// A whole number.
    pub(super) fn number(&mut self, key: &str) -> Result<Option<u64>, StorageError> {
        match self.take(key) {
            None => Ok(None),
            Some(value) => value
                .as_u64()
                .map(Some)
                .ok_or_else(|| invalid(format!("the key {}{key} is no whole number", self.place))),
        }
    }

    /// A mapping below this one.
    pub(super) fn section(&mut self, key: &str) -> Result<Section<'a>, StorageError> {
        let place = format!("{}{key}.", self.place);
        Section::open(&place, self.take(key).unwrap_or(&Value::Null))
    }

    /// Accepts a key that has no effect, with a warning when it is set.
    pub(super) fn ignore(&mut self, key: &str, warnings: &mut Vec<String>) {
        if self.take(key).is_some_and(is_set) {
            warnings.push(format!("the objstore key {}{key} has no effect here", self.place));
        }
    }

    /// Refuses a key when it is set.
    pub(super) fn refuse(&mut self, key: &str) -> Result<(), StorageError> {
        if self.take(key).is_some_and(is_set) {
            let message = format!("the key {}{key} is not supported yet; remove it", self.place);
            return Err(invalid(message));
        }
        Ok(())
    }

    /// Every key must have been taken.
    pub(super) fn finish(self) -> Result<(), StorageError> {
        let unknown = |key: &&String| !self.known.contains(key.as_str());
        match self.values.and_then(|values| values.keys().find(unknown)) {
            None => Ok(()),
            Some(key) => {
                let known: Vec<&str> = self.known.iter().map(String::as_str).collect();
                let hint = suggestion(key, &known);
                Err(invalid(format!("unknown key {}{key}{hint}", self.place)))
            }
        }
    }
}

/// Whether a value is anything but the neutral one of its kind.
fn is_set(value: &Value) -> bool {
    match value {
        Value::Null | Value::Bool(false) => false,
        Value::Bool(true) => true,
        Value::Number(number) => number.as_f64() != Some(0.0),
        Value::String(text) => !text.is_empty() && text != "0s",
        Value::Array(items) => items.iter().any(is_set),
        Value::Object(values) => values.values().any(is_set),
    }
}

/// `; did you mean "x"?`, or nothing when no name is near.
pub(super) fn suggestion(name: &str, known: &[&str]) -> String {
    let lower = name.to_ascii_lowercase();
    let nearest = known
        .iter()
        .map(|candidate| (distance(&lower, &candidate.to_ascii_lowercase()), candidate))
        .min();
    match nearest {
        Some((d, candidate)) if d <= SUGGESTION_DISTANCE_MAX && d < name.len() => {
            format!("; did you mean {candidate:?}?")
        }
        _ => String::new(),
    }
}

/// Levenshtein distance.
fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, y) in b.iter().enumerate() {
            let changed = diagonal + usize::from(x != *y);
            diagonal = row[j + 1];
            row[j + 1] = changed.min(diagonal + 1).min(row[j] + 1);
        }
    }
    row[b.len()]
}
