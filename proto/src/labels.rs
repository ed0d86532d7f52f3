//! Label sets in their canonical encoding.
//!
//! A label set is kept as the bytes that a conforming remote-write-1 sender puts on the wire: for
//! each label `0x0a <len> 0x0a <len> <name> 0x12 <len> <value>`, names in byte order, minimal
//! varints, no empty name or value. Equal label sets have equal bytes, so the bytes are hashed,
//! compared, stored and sent as they are.

use std::cmp::Ordering;
use std::fmt;

use bytes::Bytes;

use crate::varint::{put_uvarint, take_bytes, uvarint_len};

/// Name of the label that holds a metric's name.
pub const METRIC_NAME: &str = "__name__";

/// Most labels in a set.
pub const LABELS_MAX: usize = 256;
/// Longest label name in bytes.
pub const LABEL_NAME_BYTES_MAX: usize = 1024;
/// Longest label value in bytes.
pub const LABEL_VALUE_BYTES_MAX: usize = 64 << 10;

/// A label set: sorted by name, names unique, no empty name or value, valid UTF-8. Cloning copies
/// no bytes.
#[derive(Clone, PartialEq, Eq, Hash, Default)]
pub struct Labels(Bytes);

/// Why bytes or pairs are no label set.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum LabelsError {
    /// The bytes are not the encoding described above.
    #[error("the labels are not validly encoded")]
    Encoding,
    /// A name or value is not UTF-8.
    #[error("the label {0:?} is not valid UTF-8")]
    Utf8(String),
    /// A label without a name.
    #[error("a label has an empty name (value {0:?})")]
    EmptyName(String),
    /// A name occurs twice.
    #[error("the label name {0:?} occurs twice")]
    Duplicate(String),
    /// Over [`LABELS_MAX`].
    #[error("the series has {0} labels; at most {LABELS_MAX} are allowed")]
    TooMany(usize),
    /// Over [`LABEL_NAME_BYTES_MAX`].
    #[error("the label name {0:?}... has {1} bytes; at most {LABEL_NAME_BYTES_MAX} are allowed")]
    NameTooLong(String, usize),
    /// Over [`LABEL_VALUE_BYTES_MAX`].
    #[error("the value of label {0:?} has {1} bytes; at most {LABEL_VALUE_BYTES_MAX} are allowed")]
    ValueTooLong(String, usize),
}

impl Labels {
    /// The empty label set.
    pub fn empty() -> Labels {
        Labels::default()
    }

    /// Takes bytes that must be canonical; anything else is an error, never a panic.
    pub fn from_canonical(bytes: Bytes) -> Result<Labels, LabelsError> {
        check_canonical(&bytes)?;
        Ok(Labels(bytes))
    }

    /// Builds a set from pairs in any order; pairs with an empty value are left out.
    pub fn from_pairs<N: AsRef<str>, V: AsRef<str>>(
        pairs: impl IntoIterator<Item = (N, V)>,
    ) -> Result<Labels, LabelsError> {
        let mut builder = LabelsBuilder::default();
        for (name, value) in pairs {
            builder.push(name.as_ref(), value.as_ref());
        }
        builder.build()
    }

    /// The canonical bytes.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// The canonical bytes, shared.
    pub fn to_bytes(&self) -> Bytes {
        self.0.clone()
    }

    /// Whether the set has no labels.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The labels in order of their names.
    pub fn iter(&self) -> Iter<'_> {
        Iter(&self.0)
    }

    /// The canonical bytes of each label, each a label set of its own.
    pub fn pairs(&self) -> impl Iterator<Item = &[u8]> {
        let mut rest: &[u8] = &self.0;
        std::iter::from_fn(move || {
            let before = rest;
            rest = rest.get(1..)?;
            take_bytes(&mut rest).expect("canonical bytes were checked");
            Some(&before[..before.len() - rest.len()])
        })
    }

    /// The value of a label, if it is there.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.iter().find(|(n, _)| *n == name).map(|(_, value)| value)
    }

    /// The metric's name, or "".
    pub fn metric_name(&self) -> &str {
        self.get(METRIC_NAME).unwrap_or("")
    }
}

impl<'a> IntoIterator for &'a Labels {
    type Item = (&'a str, &'a str);
    type IntoIter = Iter<'a>;

    fn into_iter(self) -> Iter<'a> {
        self.iter()
    }
}

/// Iterator over `(name, value)`; see [`Labels::iter`].
#[derive(Clone)]
pub struct Iter<'a>(&'a [u8]);

impl<'a> Iterator for Iter<'a> {
    type Item = (&'a str, &'a str);

    fn next(&mut self) -> Option<Self::Item> {
        if self.0.is_empty() {
            return None;
        }
        self.0 = &self.0[1..];
        let mut pair = take_bytes(&mut self.0).expect("canonical bytes were checked");
        let mut field = || {
            pair = &pair[1..];
            let bytes = take_bytes(&mut pair).expect("canonical bytes were checked");
            std::str::from_utf8(bytes).expect("canonical bytes were checked")
        };
        Some((field(), field()))
    }
}

impl Ord for Labels {
    /// Prometheus' order of label sets: by name, then value, label by label; a prefix is less.
    fn cmp(&self, other: &Labels) -> Ordering {
        self.iter().cmp(other.iter())
    }
}

impl PartialOrd for Labels {
    fn partial_cmp(&self, other: &Labels) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl fmt::Display for Labels {
    /// `name{a="b"}` as PromQL writes it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.metric_name())?;
        f.write_str("{")?;
        let others = self.iter().filter(|(name, _)| *name != METRIC_NAME);
        for (i, (name, value)) in others.enumerate() {
            write!(f, "{}{name}={value:?}", if i == 0 { "" } else { ", " })?;
        }
        f.write_str("}")
    }
}

impl fmt::Debug for Labels {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Collects pairs in any order and makes a canonical set of them.
#[derive(Default, Debug)]
pub struct LabelsBuilder {
    pairs: Vec<(String, String)>,
}

impl LabelsBuilder {
    /// Starts from an existing set.
    pub fn from_labels(labels: &Labels) -> LabelsBuilder {
        LabelsBuilder { pairs: labels.iter().map(|(n, v)| (n.to_owned(), v.to_owned())).collect() }
    }

    /// Adds a label; an empty value means "no such label". Doubles are found by `build`.
    pub fn push(&mut self, name: &str, value: &str) {
        self.pairs.push((name.to_owned(), value.to_owned()));
    }

    /// Sets a label, replacing one of that name.
    pub fn set(&mut self, name: &str, value: &str) {
        self.remove(name);
        self.push(name, value);
    }

    /// Removes a label if it is there.
    pub fn remove(&mut self, name: &str) {
        self.pairs.retain(|(n, _)| n != name);
    }

    /// Sorts, checks and encodes.
    pub fn build(mut self) -> Result<Labels, LabelsError> {
        if let Some((_, value)) = self.pairs.iter().find(|(name, _)| name.is_empty()) {
            return Err(LabelsError::EmptyName(value.clone()));
        }
        self.pairs.sort();
        if let Some(two) = self.pairs.windows(2).find(|two| two[0].0 == two[1].0) {
            return Err(LabelsError::Duplicate(two[0].0.clone()));
        }
        self.pairs.retain(|(_, value)| !value.is_empty());
        check_limits(&self.pairs)?;
        let mut out = Vec::new();
        for (name, value) in &self.pairs {
            encode_pair(&mut out, name, value);
        }
        Ok(Labels(Bytes::from(out)))
    }
}

fn check_limits(pairs: &[(String, String)]) -> Result<(), LabelsError> {
    if pairs.len() > LABELS_MAX {
        return Err(LabelsError::TooMany(pairs.len()));
    }
    pairs.iter().try_for_each(|(name, value)| check_pair_limits(name, value))
}

fn check_pair_limits(name: &str, value: &str) -> Result<(), LabelsError> {
    if name.len() > LABEL_NAME_BYTES_MAX {
        return Err(LabelsError::NameTooLong(name.chars().take(40).collect(), name.len()));
    }
    if value.len() > LABEL_VALUE_BYTES_MAX {
        return Err(LabelsError::ValueTooLong(name.to_owned(), value.len()));
    }
    Ok(())
}

fn encode_pair(out: &mut Vec<u8>, name: &str, value: &str) {
    let (n, v) = (name.len() as u64, value.len() as u64);
    let inner = 2 + uvarint_len(n) + name.len() + uvarint_len(v) + value.len();
    out.push(0x0a);
    put_uvarint(out, inner as u64);
    out.push(0x0a);
    put_uvarint(out, n);
    out.extend_from_slice(name.as_bytes());
    out.push(0x12);
    put_uvarint(out, v);
    out.extend_from_slice(value.as_bytes());
}

/// Whether `bytes` are a canonical label set.
fn check_canonical(bytes: &[u8]) -> Result<(), LabelsError> {
    let mut rest = bytes;
    let mut previous: Option<&str> = None;
    let mut count = 0;
    while !rest.is_empty() {
        let mut pair = take_minimal(&mut rest, 0x0a)?;
        let name = text(take_minimal(&mut pair, 0x0a)?)?;
        let value = text(take_minimal(&mut pair, 0x12)?)?;
        let ordered = previous.is_none_or(|p| p < name);
        if !pair.is_empty() || name.is_empty() || value.is_empty() || !ordered {
            return Err(LabelsError::Encoding);
        }
        check_pair_limits(name, value)?;
        count += 1;
        previous = Some(name);
    }
    if count > LABELS_MAX { Err(LabelsError::TooMany(count)) } else { Ok(()) }
}

/// Takes a length-delimited field with this tag byte and a minimal length varint.
fn take_minimal<'a>(rest: &mut &'a [u8], tag: u8) -> Result<&'a [u8], LabelsError> {
    let after_tag = match rest.split_first() {
        Some((first, after)) if *first == tag => after,
        _ => return Err(LabelsError::Encoding),
    };
    let mut input = after_tag;
    let taken = take_bytes(&mut input).ok_or(LabelsError::Encoding)?;
    if after_tag.len() - input.len() != uvarint_len(taken.len() as u64) + taken.len() {
        return Err(LabelsError::Encoding);
    }
    *rest = input;
    Ok(taken)
}

fn text(bytes: &[u8]) -> Result<&str, LabelsError> {
    std::str::from_utf8(bytes)
        .map_err(|_| LabelsError::Utf8(String::from_utf8_lossy(bytes).into_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn set(pairs: &[(&str, &str)]) -> Labels {
        Labels::from_pairs(pairs.iter().copied()).unwrap()
    }

    #[test]
    fn order_and_empty_values_do_not_matter() {
        let a = set(&[("b", "2"), ("__name__", "up"), ("c", "")]);
        let b = set(&[("__name__", "up"), ("b", "2")]);
        assert_eq!(a, b);
        assert_eq!(a.to_string(), "up{b=\"2\"}");
        assert_eq!(a.get("b"), Some("2"));
        assert_eq!(a.get("c"), None);
    }

    #[test]
    fn doubles_and_empty_names_are_errors() {
        let double = Labels::from_pairs([("a", "1"), ("a", "2")]);
        assert_eq!(double, Err(LabelsError::Duplicate("a".into())));
        assert_eq!(Labels::from_pairs([("", "x")]), Err(LabelsError::EmptyName("x".into())));
    }

    #[test]
    fn sets_are_ordered_label_by_label() {
        assert!(set(&[("a", "1")]) < set(&[("a", "1"), ("b", "1")]));
        assert!(set(&[("a", "2")]) > set(&[("a", "10")]));
        assert!(set(&[("a", "z")]) < set(&[("ab", "a")]));
    }

    #[test]
    fn bytes_that_are_not_canonical_are_refused() {
        let good = set(&[("a", "1"), ("b", "2")]);
        assert_eq!(Labels::from_canonical(good.to_bytes()), Ok(good.clone()));
        let mut swapped = set(&[("b", "2")]).as_bytes().to_vec();
        swapped.extend_from_slice(set(&[("a", "1")]).as_bytes());
        assert_eq!(Labels::from_canonical(swapped.into()), Err(LabelsError::Encoding));
        let long_varint = [0x0a, 0x87, 0x00, 0x0a, 0x01, b'a', 0x12, 0x01, b'1'];
        assert!(Labels::from_canonical(Bytes::copy_from_slice(&long_varint)).is_err());
    }

    proptest! {
        #[test]
        fn any_bytes_are_checked_without_a_panic(bytes: Vec<u8>) {
            if let Ok(labels) = Labels::from_canonical(bytes.into()) {
                let again = Labels::from_pairs(labels.iter()).unwrap();
                prop_assert_eq!(again, labels);
            }
        }

        #[test]
        fn sets_round_trip(pairs in prop::collection::btree_map("[a-z]{1,9}", ".{1,200}", 0..20)) {
            let labels = Labels::from_pairs(&pairs).unwrap();
            let back: std::collections::BTreeMap<_, _> =
                labels.iter().map(|(n, v)| (n.to_owned(), v.to_owned())).collect();
            prop_assert_eq!(&back, &pairs);
            prop_assert_eq!(Labels::from_canonical(labels.to_bytes()), Ok(labels));
        }
    }
}
