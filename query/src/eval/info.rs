//! info(): series get the labels of the info series with the same `instance` and `job`.

use std::collections::BTreeMap;
use std::sync::Arc;

use proto::labels::METRIC_NAME;
use proto::{FixedMap, FixedSet, Matcher};
use smallvec::SmallVec;

use super::groups::{Groups, Keying};
use super::labels::with_label;
use super::{Matrix, RowLabels, Run, SAME_LABELSET, Sink, is_present};
use crate::dictionary::{NameId, PairId};
use crate::error::QueryError;
use crate::plan::Grid;
use crate::queryable::Columns;
use crate::syntax::{Expr, ExprKind, Selector};

/// Labels that say which info series belongs to a series.
const IDENTIFYING: [&str; 2] = ["instance", "job"];

/// Info series that are chosen at some step, at most one of each info metric.
type Chosen = SmallVec<[usize; 4]>;

/// Stands for the time of a sample that is a histogram.
const HISTOGRAM: f64 = f64::INFINITY;

fn time_of_float(columns: &Columns, at: usize) -> f64 {
    match columns.histograms.get(at) {
        Some(_) => HISTOGRAM,
        None => columns.timestamps[at] as f64,
    }
}

/// Info series with the times of their samples as values.
struct InfoSeries {
    matrix: Matrix,
    /// Their groups by identifying labels.
    groups: Groups,
    /// Of each group the series of each info metric, by name.
    by_name: Vec<BTreeMap<PairId, Vec<usize>>>,
    keying: Keying,
    /// Conditions on labels but the name's.
    data: Vec<(NameId, Matcher)>,
}

/// Result series by labels.
struct Enriched {
    matrix: Matrix,
    index: FixedMap<RowLabels, usize>,
}

impl Run<'_> {
    pub(super) fn info(
        &mut self,
        args: &[Expr],
        grid: Grid,
        sink: &mut Sink<'_>,
    ) -> Result<(), QueryError> {
        let [base, info] = args else { return Err(QueryError::execution("info() lacks a part")) };
        let ExprKind::Selector(selector) = &info.kind else {
            return Err(QueryError::execution("expected label selectors only"));
        };
        let base = self.collect(base, grid)?;
        let infos = self.info_series(&base, selector, grid)?;
        let mut out = Enriched { matrix: Matrix::new(grid.count), index: FixedMap::default() };
        for series in 0..base.len() {
            self.check_cancel()?;
            self.enrich(&base, series, selector, &infos, &mut out)?;
        }
        self.release(&base);
        self.release(&infos.matrix);
        self.forward(out.matrix, sink)
    }

    /// The info series that may belong to a series of `base`.
    fn info_series(
        &mut self,
        base: &Matrix,
        selector: &Selector,
        grid: Grid,
    ) -> Result<InfoSeries, QueryError> {
        let identifying = IDENTIFYING.map(|name| self.names.intern_name(name));
        let mut wanted: [FixedSet<PairId>; 2] = Default::default();
        for series in 0..base.len() {
            if self.is_info_metric(selector, base.labels(series)) {
                continue;
            }
            for pair in base.labels(series) {
                let name = self.names.name_of(*pair);
                if let Some(at) = identifying.iter().position(|i| *i == name) {
                    wanted[at].insert(*pair);
                }
            }
        }
        let mut matrix = Matrix::new(grid.count);
        if wanted.iter().any(|values| !values.is_empty()) {
            self.instant_rows(selector, grid, Some(time_of_float), &mut |run, row| {
                let among = |values: &FixedSet<PairId>| {
                    values.is_empty() || row.labels.iter().any(|pair| values.contains(pair))
                };
                if !wanted.iter().all(among) {
                    return Ok(());
                }
                match row.values.contains(&HISTOGRAM) {
                    true => Err(QueryError::execution("info sample should be float")),
                    false => run.keep(&mut matrix, row),
                }
            })?;
        }
        let others = selector.matchers.iter().filter(|m| m.name() != METRIC_NAME);
        let data = others.map(|m| (self.names.intern_name(m.name()), m.clone())).collect();
        Ok(self.grouped(matrix, data))
    }

    fn grouped(&mut self, matrix: Matrix, data: Vec<(NameId, Matcher)>) -> InfoSeries {
        let keying = Keying::only(self, &IDENTIFYING);
        let (mut groups, mut by_name) = (Groups::default(), Vec::new());
        for series in 0..matrix.len() {
            let (group, new) = groups.number(keying.key(self, matrix.labels(series)));
            if new {
                by_name.push(BTreeMap::new());
            }
            let name = self.metric_name(matrix.labels(series)).to_owned();
            let name = self.names.intern(METRIC_NAME, &name);
            by_name[group].entry(name).or_insert_with(Vec::new).push(series);
        }
        InfoSeries { matrix, groups, by_name, keying, data }
    }

    /// Whether a series is itself one of those that enrich others.
    fn is_info_metric(&self, selector: &Selector, labels: &[PairId]) -> bool {
        let name = self.metric_name(labels);
        let mut names = selector.matchers.iter().filter(|m| m.name() == METRIC_NAME);
        names.all(|matcher| matcher.matches(name))
    }

    /// Adds a series with the labels that it gets at each step.
    fn enrich(
        &mut self,
        base: &Matrix,
        series: usize,
        selector: &Selector,
        infos: &InfoSeries,
        out: &mut Enriched,
    ) -> Result<(), QueryError> {
        let labels = base.labels(series);
        if self.is_info_metric(selector, labels) {
            let steps = 0..base.steps();
            return self.add(base, series, labels.into(), steps, out);
        }
        let key = infos.keying.key(self, labels);
        let group = infos.groups.find(&key).map(|group| &infos.by_name[group]);
        let mut step = 0;
        while step < base.steps() {
            let chosen = self.chosen(base, series, infos, group, step)?;
            let start = step;
            step += 1;
            while step < base.steps() && self.chosen(base, series, infos, group, step)? == chosen {
                step += 1;
            }
            if chosen.is_empty() && !infos.data.iter().all(|(_, m)| m.matches_empty()) {
                continue;
            }
            let labels = self.with_info(labels, infos, &chosen)?;
            self.add(base, series, labels, start..step, out)?;
        }
        Ok(())
    }

    /// Of each info metric the series with the newest sample.
    fn chosen(
        &self,
        base: &Matrix,
        series: usize,
        infos: &InfoSeries,
        group: Option<&BTreeMap<PairId, Vec<usize>>>,
        step: usize,
    ) -> Result<Chosen, QueryError> {
        let mut chosen = Chosen::new();
        let Some(group) = group.filter(|_| is_present(base.at(series, step))) else {
            return Ok(chosen);
        };
        for candidates in group.values() {
            let mut newest: Option<usize> = None;
            for info in candidates.iter().copied() {
                let time = infos.matrix.at(info, step);
                if !is_present(time) {
                    continue;
                }
                match newest.map(|other| (other, infos.matrix.at(other, step))) {
                    Some((other, other_time)) if other_time == time => {
                        return Err(self.duplicate(infos, other, info, time));
                    }
                    Some((_, other_time)) if other_time > time => {}
                    _ => newest = Some(info),
                }
            }
            chosen.extend(newest);
        }
        Ok(chosen)
    }

    fn duplicate(&self, infos: &InfoSeries, first: usize, second: usize, time: f64) -> QueryError {
        let mut both = [first, second].map(|info| self.label_text(infos.matrix.labels(info)));
        both.sort();
        let [first, second] = both;
        QueryError::execution(format!(
            "found duplicate series for info metric: existing {first} @ {time}, new {second} @ \
             {time}"
        ))
    }

    /// `labels` with those of the chosen info series that are asked for and not there yet.
    fn with_info(
        &self,
        labels: &[PairId],
        infos: &InfoSeries,
        chosen: &[usize],
    ) -> Result<RowLabels, QueryError> {
        let mut added: BTreeMap<NameId, PairId> = BTreeMap::new();
        for pair in chosen.iter().flat_map(|info| infos.matrix.labels(*info)) {
            let name = self.names.name_of(*pair);
            let asked = infos.data.is_empty() || infos.data.iter().any(|(n, _)| *n == name);
            if self.names.name(name) == METRIC_NAME || !asked {
                continue;
            }
            if added.get(&name).is_some_and(|other| other != pair) {
                let name = self.names.name(name);
                return Err(QueryError::execution(format!("conflicting label: {name}")));
            }
            if !labels.iter().any(|own| self.names.name_of(*own) == name) {
                added.insert(name, *pair);
            }
        }
        let start: RowLabels = labels.into();
        Ok(added
            .into_iter()
            .fold(start, |out, (name, pair)| with_label(self, &out, name, Some(pair))))
    }

    /// Adds some steps of a series under these labels.
    fn add(
        &mut self,
        base: &Matrix,
        series: usize,
        labels: RowLabels,
        steps: std::ops::Range<usize>,
        out: &mut Enriched,
    ) -> Result<(), QueryError> {
        let present: Vec<usize> = steps.filter(|s| is_present(base.at(series, *s))).collect();
        if present.is_empty() {
            return Ok(());
        }
        let index = match out.index.get(&labels) {
            Some(index) => *index,
            None => {
                self.charge(base.steps())?;
                out.matrix.push_empty(&labels, base.drop_name(series));
                out.index.insert(labels, out.matrix.len() - 1);
                out.matrix.len() - 1
            }
        };
        for step in present {
            let slot = &mut out.matrix.values_mut(index)[step];
            if is_present(*slot) {
                return Err(QueryError::execution(SAME_LABELSET));
            }
            *slot = base.at(series, step);
            if let Some(histogram) = base.histograms(series).get(step) {
                out.matrix.histograms_mut(index).set(step, Arc::clone(histogram));
            }
        }
        Ok(())
    }
}
