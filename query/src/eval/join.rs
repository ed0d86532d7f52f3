//! Arithmetic and comparison of two vectors: one hash join for all steps, on label ids.

use super::binary::Operation;
use super::groups::{Groups, Keying};
use super::labels::with_label;
use super::{ABSENT, Matrix, Row, RowLabels, Run, Sink, ValueRef, Values, is_present, put};
use crate::annotations::NoteSet;
use crate::dictionary::{NameId, PairId};
use crate::error::QueryError;
use crate::histogram_column::HistogramColumn;
use crate::plan::Grid;
use crate::syntax::{Cardinality, Expr, Matching};

const MANY_TO_ONE: &str = "multiple matches for labels: many-to-one matching must be explicit \
                           (group_left/group_right)";
const NOT_UNIQUE: &str = "multiple matches for labels: grouping labels must ensure unique matches";

/// A join; `many` is the left side, or the right under `group_right`.
struct Join<'m> {
    operation: Operation,
    matching: &'m Matching,
    keying: Keying,
    include: Vec<NameId>,
    many: Matrix,
    one: Matrix,
    /// Stands in for the missing partner on that side.
    many_fill: Option<f64>,
    one_fill: Option<f64>,
}

impl Run<'_> {
    pub(super) fn join_rows(
        &mut self,
        operation: Operation,
        lhs: &Expr,
        rhs: &Expr,
        matching: &Matching,
        grid: Grid,
        sink: &mut Sink<'_>,
    ) -> Result<(), QueryError> {
        let (left, right) = (self.collect(lhs, grid)?, self.collect(rhs, grid)?);
        let fills = matching.fill_left.is_some() || matching.fill_right.is_some();
        if (left.len() == 0 || right.len() == 0) && !fills {
            self.release(&left);
            self.release(&right);
            return Ok(());
        }
        let swapped = matching.cardinality == Cardinality::OneToMany;
        let (many, one) = if swapped { (right, left) } else { (left, right) };
        // As in Prometheus, under group_right the fills change sides with the vectors.
        let (many_fill, one_fill) = (matching.fill_left, matching.fill_right);
        let keying = Keying::matching(self, matching);
        let include = matching.include.iter().map(|name| self.names.intern_name(name)).collect();
        let join = Join { operation, matching, keying, include, many, one, many_fill, one_fill };
        let out = self.join(&join, grid)?;
        self.release(&join.many);
        self.release(&join.one);
        let out = out.merge_equal_labels().map_err(|_| QueryError::execution(NOT_UNIQUE))?;
        self.forward(out, sink)
    }

    fn join(&mut self, join: &Join<'_>, grid: Grid) -> Result<Matrix, QueryError> {
        let mut groups = Groups::default();
        let ones = self.members(&mut groups, join, &join.one);
        let many = self.members(&mut groups, join, &join.many);
        let all: Vec<usize> = (0..join.many.len()).collect();
        let mut many_present = steps_present(&join.many, &all);
        if join.many_fill.is_some() {
            many_present.fill(true);
        }
        let mut out = Matrix::new(grid.count);
        for group in 0..groups.len() {
            self.check_cancel()?;
            let none: &[usize] = &[];
            let ones = ones.get(group).map_or(none, Vec::as_slice);
            let many = many.get(group).map_or(none, Vec::as_slice);
            self.check_unique_one(join, &groups, group, ones, &many_present)?;
            if join.matching.cardinality == Cardinality::OneToOne {
                check_unique_many(join, many, ones)?;
            }
            for (many, one) in many.iter().flat_map(|m| ones.iter().map(move |o| (*m, *o))) {
                self.join_pair(join, many, one, &mut out)?;
            }
            self.fill_group(join, groups.labels.get(group), (many, ones), &mut out)?;
        }
        Ok(out)
    }

    /// Series of each group.
    fn members(&self, groups: &mut Groups, join: &Join<'_>, matrix: &Matrix) -> Vec<Vec<usize>> {
        let mut members: Vec<Vec<usize>> = vec![Vec::new(); groups.len()];
        for index in 0..matrix.len() {
            let key = join.keying.key(self, matrix.labels(index));
            let (group, new) = groups.number(key);
            if new {
                members.push(Vec::new());
            }
            members[group].push(index);
        }
        members
    }

    /// At no step may two series of the `one` side have the same key.
    fn check_unique_one(
        &self,
        join: &Join<'_>,
        groups: &Groups,
        group: usize,
        ones: &[usize],
        many_present: &[bool],
    ) -> Result<(), QueryError> {
        if ones.len() < 2 {
            return Ok(());
        }
        for step in (0..join.one.steps()).filter(|step| many_present[*step]) {
            let mut present = ones.iter().filter(|one| is_present(join.one.at(**one, step)));
            if let (Some(first), Some(second)) = (present.next(), present.next()) {
                let swapped = join.matching.cardinality == Cardinality::OneToMany;
                let side = if swapped { "left" } else { "right" };
                let mut two = [first, second].map(|i| self.label_text(join.one.labels(*i)));
                two.sort();
                return Err(QueryError::execution(format!(
                    "found duplicate series for the match group {} on the {side} hand-side of \
                     the operation: [{}, {}];many-to-many matching not allowed: matching labels \
                     must be unique on one side",
                    self.label_text(groups.labels.get(group)),
                    two[0],
                    two[1]
                )));
            }
        }
        Ok(())
    }

    fn join_pair(
        &mut self,
        join: &Join<'_>,
        many: usize,
        one: usize,
        out: &mut Matrix,
    ) -> Result<(), QueryError> {
        let (left, right) = (join.many.values(many), join.one.values(one));
        let values = |step: usize| (left[step], right[step]);
        let labels = (join.many.labels(many), join.one.labels(one));
        let histograms = (join.many.histograms(many), join.one.histograms(one));
        self.join_values(join, labels, values, histograms, out)
    }

    /// `fill`, `fill_left` and `fill_right`: a value for the partner that a group lacks.
    fn fill_group(
        &mut self,
        join: &Join<'_>,
        key: &[PairId],
        (many, ones): (&[usize], &[usize]),
        out: &mut Matrix,
    ) -> Result<(), QueryError> {
        let none = HistogramColumn::default();
        if let Some(fill) = join.one_fill {
            let taken = steps_present(&join.one, ones);
            let partner = |step: usize| if taken[step] { ABSENT } else { fill };
            for many in many {
                let values = |step: usize| (join.many.at(*many, step), partner(step));
                let (labels, histograms) = (join.many.labels(*many), join.many.histograms(*many));
                self.join_values(join, (labels, &[]), values, (histograms, &none), out)?;
            }
        }
        if let Some(fill) = join.many_fill {
            let taken = steps_present(&join.many, many);
            let partner = |step: usize| if taken[step] { ABSENT } else { fill };
            for one in ones {
                let values = |step: usize| (partner(step), join.one.at(*one, step));
                let (labels, histograms) = (join.one.labels(*one), join.one.histograms(*one));
                self.join_values(join, (key, labels), values, (&none, histograms), out)?;
            }
        }
        Ok(())
    }

    /// The row of two series, given as labels and values of the many and the one side.
    fn join_values(
        &mut self,
        join: &Join<'_>,
        (many, one): (&[PairId], &[PairId]),
        values_at: impl Fn(usize) -> (f64, f64),
        histograms: (&HistogramColumn, &HistogramColumn),
        out: &mut Matrix,
    ) -> Result<(), QueryError> {
        let swapped = join.matching.cardinality == Cardinality::OneToMany;
        let (left, right) = if swapped { (histograms.1, histograms.0) } else { histograms };
        let of_floats = left.is_empty() && right.is_empty() && !join.operation.op.is_trim();
        let mut values = vec![ABSENT; out.steps()];
        let (mut histograms, mut notes) = (HistogramColumn::default(), NoteSet::default());
        for step in 0..values.len() {
            let (m, o) = values_at(step);
            if !is_present(m) || !is_present(o) {
                continue;
            }
            // A filter lets the left side's value through, whichever side is many.
            let (a, b) = if swapped { (o, m) } else { (m, o) };
            if of_floats {
                values[step] = join.operation.apply(a, b, a);
                continue;
            }
            let (a, b) = (ValueRef::at(a, left, step), ValueRef::at(b, right, step));
            let value = join.operation.apply_to_kinds(a, b, a, &mut notes);
            put(value, step, &mut values, &mut histograms);
        }
        self.add_notes(join.operation.at, notes, &[]);
        if !values.iter().any(|v| is_present(*v)) {
            return Ok(());
        }
        let labels = self.joined_labels(join, many, one);
        let delayed = self.plan.options.delayed_name_removal;
        let drop_name = delayed && join.operation.returns_bool;
        let values = Values::Given(values.into_boxed_slice());
        self.keep(out, Row { labels: &labels, drop_name, values, histograms })
    }

    /// Labels of the result of two series.
    fn joined_labels(&self, join: &Join<'_>, many: &[PairId], one: &[PairId]) -> RowLabels {
        let delayed = self.plan.options.delayed_name_removal;
        let renames = join.operation.op.makes_metric() || (join.operation.returns_bool && !delayed);
        let mut labels: RowLabels = if renames { self.without_metadata(many) } else { many.into() };
        if join.matching.cardinality == Cardinality::OneToOne {
            labels.retain(|pair| self.stays(*pair, join));
        }
        for name in &join.include {
            let pair = one.iter().copied().find(|pair| self.names.name_of(*pair) == *name);
            labels = with_label(self, &labels, *name, pair);
        }
        labels
    }

    /// One to one: whether a label is one of those matched on. The metric's name stays or goes
    /// by the operator, unless `on` leaves it out.
    fn stays(&self, pair: PairId, join: &Join<'_>) -> bool {
        let name = self.names.name_of(pair);
        let named = join.keying.names.contains(name);
        if join.matching.on { named } else { !named || self.is_metadata(name) }
    }
}

/// At which steps some of these series have a value.
fn steps_present(matrix: &Matrix, members: &[usize]) -> Vec<bool> {
    let mut present = vec![false; matrix.steps()];
    for index in members {
        for (slot, value) in present.iter_mut().zip(matrix.values(*index)) {
            *slot |= is_present(*value);
        }
    }
    present
}

/// One to one: at no step may two series of the left side find a partner under the same key.
fn check_unique_many(join: &Join<'_>, many: &[usize], ones: &[usize]) -> Result<(), QueryError> {
    if many.len() < 2 {
        return Ok(());
    }
    let present = |matrix: &Matrix, members: &[usize], step: usize| {
        members.iter().filter(|m| is_present(matrix.at(**m, step))).count()
    };
    for step in 0..join.many.steps() {
        if present(&join.many, many, step) > 1 && present(&join.one, ones, step) > 0 {
            return Err(QueryError::execution(MANY_TO_ONE));
        }
    }
    Ok(())
}
