//! Statements that distribute the journal by workspace over partitions or nodes.
//!
//! Invariant: a workspace is whole in one part, and every unique key of a distributed table begins with the workspace.
//! So a part alone accepts each number and each key of a workspace once.

use super::reach::{Address, Reach};
use super::{guards, migrate};
use crate::Unavailable;
use crate::tables::{Distribution, Table};

/// Statements that give the journal's new table its keys, indexes and view, and the triggers that keep entries.
const BELONGINGS: &str = "ALTER TABLE entries ADD PRIMARY KEY (workspace, seq);
CREATE UNIQUE INDEX entries_by_key ON entries (workspace, idempotency_key) WHERE idempotency_key IS NOT NULL;
CREATE INDEX entries_by_position ON entries (position);
CREATE VIEW history AS SELECT * FROM entries;
CREATE TRIGGER entries_stay BEFORE UPDATE OR DELETE ON entries FOR EACH ROW EXECUTE FUNCTION entries_stay();
CREATE TRIGGER entries_last BEFORE TRUNCATE ON entries FOR EACH STATEMENT EXECUTE FUNCTION entries_stay();
";

/// Returns the statements that divide the journal into `parts` partitions of one database. Present entries move along,
/// with their positions and transactions.
pub fn partitions(parts: u32) -> String {
    let each = |part: u32| {
        format!(
            "CREATE TABLE entries_{part} PARTITION OF entries FOR VALUES WITH (MODULUS {parts}, REMAINDER {part});\n\
             CREATE TRIGGER entries_last BEFORE TRUNCATE ON entries_{part}\n    \
             FOR EACH STATEMENT EXECUTE FUNCTION entries_stay();\n"
        )
    };
    let each: String = (0..parts).map(each).collect();
    format!(
        "BEGIN;
LOCK TABLE entries IN ACCESS EXCLUSIVE MODE;
DROP VIEW history;
ALTER TABLE entries RENAME TO entries_whole;
CREATE TABLE entries (LIKE entries_whole INCLUDING DEFAULTS) PARTITION BY HASH (workspace);
-- Before version 17 a table in partitions cannot number its rows itself.
CREATE SEQUENCE entries_positions AS BIGINT OWNED BY entries.position;
ALTER TABLE entries ALTER COLUMN position SET DEFAULT nextval('entries_positions');
{each}INSERT INTO entries SELECT * FROM entries_whole;
SELECT setval('entries_positions', COALESCE(MAX(position), 0) + 1, false) FROM entries;
DROP TABLE entries_whole;
{BELONGINGS}ANALYZE entries;
COMMIT;
"
    )
}

/// Returns the statements that would distribute every table by workspace over the nodes of a Citus cluster.
pub fn citus() -> String {
    let journal = "entries";
    // The rows of a workspace are kept with its entries.
    let others = Table::by_distribution(Distribution::ByWorkspace).filter(|table| *table != journal);
    let others = others.map(|table| {
        format!("SELECT create_distributed_table('{table}', 'workspace', colocate_with => '{journal}');\n")
    });
    let everywhere = Table::by_distribution(Distribution::Everywhere);
    let everywhere = everywhere.map(|table| format!("SELECT create_reference_table('{table}');\n"));
    format!(
        "-- These statements were not run on a Citus cluster, and scrip does not serve what they make:
-- docs/SCALING.md says why.
BEGIN;
DROP VIEW history;
-- A distributed table has no triggers: that entries never change is then up to the roles that may log in.
DROP TRIGGER entries_stay ON entries;
DROP TRIGGER entries_last ON entries;
SELECT create_distributed_table('{journal}', 'workspace');
{}{}CREATE VIEW history AS SELECT * FROM entries;
COMMIT;
",
        others.collect::<String>(),
        everywhere.collect::<String>()
    )
}

/// Brings a database to this version's schema and its journal into `parts` partitions.
///
/// # Errors
/// When the journal is in partitions already, another program uses the database, or a transfer into it has not ended.
pub async fn part(address: &Address, parts: u32) -> Result<(), Unavailable> {
    let reach = Reach::of(address)?.with_name("part");
    let mut client = reach.connect().await?;
    migrate(&mut client, &reach).await?;
    guards::refuse_halves(&client).await?;
    guards::refuse_the_served(&client, &reach, "part").await?;
    let sql = "SELECT relkind = 'p' FROM pg_class WHERE oid = 'entries'::regclass";
    if client.query_one(sql, &[]).await?.get(0) {
        return Err(Unavailable("this journal is in partitions already".to_owned()));
    }
    Ok(client.batch_execute(&partitions(parts)).await?)
}
