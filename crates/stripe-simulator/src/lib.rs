//! A stateful Stripe in memory: buy, renew, refund and dispute without an account and without a network.
//!
//! The simulator speaks the current API in test mode and keeps its state until it is stopped. It is an oracle of its
//! own: it shares no code with the product that it tests.
//!
//! ```no_run
//! use stripe_simulator::{Config, Simulator};
//!
//! # async fn example() -> std::io::Result<()> {
//! let stripe = Simulator::start(Config::default()).await?;
//! println!("STRIPE_API_BASE={}", stripe.base_url());
//! # Ok(())
//! # }
//! ```
//!
//! The acts of a test beside the API are listed in [`control`].
//!
//! Invariant: answers and events contain objects that Stripe's own types accept.

// An invoice has more fields than `json!` can write within the usual limit.
#![recursion_limit = "512"]

pub mod agenda;
pub mod answer;
pub mod api;
pub mod app;
pub mod billing;
pub mod calendar;
pub mod calls;
pub mod cards;
mod clock;
pub mod control;
pub mod debits;
pub mod decline;
pub mod delivery;
pub mod error;
pub mod ids;
pub mod lists;
pub mod object;
mod pages;
pub mod params;
pub mod resources;
pub mod routes;
pub mod server;
pub mod signature;
pub mod state;
mod wire;

pub use app::App;

use state::State;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

/// Version of Stripe's API that the simulator speaks.
pub const API_VERSION: &str = "2026-10-28.endive";

/// Fate of a subscription whose last retry failed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum AfterRetries {
    /// The subscription is canceled.
    #[default]
    Cancel,
    /// The subscription stays, as unpaid.
    MarkUnpaid,
    /// The subscription stays past due.
    LeavePastDue,
}

/// A webhook endpoint that exists from the start.
#[derive(Clone, Debug)]
pub struct Webhook {
    /// Address to which events are sent.
    pub url: String,
    /// Secret that signs the events.
    pub secret: String,
}

/// Settings of a simulator.
#[derive(Clone, Debug)]
pub struct Config {
    /// Address to listen on; port 0 is any free port.
    pub listen: SocketAddr,
    /// Seed of the identifiers.
    pub seed: u64,
    /// Identifier of the account that all objects belong to.
    pub account: String,
    /// The only key that is accepted; any key of test mode if there is none.
    pub key: Option<String>,
    /// Endpoint that receives all events.
    pub webhook: Option<Webhook>,
    /// Pauses before a delivery is tried again.
    pub delivery_retries: Vec<Duration>,
    /// Maximum time of an endpoint's answer.
    pub delivery_timeout: Duration,
    /// Days after which a failed payment is tried again, each counted from the attempt before.
    pub payment_retries: Vec<i64>,
    /// Fate of the subscription after the last retry.
    pub after_retries: AfterRetries,
    /// `true` if the invoice becomes uncollectible after the last retry; else it stays open.
    pub uncollectible_after_retries: bool,
}

impl Default for Config {
    fn default() -> Config {
        Config {
            listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
            seed: 1,
            account: "acct_1SimulatedAccount".to_owned(),
            key: None,
            webhook: None,
            delivery_retries: [100, 400, 1600].map(Duration::from_millis).to_vec(),
            delivery_timeout: Duration::from_secs(10),
            payment_retries: vec![3, 5, 7],
            after_retries: AfterRetries::default(),
            uncollectible_after_retries: false,
        }
    }
}

/// A running simulator. Dropping it stops it.
#[derive(Debug)]
pub struct Simulator {
    base: String,
    app: App,
    server: JoinHandle<()>,
}

impl Simulator {
    /// Starts a simulator on the configured address.
    ///
    /// # Errors
    /// When the address cannot be listened on.
    pub async fn start(config: Config) -> io::Result<Simulator> {
        let listener = TcpListener::bind(config.listen).await?;
        let base = format!("http://{}", listener.local_addr()?);
        let mut state = State::new(config, base.clone());
        resources::accounts::open(&mut state);
        if let Some(Webhook { url, secret }) = state.config.webhook.clone() {
            let everything = ["*".to_owned()];
            resources::webhook_endpoints::open(&mut state, &url, &everything, Some(API_VERSION), &secret);
        }
        let app = App::new(state);
        let server = tokio::spawn(server::serve(app.clone(), listener));
        Ok(Simulator { base, app, server })
    }

    /// Adds a webhook endpoint that receives all events from now on.
    pub fn add_webhook(&self, webhook: &Webhook) {
        let everything = ["*".to_owned()];
        self.app.with(|state| {
            resources::webhook_endpoints::open(state, &webhook.url, &everything, Some(API_VERSION), &webhook.secret);
        });
    }

    /// Returns the base URL, without a slash at the end.
    pub fn base_url(&self) -> &str {
        &self.base
    }

    /// Returns the shared state, for a caller that runs the simulator in its own process.
    pub fn app(&self) -> &App {
        &self.app
    }

    /// Waits until every delivery ended and no test clock is advancing.
    pub async fn quiet(&self) {
        control::wait_for_quiet(&self.app).await;
    }

    /// Waits until the server ends. While the simulator is kept, the server does not end of its own accord.
    pub async fn wait(mut self) {
        let _ = (&mut self.server).await;
    }
}

impl Drop for Simulator {
    fn drop(&mut self) {
        self.server.abort();
    }
}
