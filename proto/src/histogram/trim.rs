//! The trim operators `</` and `>/`: what a histogram holds below or above a value.

use super::{Bucket, FloatHistogram};

/// Which observations stay.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trim {
    /// Those below the value: `histogram </ value`.
    KeepBelow,
    /// Those above: `histogram >/ value`.
    KeepAbove,
}

/// How a bucket spreads its observations.
#[derive(Clone, Copy)]
struct Scale {
    /// Whether the bucket is one of positive values.
    positive: bool,
    /// Evenly, not on a logarithmic scale.
    linear: bool,
}

/// What remains of a bucket: its count, and the value that stands for each observation.
#[derive(Clone, Copy)]
struct Part {
    count: f64,
    middle: f64,
}

impl FloatHistogram {
    /// Removes the observations on one side of a value. Buckets that contain it are split by
    /// interpolation, and the sum is estimated anew if anything was removed.
    pub fn trim(&mut self, value: f64, trim: Trim) {
        let linear = self.is_custom();
        let scale = |positive| Scale { positive, linear };
        let parts = |buckets: &mut dyn Iterator<Item = Bucket>, scale| -> Vec<Part> {
            buckets.map(|bucket| part(&bucket, value, trim, scale)).collect()
        };
        let positive = parts(&mut self.positive_buckets(), scale(true));
        let negative = parts(&mut self.negative_buckets(), scale(false));
        let zero = self.trimmed_zero(value, trim);
        let counts = self.positive.counts().iter().chain(self.negative.counts());
        let all = positive.iter().chain(&negative);
        let changed = all.clone().zip(counts).any(|(part, count)| part.count != *count)
            || zero.is_some_and(|zero| zero.count != self.zero_count);
        if !changed {
            return;
        }
        let all = all.copied().chain(zero).filter(|part| part.count != 0.0);
        let (count, sum) = all.fold((0.0, 0.0), |(count, sum), part| {
            (count + part.count, sum + part.middle * part.count)
        });
        (self.count, self.sum) = (count, sum);
        self.zero_count = zero.map_or(self.zero_count, |zero| zero.count);
        for (side, parts) in [(&mut self.positive, positive), (&mut self.negative, negative)] {
            let slots = side.counts_mut().iter_mut().zip(parts);
            slots.for_each(|(count, part)| *count = part.count);
        }
        self.compact();
    }

    /// What remains of the zero bucket, if it holds anything. Without observations on one side
    /// it reaches only to zero.
    fn trimmed_zero(&self, value: f64, trim: Trim) -> Option<Part> {
        if self.zero_count <= 0.0 || self.zero_count.is_nan() {
            return None;
        }
        let populated = |counts: &[f64]| counts.iter().any(|count| *count != 0.0);
        let positive = populated(self.positive.counts());
        let negative = populated(self.negative.counts());
        let lower = if positive && !negative { 0.0 } else { -self.zero_threshold };
        let upper = if negative && !positive { 0.0 } else { self.zero_threshold };
        let whole = Part { count: self.zero_count, middle: (lower + upper) / 2.0 };
        let nothing = Part { count: 0.0, middle: 0.0 };
        Some(match trim {
            Trim::KeepBelow if value <= lower => nothing,
            Trim::KeepBelow if value >= upper => whole,
            Trim::KeepAbove if value <= lower => whole,
            Trim::KeepAbove if value >= upper => nothing,
            Trim::KeepBelow => Part {
                count: self.zero_count * ((value - lower) / (upper - lower)),
                middle: (lower + value) / 2.0,
            },
            Trim::KeepAbove => Part {
                count: self.zero_count * ((upper - value) / (upper - lower)),
                middle: (value + upper) / 2.0,
            },
        })
    }
}

/// What remains of a positive, negative or custom bucket.
fn part(bucket: &Bucket, value: f64, trim: Trim, scale: Scale) -> Part {
    let (stays, cut) = match trim {
        Trim::KeepBelow => (bucket.upper <= value, bucket.lower < value),
        Trim::KeepAbove => (bucket.lower >= value, bucket.upper > value),
    };
    if bucket.count == 0.0 {
        return Part { count: 0.0, middle: 0.0 };
    }
    if stays {
        return Part { count: bucket.count, middle: middle(bucket.lower, bucket.upper, scale) };
    }
    if !cut {
        return Part { count: 0.0, middle: 0.0 };
    }
    if bucket.lower == f64::NEG_INFINITY {
        return part_from_minus_infinity(bucket, value, trim);
    }
    if bucket.upper == f64::INFINITY {
        // How the observations spread is not known: they all go, or all stay.
        return match trim {
            Trim::KeepAbove if value >= bucket.lower => Part { count: bucket.count, middle: value },
            _ => Part { count: 0.0, middle: 0.0 },
        };
    }
    let below = bucket.count * bucket.fraction_below(value, scale.linear);
    match trim {
        Trim::KeepBelow => Part { count: below, middle: middle(bucket.lower, value, scale) },
        Trim::KeepAbove => {
            Part { count: bucket.count - below, middle: middle(value, bucket.upper, scale) }
        }
    }
}

/// The first custom bucket: if it reaches above zero it is taken to begin there.
fn part_from_minus_infinity(bucket: &Bucket, value: f64, trim: Trim) -> Part {
    let (count, upper) = (bucket.count, bucket.upper);
    let from_zero = upper > 0.0 && upper.is_finite();
    match trim {
        Trim::KeepBelow if value > 0.0 && from_zero => {
            Part { count: count * value / upper, middle: value / 2.0 }
        }
        Trim::KeepBelow if upper <= 0.0 => Part { count, middle: value },
        Trim::KeepAbove if value >= 0.0 && upper > value && from_zero => {
            Part { count: count * (1.0 - value / upper), middle: (value + upper) / 2.0 }
        }
        _ => Part { count: 0.0, middle: 0.0 },
    }
}

/// The value that stands for the observations between two bounds.
fn middle(lower: f64, upper: f64, scale: Scale) -> f64 {
    match (lower.is_infinite(), upper.is_infinite()) {
        (true, true) => 0.0,
        (true, false) if upper > 0.0 => upper / 2.0,
        (true, false) => upper,
        (false, true) => lower,
        (false, false) if scale.linear => (lower + upper) / 2.0,
        (false, false) => {
            let geometric = (lower * upper).abs().sqrt();
            if scale.positive { geometric } else { -geometric }
        }
    }
}
