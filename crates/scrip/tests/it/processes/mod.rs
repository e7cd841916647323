//! Several processes over one PostgreSQL database: races, kills, cuts, outages, shortages, conflicts, late
//! commits, other versions' schemas, clocks that disagree, encryption, and roles.
//!
//! Invariant: nothing here reaches into a server; without a cluster a test fails, whatever store other tests run on.

mod access;
mod balance;
mod batches;
mod claims;
mod clocks;
mod cluster;
mod conflicts;
mod encryption;
mod fold;
mod health;
mod kills;
mod outages;
mod protocol;
mod proxy;
mod reserve;
mod restore;
mod roles;
mod sales;
mod session;
mod shortages;
mod versions;

use proxy::Proxy;
use scrip_testing::app::{App, Desk};
use scrip_testing::journal::Journal;
use scrip_testing::load;
use scrip_testing::postgres::{Database, database};
use std::sync::Arc;

/// Several servers over one database.
struct Peers(Vec<App>);

impl Peers {
    fn start(count: usize) -> Peers {
        Peers::on(database(), count)
    }

    fn on(database: Database, count: usize) -> Peers {
        let first = App::on_journal(Journal::Postgres(Arc::new(database)), Vec::new());
        let others: Vec<App> = (1..count).map(|_| first.beside(Vec::new())).collect();
        Peers([first].into_iter().chain(others).collect())
    }

    /// Starts two servers over one database: the first one reaches it directly, the other one through a proxy that
    /// watches its appenders.
    fn through_a_proxy() -> (Peers, Proxy) {
        let database = database();
        // Statement that only an appender prepares.
        let proxy = Proxy::before(database.server(), "INSERT INTO entries");
        let through = Journal::Postgres(Arc::new(database.through(&proxy.address())));
        let mut peers = Peers::on(database, 1);
        let other = peers.0[0].beside_on(through, Vec::new());
        peers.0.push(other);
        (peers, proxy)
    }

    fn database(&self) -> &Database {
        self.0[0].database()
    }

    fn wires(&self) -> Vec<load::Wire> {
        self.0.iter().map(load::Wire::of).collect()
    }

    /// Returns a workspace, for requests to one of the servers.
    fn desk<'a>(&'a self, at: usize, id: &str) -> Desk<'a> {
        Desk { app: &self.0[at], id: id.to_owned() }
    }

    /// Stops all servers and replays the journal.
    fn verify(mut self) -> serde_json::Value {
        self.0.iter_mut().for_each(App::kill);
        self.0[0].verify()
    }
}

impl Drop for Peers {
    fn drop(&mut self) {
        // The first one's directory is used by the others.
        while self.0.pop().is_some() {}
    }
}
