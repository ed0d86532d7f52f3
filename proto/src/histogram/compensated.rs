//! Sums of many histograms that do not lose small counts (Kahan, in Neumaier's form).

use super::add::{Incompatible, Merged};
use super::{Buckets, FloatHistogram};

/// What rounding has taken from each count. The sides are aligned with the histogram's buckets.
#[derive(Clone, Debug, Default)]
pub(super) struct Compensation {
    pub zero_count: f64,
    pub count: f64,
    pub sum: f64,
    pub positive: Vec<f64>,
    pub negative: Vec<f64>,
}

impl Compensation {
    fn of(histogram: &FloatHistogram) -> Compensation {
        Compensation {
            positive: vec![0.0; histogram.positive.len()],
            negative: vec![0.0; histogram.negative.len()],
            ..Compensation::default()
        }
    }

    /// Both sides.
    pub(super) fn sides(
        this: Option<&mut Compensation>,
    ) -> (Option<&mut Vec<f64>>, Option<&mut Vec<f64>>) {
        match this {
            Some(this) => (Some(&mut this.positive), Some(&mut this.negative)),
            None => (None, None),
        }
    }

    fn scale(&mut self, factor: f64) {
        let totals = [&mut self.zero_count, &mut self.count, &mut self.sum];
        let sides = self.positive.iter_mut().chain(&mut self.negative);
        totals.into_iter().chain(sides).for_each(|lost| *lost *= factor);
    }
}

/// A histogram that others are added to, and what rounding has taken from it.
#[derive(Clone, Debug)]
pub struct CompensatedHistogram {
    histogram: FloatHistogram,
    lost: Compensation,
}

impl CompensatedHistogram {
    /// Starts with a histogram.
    pub fn new(histogram: FloatHistogram) -> CompensatedHistogram {
        let lost = Compensation::of(&histogram);
        CompensatedHistogram { histogram, lost }
    }

    /// Adds one.
    pub fn add(&mut self, other: &FloatHistogram) -> Result<Merged, Incompatible> {
        self.histogram.combine(other, 1.0, Some(&mut self.lost))
    }

    /// Multiplies all counts and the sum.
    pub fn scale(&mut self, factor: f64) {
        self.histogram.scale(factor);
        self.lost.scale(factor);
    }

    /// Divides all counts and the sum.
    pub fn divide(&mut self, divisor: f64) {
        self.histogram.divide(divisor);
        self.lost.scale(1.0 / divisor);
    }

    /// Whether adding a histogram may make a count infinite: false if it cannot, whatever buckets
    /// come to be merged.
    pub fn may_overflow_with(&self, other: &FloatHistogram) -> bool {
        let magnitude = |histogram: &FloatHistogram| {
            let totals = [histogram.zero_count, histogram.count, histogram.sum];
            let sides = histogram.positive.counts().iter().chain(histogram.negative.counts());
            totals.iter().chain(sides).map(|count| count.abs()).sum::<f64>()
        };
        !(magnitude(&self.histogram) + magnitude(other)).is_finite()
    }

    /// The sum so far, without what was lost.
    pub fn histogram(&self) -> &FloatHistogram {
        &self.histogram
    }

    /// The sum with what was lost, compact.
    pub fn finish(self) -> FloatHistogram {
        let CompensatedHistogram { mut histogram, lost } = self;
        histogram.zero_count += lost.zero_count;
        histogram.count += lost.count;
        histogram.sum += lost.sum;
        let add = |side: &mut Buckets, lost: &[f64]| {
            side.counts_mut().iter_mut().zip(lost).for_each(|(count, lost)| *count += lost);
        };
        add(&mut histogram.positive, &lost.positive);
        add(&mut histogram.negative, &lost.negative);
        histogram.compact();
        histogram
    }
}
