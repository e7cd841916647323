//! A running Scrip: the store, the workers, the scheduler and the HTTP service, put together.
//!
//! Invariant: no request is served before the settings, the data and the catalog are in order.

mod catalog_file;
mod data_directory;
mod new_key;
mod setup;

use crate::assets::disk::Assets;
use crate::clock;
use crate::config::Settings;
use crate::crypto::{OPERATOR_PREFIXES, new_key, random};
use crate::files;
use crate::http::key_directory::Directory;
use crate::http::{self, App, Audience, Health, Stop, connection::Crowd, throttle::Throttle};
use crate::jobs::scheduler::{self, TimeMachine};
use crate::ledger::Ledger;
use crate::mail::links::Links;
use crate::mail::notices;
use crate::mail::outbox::Outbox;
use crate::operate::alerts::{self, Alert};
use crate::operate::operator_keys::{self, Actor, OperatorKey, OperatorKeys};
use crate::operate::switches::Switches;
use crate::payments::Billing;
use crate::payments::stripe::sync;
use crate::people::allowances;
use crate::people::blocks::Blocked;
use crate::people::sign_in::{self, upgrade};
use crate::runs::dispatch::Dispatcher;
use crate::shipped;
use crate::store::integrity::Key;
use crate::store::rows::settings;
use crate::store::{Options, Shortened, Store, Unavailable};
use catalog_file::refused_by_stripe;
pub use new_key::NewKey;
use setup::Setup;
pub use setup::read_catalog;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpListener;

/// Time between two sweeps of sessions and links that have run out.
const SWEEP_EVERY: Duration = Duration::from_secs(600);
/// Error of a start without a catalog.
const NO_CATALOG: &str = "there is no catalog yet: start with --catalog FILE";
/// Time between two checks for workspaces that were folded again because a stored value was not believed.
const HEALED_EVERY: Duration = Duration::from_secs(5); // # assumed
/// Name of the setting with the secret that signs quotes and links.
const SECRET: &str = "secret";

/// Server that is ready to serve.
pub struct Server {
    listener: TcpListener,
    /// Listener of operators, if they have an address of their own.
    operators: Option<TcpListener>,
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
        let mut setup = Setup::of(settings).await?;
        let store = open(settings, &mut setup).await?;
        readdress(&store).await.map_err(|error| error.to_string())?;
        let secret = secret(&store).await.map_err(|error| error.to_string())?;
        let Setup { data, listener, operators, url, public_url, lifetimes, oidc, mailer, proxies, .. } = setup;
        let assets = Arc::new(Assets::open(&data.join("assets")).map_err(|error| error.to_string())?);
        let ledger = Arc::new(Ledger::new(store));
        let switches = Arc::new(Switches::default());
        switches.look(ledger.store()).await.map_err(|error| error.to_string())?;
        let dispatcher = Dispatcher::new(Arc::clone(&ledger), Arc::clone(&assets), Arc::clone(&switches));
        let dispatcher = Arc::new(dispatcher);
        let time = Arc::new(TimeMachine::new(Arc::clone(&ledger), Arc::clone(&dispatcher)));
        let selling = setup.stripe.map(|client| (client, setup.webhook_secrets));
        let billing = selling
            .map(|(client, secrets)| Arc::new(Billing::new(Arc::clone(&ledger), client, secrets, public_url.clone())));
        // This is the last step: no key is made for a start that fails, since the operator would not be shown it.
        let (operator_keys, new_key) = operator_keys(ledger.store(), settings.operator_key.as_deref(), &data).await?;
        let stop = Stop::default();
        let links = Links { ledger: Arc::clone(&ledger), secret: secret.clone(), public_url: public_url.clone() };
        let outbox = Arc::new(Outbox::new(links, mailer));
        let crowd = Crowd::new(settings.connections_per_address, proxies.clone());
        let blocked = Blocked::default();
        blocked.refresh(ledger.store()).await.map_err(|error| error.to_string())?;
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
            bad_keys: Throttle::bad_keys(setup.guesses),
            sign_ins: Throttle::sign_ins_by_address(),
            callbacks: Throttle::callbacks_by_address(),
            streams: Arc::default(),
            blocked,
        });
        Ok(Server { listener, operators, app, dispatcher, outbox, crowd, new_key, url })
    }

    /// Returns the ledger that the server works on.
    pub fn ledger(&self) -> Arc<Ledger> {
        Arc::clone(&self.app.ledger)
    }

    /// Returns the listener and the app, for a caller that serves without the workers and the scheduler.
    pub fn without_workers(self) -> (TcpListener, Arc<App>) {
        (self.listener, self.app)
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
        tokio::spawn(Arc::clone(&self.app.switches).keep_looking(Arc::clone(&self.app.ledger)));
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
        let Some(operators) = self.operators else {
            return http::serve(self.listener, http::service(self.app, Audience::All), self.crowd, stop).await;
        };
        let public = http::service(Arc::clone(&self.app), Audience::Public);
        let apart = http::service(self.app, Audience::Operators);
        let crowd = Arc::clone(&self.crowd);
        let both =
            (http::serve(self.listener, public, crowd, stop.clone()), http::serve(operators, apart, self.crowd, stop));
        tokio::try_join!(both.0, both.1).map(drop)
    }

    /// Returns the URL of the operators' address, if they have one of their own.
    pub fn operator_url(&self) -> Option<String> {
        let address = self.operators.as_ref()?.local_addr().ok()?;
        Some(format!("http://{address}"))
    }
}

/// Raises alerts for stored values that were not believed, for as long as the process lives.
async fn watch_healed(ledger: Arc<Ledger>) {
    loop {
        if let Err(error) = alerts::raise_healed(ledger.store()).await {
            tracing::warn!(%error, "an alert could not be kept");
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
            Ok(rows) => tracing::debug!(rows, "sessions and links that have run out are gone"),
            Err(error) => tracing::warn!(%error, "sessions and links that have run out stay for now"),
        }
        tokio::time::sleep(SWEEP_EVERY).await;
    }
}

/// Opens the store that the settings name, a database or the directory itself, and puts the catalog file into force.
/// Every fault that would keep a new store from being served is found before it is made.
async fn open(settings: &Settings, setup: &mut Setup) -> Result<Store, String> {
    let key = if setup.database.is_some() { "database_url" } else { "data" };
    let wrong = |error: Unavailable| format!("{}: {error}", settings.name(key));
    let is_new = match &setup.database {
        Some(address) => Store::is_new_database(address).await,
        None => Store::is_new_directory(&setup.data),
    };
    let is_new = is_new.map_err(wrong)?;
    if is_new {
        let Some((_, catalog)) = &setup.catalog else { return Err(NO_CATALOG.to_owned()) };
        if let Some(stripe) = &setup.stripe {
            let prepared = sync::prepare(stripe, catalog).await;
            prepared
                .map_err(|fault| format!("{}: {}", settings.name("stripe_secret_key"), refused_by_stripe(&fault)))?;
        }
    }
    files::make_directory(&setup.data).map_err(|error| format!("{}: {error}", settings.name("data")))?;
    let group_commit = settings.group_commit.unwrap_or(true);
    let secret = settings.integrity_secret.as_ref().map(|secret| Key::of(secret.expose())).transpose()?;
    let shortened = if settings.accept_shortened_journal { Shortened::Accept } else { Shortened::Refuse };
    let options = Options { group_commit, tell: notices::told, secret, shortened, ..Options::default() };
    let store = match &setup.database {
        Some(address) => Store::connect(address, options).await,
        None => Store::open(&setup.data, options),
    };
    let store = store.map_err(wrong)?;
    data_directory::warn_of_readers(&setup.data);
    let Some((text, catalog)) = setup.catalog.take() else {
        return if store.catalogs().newest().is_some() { Ok(store) } else { Err(NO_CATALOG.to_owned()) };
    };
    let catalogs = store.catalogs();
    if let Some(newest) = catalogs.newest().filter(|newest| newest.catalog.name != catalog.name) {
        let place = if setup.database.is_some() { "the database".to_owned() } else { setup.data.display().to_string() };
        let (name, its) = (settings.name("catalog"), &newest.catalog.name);
        return Err(format!("{name}: {place} is the data of `{its}`; `{}` is another product", catalog.name));
    }
    // For a new store, Stripe has just confirmed that the catalog can be sold.
    let stripe = setup.stripe.as_ref().filter(|_| !is_new);
    catalog_file::start_with(&store, stripe, text, catalog).await?;
    Ok(store)
}

/// Returns the text of a catalog file, or of a shipped catalog by its bare name (`canvas-tiers`) where there is no such
/// file.
///
/// # Errors
/// When there is neither such a file nor such a catalog.
pub fn catalog_text(path: &Path) -> Result<String, String> {
    let shipped = || path.to_str().and_then(shipped::named);
    match std::fs::read_to_string(path) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound && shipped().is_some() => {
            Ok(shipped().unwrap_or_default().to_owned())
        }
        read => read.map_err(|error| format!("{}: {error}", path.display())),
    }
}

/// Brings the addresses that an earlier version stored to their one form, once. A person whose address another person
/// has is left unchanged, and an alert is raised.
async fn readdress(store: &Store) -> Result<(), Unavailable> {
    if upgrade::is_done(store).await? {
        return Ok(());
    }
    let claims = upgrade::renew_claims(store).await?;
    if claims > 0 {
        tracing::info!(claims, "what people get once is claimed under one form of their addresses");
    }
    for upgrade::Collision { user, kept_as, address } in upgrade::readdress_people(store).await? {
        let detail = format!(
            "{user} is kept as {kept_as}, and another person has the same mailbox as {address}: both go on signing in \
             with the address as it is kept; what one of them owns can be given to the other as a member"
        );
        alerts::raise(store, Alert::new("one_mailbox_of_two", &user.to_string(), None, detail)).await?;
    }
    upgrade::finish(store).await
}

/// Returns the secret that signs quotes and links: made once, stored with the journal.
async fn secret(store: &Store) -> Result<Vec<u8>, Unavailable> {
    let on = store.reader();
    settings::add(on, SECRET, random::<32>().to_vec()).await?;
    if let Some(secret) = settings::value(on, SECRET).await? {
        return Ok(secret);
    }
    let why = match settings::has(on, SECRET).await? {
        true => {
            "the secret that signs quotes and links is not the one that was made: restore the setting `secret` from a \
             backup, or delete it, and a new one is made: quotes and links that are out are void then"
        }
        false => "the secret was not kept",
    };
    Err(Unavailable(why.to_owned()))
}

/// Returns the operator keys, with the one that the settings give. Where no key may do everything, one is made and
/// returned, for the operator alone.
async fn operator_keys(
    store: &Store,
    given: Option<&str>,
    data: &Path,
) -> Result<(OperatorKeys, Option<NewKey>), String> {
    let unavailable = |error: Unavailable| error.to_string();
    let keys = OperatorKeys::new(given.map(|secret| OperatorKey::of_everything(secret, "environment")));
    let (known, now) = (keys.all(store).await.map_err(unavailable)?, clock::now());
    let good = || known.iter().filter(|key| key.is_good(now));
    let actor = Actor { name: "start", request: None };
    if given.is_some() {
        for first in good().filter(|key| key.name == operator_keys::FIRST && key.created_at.is_some()) {
            tracing::warn!(key = first.id(), "the key of the first start is revoked: another one is given");
            keys.revoke(store, first, &actor).await.map_err(unavailable)?;
        }
        return Ok((keys, None));
    }
    if good().any(|key| key.may(&[])) {
        return Ok((keys, None));
    }
    let secret = new_key(OPERATOR_PREFIXES[0]);
    // The operator is given the key before it is valid.
    let made = NewKey::of(&secret, data)?;
    match keys.make(store, &OperatorKey::of_everything(&secret, operator_keys::FIRST), &actor).await {
        Ok(true) => Ok((keys, Some(made))),
        // Another process that starts on the same database was first, and shows its own key.
        Ok(false) => {
            made.forget();
            Ok((keys, None))
        }
        Err(error) => {
            made.forget();
            Err(unavailable(error))
        }
    }
}
