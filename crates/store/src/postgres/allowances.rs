//! Allowances over all processes: each row is locked before it is judged, until its transaction ends.
//!
//! Invariant: rows are locked in one order everywhere, so that no two processes wait for each other.

use super::{SharedState, patiently};
use crate::allowance::{Denial, Key, Logs};
use crate::{Allowance, OverLimit, Unavailable};
use scrip_engine::Timestamp;
use std::collections::{BTreeMap, BTreeSet};
use tokio_postgres::Client;

/// Makes the missing rows and locks all of them.
const LOCK: &str = "INSERT INTO allowances (kind, subject, log, last)
    SELECT kind, subject, ''::bytea, $3::bigint FROM unnest($1::text[], $2::text[]) AS asked (kind, subject)
    ON CONFLICT (kind, subject) DO UPDATE SET last = allowances.last RETURNING kind, subject, log";
/// Counts claims once the rows are locked.
const CLAIMS: &str = "SELECT scope, COUNT(*) FROM claims WHERE scope = ANY($1) GROUP BY scope";
const WRITE: &str = "UPDATE allowances SET log = counted.log, last = counted.last
    FROM unnest($1::text[], $2::text[], $3::bytea[], $4::bigint[]) AS counted (kind, subject, log, last)
    WHERE allowances.kind = counted.kind AND allowances.subject = counted.subject";

/// Locks the rows that several requests count, in a transaction that has begun.
pub(super) async fn lock<'a>(
    client: &Client,
    allowances: impl Iterator<Item = &'a Allowance> + Clone,
    now: Timestamp,
) -> Result<Logs, tokio_postgres::Error> {
    let keys: BTreeSet<Key> = allowances.clone().flat_map(|one| one.uses.iter().map(|used| used.key())).collect();
    let mut logs = Logs::default();
    if !keys.is_empty() {
        let (kinds, subjects): (Vec<&str>, Vec<&str>) =
            keys.iter().map(|(kind, subject)| (&**kind, &**subject)).unzip();
        let rows = client.query(LOCK, &[&kinds, &subjects, &now.micros()]).await?;
        logs.read = rows.iter().map(|row| ((row.get(0), row.get(1)), row.get(2))).collect();
    }
    let scopes: Vec<&str> = allowances.filter_map(|one| Some(&*one.claims.as_ref()?.scope)).collect();
    if !scopes.is_empty() {
        let rows = client.query(CLAIMS, &[&scopes]).await?;
        let count = |row: &tokio_postgres::Row| (row.get(0), u32::try_from(row.get::<_, i64>(1)).unwrap_or(u32::MAX));
        logs.claims = rows.iter().map(count).collect::<BTreeMap<String, u32>>();
    }
    Ok(logs)
}

/// Writes the counted uses, in that transaction.
pub(super) async fn write(client: &Client, logs: &Logs) -> Result<(), tokio_postgres::Error> {
    let (mut kinds, mut subjects, mut bytes, mut last) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    for ((kind, subject), log, at) in logs.rows() {
        kinds.push(&**kind);
        subjects.push(&**subject);
        bytes.push(log);
        last.push(at);
    }
    if !kinds.is_empty() {
        client.execute(WRITE, &[&kinds, &subjects, &bytes, &last]).await?;
    }
    Ok(())
}

/// Counts uses that come without an entry.
pub(super) async fn spend(shared: &SharedState, allowance: &Allowance) -> Result<Result<(), OverLimit>, Unavailable> {
    let mut client = super::reach::take(&shared.pool).await?;
    patiently(async {
        let transaction = client.transaction().await?;
        let now = shared.now();
        let mut logs = lock(transaction.client(), std::iter::once(allowance), now).await?;
        match logs.take(allowance, now) {
            Ok(()) => {
                write(transaction.client(), &logs).await?;
                transaction.commit().await?;
                Ok(Ok(()))
            }
            Err(Denial::OverLimit(exceeded)) => Ok(Err(exceeded)),
            Err(Denial::Refused(refusal)) => {
                Err(Unavailable(format!("claims are made by entries: {}", refusal.code())))
            }
        }
    })
    .await
}
