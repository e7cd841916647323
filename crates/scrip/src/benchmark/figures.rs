//! The figures that everything measured is told in: rates, shares and percentiles.
//!
//! Invariant: a figure of nothing is a number too: nothing here is divided by zero.

use serde::Serialize;

/// Pairs a second, and how long one took.
#[derive(Clone, Debug, Serialize)]
pub struct Rate {
    /// Connections.
    pub connections: usize,
    /// Pairs of two requests a second.
    pub pairs_per_second: u64,
    /// The middle pair, in microseconds.
    pub p50_us: u64,
    /// One in a hundred took longer.
    pub p99_us: u64,
    /// How often a request was told to come back, and was sent again with its key; the pair took as long as that.
    pub put_off: u64,
}

/// One rate as a share of another, to three places.
pub fn share(part: &Rate, whole: &Rate) -> f64 {
    thousandths(part.pairs_per_second as f64 / whole.pairs_per_second.max(1) as f64)
}

/// To three places.
pub fn thousandths(number: f64) -> f64 {
    (number * 1_000.0).round() / 1_000.0
}

/// The value that so many of a hundred do not exceed; 0 of none.
pub fn percentile(sorted: &[u64], percent: usize) -> u64 {
    sorted.get((sorted.len() * percent / 100).min(sorted.len().saturating_sub(1))).copied().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_of_what_was_measured() {
        let sorted: Vec<u64> = (1..=200).collect();
        assert_eq!((percentile(&sorted, 50), percentile(&sorted, 99)), (101, 199));
        assert_eq!((percentile(&[7], 99), percentile(&[], 99)), (7, 0));
    }
}
