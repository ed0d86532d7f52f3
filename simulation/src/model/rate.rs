//! How much a counter grew in a window, as Prometheus 3 extrapolates it.

/// The increase over a window of samples, resets made good, extrapolated towards its ends: up to
/// them where a sample is near, else by half the mean distance of samples; never to before the
/// counter was zero. `None` with fewer than two samples.
pub fn increase(samples: &[(i64, f64)], start_ms: i64, end_ms: i64) -> Option<f64> {
    let [(first_ms, first), .., (last_ms, last)] = samples else { return None };
    let resets = samples.windows(2).filter(|two| two[1].1 < two[0].1).map(|two| two[0].1);
    let grown = last - first + resets.sum::<f64>();
    let covered = (last_ms - first_ms) as f64;
    let distance = covered / (samples.len() - 1) as f64;
    let reach = |gap_ms: i64| {
        let gap = gap_ms as f64;
        if gap >= distance * 1.1 { distance / 2.0 } else { gap }
    };
    let mut before = reach(first_ms - start_ms);
    if grown > 0.0 && *first >= 0.0 {
        before = before.min(covered * (first / grown));
    }
    let after = reach(end_ms - last_ms);
    Some(grown * ((covered + before + after) / covered))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_examples_of_prometheus_hold() {
        // A counter of 10 more each 10 s, seen over its whole window: 50 s of 5 samples.
        let steady: Vec<_> = (1..=5).map(|i| (i * 10_000, 100.0 + 10.0 * i as f64)).collect();
        assert_eq!(increase(&steady, 0, 50_000), Some(50.0));
        // Far from the start only half a distance is added.
        assert_eq!(increase(&steady, -30_000, 50_000), Some(45.0));
        // Not to before zero.
        let young = [(10_000, 1.0), (20_000, 11.0)];
        assert_eq!(increase(&young, 0, 20_000), Some(11.0));
        let reset = [(10_000, 100.0), (20_000, 5.0)];
        assert_eq!(increase(&reset, 10_000, 20_000), Some(5.0));
        assert_eq!(increase(&steady[..1], 0, 50_000), None);
    }
}
