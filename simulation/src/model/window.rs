//! The samples of one series that a query sees, each with what it may be.

use proto::STALE_NAN_BITS;

use super::Function;
use super::expected::{Bound, slack_of};
use super::rate::increase;
use crate::ledger::{Allowed, Question};

/// Combinations of possible samples that are tried one by one.
const WORLDS_MAX: usize = 64;

/// What one timestamp may hold.
struct Place {
    t: i64,
    /// Values that are no stale markers.
    values: Vec<f64>,
    may_be_stale: bool,
    may_be_absent: bool,
}

/// See the module.
pub struct Window {
    /// Before its first timestamp.
    start_ms: i64,
    end_ms: i64,
    places: Vec<Place>,
}

impl Place {
    /// Whether a range may see nothing here.
    fn may_be_hidden(&self) -> bool {
        self.may_be_absent || self.may_be_stale
    }

    fn worlds(&self) -> usize {
        self.values.len() + usize::from(self.may_be_hidden())
    }
}

impl Window {
    pub fn new(question: &Question, allowed: Vec<(i64, Allowed)>) -> Window {
        let place = |(t, allowed): (i64, Allowed)| {
            let is_value = |bits: &&u64| **bits != STALE_NAN_BITS;
            let values = allowed.values.iter().filter(is_value).map(|b| f64::from_bits(*b));
            let may_be_stale = allowed.values.contains(&STALE_NAN_BITS);
            let values = values.collect();
            Place { t, values, may_be_stale, may_be_absent: allowed.may_be_absent }
        };
        let places = allowed.into_iter().map(place).collect();
        Window { start_ms: question.from_ms - 1, end_ms: question.to_ms, places }
    }

    /// What a function may give; `None` if it surely gives nothing.
    pub fn bound(&self, function: Function) -> Option<Bound> {
        match function {
            Function::Newest => self.newest(),
            Function::CountOverTime => self.count(),
            Function::MaxOverTime => self.max(),
            Function::Rate => self.increases((self.end_ms - self.start_ms) as f64 / 1e3),
            Function::Increase => self.increases(1.0),
        }
    }

    /// The newest sample: back in time until there is surely something.
    fn newest(&self) -> Option<Bound> {
        let (mut values, mut may_be_absent) = (Vec::new(), false);
        for place in self.places.iter().rev() {
            values.extend(&place.values);
            may_be_absent |= place.may_be_stale;
            if !place.may_be_absent {
                return Bound::of(&values, may_be_absent);
            }
        }
        Bound::of(&values, true)
    }

    fn count(&self) -> Option<Bound> {
        let sure = self.places.iter().filter(|place| !place.may_be_hidden()).count();
        let possible = self.places.iter().filter(|place| !place.values.is_empty()).count();
        let low = sure.max(1) as f64;
        Bound::of(&[low, possible as f64], sure == 0).filter(|_| possible > 0)
    }

    fn max(&self) -> Option<Bound> {
        let least = |place: &Place| place.values.iter().copied().reduce(f64::min);
        let sure = self.places.iter().filter(|place| !place.may_be_hidden());
        let sure = sure.filter_map(least).reduce(f64::max);
        let all = Bound::of(
            &self.places.iter().flat_map(|p| p.values.clone()).collect::<Vec<_>>(),
            true,
        )?;
        Some(Bound { may_be_absent: sure.is_none(), low: sure.unwrap_or(all.low), ..all })
    }

    /// Increases in all worlds that there may be, each divided by `divisor`.
    fn increases(&self, divisor: f64) -> Option<Bound> {
        let possible = self.places.iter().filter(|place| !place.values.is_empty()).count();
        if possible < 2 {
            return None;
        }
        let sure = self.places.iter().filter(|place| !place.may_be_hidden()).count();
        let worlds = self.places.iter().try_fold(1usize, |n, place| n.checked_mul(place.worlds()));
        let Some(worlds) = worlds.filter(|worlds| *worlds <= WORLDS_MAX) else {
            let (low, high) = (f64::NEG_INFINITY, f64::INFINITY);
            return Some(Bound { may_be_absent: sure < 2, low, high, slack: 0.0 });
        };
        let (start_ms, end_ms) = (self.start_ms, self.end_ms);
        let found: Vec<_> =
            (0..worlds).map(|world| increase(&self.world(world), start_ms, end_ms)).collect();
        let values: Vec<f64> = found.iter().flatten().map(|value| value / divisor).collect();
        let bound = Bound::of(&values, found.iter().any(Option::is_none))?;
        Some(Bound { slack: slack_of(bound.low).max(slack_of(bound.high)), ..bound })
    }

    /// The samples of one of all worlds.
    fn world(&self, mut number: usize) -> Vec<(i64, f64)> {
        let mut samples = Vec::new();
        for place in &self.places {
            let choice = number % place.worlds();
            number /= place.worlds();
            samples.extend(place.values.get(choice).map(|value| (place.t, *value)));
        }
        samples
    }
}
