//! Statements that distribute the journal by workspace over partitions or nodes.
//!
//! Invariant: a workspace is whole in one part, and every unique key of a distributed table begins with the workspace.
//! So a part alone accepts each number and each key of a workspace once.

use super::parts::Parts;
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

/// Returns the statements that distribute every table over the nodes of a Citus cluster: the rows of a workspace with
/// its entries, each claim by its name, and small tables whole on every node. Present rows move along.
pub fn citus() -> String {
    let journal = "entries";
    let by_workspace = Table::by_distribution(Distribution::ByWorkspace).filter(|table| *table != journal);
    let by_workspace = by_workspace.map(|table| {
        format!("SELECT create_distributed_table('{table}', 'workspace', colocate_with => '{journal}');\n")
    });
    let by_claim = Table::by_distribution(Distribution::ByClaim);
    let by_claim = by_claim
        .map(|table| format!("SELECT create_distributed_table('{table}', 'claim', colocate_with => 'none');\n"));
    let everywhere = Table::by_distribution(Distribution::Everywhere);
    let everywhere = everywhere.map(|table| format!("SELECT create_reference_table('{table}');\n"));
    let others: String = by_workspace.chain(by_claim).chain(everywhere).collect();
    format!(
        "BEGIN;
-- The triggers that keep entries as they are go along: each judges one row and reads no other.
SET LOCAL citus.enable_unsafe_triggers = on;
SET LOCAL citus.multi_shard_modify_mode = 'sequential';
DROP VIEW history;
SELECT create_distributed_table('{journal}', 'workspace');
{others}CREATE VIEW history AS SELECT * FROM entries;
COMMIT;
"
    )
}

/// Brings a database to this version's schema and its journal into `parts` partitions.
///
/// # Errors
/// When the journal is in parts already, another program uses the database, or a transfer into it has not ended.
pub async fn part(address: &Address, parts: u32) -> Result<(), Unavailable> {
    run(address, &partitions(parts)).await
}

/// Brings the database of a Citus cluster's coordinator to this version's schema, and distributes its tables.
///
/// # Errors
/// When the database has no Citus of a version that is supported, and those of [`part`].
pub async fn distribute(address: &Address) -> Result<(), Unavailable> {
    let client = Reach::of(address)?.with_name("part").connect().await?;
    let sql = "SELECT extversion FROM pg_extension WHERE extname = 'citus'";
    let version: Option<String> = client.query_opt(sql, &[]).await?.map(|row| row.get(0));
    let number = version.as_deref().and_then(|version| version.split('.').next()?.parse::<u32>().ok());
    if number.is_none_or(|number| number < guards::CITUS_MIN) {
        let found = version.map_or("it has none".to_owned(), |version| format!("it has {version}"));
        let least = guards::CITUS_MIN;
        return Err(Unavailable(format!("the database needs the extension citus, {least} or newer, and {found}")));
    }
    run(address, &citus()).await
}

/// Runs the statements that divide a journal, while no server has the database open.
async fn run(address: &Address, statements: &str) -> Result<(), Unavailable> {
    let reach = Reach::of(address)?.with_name("part");
    let mut client = reach.connect().await?;
    migrate(&mut client, &reach).await?;
    guards::refuse_halves(&client).await?;
    guards::refuse_the_served(&client, &reach, "part").await?;
    if Parts::find(&client).await?.is_divided() {
        return Err(Unavailable("this journal is in parts already".to_owned()));
    }
    Ok(client.batch_execute(statements).await?)
}
