//! Compensated summation (Kahan, in Neumaier's form), as Prometheus sums.

/// A sum and what rounding has taken from it.
#[derive(Clone, Copy, Debug, Default)]
pub struct Sum {
    /// The sum as far as it could be rounded.
    pub sum: f64,
    /// What rounding has taken from it.
    pub compensation: f64,
}

impl Sum {
    /// Adds a value. An infinite sum carries no compensation.
    #[inline]
    pub fn add(&mut self, value: f64) {
        let total = self.sum + value;
        self.compensation = if total.is_infinite() {
            0.0
        } else if self.sum.abs() >= value.abs() {
            self.compensation + ((self.sum - total) + value)
        } else {
            self.compensation + ((value - total) + self.sum)
        };
        self.sum = total;
    }

    /// The sum with what was lost.
    #[inline]
    pub fn both(self) -> f64 {
        if self.sum.is_infinite() { self.sum } else { self.sum + self.compensation }
    }

    /// Sum of all values.
    pub fn of(values: &[f64]) -> f64 {
        let mut sum = Sum::default();
        values.iter().for_each(|value| sum.add(*value));
        sum.both()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn small_values_survive_large_ones_that_cancel() {
        assert_eq!(Sum::of(&[1.0, 1e100, 1.0, -1e100]), 2.0);
        assert_eq!(Sum::of(&[f64::INFINITY, 1.0]), f64::INFINITY);
        assert!(Sum::of(&[f64::INFINITY, f64::NEG_INFINITY]).is_nan());
    }
}
