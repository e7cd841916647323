//! A running Scrip: the store, the background tasks and the HTTP service, put together.
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
use crate::jobs::driver::{Driver, Task};
use crate::jobs::scheduler::{self, Signals, Ticks, TimeMachine};
use crate::ledger::Ledger;
use crate::mail::links::Links;
use crate::mail::outbox::Outbox;
use crate::operate::alerts;
use crate::operate::first_key::{self, NewKey};
use crate::operate::switches::Switches;
use crate::payments::Billing;
use crate::payments::customers::Customers;
use crate::payments::inbox::Events;
use crate::people::allowances;
use crate::people::blocks::BlockedPeople;
use crate::people::sign_in::{self, Lifetimes, upgrade};
use crate::runs::dispatch::Dispatcher;
pub use catalog_file::{catalog_text, read_catalog};
use listeners::Listeners;
use parts::Parts;
use scrip_store::Unavailable;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::task::JoinHandle;

/// Period of most tasks, and the unit of the others.
const SECOND: Duration = Duration::from_secs(1);

/// Server that is ready to serve.
pub struct Server {
    listeners: Listeners,
    app: Arc<App>,
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
        let signals = Arc::new(Signals::default());
        let time = Arc::new(TimeMachine::new(Arc::clone(&ledger), Arc::clone(&signals)));
        let dispatcher = Dispatcher::new(Arc::clone(&ledger), Arc::clone(&assets), Arc::clone(&switches), signals);
        let billing = account.map(|account| Arc::new(Billing::new(Arc::clone(&ledger), account, public_url.clone())));
        let links = Links { ledger: Arc::clone(&ledger), secret: secret.clone(), public_url: public_url.clone() };
        let workers = (dispatcher, Outbox::new(links, mailer), billing.as_ref());
        let tasks = Arc::new(tasks((&ledger, &switches, lifetimes), workers));
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
            tasks,
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
        Ok(Server { listeners, app, crowd, new_key, url })
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

    /// Serves and works on the background tasks until the future `stop` is ready, and then ends both in order.
    ///
    /// # Errors
    /// When the listener fails.
    pub async fn serve(self, stop: impl Future<Output = ()> + Send + 'static) -> std::io::Result<()> {
        let tasks = self.app.tasks.start();
        let served = self.listen(stop).await;
        // The tasks go on while requests are answered: some of these wait for them.
        tasks.stop().await;
        served
    }

    /// Answers requests until the future `stop` is ready and open answers are finished.
    async fn listen(self, stop: impl Future<Output = ()> + Send + 'static) -> std::io::Result<()> {
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

/// Returns every background task of a server.
fn tasks(
    (ledger, switches, lifetimes): (&Arc<Ledger>, &Arc<Switches>, Lifetimes),
    (dispatcher, outbox, billing): (Dispatcher, Outbox, Option<&Arc<Billing>>),
) -> Driver {
    let ledger = || Arc::clone(ledger);
    let mut tasks = vec![
        Task::over_rows("ticks", SECOND / 4, scheduler::WAVE, Arc::new(Ticks::new(ledger()))),
        Task::over_rows("runs", SECOND / 2, 8, Arc::new(dispatcher)),
        Task::over_rows("mails", SECOND, 16, Arc::new(outbox)),
        Task::periodic("switches", SECOND, (ledger(), Arc::clone(switches)), refresh_switches),
        Task::periodic("healed_values", 5 * SECOND, ledger(), raise_healed),
        Task::periodic("expired_rows", 600 * SECOND, (ledger(), lifetimes), delete_expired),
    ];
    if let Some(billing) = billing {
        let billing = || Arc::clone(billing);
        tasks.extend([
            Task::over_rows("stripe_events", SECOND, 8, Arc::new(Events::new(billing()))),
            Task::over_rows("stripe_customers", SECOND, 8, Arc::new(Customers(billing()))),
            Task::periodic("stripe_sweep", 3_600 * SECOND, billing(), sweep_stripe),
            Task::periodic("stripe_catalog", SECOND, billing(), compare_with_stripe),
        ]);
    }
    Driver::new(tasks)
}

/// Reads the switches again: a change by one process holds in all of them soon after.
async fn refresh_switches((ledger, switches): (Arc<Ledger>, Arc<Switches>)) -> Result<(), Unavailable> {
    switches.refresh(ledger.store()).await
}

/// Raises alerts for stored values that were not believed, and were folded again.
async fn raise_healed(ledger: Arc<Ledger>) -> Result<(), Unavailable> {
    alerts::raise_healed(ledger.store()).await
}

/// Deletes sessions, links and counts that have run out.
async fn delete_expired((ledger, lifetimes): (Arc<Ledger>, Lifetimes)) -> Result<(), Unavailable> {
    let now = ledger.now(None).await?;
    let rows = sign_in::sweep(ledger.store(), lifetimes, now).await? + allowances::sweep(ledger.store(), now).await?;
    tracing::debug!(rows, "expired sessions and links are deleted");
    Ok(())
}

/// Reads Stripe's list of events for those that were not delivered.
async fn sweep_stripe(billing: Arc<Billing>) -> Result<(), Unavailable> {
    billing.sweep(false).await.map(drop).map_err(Unavailable)
}

/// Compares what Stripe sells with a newly published catalog.
async fn compare_with_stripe(billing: Arc<Billing>) -> Result<(), Unavailable> {
    billing.compare().await;
    Ok(())
}
