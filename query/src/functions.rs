//! The table of functions. What each computes lives in `functions/` and `eval/`, a file a family.

mod dates;
mod math;

use proto::FloatHistogram;

use crate::eval::histogram::{average, deviation, variance};
use crate::syntax::Type;
pub(crate) use dates::rfc3339;
use dates::*;
use math::*;

/// A function of the language.
#[derive(Debug)]
pub struct Function {
    /// Its name.
    pub name: &'static str,
    /// Types of its arguments; the last one is that of all further ones too.
    pub(crate) args: &'static [Type],
    /// How many of the arguments may be left out or repeated.
    pub(crate) arity: Arity,
    /// Type of its value.
    pub returns: Type,
    /// Whether Prometheus has it behind a flag: it may change.
    pub experimental: bool,
    pub(crate) kind: Kind,
}

/// How many arguments a function takes, given the length of its `args`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Arity {
    /// Exactly all.
    Fixed,
    /// The last one may be left out or repeated up to that many times.
    LastUpTo(u8),
    /// The last one may be left out or repeated.
    LastRepeats,
}

/// What a function does.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Kind {
    /// A number to a number, series by series.
    Math(fn(f64) -> f64),
    /// Unix seconds to a part of the date.
    Date(fn(f64) -> f64),
    /// A window of samples to a number.
    Window(Window),
    Clamp,
    ClampMin,
    ClampMax,
    Round,
    Time,
    Pi,
    QueryStart,
    QueryEnd,
    QueryRange,
    QueryStep,
    MinOf,
    MaxOf,
    Scalar,
    Vector,
    Timestamp,
    StartTimestamp,
    Absent,
    AbsentOverTime,
    HistogramQuantile,
    HistogramQuantiles,
    /// A native histogram to a number.
    HistogramNumber {
        number: fn(&FloatHistogram) -> f64,
        /// Whether counts and sums are all it looks at.
        statistics_only: bool,
    },
    HistogramFraction,
    Info,
    LabelReplace,
    LabelJoin,
    Sort {
        descending: bool,
    },
    SortByLabel {
        descending: bool,
    },
}

/// Functions of a window of samples.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Window {
    Rate,
    Increase,
    Delta,
    Irate,
    Idelta,
    Deriv,
    PredictLinear,
    Smoothing,
    Resets,
    Changes,
    Avg,
    Min,
    Max,
    Sum,
    Count,
    Quantile,
    Stddev,
    Stdvar,
    Mad,
    First,
    Last,
    Present,
    TimeOfFirst,
    TimeOfLast,
    TimeOfMin,
    TimeOfMax,
}

impl Window {
    /// Which argument is the range.
    pub(crate) fn range_argument(self) -> usize {
        usize::from(self == Window::Quantile)
    }

    /// Whether the metric's name stays.
    pub(crate) fn keeps_name(self) -> bool {
        matches!(self, Window::First | Window::Last)
    }
}

impl Function {
    /// Whether its value may differ from step to step although its arguments do not.
    pub(crate) fn depends_on_time(&self) -> bool {
        use Kind::*;
        matches!(self.kind, Time | Timestamp | Date(_) | Window(self::Window::PredictLinear))
    }

    /// Least and most number of arguments; no most: any number.
    pub(crate) fn argument_counts(&self) -> (usize, Option<usize>) {
        let all = self.args.len();
        match self.arity {
            Arity::Fixed => (all, Some(all)),
            Arity::LastUpTo(times) => (all - 1, Some(all - 1 + usize::from(times))),
            Arity::LastRepeats => (all - 1, None),
        }
    }

    /// Prometheus' number for how often the last argument may occur: 0 for once, -1 for any number.
    pub(crate) fn variadic(&self) -> i32 {
        match self.arity {
            Arity::Fixed => 0,
            Arity::LastUpTo(times) => i32::from(times),
            Arity::LastRepeats => -1,
        }
    }

    /// Type of argument `index`.
    pub(crate) fn argument_type(&self, index: usize) -> Type {
        self.args.get(index).or(self.args.last()).copied().unwrap_or(Type::Scalar)
    }
}

/// The function of that name.
pub fn find(name: &str) -> Option<&'static Function> {
    FUNCTIONS.iter().find(|function| function.name == name)
}

const S: Type = Type::Scalar;
const V: Type = Type::Vector;
const M: Type = Type::Matrix;
const T: Type = Type::String;

const fn function(
    name: &'static str,
    args: &'static [Type],
    returns: Type,
    kind: Kind,
) -> Function {
    Function { name, args, arity: Arity::Fixed, returns, experimental: false, kind }
}

const fn experimental(function: Function) -> Function {
    Function { experimental: true, ..function }
}

const fn with_arity(arity: Arity, function: Function) -> Function {
    Function { arity, ..function }
}

const fn math(name: &'static str, compute: fn(f64) -> f64) -> Function {
    function(name, &[V], V, Kind::Math(compute))
}

const fn date(name: &'static str, compute: fn(f64) -> f64) -> Function {
    with_arity(Arity::LastUpTo(1), function(name, &[V], V, Kind::Date(compute)))
}

const fn window(name: &'static str, kind: Window) -> Function {
    function(name, &[M], V, Kind::Window(kind))
}

const fn sort_by_label(name: &'static str, descending: bool) -> Function {
    let kind = Kind::SortByLabel { descending };
    experimental(with_arity(Arity::LastRepeats, function(name, &[V, T], V, kind)))
}

const fn of_statistics(name: &'static str, number: fn(&FloatHistogram) -> f64) -> Function {
    function(name, &[V], V, Kind::HistogramNumber { number, statistics_only: true })
}

const fn of_buckets(name: &'static str, number: fn(&FloatHistogram) -> f64) -> Function {
    function(name, &[V], V, Kind::HistogramNumber { number, statistics_only: false })
}

/// All functions by name.
pub static FUNCTIONS: &[Function] = &[
    math("abs", f64::abs),
    function("absent", &[V], V, Kind::Absent),
    function("absent_over_time", &[M], V, Kind::AbsentOverTime),
    math("acos", f64::acos),
    math("acosh", acosh),
    math("asin", f64::asin),
    math("asinh", asinh),
    math("atan", f64::atan),
    math("atanh", f64::atanh),
    window("avg_over_time", Window::Avg),
    math("ceil", f64::ceil),
    window("changes", Window::Changes),
    function("clamp", &[V, S, S], V, Kind::Clamp),
    function("clamp_max", &[V, S], V, Kind::ClampMax),
    function("clamp_min", &[V, S], V, Kind::ClampMin),
    math("cos", f64::cos),
    math("cosh", f64::cosh),
    window("count_over_time", Window::Count),
    date("day_of_month", day_of_month),
    date("day_of_week", day_of_week),
    date("day_of_year", day_of_year),
    date("days_in_month", days_in_month),
    math("deg", f64::to_degrees),
    window("delta", Window::Delta),
    window("deriv", Window::Deriv),
    experimental(function(
        "double_exponential_smoothing",
        &[M, S, S],
        V,
        Kind::Window(Window::Smoothing),
    )),
    experimental(function("end", &[], S, Kind::QueryEnd)),
    math("exp", f64::exp),
    window("first_over_time", Window::First),
    math("floor", f64::floor),
    of_statistics("histogram_avg", average),
    of_statistics("histogram_count", |histogram| histogram.count),
    function("histogram_fraction", &[S, S, V], V, Kind::HistogramFraction),
    function("histogram_quantile", &[S, V], V, Kind::HistogramQuantile),
    experimental(with_arity(
        Arity::LastUpTo(9),
        function("histogram_quantiles", &[V, T, S, S], V, Kind::HistogramQuantiles),
    )),
    of_buckets("histogram_stddev", deviation),
    of_buckets("histogram_stdvar", variance),
    of_statistics("histogram_sum", |histogram| histogram.sum),
    date("hour", hour),
    window("idelta", Window::Idelta),
    window("increase", Window::Increase),
    experimental(with_arity(Arity::LastUpTo(1), function("info", &[V, V], V, Kind::Info))),
    window("irate", Window::Irate),
    with_arity(Arity::LastRepeats, function("label_join", &[V, T, T, T], V, Kind::LabelJoin)),
    function("label_replace", &[V, T, T, T, T], V, Kind::LabelReplace),
    window("last_over_time", Window::Last),
    math("ln", f64::ln),
    math("log10", f64::log10),
    math("log2", f64::log2),
    experimental(window("mad_over_time", Window::Mad)),
    experimental(function("max_of", &[S, S], S, Kind::MaxOf)),
    window("max_over_time", Window::Max),
    experimental(function("min_of", &[S, S], S, Kind::MinOf)),
    window("min_over_time", Window::Min),
    date("minute", minute),
    date("month", month),
    function("pi", &[], S, Kind::Pi),
    function("predict_linear", &[M, S], V, Kind::Window(Window::PredictLinear)),
    window("present_over_time", Window::Present),
    function("quantile_over_time", &[S, M], V, Kind::Window(Window::Quantile)),
    math("rad", f64::to_radians),
    experimental(function("range", &[], S, Kind::QueryRange)),
    window("rate", Window::Rate),
    window("resets", Window::Resets),
    with_arity(Arity::LastUpTo(1), function("round", &[V, S], V, Kind::Round)),
    function("scalar", &[V], S, Kind::Scalar),
    math("sgn", sgn),
    math("sin", f64::sin),
    math("sinh", f64::sinh),
    function("sort", &[V], V, Kind::Sort { descending: false }),
    sort_by_label("sort_by_label", false),
    sort_by_label("sort_by_label_desc", true),
    function("sort_desc", &[V], V, Kind::Sort { descending: true }),
    math("sqrt", f64::sqrt),
    experimental(function("start", &[], S, Kind::QueryStart)),
    experimental(function("start_timestamp", &[V], V, Kind::StartTimestamp)),
    window("stddev_over_time", Window::Stddev),
    window("stdvar_over_time", Window::Stdvar),
    experimental(function("step", &[], S, Kind::QueryStep)),
    window("sum_over_time", Window::Sum),
    math("tan", f64::tan),
    math("tanh", f64::tanh),
    function("time", &[], S, Kind::Time),
    function("timestamp", &[V], V, Kind::Timestamp),
    experimental(window("ts_of_first_over_time", Window::TimeOfFirst)),
    experimental(window("ts_of_last_over_time", Window::TimeOfLast)),
    experimental(window("ts_of_max_over_time", Window::TimeOfMax)),
    experimental(window("ts_of_min_over_time", Window::TimeOfMin)),
    function("vector", &[S], V, Kind::Vector),
    date("year", year),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_sorted_and_has_all_ninety_functions() {
        assert_eq!(FUNCTIONS.len(), 90);
        assert_eq!(FUNCTIONS.iter().filter(|function| function.experimental).count(), 17);
        assert!(FUNCTIONS.windows(2).all(|two| two[0].name < two[1].name));
    }
}
