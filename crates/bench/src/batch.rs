//! Batches: many decisions in one request, a batch of holds, then a batch of their captures.
//!
//! Invariant: every decision is checked in the answers; one that was refused ends the measurement.

use futures_util::FutureExt;
use scrip::benchmark::connection::Connection;
use scrip::benchmark::load::Work;
use scrip::benchmark::place::Target;
use std::fmt::Write;
use std::sync::Arc;

const PATH: &str = "/v1/holds/batch";

/// Returns the work of batches: `size` holds in one request and their captures in another, on the workspaces in turn.
/// `keys` makes the idempotency keys of measurements differ.
pub fn work(target: &Target, workspaces: &Arc<Vec<String>>, keys: u64, size: usize) -> Work {
    let (target, workspaces) = (target.clone(), Arc::clone(workspaces));
    Work::new([target.address], move |connection, turn| {
        let (target, workspaces) = (target.clone(), Arc::clone(&workspaces));
        async move {
            let batch = Batch { target: &target, workspaces: &workspaces, size };
            batch.pair(connection, turn.number() * size, &turn.key(keys)).await
        }
        .boxed()
    })
}

/// Settings that all pairs of one load share.
struct Batch<'a> {
    /// Server that the requests go to.
    target: &'a Target,
    /// Identifiers of the workspaces, used in turn.
    workspaces: &'a [String],
    /// Number of holds in a request.
    size: usize,
}

impl Batch<'_> {
    /// Sends one request of holds and one of their captures, on workspaces from `from` on.
    ///
    /// # Errors
    /// When one is refused.
    async fn pair(&self, connection: &mut Connection, from: usize, key: &str) -> Result<(), String> {
        let workspaces = (0..self.size).map(|n| &self.workspaces[(from + n) % self.workspaces.len()]);
        let opens = decisions(workspaces.enumerate(), |text, (n, workspace)| {
            write!(
                text,
                r#"{{"key":"h{key}-{n}","workspace":"{workspace}","open":{{"credits":20,"reference":"benchmark"}}}}"#
            )
        });
        let answered = self.send(connection, &opens, r#""status":201,"#).await?;
        let ids = answered.split(r#""hold":{"id":""#).skip(1).filter_map(|rest| rest.split('"').next());
        let captures = decisions(ids.enumerate(), |text, (n, id)| {
            write!(text, r#"{{"key":"c{key}-{n}","hold":"{id}","capture":{{}}}}"#)
        });
        self.send(connection, &captures, r#""status":200,"#).await.map(|_| ())
    }

    async fn send<'c>(&self, connection: &'c mut Connection, body: &str, good: &str) -> Result<&'c str, String> {
        connection.begin("POST", PATH, &self.target.key);
        let (status, answered) = connection.send(body.as_bytes()).await?;
        let text = std::str::from_utf8(answered).map_err(|error| error.to_string())?;
        if status == 200 && text.matches(good).count() == self.size {
            return Ok(text);
        }
        let start: String = text.chars().take(1_000).collect();
        Err(format!("a batch of {} was answered with {status}: {start}", self.size))
    }
}

/// Writes a body of decisions, by hand to save time.
fn decisions<T>(all: impl Iterator<Item = T>, write: impl Fn(&mut String, T) -> std::fmt::Result) -> String {
    let mut text = String::from(r#"{"decisions":["#);
    for (n, one) in all.enumerate() {
        if n > 0 {
            text.push(',');
        }
        write(&mut text, one).expect("a text takes all");
    }
    text.push_str("]}");
    text
}
