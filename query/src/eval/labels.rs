//! label_replace and label_join, and label sets with one label changed.

use proto::MatcherError;
use proto::matcher::{REGEX_BYTES_MAX, check_pattern};
use regex::{Regex, RegexBuilder};

use super::{Row, RowLabels, Run, Sink};
use crate::dictionary::{NameId, PairId};
use crate::error::QueryError;
use crate::hashing::QueryMap;
use crate::plan::Grid;
use crate::syntax::{Expr, quote};

/// `labels` with the label `name` set to `pair`, or removed.
pub(super) fn with_label(
    run: &Run<'_>,
    labels: &[PairId],
    name: NameId,
    pair: Option<PairId>,
) -> RowLabels {
    let mut out: RowLabels =
        labels.iter().copied().filter(|p| run.names.name_of(*p) != name).collect();
    if let Some(pair) = pair {
        let text = run.names.name(name);
        let after = |p: &PairId| run.names.name(run.names.name_of(*p)) > text;
        let at = out.iter().position(after).unwrap_or(out.len());
        out.insert(at, pair);
    }
    out
}

impl Run<'_> {
    /// Pair of a label, if the row has it.
    fn pair_of(&self, labels: &[PairId], name: NameId) -> Option<PairId> {
        labels.iter().copied().find(|pair| self.names.name_of(*pair) == name)
    }

    /// Labels as messages show them: all in braces, the name included.
    pub(super) fn label_text(&self, labels: &[PairId]) -> String {
        let parts = labels.iter().map(|pair| {
            let (name, value) = self.names.pair(*pair);
            format!("{name}={}", quote(value.as_bytes()))
        });
        format!("{{{}}}", parts.collect::<Vec<_>>().join(", "))
    }

    /// label_replace(v, destination, replacement, source, regex), memoised by source value.
    pub(super) fn label_replace(
        &mut self,
        args: &[Expr],
        grid: Grid,
        sink: &mut Sink<'_>,
    ) -> Result<(), QueryError> {
        let (destination, replacement) = (self.text(&args[1])?, self.text(&args[2])?);
        let (source, pattern) = (self.text(&args[3])?, self.text(&args[4])?);
        let regex = anchored(pattern)?;
        if destination.is_empty() {
            return Err(invalid_destination("label_replace", destination));
        }
        let source = self.names.intern_name(source);
        let target = self.names.intern_name(destination);
        let names_metric = destination == proto::labels::METRIC_NAME;
        let mut replaced: QueryMap<Option<PairId>, Option<Option<PairId>>> = QueryMap::default();
        self.stream(&args[0], grid, &mut |run, row| {
            let from = run.pair_of(row.labels, source);
            let change = match replaced.get(&from) {
                Some(change) => *change,
                None => {
                    let change = run.replacement(&regex, from, replacement, target)?;
                    replaced.insert(from, change);
                    change
                }
            };
            let Some(pair) = change else { return sink(run, row) };
            let labels = with_label(run, row.labels, target, pair);
            let drop_name = row.drop_name && !names_metric;
            sink(run, Row { labels: &labels, drop_name, ..row })
        })
    }

    /// What the destination becomes (`None`: no such label); `None` if nothing matches.
    fn replacement(
        &mut self,
        regex: &Regex,
        from: Option<PairId>,
        replacement: &str,
        target: NameId,
    ) -> Result<Option<Option<PairId>>, QueryError> {
        let value = from.map_or("", |pair| self.names.value(pair));
        let Some(captures) = regex.captures(value) else { return Ok(None) };
        // Each reference brings at most the whole value.
        let references = replacement.bytes().filter(|byte| *byte == b'$').count();
        bounded("label_replace", replacement.len() + references * value.len())?;
        let mut text = String::new();
        captures.expand(replacement, &mut text);
        drop(captures);
        Ok(Some((!text.is_empty()).then(|| self.names.intern_value(target, &text))))
    }

    /// label_join(v, destination, separator, source, …).
    pub(super) fn label_join(
        &mut self,
        args: &[Expr],
        grid: Grid,
        sink: &mut Sink<'_>,
    ) -> Result<(), QueryError> {
        let (destination, separator) = (self.text(&args[1])?, self.text(&args[2])?);
        if destination.is_empty() {
            return Err(invalid_destination("label_join", destination));
        }
        let mut sources = Vec::new();
        for arg in &args[3..] {
            let name = self.text(arg)?;
            if name.is_empty() {
                let text = "invalid source label name in label_join(): ";
                return Err(QueryError::execution(text));
            }
            sources.push(self.names.intern_name(name));
        }
        let target = self.names.intern_name(destination);
        let names_metric = destination == proto::labels::METRIC_NAME;
        self.stream(&args[0], grid, &mut |run, row| {
            let value = |name: &NameId| {
                run.pair_of(row.labels, *name).map_or("", |pair| run.names.value(pair))
            };
            let bytes: usize = sources.iter().map(|name| value(name).len() + separator.len()).sum();
            bounded("label_join", bytes)?;
            let text = sources.iter().map(value).collect::<Vec<_>>().join(separator);
            let pair = (!text.is_empty()).then(|| run.names.intern_value(target, &text));
            let labels = with_label(run, row.labels, target, pair);
            let drop_name = row.drop_name && !names_metric;
            sink(run, Row { labels: &labels, drop_name, ..row })
        })
    }
}

/// Refuses a label value that would be longer than a stored one may be: nested calls could double
/// it at every level.
fn bounded(function: &str, bytes: usize) -> Result<(), QueryError> {
    let limit = proto::labels::LABEL_VALUE_BYTES_MAX;
    if bytes <= limit {
        return Ok(());
    }
    Err(QueryError::Limit(format!(
        "{function}() would make a label value of up to {bytes} bytes; at most {limit} are allowed"
    )))
}

fn anchored(pattern: &str) -> Result<Regex, QueryError> {
    let invalid = || {
        let text = format!("invalid regular expression in label_replace(): {pattern}");
        QueryError::execution(text)
    };
    // The pattern must be valid alone: "a)(b" would become valid inside of the anchors.
    check_pattern(pattern).map_err(|error| match error {
        MatcherError::Limit(text) => QueryError::Limit(format!("label_replace(): {text}")),
        MatcherError::Invalid { .. } => invalid(),
    })?;
    let text = format!("^(?s:{pattern})$");
    let built = RegexBuilder::new(&text).size_limit(REGEX_BYTES_MAX).build();
    built.map_err(|error| match error {
        regex::Error::CompiledTooBig(limit) => QueryError::Limit(format!(
            "label_replace(): its regular expression takes more than {limit} bytes when compiled"
        )),
        _ => invalid(),
    })
}

fn invalid_destination(function: &str, name: &str) -> QueryError {
    QueryError::execution(format!("invalid destination label name in {function}(): {name}"))
}
