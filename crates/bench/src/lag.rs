//! Lag of the projections: the age of the oldest entry that they do not show yet, probed again and again in the
//! server's own process and written to a file.
//!
//! Invariant: the probe asks as any reader does; it does not hurry the projector.

use scrip::Ledger;
use scrip_store::clock;
use scrip_store::rows::entries;
use std::fs::File;
use std::io::Write;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

/// Pause between two probes of the lag.
const EVERY: Duration = Duration::from_millis(5);
/// Writes a line for each probe, `<instant> <lag>` in microseconds, for as long as the process lives.
pub async fn watch(ledger: Arc<Ledger>, mut file: File) {
    let projected = ledger.store().projections();
    loop {
        let reached = *projected.borrow();
        let now = clock::now().micros();
        let told = match entries::oldest_unfolded(ledger.store().reader(), reached).await {
            // What was decided after that instant is not behind.
            Ok(oldest) => {
                let lag = oldest.map_or(0, |at| (now - at.micros()).max(0));
                writeln!(file, "{now} {lag}").map_err(|error| error.to_string())
            }
            Err(error) => Err(error.to_string()),
        };
        if let Err(error) = told {
            return tracing::error!(error, "the lag of the projections cannot be read");
        }
        tokio::time::sleep(EVERY).await;
    }
}

/// Returns the lags that were written between two instants, in microseconds, in the order of the probes.
///
/// # Errors
/// When there is no such file, or it is not what [`watch`] writes.
pub fn read(path: &Path, from: i64, to: i64) -> Result<Vec<u64>, String> {
    let text = std::fs::read_to_string(path).map_err(|error| format!("{}: {error}", path.display()))?;
    between(&text, from, to).ok_or_else(|| format!("{} is not what a server writes", path.display()))
}

fn between(text: &str, from: i64, to: i64) -> Option<Vec<u64>> {
    let mut seen = Vec::new();
    // The last line may be half written.
    for line in text.split_inclusive('\n').filter(|line| line.ends_with('\n')) {
        let (at, lag) = line.trim_end().split_once(' ')?;
        let (at, lag): (i64, u64) = (at.parse().ok()?, lag.parse().ok()?);
        if (from..to).contains(&at) {
            seen.push(lag);
        }
    }
    Some(seen)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_time_that_counts_is_read() {
        assert_eq!(between("1 10\n2 20\n3 30\n4", 2, 9), Some(vec![20, 30]), "the last line is not whole");
        assert_eq!(between("1 -5\n", 0, 9), None);
        assert_eq!(between("", 0, 9), Some(Vec::new()));
    }
}
