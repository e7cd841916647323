//! The pace of requests to Stripe: a token bucket before the client, with a share that is reserved for background work.
//!
//! Stripe limits the requests a second of an account. A request that a person waits for is refused at once when only
//! the reserved share is left, so that deliveries are still followed and paid credits still granted. Background work
//! waits for its turn instead. When Stripe itself refuses for too many requests, all wait until the time that it names.
//!
//! Invariant: whatever people ask for, background work gets its turn: tokens are refilled for work before they are for
//! people.

use super::key::Mode;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::time::{Instant, sleep};

/// Requests a second with a key of live mode: four fifths of the 100 that Stripe publishes.
const LIVE: u32 = 80; // # assumed
/// Requests a second with a key of test mode: four fifths of the 25 that Stripe publishes.
const TEST: u32 = 20; // # assumed
/// Divisor that gives the share reserved for background work: one half of the requests a second.
const KEPT: u32 = 2; // # assumed
/// Longest pause after Stripe has refused for too many requests: 32 seconds.
const PAUSE_MAX: Duration = Duration::from_secs(32); // # assumed
/// Requests of its day's number that a workspace must have left when a request of a person begins, so that those
/// that follow from it can be sent too.
const ROOM: u32 = 6; // # assumed

/// Reason for which a request of a person was not sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Busy {
    /// Seconds after which the caller may retry.
    pub retry_after: u32,
    /// Number of requests that the workspace may send in a day; `None` if the pace of all requests refused.
    pub exceeded: Option<u32>,
}

/// Future of the function that counts requests.
pub type CountFuture = futures_util::future::BoxFuture<'static, Result<(), Busy>>;
/// Counts as many requests of a workspace as the first argument says, and requires room for as many as the second says.
pub type Count = dyn Fn(u32, u32) -> CountFuture + Send + Sync;

/// The requests to Stripe that one person waits for.
pub struct RequestBudget {
    has_begun: AtomicBool,
    count: Option<Box<Count>>,
}

tokio::task_local! {
    /// Budget that requests are counted against; `None` for background work.
    static BUDGET: Option<Arc<RequestBudget>>;
}

/// Runs a future whose requests to Stripe a person waits for, counted by `count` if it is given.
pub async fn with_budget<T>(count: Option<Box<Count>>, future: impl Future<Output = T>) -> T {
    BUDGET.scope(Some(Arc::new(RequestBudget { has_begun: AtomicBool::new(false), count })), future).await
}

/// Runs a future whose requests to Stripe are background work, counted for no workspace.
pub async fn work<T>(future: impl Future<Output = T>) -> T {
    BUDGET.scope(None, future).await
}

fn current() -> Option<Arc<RequestBudget>> {
    BUDGET.try_with(Clone::clone).ok().flatten()
}

/// Pace of all requests that this process sends with one key.
#[derive(Debug)]
pub struct Pace {
    since: Instant,
    bucket: Mutex<Bucket>,
}

impl Pace {
    /// Returns a pace without a limit, which pauses only when Stripe asks for it.
    pub fn without_limit() -> Pace {
        Pace::with(Bucket::new(0, 0))
    }

    /// Returns a pace of `rate` requests a second, of which `kept` are reserved for background work. `None` is the
    /// default of the mode.
    ///
    /// # Errors
    /// When no request would be left for people.
    pub fn of(mode: Mode, rate: Option<u32>, kept: Option<u32>) -> Result<Pace, String> {
        let rate = rate.unwrap_or(if mode.is_of(true) { LIVE } else { TEST });
        let kept = kept.unwrap_or(rate / KEPT);
        if rate == 0 || kept >= rate {
            return Err(format!("{rate} a second, of which {kept} are kept for work: one must be left for people"));
        }
        Ok(Pace::with(Bucket::new(rate, kept)))
    }

    fn with(bucket: Bucket) -> Pace {
        Pace { since: Instant::now(), bucket: Mutex::new(bucket) }
    }

    /// Waits for the turn of a request. A request that a person waits for is refused instead when the pace has none
    /// left.
    ///
    /// # Errors
    /// When a person waits for it and no token is left for people, or the workspace has used its requests of the day.
    pub async fn enter(&self) -> Result<(), Busy> {
        let Some(budget) = current() else {
            self.turn().await;
            return Ok(());
        };
        let busy = |wait| Busy { retry_after: whole_seconds(wait), exceeded: None };
        let is_first = !budget.has_begun.swap(true, Ordering::Relaxed);
        if is_first {
            // A request that the pace refuses is not counted, and a request that the count refuses takes no token.
            self.now(Bucket::peek).map_err(busy)?;
        }
        if let Some(count) = &budget.count {
            count(1, if is_first { ROOM } else { 1 }).await?;
        }
        if is_first {
            return self.now(Bucket::person).map_err(busy);
        }
        // A person whose first request was sent is not refused halfway.
        self.turn().await;
        Ok(())
    }

    /// Takes a token, and waits until it is there and until a pause has ended.
    pub async fn turn(&self) {
        while let Some(pause) = self.now(|bucket, now| bucket.pause_left(now)) {
            sleep(micros(pause)).await;
        }
        let wait = self.now(Bucket::work);
        if wait > 0 {
            sleep(micros(wait)).await;
        }
    }

    /// Pauses all requests after Stripe has refused for too many: for `asked`, or else for `first`, doubled with each
    /// refusal in a row.
    pub fn pause(&self, asked: Option<Duration>, first: Duration) {
        self.now(|bucket, now| bucket.pause(asked, first, now));
        tracing::warn!("Stripe refused a request because there were too many: all requests wait");
    }

    /// Notes that Stripe has served a request.
    pub fn serve(&self) {
        self.now(|bucket, _| bucket.strikes = 0);
    }

    fn now<T>(&self, change: impl FnOnce(&mut Bucket, i64) -> T) -> T {
        let mut bucket = self.bucket.lock().unwrap_or_else(PoisonError::into_inner);
        change(&mut bucket, i64::try_from(self.since.elapsed().as_micros()).unwrap_or(i64::MAX))
    }
}

/// The token bucket, which takes the time as an argument, in microseconds.
#[derive(Debug)]
struct Bucket {
    /// Requests a second, and the most that are sent at once; 0 sets no limit.
    rate: i64,
    /// Requests a second that are reserved for background work.
    kept: i64,
    /// Requests that may be sent at `at`, in millionths; negative while background work waits for its turn.
    tokens: i64,
    at: i64,
    paused_until: i64,
    /// Number of refusals for too many requests in a row.
    strikes: u32,
}

/// Number of parts that one token is counted in.
const MILLION: i64 = 1_000_000;

impl Bucket {
    fn new(rate: u32, kept: u32) -> Bucket {
        let (rate, kept) = (i64::from(rate), i64::from(kept));
        Bucket { rate, kept, tokens: rate * MILLION, at: 0, paused_until: 0, strikes: 0 }
    }

    fn refill(&mut self, now: i64) {
        let more = now.saturating_sub(self.at).max(0).saturating_mul(self.rate);
        self.tokens = self.tokens.saturating_add(more).min(self.rate * MILLION);
        self.at = self.at.max(now);
    }

    /// Returns the rest of a pause in microseconds, if there is one.
    fn pause_left(&self, now: i64) -> Option<i64> {
        Some(self.paused_until.saturating_sub(now)).filter(|left| *left > 0)
    }

    /// Checks that a token is left for people, without taking it; an error is the wait in microseconds.
    fn peek(&mut self, now: i64) -> Result<(), i64> {
        self.refill(now);
        let missing = (self.kept + 1) * MILLION - self.tokens;
        match self.pause_left(now) {
            Some(pause) => Err(pause),
            None if self.rate > 0 && missing > 0 => Err(missing / self.rate),
            None => Ok(()),
        }
    }

    /// Takes a token for a person; an error is the wait in microseconds until one is left for people.
    fn person(&mut self, now: i64) -> Result<(), i64> {
        self.peek(now)?;
        self.work(now);
        Ok(())
    }

    /// Takes a token for background work; returns the microseconds until it is there.
    fn work(&mut self, now: i64) -> i64 {
        self.refill(now);
        if self.rate == 0 {
            return 0;
        }
        self.tokens -= MILLION;
        (-self.tokens).max(0) / self.rate
    }

    fn pause(&mut self, asked: Option<Duration>, first: Duration, now: i64) {
        let own = first * 2_u32.saturating_pow(self.strikes.min(5));
        let pause = asked.unwrap_or(own).min(PAUSE_MAX);
        self.strikes = self.strikes.saturating_add(1);
        let pause = i64::try_from(pause.as_micros()).unwrap_or(i64::MAX);
        self.paused_until = self.paused_until.max(now.saturating_add(pause));
    }
}

fn micros(wait: i64) -> Duration {
    Duration::from_micros(wait.unsigned_abs())
}

fn whole_seconds(wait: i64) -> u32 {
    u32::try_from(wait.max(0).unsigned_abs().div_ceil(1_000_000)).unwrap_or(u32::MAX).max(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: i64 = MILLION;

    #[test]
    fn people_leave_a_share_for_work_and_are_refused_at_once() {
        let mut bucket = Bucket::new(20, 10);
        assert_eq!((0..100).filter(|_| bucket.person(0).is_ok()).count(), 10);
        assert_eq!(bucket.person(0), Err(SECOND / 20), "the kept share is not theirs");
        assert!((0..10).all(|_| bucket.work(0) == 0), "the kept share is there at once");
        let waits: Vec<i64> = (0..20).map(|_| bucket.work(0)).collect();
        assert_eq!((waits[0], waits[19]), (SECOND / 20, SECOND), "twenty more take a second, in turn");
        assert_eq!(bucket.person(SECOND), Err(SECOND / 2 + SECOND / 20), "people come after work");
        assert_eq!(bucket.person(SECOND * 8 / 5), Ok(()));
    }

    #[test]
    fn what_people_ask_for_never_keeps_work_waiting() {
        let mut bucket = Bucket::new(25, 5);
        for step in 0..2_000 {
            let now = step * SECOND / 10;
            for _ in 0..50 {
                let _ = bucket.person(now);
            }
            assert_eq!(bucket.work(now), 0, "at step {step}");
        }
    }

    #[test]
    fn no_second_has_more_than_a_burst_and_the_rate() {
        let mut bucket = Bucket::new(20, 10);
        let sent: Vec<i64> = (0..10_000)
            .flat_map(|tick| {
                let now = tick * SECOND / 100;
                let people = (0..3).filter(|_| bucket.person(now).is_ok()).count();
                let work = if tick % 7 == 0 { Some(now + bucket.work(now)) } else { None };
                std::iter::repeat_n(now, people).chain(work).collect::<Vec<i64>>()
            })
            .collect();
        for start in &sent {
            let within = sent.iter().filter(|at| (*start..*start + SECOND).contains(at)).count();
            assert!(within <= 41, "{within} in the second from {start}");
        }
    }

    #[test]
    fn when_stripe_says_too_many_all_wait_as_long_as_it_says() {
        let (mut bucket, first) = (Bucket::new(20, 10), Duration::from_secs(1));
        bucket.pause(Some(Duration::from_secs(7)), first, 0);
        assert_eq!((bucket.person(0), bucket.pause_left(0)), (Err(7 * SECOND), Some(7 * SECOND)));
        assert_eq!((bucket.person(7 * SECOND), bucket.pause_left(7 * SECOND)), (Ok(()), None));
        // Stripe names no wait here: each pause is longer, until a request is served.
        let mut now = 7 * SECOND;
        for seconds in [2, 4, 8, 16, 32, 32, 32] {
            bucket.pause(None, first, now);
            assert_eq!(bucket.pause_left(now), Some(seconds * SECOND));
            now += seconds * SECOND;
        }
        bucket.strikes = 0;
        bucket.pause(None, first, now);
        assert_eq!(bucket.person(now), Err(SECOND));
    }

    #[tokio::test]
    async fn requests_of_a_person_are_counted_and_work_for_all_is_not() {
        let pace = Pace::without_limit();
        let used = Arc::new(Mutex::new(Vec::new()));
        let counts = Arc::clone(&used);
        let count: Box<Count> = Box::new(move |cost, room| {
            counts.lock().expect("no thread panicked").push((cost, room));
            Box::pin(async { Ok(()) })
        });
        with_budget(Some(count), async {
            pace.enter().await.expect("there is room");
            work(pace.enter()).await.expect("work");
            pace.enter().await.expect("there is room");
        })
        .await;
        assert_eq!(*used.lock().expect("no thread panicked"), [(1, ROOM), (1, 1)]);
    }

    #[test]
    fn the_defaults_stay_below_what_stripe_publishes() {
        for (mode, published) in [(Mode::Live, 100), (Mode::Test, 25)] {
            let pace = Pace::of(mode, None, None).expect("the defaults are good");
            let bucket = pace.bucket.into_inner().expect("no thread panicked");
            assert!(bucket.rate < published && bucket.kept > 0 && bucket.kept < bucket.rate, "{bucket:?}");
        }
        for (rate, kept) in [(0, 0), (5, 5), (5, 9)] {
            assert!(Pace::of(Mode::Live, Some(rate), Some(kept)).is_err(), "{rate} {kept}");
        }
    }
}
