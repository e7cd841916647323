//! Mails and rows for lists that follow from entries.
//!
//! Invariant: such a mail or row is written in the transaction of its entry, and nowhere else.

use crate::integrity::Seals;
use crate::{Consequences, NewMail, Value};
use scrip_engine::Timestamp;
use tokio_postgres::Client;
use tokio_postgres::types::ToSql;

/// Inserts mails; one whose id exists already is taken for that mail.
const SQL: &str = "INSERT INTO mails (id, kind, recipient, data, due_at, attempts, lease_until, created_at, seal)
    SELECT id, kind, recipient, data, $5, 0, 0, $5, seal
    FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $6::bytea[]) AS new (id, kind, recipient, data, seal)
    ON CONFLICT (id) DO NOTHING";

/// Writes the mails and rows that follow from entries, in the entries' order.
pub(super) async fn write(
    client: &Client,
    told: impl Iterator<Item = &Consequences> + Clone,
    now: Timestamp,
    seals: &Seals,
) -> Result<(), tokio_postgres::Error> {
    for row in told.clone().flat_map(|told| &told.rows) {
        let values = row.values(seals);
        let values: Vec<&(dyn ToSql + Sync)> = values.iter().map(|value| value as _).collect();
        client.execute(row.sql, &values).await?;
    }
    write_mails(client, told.flat_map(|told| &told.mails).collect(), now, seals).await
}

/// Writes mails. They are due by the database's clock, whatever clock their workspaces are on.
async fn write_mails(
    client: &Client,
    mut mails: Vec<&NewMail>,
    now: Timestamp,
    seals: &Seals,
) -> Result<(), tokio_postgres::Error> {
    if mails.is_empty() {
        return Ok(());
    }
    // Sorted by id in every process, so that no two wait for each other.
    mails.sort_by_key(|mail| &mail.id);
    let column = |text: fn(&NewMail) -> &str| -> Vec<&str> { mails.iter().map(|mail| text(mail)).collect() };
    let (ids, kinds) = (column(|mail| &mail.id), column(|mail| &mail.kind));
    let (recipients, data) = (column(|mail| &mail.recipient), column(|mail| &mail.data));
    let sealed: Vec<Value> = mails.iter().map(|mail| mail.seal(seals)).collect();
    client.execute(SQL, &[&ids, &kinds, &recipients, &data, &now.micros(), &sealed]).await?;
    Ok(())
}
