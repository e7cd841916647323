//! A running Scrip: the store, the workers, the scheduler and the HTTP service, put together.
//!
//! Invariant: no request is served before the settings, the data and the catalog are in order.

mod catalog_file;
mod data;
mod listeners;
mod parts;

use crate::assets::disk::Assets;
use crate::config::Settings;
use crate::http::key_directory::Directory;
use crate::http::{self, App, Audience, Health, Stop, connection::Crowd, throttle::Throttle};
use crate::jobs::scheduler::{self, TimeMachine};
use crate::ledger::Ledger;
use crate::mail::links::Links;
use crate::mail::outbox::Outbox;
use crate::operate::alerts;
use crate::operate::first_key::{self, NewKey};
use crate::operate::switches::Switches;
use crate::payments::Billing;
use crate::people::allowances;
use crate::people::blocks::BlockedPeople;
use crate::people::sign_in::{self, upgrade};
use crate::runs::dispatch::Dispatcher;
use crate::store::Unavailable;
pub use catalog_file::{catalog_text, read_catalog};
use listeners::Listeners;
use parts::Parts;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::task::JoinHandle;

/// Time between two sweeps of sessions and links that have run out.
const SWEEP_EVERY: Duration = Duration::from_secs(600);
/// Time between two checks for workspaces that were folded again because a stored value was not believed.
const HEALED_EVERY: Duration = Duration::from_secs(5); // # assumed

/// Server that is ready to serve.
pub struct Server {
    listeners: Listeners,
    app: Arc<App>,
    dispatcher: Arc<Dispatcher>,
    outbox: Arc<Outbox>,
    crowd: Arc<Crowd>,
    /// Operator key that was made at this first start.
    pub new_key: Option<NewKey>,
    /// Address that the server listens on, as a URL.
    pub url: String,
}

impl Server {
    /// Checks the settings, takes the addresses to listen on, opens the data, and publishes the catalog if it is new.
    ///
    /// # Errors
    /// Describes each fault and its remedy, for the operator who starts the server. Faults of the settings are found
    /// before anything is written.
    pub async fn prepare(settings: &Settings) -> Result<Server, String> {
        let Parts { place, listeners, url, public_url, lifetimes, oidc, account, mailer, proxies, bad_keys } =
            Parts::of(settings).await?;
        let data = place.directory.clone();
        let store = data::open(settings, place, account.as_ref().map(|account| &account.client)).await?;
        let unavailable = |error: Unavailable| error.to_string();
        upgrade::run(&store).await.map_err(unavailable)?;
        let secret = data::secret(&store).await.map_err(unavailable)?;
        let assets = Arc::new(Assets::open(&data.join("assets")).map_err(|error| error.to_string())?);
        let ledger = Arc::new(Ledger::new(store));
        let switches = Arc::new(Switches::default());
        switches.refresh(ledger.store()).await.map_err(unavailable)?;
        let blocked = BlockedPeople::default();
        blocked.refresh(ledger.store()).await.map_err(unavailable)?;
        let dispatcher = Arc::new(Dispatcher::new(Arc::clone(&ledger), Arc::clone(&assets), Arc::clone(&switches)));
        let time = Arc::new(TimeMachine::new(Arc::clone(&ledger), Arc::clone(&dispatcher)));
        let billing = account.map(|account| Arc::new(Billing::new(Arc::clone(&ledger), account, public_url.clone())));
        let links = Links { ledger: Arc::clone(&ledger), secret: secret.clone(), public_url: public_url.clone() };
        let outbox = Arc::new(Outbox::new(links, mailer));
        let crowd = Crowd::new(settings.connections_per_address, proxies.clone());
        let stop = Stop::default();
        // This is the last step: no key is made for a start that fails, since the operator would not be shown it.
        let given = settings.operator_key.as_deref();
        let (operator_keys, new_key) = first_key::operator_keys(ledger.store(), given, &data).await?;
        let app = Arc::new(App {
            health: Health::new(Arc::clone(&ledger), stop.clone()),
            stop,
            ledger,
            time,
            followed: Default::default(),
            histories: Default::default(),
            assets,
            secret,
            operator_keys,
            keys: Directory::default(),
            switches,
            public_url,
            lifetimes,
            oidc,
            billing,
            proxies,
            bad_keys,
            sign_ins: Throttle::sign_ins_by_address(),
            callbacks: Throttle::callbacks_by_address(),
            streams: Arc::default(),
            blocked,
        });
        Ok(Server { listeners, app, dispatcher, outbox, crowd, new_key, url })
    }

    /// Returns the ledger that the server works on.
    pub fn ledger(&self) -> Arc<Ledger> {
        Arc::clone(&self.app.ledger)
    }

    /// Serves without the workers and the scheduler; returns the address and the task that serves.
    ///
    /// # Errors
    /// When the listener has no address.
    pub fn serve_alone(self) -> std::io::Result<(SocketAddr, JoinHandle<std::io::Result<()>>)> {
        let (listener, service) = (self.listeners.all, http::service(self.app, Audience::All));
        let address = listener.local_addr()?;
        Ok((address, tokio::spawn(http::serve(listener, service, Crowd::without_limit(), Stop::default()))))
    }

    /// Serves until the future `stop` is ready.
    ///
    /// # Errors
    /// When the listener fails.
    pub async fn serve(self, stop: impl Future<Output = ()> + Send + 'static) -> std::io::Result<()> {
        tokio::spawn(scheduler::run(Arc::clone(&self.app.ledger)));
        tokio::spawn(Arc::clone(&self.dispatcher).run());
        tokio::spawn(sweep(Arc::clone(&self.app)));
        tokio::spawn(watch_healed(Arc::clone(&self.app.ledger)));
        tokio::spawn(Arc::clone(&self.app.switches).keep_refreshing(Arc::clone(&self.app.ledger)));
        tokio::spawn(Arc::clone(&self.outbox).run());
        if let Some(billing) = &self.app.billing {
            tokio::spawn(Arc::clone(billing).run());
        }
        let told = self.app.stop.clone();
        tokio::spawn(async move {
            stop.await;
            told.begin();
        });
        let stop = self.app.stop.clone();
        let Listeners { all, operators } = self.listeners;
        let Some(operators) = operators else {
            return http::serve(all, http::service(self.app, Audience::All), self.crowd, stop).await;
        };
        let public = http::service(Arc::clone(&self.app), Audience::Public);
        let apart = http::service(self.app, Audience::Operators);
        let crowd = Arc::clone(&self.crowd);
        let both = (http::serve(all, public, crowd, stop.clone()), http::serve(operators, apart, self.crowd, stop));
        tokio::try_join!(both.0, both.1).map(drop)
    }

    /// Returns the URL of the operators' address, if they have one of their own.
    pub fn operator_url(&self) -> Option<String> {
        let address = self.listeners.operators.as_ref()?.local_addr().ok()?;
        Some(format!("http://{address}"))
    }
}

/// Raises alerts for stored values that were not believed, for as long as the process lives.
async fn watch_healed(ledger: Arc<Ledger>) {
    loop {
        if let Err(error) = alerts::raise_healed(ledger.store()).await {
            tracing::warn!(%error, "an alert could not be stored");
        }
        tokio::time::sleep(HEALED_EVERY).await;
    }
}

/// Deletes sessions and links that have run out, for as long as the process lives.
async fn sweep(app: Arc<App>) {
    loop {
        let swept = async {
            let now = app.ledger.now(None).await?;
            let swept = sign_in::sweep(app.ledger.store(), app.lifetimes, now).await?;
            Ok::<_, Unavailable>(swept + allowances::sweep(app.ledger.store(), now).await?)
        };
        match swept.await {
            Ok(rows) => tracing::debug!(rows, "expired sessions and links are deleted"),
            Err(error) => {
                tracing::warn!(%error, "expired sessions and links could not be deleted; it is tried again later")
            }
        }
        tokio::time::sleep(SWEEP_EVERY).await;
    }
}
