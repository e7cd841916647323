//! Work in plain rounds, for a program that counts instructions: two runs of different lengths differ by the rounds.
//!
//! Invariant: one thing after the other, so that the same rounds are the same work: a request is answered and projected
//! before the next one is sent.

use super::Target;
use super::engine::Lab;
use super::fill;
use super::load::{self, Connection, HOLD, Held};
use super::place::Place;
use crate::config::Settings;
use crate::crypto::new_key;
use crate::http;
use crate::server::Server;

/// What is counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Counted {
    /// A hold and its capture in the engine, on a typical workspace
    Typical,
    /// The same with 64 grants and 256 holds
    Large,
    /// A hold over HTTP, from the socket to the disk and the projections
    Hold,
}

/// Workspaces that holds are made on in turn: few rounds leave each with few open ones.
const WORKSPACES: usize = 64;

/// So many rounds.
///
/// # Errors
/// When one is refused.
pub fn run(what: Counted, rounds: usize, place: &Place) -> Result<(), String> {
    let mut lab = match what {
        Counted::Typical => Lab::new()?,
        Counted::Large => Lab::large()?,
        Counted::Hold => return load::block_on(holds(rounds, place)),
    };
    (0..rounds).try_for_each(|_| lab.pair())
}

async fn holds(rounds: usize, place: &Place) -> Result<(), String> {
    let key = new_key("sk_test_");
    let settings = Settings {
        catalog: Some(place.catalog()),
        data: Some(place.directory().join("counted")),
        listen: Some(([127, 0, 0, 1], 0).into()),
        operator_key: Some(key.clone()),
        ..Settings::default()
    };
    let (listener, app) = Server::prepare(&settings).await?.without_workers();
    let address = listener.local_addr().map_err(|error| error.to_string())?;
    let ledger = std::sync::Arc::clone(&app.ledger);
    let serving = tokio::spawn(http::serve(listener, http::service(app), std::future::pending()));
    let workspaces = fill::open(&ledger, WORKSPACES).await?;
    let target = Target { address, key };
    let mut connection = Connection::open(address).await?;
    for n in 0..rounds {
        let held = load::hold(&mut connection, &target, &workspaces[n % WORKSPACES], HOLD, &n.to_string()).await?;
        if !matches!(held, Held::Accepted(_)) {
            return Err(format!("a hold was answered with {held:?}"));
        }
        ledger.store().projected().await.map_err(|error| error.to_string())?;
    }
    serving.abort();
    Ok(())
}
