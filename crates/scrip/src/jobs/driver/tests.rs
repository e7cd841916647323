//! Tests of the driver: permits before leases, failures, wake-ups, the stop, and the status.

use super::*;
use std::collections::VecDeque;
use std::sync::atomic::{AtomicU32, Ordering};
use tokio::sync::Notify;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

const HOUR: Duration = Duration::from_secs(3_600);
/// Maximum wait for any one thing before a test fails.
const PATIENCE: Duration = Duration::from_secs(60);

/// End that a job is to have.
#[derive(Clone, Copy, PartialEq)]
enum Fate {
    Succeeds,
    Fails,
    Panics,
    /// The job ends once [`Rows::go`] says so.
    Waits,
    /// The lease is lost meanwhile.
    IsLost,
    /// The lease cannot be renewed.
    CannotBeRenewed,
}

/// Rows in memory, which report everything that the driver does with them.
#[derive(Default)]
struct Rows {
    due: Mutex<VecDeque<(u32, Fate)>>,
    said: Mutex<Option<UnboundedSender<String>>>,
    wake: Notify,
    go: Notify,
    /// Number of leases that panic, and of records that fail, before one succeeds.
    panics: AtomicU32,
    unwritten: AtomicU32,
}

impl Rows {
    fn say(&self, what: String) {
        let said = self.said.lock().expect("no thread panicked");
        said.as_ref().expect("it is set").send(what).expect("the test goes on");
    }

    fn add(&self, rows: &[(u32, Fate)]) {
        self.due.lock().expect("no thread panicked").extend(rows);
    }

    /// Returns `true` as often as the number says.
    fn take(number: &AtomicU32) -> bool {
        number.fetch_update(Ordering::AcqRel, Ordering::Acquire, |left| left.checked_sub(1)).is_ok()
    }
}

impl Work for Rows {
    type Lease = (u32, Fate);
    type Success = ();
    const RENEW_EVERY: Duration = Duration::from_millis(10);
    const PATIENCE: Duration = PATIENCE;

    async fn lease(&self, most: usize) -> Result<Vec<(u32, Fate)>, Unavailable> {
        self.say(format!("lease {most}"));
        assert!(!Rows::take(&self.panics), "boom");
        let mut due = self.due.lock().expect("no thread panicked");
        let many = most.min(due.len());
        Ok(due.drain(..many).collect())
    }

    async fn attempt(&self, (n, fate): &(u32, Fate)) -> Result<(), Failure> {
        match fate {
            Fate::Succeeds => Ok(()),
            Fate::Fails => Err(Failure::Never(format!("{n} is\nbad"))),
            Fate::Panics => panic!("boom"),
            Fate::Waits => {
                self.go.notified().await;
                Ok(())
            }
            Fate::IsLost | Fate::CannotBeRenewed => std::future::pending().await,
        }
    }

    async fn renew(&self, lease: &mut (u32, Fate)) -> Result<bool, Unavailable> {
        match lease.1 {
            Fate::CannotBeRenewed => Err(Unavailable("the disk is full".to_owned())),
            fate => Ok(fate != Fate::IsLost),
        }
    }

    async fn record(&self, (n, _): &(u32, Fate), result: &Result<(), Failure>) -> Result<(), Unavailable> {
        if Rows::take(&self.unwritten) {
            self.say(format!("{n} unwritten"));
            return Err(Unavailable("the disk is full".to_owned()));
        }
        self.say(format!("{n} {}", result.as_ref().map_or_else(Failure::cause, |()| "done")));
        Ok(())
    }

    async fn backlog(&self) -> Result<Option<u64>, Unavailable> {
        Ok(Some(self.due.lock().expect("no thread panicked").len() as u64))
    }

    async fn next_wake(&self) {
        self.wake.notified().await;
    }
}

/// A driver of one task over rows, and what it reports.
struct Scene {
    rows: Arc<Rows>,
    driver: Driver,
    said: UnboundedReceiver<String>,
}

impl Scene {
    fn of(period: Duration, permits: usize, due: &[(u32, Fate)]) -> Scene {
        let rows = Arc::new(Rows::default());
        let (sender, said) = unbounded_channel();
        *rows.said.lock().expect("it is new") = Some(sender);
        rows.add(due);
        let driver = Driver::new(vec![Task::over_rows("rows", period, permits, Arc::clone(&rows))]);
        Scene { rows, driver, said }
    }

    /// Expects the next reports; those between two leases in any order.
    async fn expect(&mut self, expected: &[&str]) {
        let mut said = Vec::new();
        for _ in expected {
            let next = tokio::time::timeout(PATIENCE, self.said.recv()).await;
            said.push(next.unwrap_or_else(|_| panic!("after {said:?}: nothing")).expect("the rows are there"));
        }
        let sorted = |mut texts: Vec<String>| {
            texts.split_mut(|text| text.starts_with("lease")).for_each(<[String]>::sort);
            texts
        };
        assert_eq!(sorted(said), sorted(expected.iter().map(|text| (*text).to_owned()).collect()));
    }

    /// Returns the reports up to one, without those of leases.
    async fn results_until(&mut self, last: &str) -> Vec<String> {
        let mut said: Vec<String> = Vec::new();
        while said.last().is_none_or(|text| text != last) {
            let next = tokio::time::timeout(PATIENCE, self.said.recv()).await;
            said.push(next.unwrap_or_else(|_| panic!("after {said:?}: nothing")).expect("the rows are there"));
        }
        said.retain(|text| !text.starts_with("lease"));
        said
    }

    /// Waits until the status is as expected, and returns it.
    async fn status(&self, is_good: impl Fn(&Status) -> bool) -> Status {
        let task = &self.driver.tasks()[0];
        let good = async {
            while !is_good(&task.status()) {
                tokio::task::yield_now().await;
            }
        };
        assert!(tokio::time::timeout(PATIENCE, good).await.is_ok(), "{:?}", task.status());
        task.status()
    }
}

#[tokio::test]
async fn permits_come_before_leases_and_a_job_that_never_answers_costs_one() {
    use Fate::{Succeeds, Waits};
    let mut scene = Scene::of(HOUR, 2, &[(1, Waits), (2, Succeeds), (3, Succeeds), (4, Waits), (5, Succeeds)]);
    let running = scene.driver.start();
    scene.expect(&["lease 2", "2 done", "lease 1", "3 done", "lease 1"]).await;
    let status = scene.status(|status| status.busy == 2).await;
    assert!(status.last_run_at.is_some());
    assert_eq!(scene.driver.tasks()[0].backlog().await.expect("it is counted"), Some(1), "no permit, no lease");
    scene.rows.wake.notify_one();
    scene.rows.go.notify_one();
    scene.expect(&["1 done", "lease 1", "5 done", "lease 1"]).await;
    scene.rows.go.notify_one();
    scene.expect(&["4 done", "lease 2"]).await;
    running.stop().await;
}

#[tokio::test]
async fn a_panic_is_a_failed_attempt_and_a_failure_is_kept() {
    let mut scene = Scene::of(HOUR, 2, &[(1, Fate::Panics), (2, Fate::Succeeds)]);
    let running = scene.driver.start();
    scene.expect(&["lease 2", "1 it panicked: boom", "2 done"]).await;
    let status = scene.status(|status| status.last_error.is_some()).await;
    assert_eq!(status.last_error.map(|(_, cause)| cause).as_deref(), Some("it panicked: boom"));
    scene.rows.add(&[(3, Fate::Fails)]);
    scene.rows.wake.notify_one();
    scene.status(|status| status.last_error.as_ref().is_some_and(|(_, cause)| cause == "3 is bad")).await;
    assert_eq!(scene.status(|status| status.busy == 0).await.failures, 0, "the rounds are good");
    running.stop().await;
}

#[tokio::test]
async fn a_round_that_panics_is_repeated_after_a_pause() {
    let mut scene = Scene::of(Duration::from_millis(20), 1, &[(1, Fate::Succeeds)]);
    scene.rows.panics.store(2, Ordering::Release);
    let begun = tokio::time::Instant::now();
    let running = scene.driver.start();
    scene.expect(&["lease 1", "lease 1", "lease 1", "1 done"]).await;
    assert!(begun.elapsed() >= Duration::from_millis(60), "20 ms, and twice as long: {:?}", begun.elapsed());
    let status = scene.status(|status| status.failures == 0).await;
    assert_eq!(status.last_error.map(|(_, cause)| cause).as_deref(), Some("it panicked: boom"));
    running.stop().await;
}

#[test]
fn pauses_after_failures_grow_up_to_a_limit() {
    let pauses =
        |period| [0, 1, 2, 3, 4, 5, 99].map(|failures| pause(Duration::from_millis(period), failures).as_millis());
    assert_eq!(pauses(250), [250, 250, 500, 1_000, 2_000, 4_000, 4_000]);
    assert_eq!(pauses(5_000), [5_000, 1_000, 2_000, 4_000, 5_000, 5_000, 5_000]);
}

#[tokio::test]
async fn a_wake_up_does_not_wait_for_the_period() {
    let mut scene = Scene::of(HOUR, 3, &[]);
    let running = scene.driver.start();
    scene.expect(&["lease 3"]).await;
    scene.rows.add(&[(1, Fate::Succeeds)]);
    scene.rows.wake.notify_one();
    scene.expect(&["lease 3", "1 done"]).await;
    running.stop().await;
}

#[tokio::test]
async fn a_period_needs_no_wake_up() {
    let mut scene = Scene::of(Duration::from_millis(10), 3, &[]);
    let running = scene.driver.start();
    scene.expect(&["lease 3", "lease 3"]).await;
    running.stop().await;
}

#[tokio::test]
async fn a_stop_leases_nothing_and_lets_jobs_end() {
    let mut scene = Scene::of(Duration::from_millis(10), 2, &[(1, Fate::Waits)]);
    let running = scene.driver.start();
    scene.expect(&["lease 2"]).await;
    scene.status(|status| status.busy == 1).await;
    running.stop.send_replace(true);
    scene.rows.add(&[(2, Fate::Succeeds)]);
    let stopping = tokio::spawn(running.stop_within(PATIENCE));
    scene.rows.go.notify_one();
    stopping.await.expect("it stops");
    scene.rows.say("end".to_owned());
    assert_eq!(
        scene.results_until("end").await,
        ["1 done", "end"],
        "what was leased has ended, and the other row was not begun"
    );
}

#[tokio::test]
async fn a_job_that_does_not_end_is_cut_by_the_stop() {
    let mut scene = Scene::of(HOUR, 2, &[(1, Fate::Waits)]);
    let running = scene.driver.start();
    scene.expect(&["lease 2"]).await;
    scene.status(|status| status.busy == 1).await;
    running.stop_within(Duration::ZERO).await;
    assert!(scene.said.try_recv().is_err(), "its lease ends by itself");
}

#[tokio::test]
async fn a_job_without_its_lease_records_nothing() {
    let mut scene = Scene::of(HOUR, 2, &[(1, Fate::IsLost), (2, Fate::CannotBeRenewed)]);
    let running = scene.driver.start();
    assert_eq!(scene.results_until("2 the disk is full").await, ["2 the disk is full"]);
    scene.status(|status| status.busy == 0).await;
    running.stop().await;
    scene.rows.say("end".to_owned());
    assert_eq!(scene.results_until("end").await, ["end"]);
}

#[tokio::test]
async fn a_result_that_cannot_be_recorded_is_recorded_again() {
    let mut scene = Scene::of(HOUR, 1, &[(1, Fate::Succeeds)]);
    scene.rows.unwritten.store(1, Ordering::Release);
    let running = scene.driver.start();
    scene.expect(&["lease 1", "1 unwritten", "1 done"]).await;
    running.stop().await;
}

#[tokio::test]
async fn an_act_is_repeated_and_shows_its_failures() {
    let count = Arc::new(AtomicU32::new(0));
    let act = async |count: Arc<AtomicU32>| match count.fetch_add(1, Ordering::AcqRel) {
        0 => Err(Unavailable("not yet".to_owned())),
        _ => Ok(()),
    };
    let task = Task::periodic("act", Duration::from_millis(10), Arc::clone(&count), act);
    let driver = Driver::new(vec![task]);
    let running = driver.start();
    let several = async {
        while count.load(Ordering::Acquire) < 3 {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(PATIENCE, several).await.expect("it is repeated");
    running.stop().await;
    let task = &driver.tasks()[0];
    let Status { failures, last_error, .. } = task.status();
    assert_eq!((failures, last_error.map(|(_, cause)| cause).as_deref()), (0, Some("not yet")));
    assert_eq!(task.backlog().await.expect("it has none"), None);
}
