//! Schemas of other versions: one that is newer than the binary, and one that becomes so while it serves.

use crate::Peers;
use crate::load::{Load, again, settled};

/// What a later version of the binary notes down when it has brought the schema up.
const LATER: &str = "INSERT INTO refinery_schema_history (version, name, applied_on, checksum)
                     VALUES (99, 'later', '2026-01-01T00:00:00Z', '1')";

/// A migration as the rules for it allow: columns that may be empty, tables and indexes.
fn additive() -> String {
    let tables = [
        "entries",
        "settings",
        "operator_keys",
        "catalogs",
        "test_clocks",
        "claims",
        "positions",
        "snapshots",
        "workspaces",
        "runs",
        "queue",
        "holds",
        "usage",
    ];
    let columns: String = tables.map(|table| format!("ALTER TABLE {table} ADD COLUMN later TEXT;")).concat();
    format!(
        "BEGIN; {columns}
         CREATE TABLE later (workspace BIGINT NOT NULL PRIMARY KEY, told TEXT);
         CREATE INDEX entries_by_later ON entries (workspace, later) WHERE later IS NOT NULL;
         {LATER}; COMMIT"
    )
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn while_a_later_version_brings_the_schema_up_every_request_keeps_working() {
    let mut peers = Peers::start(2);
    let mut load = Load::on(&peers.0[0], 8, 0x0dd1_71fe_5c3e_3a00).await;
    let wires = peers.wires();
    let before = load.until(&wires, || ()).await;
    let during = load.until(&wires, || drop(peers.database().query(&additive()))).await;
    let after = load.until(&wires, || ()).await;
    let asked = [&before, &during, &after].map(Vec::len);
    println!("{asked:?} asked before, during and after");
    for asked in [before, during, after] {
        load.everything.extend(asked);
    }
    assert_eq!(load.cut_off, 0, "nobody was told to come back");
    let mut everything = std::mem::take(&mut load.everything);
    assert_eq!(again(&wires, None, &mut everything).await, 0, "nor when they asked again");
    settled(&peers.0[1], &everything, &load.workspaces).await;

    // Whoever is started now belongs to the later version; this one says so, and leaves everything as it is.
    let entries = peers.database().query("SELECT count(*), max(position) FROM entries");
    let refused = peers.0[1].second();
    let said = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert!(!refused.status.success(), "it started over a schema it does not know");
    assert!(said.contains("its schema is not one this version of scrip knows"), "{said}");
    assert_eq!(peers.database().query("SELECT count(*), max(position) FROM entries"), entries);
    peers.desk(0, &load.workspaces[0]).give(1).await;

    peers.0.iter_mut().for_each(crate::app::App::kill);
    peers.database().query("DELETE FROM refinery_schema_history WHERE version = 99");
    peers.verify();
}
