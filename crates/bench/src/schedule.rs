//! Open loop: pairs are due on a schedule, even if the one before is not answered yet, and a latency counts from the
//! instant at which its request was due, so that waiting is not hidden.
//!
//! Each connection has a thread that sleeps until its next pair is due: a timer of the runtime ticks in milliseconds.
//!
//! Invariant: a request that was due is sent, however late, and counts.

use scrip::benchmark::connection::Connection;
use scrip::benchmark::figures::percentile;
use scrip::benchmark::load::{self, HOLD};
use scrip::benchmark::place::Target;
use scrip_store::clock::Stopwatch;
use std::sync::{Arc, Barrier, OnceLock};
use std::time::Duration;

/// Schedule on which pairs are due.
#[derive(Clone)]
pub struct Schedule {
    /// Server that the requests go to.
    pub target: Target,
    /// Identifiers of the workspaces that are used in turn.
    pub workspaces: Arc<Vec<String>>,
    /// Number that makes the idempotency keys of measurements differ.
    pub keys: u64,
    /// Number of pairs that are due in a second; at least one.
    pub per_second: u64,
    /// Number of connections that share the schedule.
    pub connections: usize,
    /// Duration of the measurement that counts; a fifth of it passes first to warm up.
    pub window: Duration,
}

/// Samples of a measurement, in microseconds.
pub struct Measurement {
    /// Latencies of the first request of each pair, from the instant at which it was due to its answer, sorted.
    pub holds: Vec<u64>,
    /// Delays between the instant at which a request was due and its sending, sorted.
    pub late: Vec<u64>,
}

impl Measurement {
    /// Returns a percentile of the latencies and of the delays.
    pub fn at(&self, percent: usize) -> (u64, u64) {
        (percentile(&self.holds, percent), percentile(&self.late, percent))
    }
}

/// Sends the requests of a schedule, and measures them.
///
/// # Errors
/// When a request is refused or a connection breaks.
pub fn measure(schedule: &Schedule) -> Result<Measurement, String> {
    let (barrier, start) = (Arc::new(Barrier::new(schedule.connections)), Arc::new(OnceLock::new()));
    let running: Vec<_> = (0..schedule.connections)
        .map(|mine| {
            let (schedule, barrier, start) = (schedule.clone(), Arc::clone(&barrier), Arc::clone(&start));
            std::thread::spawn(move || {
                load::block_on(async {
                    let connection = Connection::open(schedule.target.address).await;
                    barrier.wait();
                    // All connections count from the first that is ready.
                    let start = *start.get_or_init(Stopwatch::start);
                    follow(&schedule, mine, connection?, start).await
                })
            })
        })
        .collect();
    let mut measured = Measurement { holds: Vec::new(), late: Vec::new() };
    for thread in running {
        let one = thread.join().map_err(|_| "a thread of the load panicked".to_owned())??;
        measured.holds.extend(one.holds);
        measured.late.extend(one.late);
    }
    measured.holds.sort_unstable();
    measured.late.sort_unstable();
    Ok(measured)
}

async fn follow(
    schedule: &Schedule,
    mine: usize,
    mut connection: Connection,
    start: Stopwatch,
) -> Result<Measurement, String> {
    let Schedule { target, workspaces, keys, per_second, connections, window, .. } = schedule;
    let (warm, mut measured) = (*window / 5, Measurement { holds: Vec::new(), late: Vec::new() });
    for n in (mine..).step_by(*connections) {
        let due = due(n, *per_second);
        if due >= warm + *window {
            break;
        }
        std::thread::sleep(due.saturating_sub(start.elapsed()));
        let late = start.elapsed().saturating_sub(due);
        let key = format!("{keys}-{n}");
        let held = load::hold(&mut connection, target, &workspaces[n % workspaces.len()], HOLD, &key).await?;
        let took = start.elapsed().saturating_sub(due);
        let path = held.map_err(|status| format!("a hold was answered with {status}"))?;
        load::capture(&mut connection, target, &path, &key).await?;
        if due >= warm {
            measured.holds.push(took.as_micros() as u64);
            measured.late.push(late.as_micros() as u64);
        }
    }
    Ok(measured)
}

/// Returns the time from the start at which the n-th pair is due.
fn due(n: usize, per_second: u64) -> Duration {
    Duration::from_nanos((n as u64).saturating_mul(1_000_000_000) / per_second.max(1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_schedule_keeps_its_pace_for_hours() {
        assert_eq!(due(0, 3), Duration::ZERO);
        assert_eq!(due(3_000, 3), Duration::from_secs(1_000), "nothing is lost to rounding");
        assert_eq!(due(100_000_000, 20_000), Duration::from_secs(5_000));
    }
}
