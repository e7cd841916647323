//! Figures of a measurement: rates, shares and percentiles.
//!
//! Invariant: a figure of no samples is a number too: nothing here is divided by zero.

use serde::Serialize;

/// Pairs of requests in a second, and the latency of one.
#[derive(Clone, Debug, Serialize)]
pub struct Rate {
    /// Number of connections of the load.
    pub connections: usize,
    /// Number of pairs of two requests in a second.
    pub pairs_per_second: u64,
    /// Median latency of a pair, in microseconds.
    pub p50_us: u64,
    /// 99th percentile of the latency of a pair, in microseconds.
    pub p99_us: u64,
    /// Number of times that the server put a request off, which was then sent again with its key; the pair's latency
    /// includes the waiting.
    pub put_off: u64,
}

/// Returns one rate as a share of another, to three places.
pub fn share(part: &Rate, whole: &Rate) -> f64 {
    thousandths(part.pairs_per_second as f64 / whole.pairs_per_second.max(1) as f64)
}

/// Rounds a number to three places.
pub fn thousandths(number: f64) -> f64 {
    (number * 1_000.0).round() / 1_000.0
}

/// Returns the value that `percent` of a hundred samples do not exceed; 0 without samples.
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
