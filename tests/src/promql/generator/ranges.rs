//! Selectors, range vectors and the functions over them.

use super::{Generator, Part};

/// Metrics whose values are whole numbers or binary fractions, and some more.
const EXACT_METRICS: &[&str] = &[
    "requests_total",
    "requests_total",
    "young_total",
    "queue_length",
    "queue_length",
    "up",
    "latency_count",
    "latency_sum",
    "latency_bucket",
    "build_info",
];
const INEXACT_METRICS: &[&str] = &["temperature", "temperature", "odd"];
const MATCHERS: &[&str] = &[
    "job=\"api\"",
    "job!=\"db\"",
    "job=~\"a.*|web\"",
    "instance=~\"a|b\"",
    "instance!~\"c.*\"",
    "instance=\"a\"",
    "code=~\"5..\"",
    "code!=\"\"",
    "le=\"+Inf\"",
    "kind!=\"nan\"",
    "nothing=\"\"",
    "job=~\".+\"",
    "job=\"none\"",
    "instance=~\"[b-d]\"",
];
/// Functions for which the exact stays exact.
const EXACT_WINDOWS: &[&str] = &[
    "last_over_time",
    "min_over_time",
    "max_over_time",
    "sum_over_time",
    "count_over_time",
    "present_over_time",
    "idelta",
];
/// Functions in whose results a last bit of the values counts as a last bit.
const SMOOTH_WINDOWS: &[&str] =
    &["avg_over_time", "min_over_time", "max_over_time", "last_over_time", "count_over_time"];
/// Metrics whose rate both extrapolate in the same way, see the data.
const COUNTERS: &[&str] =
    &["requests_total", "young_total", "latency_count", "latency_sum", "latency_bucket"];
/// Functions that tell a fall by a last bit from none, or that lose digits.
const SHARP_WINDOWS: &[&str] = &["irate", "delta", "changes", "resets"];
/// Functions that need numbers of some size.
const MOMENTS: &[&str] = &["deriv", "stddev_over_time", "stdvar_over_time"];

impl Generator {
    fn metric(&mut self, exact: bool) -> Part {
        match exact || !self.random.one_in(5) {
            true => Part::new(self.random.pick(EXACT_METRICS), true),
            false => Part::new(self.random.pick(INEXACT_METRICS), false),
        }
    }

    fn matchers(&mut self) -> String {
        let count = self.random.below(3);
        let matchers: Vec<&str> = (0..count).map(|_| self.random.pick(MATCHERS)).collect();
        matchers.join(", ")
    }

    /// A selector of several metrics.
    pub(super) fn several(&mut self) -> String {
        let names = self.random.pick(&["queue_length|up", "young.*", "latency_(sum|count)"]);
        format!("{{__name__=~\"{names}\", {}}}", self.random.pick(MATCHERS))
    }

    /// Name and matchers.
    fn bare_selector(&mut self, exact: bool) -> Part {
        let metric = self.metric(exact);
        Part::new(self.matched(&metric.text), metric.exact)
    }

    fn matched(&mut self, metric: &str) -> String {
        match self.random.below(3) {
            0 => metric.to_owned(),
            1 => format!("{metric}{{{}}}", self.matchers()),
            _ => format!("{metric}{{{}}}", self.random.pick(MATCHERS)),
        }
    }

    fn offset(&mut self) -> &'static str {
        self.random.pick(&["", " offset 1m", " offset 77s", " offset -2m", " offset 10m"])
    }

    fn at(&mut self) -> String {
        match self.random.below(4) {
            0 => " @ start()".to_owned(),
            1 => " @ end()".to_owned(),
            2 => {
                let ms = self.time();
                format!(" @ {}.{:03}", ms.div_euclid(1000), ms.rem_euclid(1000))
            }
            _ => String::new(),
        }
    }

    /// Offset and `@`, in both orders.
    fn shift(&mut self) -> String {
        if !self.random.one_in(5) {
            return String::new();
        }
        let (offset, at) = (self.offset(), self.at());
        if self.random.one_in(2) { format!("{offset}{at}") } else { format!("{at}{offset}") }
    }

    /// An instant selector.
    pub(super) fn selector(&mut self, exact: bool) -> Part {
        let (bare, shift) = (self.bare_selector(exact), self.shift());
        Part::new(format!("{}{shift}", bare.text), bare.exact)
    }

    /// The times of the samples of a selector with `@` or an offset.
    pub(super) fn timestamp(&mut self) -> String {
        let bare = self.bare_selector(true).text;
        match self.random.one_in(2) {
            true => format!("timestamp({bare}{})", self.at()),
            false => format!("timestamp({bare}{})", self.offset()),
        }
    }

    /// A gauge whose values differ between all series.
    pub(super) fn distinct_gauge(&mut self) -> String {
        let matchers = self.matchers();
        format!("queue_length{{{matchers}}}{}", self.shift())
    }

    fn duration(&mut self) -> &'static str {
        self.random.pick(&["20s", "1m", "2m", "5m", "5m", "10m", "17m", "1h", "1h30m", "90s"])
    }

    /// A range selector.
    pub(super) fn range_selector(&mut self, exact: bool) -> Part {
        let bare = self.bare_selector(exact);
        let text = format!("{}[{}]{}", bare.text, self.duration(), self.shift());
        Part::new(text, bare.exact)
    }

    /// A subquery. Its edge does not lie on a whole second, as its own steps do.
    fn subquery(&mut self, depth: usize, exact: bool) -> Part {
        let inner = self.vector(depth, exact);
        let range = self.random.pick(&["3m300ms", "7m300ms", "10m300ms", "30m300ms"]);
        let step = self.random.pick(&["", "15s", "30s", "1m", "47s"]);
        // 2.42 reads too little for `@` in a subquery with `@`.
        let is_fixed = inner.text.contains(" @ ");
        let shift = if is_fixed { self.offset().to_owned() } else { self.shift() };
        Part::new(format!("({})[{range}:{step}]{shift}", inner.text), inner.exact)
    }

    fn matrix(&mut self, depth: usize, exact: bool) -> Part {
        match depth > 0 && self.random.one_in(4) {
            true => self.subquery(depth - 1, exact),
            false => self.range_selector(exact),
        }
    }

    /// A function over a range vector.
    pub(super) fn over_time(&mut self, depth: usize, exact: bool) -> Part {
        if exact || self.random.one_in(3) {
            let (function, matrix) = (self.random.pick(EXACT_WINDOWS), self.matrix(depth, true));
            return Part::new(format!("{function}({})", matrix.text), true);
        }
        let text = match self.random.below(11) {
            0 => format!(
                "quantile_over_time({}, {})",
                self.quantile(),
                self.matrix(depth, false).text
            ),
            1 => {
                let seconds = self.random.pick(&["60", "-600", "3600", "0"]);
                let (bare, range) = (self.bare_selector(true).text, self.duration());
                format!("predict_linear({bare}[{range}]{}, {seconds})", self.offset())
            }
            2 => {
                let text = format!("absent_over_time({})", self.matrix(depth, false).text);
                return Part::new(text, true);
            }
            3 | 4 => {
                let function = self.random.pick(SMOOTH_WINDOWS);
                format!("{function}({})", self.matrix(depth, false).text)
            }
            8 | 9 => {
                let (counter, range) = (self.random.pick(COUNTERS), self.duration());
                let (counter, shift) = (self.matched(counter), self.shift());
                let function = self.random.pick(&["rate", "rate", "increase"]);
                format!("{function}({counter}[{range}]{shift})")
            }
            10 => {
                let function = self.random.pick(MOMENTS);
                format!("{function}({})", self.range_selector(true).text)
            }
            _ => {
                let function = self.random.pick(SHARP_WINDOWS);
                format!("{function}({})", self.matrix(depth, true).text)
            }
        };
        Part::new(text, false)
    }

    /// The parameter of a quantile, now and then outside of 0 to 1.
    pub(super) fn quantile(&mut self) -> &'static str {
        self.random.pick(&["0", "0.1", "0.5", "0.9", "0.99", "1", "0.25", "-1", "1.5", "NaN"])
    }
}
