//! Answers: columnar, with label ids and the dictionary that resolves them.

use std::sync::Arc;

use proto::FloatHistogram;

use crate::dictionary::{Interner, PairId};
use crate::eval::{Matrix, is_present};
use crate::in_order::Workers;
use crate::plan::Grid;
use crate::queryable::Columns;

/// Answer to a query.
#[derive(Debug)]
pub struct QueryResult {
    pub(crate) value: ResultValue,
    pub(crate) names: Interner,
    /// What may make the answer wrong, incompleteness among it.
    pub warnings: Vec<String>,
    /// What may make the answer other than meant.
    pub infos: Vec<String>,
    /// What the evaluation went through.
    pub samples: SampleCounts,
    /// Where the time went, if whoever asked wants to know: then [`crate::json`] shows both.
    pub timings: Option<Timings>,
    /// Threads that may write it out.
    pub(crate) workers: Workers,
}

/// Samples of an evaluation.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SampleCounts {
    /// Seen by selectors, summed over all steps; 0 unless
    /// [`EngineOptions::count_samples`](crate::EngineOptions::count_samples) is set.
    pub total: usize,
    /// Read from the sources.
    pub read: usize,
    /// Most held at one time.
    pub peak: usize,
}

/// Seconds of a query, by Prometheus' names.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Timings {
    /// Waiting for a place.
    pub queue: f64,
    /// Understanding the query and selecting series.
    pub preparation: f64,
    /// Evaluation, sorting included.
    pub evaluation: f64,
}

/// Value of a query.
#[derive(Debug)]
pub(crate) enum ResultValue {
    Scalar {
        time_ms: i64,
        value: f64,
    },
    String {
        time_ms: i64,
        value: String,
    },
    Vector {
        time_ms: i64,
        matrix: Matrix,
    },
    Matrix {
        grid: Grid,
        matrix: Matrix,
    },
    /// Of an instant query for a range vector.
    Ranges {
        series: Vec<RangeSeries>,
    },
}

/// A series with times of its own.
#[derive(Debug)]
pub(crate) struct RangeSeries {
    pub labels: Vec<PairId>,
    pub columns: Columns,
}

/// Type of an answer, by Prometheus' names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ResultType {
    /// One number.
    Scalar,
    /// One text.
    String,
    /// One number a series.
    Vector,
    /// Samples by series.
    Matrix,
}

impl ResultType {
    /// The name in the HTTP API.
    pub fn name(self) -> &'static str {
        match self {
            ResultType::Scalar => "scalar",
            ResultType::String => "string",
            ResultType::Vector => "vector",
            ResultType::Matrix => "matrix",
        }
    }
}

/// One series of an answer, resolved.
#[derive(Clone, Debug)]
pub struct ResultSeries {
    /// Labels in order of their names.
    pub labels: Vec<(String, String)>,
    /// Milliseconds since the Unix epoch, and value, of the float samples.
    pub samples: Vec<(i64, f64)>,
    /// Milliseconds since the Unix epoch, and value, of the native histograms.
    pub histograms: Vec<(i64, Arc<FloatHistogram>)>,
}

impl QueryResult {
    /// Its type.
    pub fn result_type(&self) -> ResultType {
        match &self.value {
            ResultValue::Scalar { .. } => ResultType::Scalar,
            ResultValue::String { .. } => ResultType::String,
            ResultValue::Vector { .. } => ResultType::Vector,
            ResultValue::Matrix { .. } | ResultValue::Ranges { .. } => ResultType::Matrix,
        }
    }

    /// Leaves at most `limit` series, the first ones; whether there were more.
    pub fn truncate(&mut self, limit: usize) -> bool {
        if self.series_len() <= limit {
            return false;
        }
        match &mut self.value {
            ResultValue::Vector { matrix, .. } | ResultValue::Matrix { matrix, .. } => {
                let kept: Vec<usize> = (0..limit).collect();
                *matrix = std::mem::replace(matrix, Matrix::new(1)).reordered(&kept);
            }
            ResultValue::Ranges { series } => series.truncate(limit),
            ResultValue::Scalar { .. } | ResultValue::String { .. } => {}
        }
        true
    }

    /// Time and value of a scalar.
    pub fn scalar(&self) -> Option<(i64, f64)> {
        match &self.value {
            ResultValue::Scalar { time_ms, value } => Some((*time_ms, *value)),
            _ => None,
        }
    }

    /// Time and value of a string.
    pub fn string(&self) -> Option<(i64, &str)> {
        match &self.value {
            ResultValue::String { time_ms, value } => Some((*time_ms, value)),
            _ => None,
        }
    }

    /// Number of series of a vector or matrix.
    pub fn series_len(&self) -> usize {
        match &self.value {
            ResultValue::Scalar { .. } | ResultValue::String { .. } => 0,
            ResultValue::Vector { matrix, .. } | ResultValue::Matrix { matrix, .. } => matrix.len(),
            ResultValue::Ranges { series } => series.len(),
        }
    }

    /// The series in order, resolved one by one.
    pub fn series(&self) -> impl Iterator<Item = ResultSeries> + '_ {
        (0..self.series_len()).map(|index| {
            let labels = self.label_pairs(index);
            let labels = labels.map(|(n, v)| (n.to_owned(), v.to_owned())).collect();
            let (mut samples, mut histograms) = (Vec::new(), Vec::new());
            self.visit_samples(index, |t, v| samples.push((t, v)));
            self.visit_histograms(index, |t, h| histograms.push((t, Arc::clone(h))));
            ResultSeries { labels, samples, histograms }
        })
    }

    /// Labels of series `index`.
    pub(crate) fn label_pairs(&self, index: usize) -> impl Iterator<Item = (&str, &str)> {
        let labels: &[PairId] = match &self.value {
            ResultValue::Vector { matrix, .. } | ResultValue::Matrix { matrix, .. } => {
                matrix.labels(index)
            }
            ResultValue::Ranges { series } => &series[index].labels,
            _ => &[],
        };
        labels.iter().map(|pair| self.names.pair(*pair))
    }

    /// How many points series `index` has at most, and the bytes of its histograms: one that is
    /// repeated counts as often as it is.
    pub(crate) fn points_of(&self, index: usize) -> (usize, usize) {
        match &self.value {
            ResultValue::Vector { matrix, .. } | ResultValue::Matrix { matrix, .. } => {
                (matrix.steps(), matrix.histograms(index).bytes())
            }
            ResultValue::Ranges { series } => {
                let columns = &series[index].columns;
                (columns.len(), columns.histograms.bytes())
            }
            ResultValue::Scalar { .. } | ResultValue::String { .. } => (0, 0),
        }
    }

    /// Times of the steps of a matrix that has steps.
    pub(crate) fn step_times(&self) -> impl Iterator<Item = i64> {
        let grid = match &self.value {
            ResultValue::Matrix { grid, .. } => Some(*grid),
            _ => None,
        };
        grid.into_iter().flat_map(|grid| (0..grid.count).map(move |step| grid.at(step)))
    }

    /// Values of a series at these steps, if none of them is a histogram.
    pub(crate) fn float_row(&self, index: usize) -> Option<&[f64]> {
        match &self.value {
            ResultValue::Matrix { matrix, .. } if matrix.histograms(index).is_empty() => {
                Some(matrix.values(index))
            }
            _ => None,
        }
    }

    /// Calls `visit` with time and value of each float sample of series `index`.
    pub(crate) fn visit_samples(&self, index: usize, mut visit: impl FnMut(i64, f64)) {
        self.visit(index, |time, value, histogram| {
            if histogram.is_none() {
                visit(time, value);
            }
        });
    }

    /// Calls `visit` with time and value of each native histogram of series `index`.
    pub(crate) fn visit_histograms(
        &self,
        index: usize,
        mut visit: impl FnMut(i64, &Arc<FloatHistogram>),
    ) {
        self.visit(index, |time, _, histogram| {
            if let Some(histogram) = histogram {
                visit(time, histogram);
            }
        });
    }

    /// Calls `visit` with time, float and histogram of each sample of series `index`.
    #[inline]
    fn visit(&self, index: usize, mut visit: impl FnMut(i64, f64, Option<&Arc<FloatHistogram>>)) {
        match &self.value {
            ResultValue::Vector { time_ms, matrix } => {
                visit(*time_ms, matrix.at(index, 0), matrix.histograms(index).get(0));
            }
            ResultValue::Matrix { grid, matrix } => {
                let values = matrix.values(index).iter().enumerate();
                let histograms = matrix.histograms(index);
                values
                    .filter(|(_, v)| is_present(**v))
                    .for_each(|(i, v)| visit(grid.at(i), *v, histograms.get(i)));
            }
            ResultValue::Ranges { series } => {
                let columns = &series[index].columns;
                let samples = columns.timestamps.iter().zip(&columns.values).enumerate();
                samples.for_each(|(i, (time, value))| {
                    visit(*time, *value, columns.histograms.get(i));
                });
            }
            _ => {}
        }
    }
}
