//! sort and sort_by_label: they decide the order of an instant query's answer.

use std::cmp::Ordering;

use super::{Matrix, Run, Sink};
use crate::dictionary::NameId;
use crate::error::QueryError;
use crate::plan::{Grid, QueryKind};
use crate::syntax::Expr;

impl Run<'_> {
    fn warn_sort(&mut self, at: usize) {
        if self.plan.kind == QueryKind::Range {
            let text = "sort is ineffective for range queries since results are always ordered \
                        by labels";
            self.notes.warn(&self.plan.query, at, text);
        }
    }

    /// sort and sort_desc, by value; NaN last.
    pub(super) fn sorted(
        &mut self,
        call: &Expr,
        arg: &Expr,
        descending: bool,
        grid: Grid,
        sink: &mut Sink<'_>,
    ) -> Result<(), QueryError> {
        self.warn_sort(call.span.start);
        let mut matrix = Matrix::new(grid.count);
        self.stream(arg, grid, &mut |run, mut row| {
            if row.remove_histograms() && row.is_absent() {
                return Ok(());
            }
            run.keep(&mut matrix, row)
        })?;
        if grid.count == 1 {
            let value = |index: usize| matrix.at(index, 0);
            let mut order: Vec<usize> = (0..matrix.len()).collect();
            order.sort_by(|a, b| by_value(value(*a), value(*b), descending));
            matrix = matrix.reordered(&order);
        }
        self.forward(matrix, sink)
    }

    /// sort_by_label and sort_by_label_desc; ties by the whole label set.
    pub(super) fn sorted_by_label(
        &mut self,
        call: &Expr,
        args: &[Expr],
        descending: bool,
        grid: Grid,
        sink: &mut Sink<'_>,
    ) -> Result<(), QueryError> {
        self.warn_sort(call.span.start);
        let mut names = Vec::new();
        for arg in &args[1..] {
            let name = self.text(arg)?;
            names.push(self.names.intern_name(name));
        }
        let matrix = self.collect(&args[0], grid)?;
        let mut order = matrix.order_by_labels(&self.names);
        if descending {
            order.reverse();
        }
        order.sort_by(|a, b| {
            let ordering = self.by_labels(&matrix, &names, *a, *b);
            if descending { ordering.reverse() } else { ordering }
        });
        let matrix = matrix.reordered(&order);
        self.forward(matrix, sink)
    }

    fn by_labels(&self, matrix: &Matrix, names: &[NameId], a: usize, b: usize) -> Ordering {
        let value = |index: usize, name: NameId| {
            let mut labels = matrix.labels(index).iter();
            let pair = labels.find(|pair| self.names.name_of(**pair) == name);
            pair.map_or("", |pair| self.names.value(*pair))
        };
        let orderings = names.iter().map(|name| natural(value(a, *name), value(b, *name)));
        orderings.into_iter().find(|o| o.is_ne()).unwrap_or(Ordering::Equal)
    }
}

fn by_value(a: f64, b: f64, descending: bool) -> Ordering {
    match (a.is_nan(), b.is_nan()) {
        (false, false) if descending => b.partial_cmp(&a).unwrap_or(Ordering::Equal),
        (false, false) => a.partial_cmp(&b).unwrap_or(Ordering::Equal),
        (a, b) => a.cmp(&b),
    }
}

/// Natural order of texts: runs of digits compare as numbers.
fn natural(a: &str, b: &str) -> Ordering {
    let (mut a, mut b) = (a, b);
    loop {
        let (digits_a, digits_b) = (leading(a, true), leading(b, true));
        if digits_a > 0 && digits_b > 0 {
            let (x, y) =
                (a[..digits_a].trim_start_matches('0'), b[..digits_b].trim_start_matches('0'));
            let ordering = x.len().cmp(&y.len()).then(x.cmp(y));
            if ordering.is_ne() {
                return ordering;
            }
            (a, b) = (&a[digits_a..], &b[digits_b..]);
        } else {
            let (text_a, text_b) = (leading(a, false), leading(b, false));
            let ordering = a[..text_a].cmp(&b[..text_b]);
            if ordering.is_ne() || (text_a == 0 && text_b == 0) {
                return if ordering.is_ne() { ordering } else { a.cmp(b) };
            }
            (a, b) = (&a[text_a..], &b[text_b..]);
        }
    }
}

/// Length of the leading run of digits, or of anything else.
fn leading(text: &str, digits: bool) -> usize {
    text.bytes().position(|b| b.is_ascii_digit() != digits).unwrap_or(text.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_in_texts_compare_as_numbers() {
        for (less, more) in [("2", "10"), ("4m5", "4m600"), ("1.2.3", "1.11.3"), ("", "a")] {
            assert_eq!(natural(less, more), Ordering::Less, "{less} {more}");
            assert_eq!(natural(more, less), Ordering::Greater, "{less} {more}");
        }
        assert_eq!(natural("a1", "a1"), Ordering::Equal);
    }
}
