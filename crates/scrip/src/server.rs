//! A running Scrip: the store, the workers, the scheduler and the HTTP service, put together.

mod catalog_file;

use crate::alerts::{self, Alert};
use crate::billing::Billing;
use crate::clock;
use crate::config::{Secret, Settings};
use crate::crypto::{OPERATOR_PREFIXES, is_key, new_key, random};
use crate::gateway::assets::Assets;
use crate::gateway::dispatch::Dispatcher;
use crate::http::keys::directory::Directory;
use crate::http::{self, App, Audience, address::Proxies, throttle::Throttle};
use crate::ledger::Ledger;
use crate::links::Links;
use crate::mail::transport::{Mailer, Transport};
use crate::notices;
use crate::oidc::Oidc;
use crate::operators::{self, Actor, OperatorKey, OperatorKeys};
use crate::outbox::Outbox;
use crate::scheduler::{self, TimeMachine};
use crate::shipped;
use crate::sign_in::{self, Lifetimes, upgrade};
use crate::store::{Address, Options, Store, Unavailable, Value, queries};
use crate::stripe::Client;
use crate::switches::Switches;
use scrip_engine::parse_catalog;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpListener;

/// How often sessions and links that have run out are cleared away.
const SWEEP_EVERY: Duration = Duration::from_secs(600);

/// The shortest secret of a webhook endpoint that is believed to be one.
const WEBHOOK_SECRET_MIN: usize = 16; // # assumed

/// A Scrip that is about to serve.
pub struct Server {
    listener: TcpListener,
    /// Where operators are served, if that is apart.
    operators: Option<TcpListener>,
    app: Arc<App>,
    dispatcher: Arc<Dispatcher>,
    outbox: Arc<Outbox>,
    /// The operator key that was made at this first start, to be shown once.
    pub new_key: Option<String>,
    /// Where it listens.
    pub url: String,
}

impl Server {
    /// Opens the data, publishes the catalog if it is new, and takes the address.
    ///
    /// # Errors
    /// What is wrong and what to do about it, for whoever starts it.
    pub async fn prepare(settings: &Settings) -> Result<Server, String> {
        let data = settings.data.as_deref().ok_or("name a data directory: --data DIR")?;
        let listen = settings.listen.ok_or("name an address: --listen ADDR")?;
        let proxies = settings.trusted_proxies.as_deref().unwrap_or_default();
        let proxies = Proxies::read(proxies).map_err(|error| format!("trusted_proxies: {error}"))?;
        let text = settings.catalog.as_deref().map(read_catalog).transpose()?;
        let lifetimes = Lifetimes::of_seconds(settings.session_idle, settings.session_absolute)?;
        let (issuer, client) = (settings.oidc_issuer.as_deref(), settings.oidc_client_id.as_deref());
        let oidc = Oidc::of(issuer, client, settings.oidc_client_secret.as_deref())?;
        let store = open(settings, data).await.map_err(|error| error.to_string())?;
        readdress(&store).await.map_err(|error| error.to_string())?;
        if let Some((text, catalog)) = text {
            let newest = store.catalogs();
            if let Some(newest) = newest.newest().filter(|newest| newest.catalog.name != catalog.name) {
                return Err(format!(
                    "{} is the data of `{}`; `{}` is another product",
                    settings
                        .database_url
                        .as_ref()
                        .map_or_else(|| data.display().to_string(), |_| "the database".to_owned()),
                    newest.catalog.name,
                    catalog.name
                ));
            }
            let key = settings.stripe_secret_key.as_ref().map(Secret::expose);
            let stripe = Client::of(settings.stripe_api_url.as_deref(), key)?;
            catalog_file::start_with(&store, stripe.as_ref(), text, catalog).await?;
        } else if store.catalogs().newest().is_none() {
            return Err("there is no catalog yet: start with --catalog FILE".to_owned());
        }
        let secret = secret(&store).await.map_err(|error| error.to_string())?;
        let (operator_keys, new_key) = operator_keys(&store, settings.operator_key.as_deref()).await?;
        let listener = TcpListener::bind(listen).await.map_err(|error| format!("{listen}: {error}"))?;
        let operators = match settings.operator_listen {
            Some(listen) => Some(TcpListener::bind(listen).await.map_err(|error| format!("{listen}: {error}"))?),
            None => None,
        };
        let address = listener.local_addr().map_err(|error| error.to_string())?;
        let url = format!("http://{address}");
        let public_url = settings.public_url.clone().unwrap_or_else(|| url.clone());
        let assets = Arc::new(Assets::open(&data.join("assets")).map_err(|error| error.to_string())?);
        let ledger = Arc::new(Ledger::new(store));
        let switches = Arc::new(Switches::default());
        switches.look(ledger.store()).await.map_err(|error| error.to_string())?;
        let dispatcher = Dispatcher::new(Arc::clone(&ledger), Arc::clone(&assets), Arc::clone(&switches));
        let dispatcher = Arc::new(dispatcher);
        let time = Arc::new(TimeMachine::new(Arc::clone(&ledger), Arc::clone(&dispatcher)));
        let public_url = public_url.trim_end_matches('/').to_owned();
        let mailer = mailer(settings, data, &public_url)?;
        let billing = seller(settings, &ledger, &public_url)?;
        let links = Links { ledger: Arc::clone(&ledger), secret: secret.clone(), public_url: public_url.clone() };
        let outbox = Arc::new(Outbox::new(links, mailer));
        let app = Arc::new(App {
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
            bad_keys: Throttle::bad_keys(settings.guesses_per_minute.unwrap_or(60)),
            sign_ins: Throttle::sign_ins_by_address(),
            accounts: Throttle::sign_ins_by_account(),
        });
        Ok(Server { listener, operators, app, dispatcher, outbox, new_key, url })
    }

    /// The ledger it serves.
    pub fn ledger(&self) -> Arc<Ledger> {
        Arc::clone(&self.app.ledger)
    }

    /// What it would serve and where, for whoever serves it without the workers and the scheduler.
    pub fn without_workers(self) -> (TcpListener, Arc<App>) {
        (self.listener, self.app)
    }

    /// Serves until told to stop.
    ///
    /// # Errors
    /// When the listener fails.
    pub async fn serve(self, stop: impl Future<Output = ()> + Send + 'static) -> std::io::Result<()> {
        tokio::spawn(scheduler::run(Arc::clone(&self.app.ledger)));
        tokio::spawn(Arc::clone(&self.dispatcher).run());
        tokio::spawn(sweep(Arc::clone(&self.app)));
        tokio::spawn(Arc::clone(&self.app.switches).keep_looking(Arc::clone(&self.app.ledger)));
        tokio::spawn(Arc::clone(&self.outbox).run());
        if let Some(billing) = &self.app.billing {
            tokio::spawn(Arc::clone(billing).run());
        }
        let Some(operators) = self.operators else {
            return http::serve(self.listener, http::service(self.app, Audience::All), stop).await;
        };
        let (stopping, stopped) = tokio::sync::watch::channel(false);
        let until = |mut stopped: tokio::sync::watch::Receiver<bool>| async move {
            let _ = stopped.wait_for(|stopped| *stopped).await;
        };
        tokio::spawn(async move {
            stop.await;
            stopping.send_replace(true);
        });
        let public = http::service(Arc::clone(&self.app), Audience::Public);
        let apart = http::service(self.app, Audience::Operators);
        let both =
            (http::serve(self.listener, public, until(stopped.clone())), http::serve(operators, apart, until(stopped)));
        tokio::try_join!(both.0, both.1).map(drop)
    }

    /// Where operators are served, if that is apart.
    pub fn operator_url(&self) -> Option<String> {
        let address = self.operators.as_ref()?.local_addr().ok()?;
        Some(format!("http://{address}"))
    }
}

/// Clears away sessions and links that have run out, for as long as the process lives.
async fn sweep(app: Arc<App>) {
    loop {
        let swept = async {
            let now = app.ledger.now(None).await?;
            sign_in::sweep(app.ledger.store(), app.lifetimes, now).await
        };
        match swept.await {
            Ok(rows) => tracing::debug!(rows, "sessions and links that have run out are gone"),
            Err(error) => tracing::warn!(%error, "sessions and links that have run out stay for now"),
        }
        tokio::time::sleep(SWEEP_EVERY).await;
    }
}

/// Who sells, if the settings name a payment provider. What it delivers must be signed with a secret that we know.
fn seller(settings: &Settings, ledger: &Arc<Ledger>, public_url: &str) -> Result<Option<Arc<Billing>>, String> {
    let secrets = settings.stripe_webhook_secrets.as_deref().unwrap_or_default();
    let secrets: Vec<String> = secrets.iter().map(|secret| secret.expose().to_owned()).collect();
    if secrets.iter().any(|secret| secret.trim().len() < WEBHOOK_SECRET_MIN) {
        return Err(format!(
            "stripe_webhook_secrets: each is {WEBHOOK_SECRET_MIN} letters or more, as Stripe shows it"
        ));
    }
    let key = settings.stripe_secret_key.as_ref().map(Secret::expose);
    let Some(client) = Client::of(settings.stripe_api_url.as_deref(), key)? else {
        return match secrets.is_empty() {
            true => Ok(None),
            false => Err("stripe_webhook_secrets is given, and stripe_secret_key is not".to_owned()),
        };
    };
    Ok(Some(Arc::new(Billing::new(Arc::clone(ledger), client, secrets, public_url.to_owned()))))
}

/// How mails leave: by the server that the settings name, or as files.
fn mailer(settings: &Settings, data: &Path, public_url: &str) -> Result<Mailer, String> {
    let transport = match &settings.smtp_url {
        Some(url) => Transport::smtp(url, public_url)?,
        None => Transport::Files { directory: data.join("mails"), print_links: settings.print_links },
    };
    Mailer::new(transport, settings.mail_from.as_deref())
}

/// The store that the settings name: a database, or the directory itself.
async fn open(settings: &Settings, data: &Path) -> Result<Store, Unavailable> {
    let group_commit = settings.group_commit.unwrap_or(true);
    let options = Options { group_commit, tell: notices::told, ..Options::default() };
    match &settings.database_url {
        Some(url) => {
            let address = Address { url: url.clone(), ca: settings.database_ca.clone() };
            Store::connect_with(&address, options).await
        }
        None => Store::open(data, options),
    }
}

/// The text of a catalog file, or of a shipped catalog by its bare name (`canvas-tiers`) where there is no such file.
///
/// # Errors
/// When there is neither.
pub fn catalog_text(path: &Path) -> Result<String, String> {
    let shipped = || path.to_str().and_then(shipped::named);
    match std::fs::read_to_string(path) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound && shipped().is_some() => {
            Ok(shipped().unwrap_or_default().to_owned())
        }
        read => read.map_err(|error| format!("{}: {error}", path.display())),
    }
}

/// Reads and checks a catalog file, or a shipped catalog by its bare name.
///
/// # Errors
/// Every error of the file, with its place.
pub fn read_catalog(path: &Path) -> Result<(String, scrip_engine::Catalog), String> {
    let text = catalog_text(path)?;
    match parse_catalog(&text) {
        Ok(catalog) => Ok((text, catalog)),
        Err(problems) => {
            let lines: Vec<String> = problems.iter().map(|problem| format!("{}:{problem}", path.display())).collect();
            Err(lines.join("\n"))
        }
    }
}

/// Brings the addresses that an earlier version kept to the one form, once. People whose address another person has are
/// left as they are, and an operator is told.
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

/// The secret that signs quotes and links: made once, kept with the journal.
async fn secret(store: &Store) -> Result<Vec<u8>, Unavailable> {
    let name = Value::Text("secret".to_owned());
    store.write(queries::NEW_SETTING, vec![name.clone(), Value::Bytes(random::<32>().to_vec())]).await?;
    let rows = store.query(queries::SETTING, vec![name]).await?;
    rows.first().map(|row| row.bytes(0).to_vec()).ok_or_else(|| Unavailable("the secret was not kept".to_owned()))
}

/// The operator keys, with the one that the settings give. Where there is none that may do everything, one is made and
/// returned, to be shown once.
async fn operator_keys(store: &Store, given: Option<&str>) -> Result<(OperatorKeys, Option<String>), String> {
    let unavailable = |error: Unavailable| error.to_string();
    if given.is_some_and(|secret| !OPERATOR_PREFIXES.iter().any(|prefix| is_key(prefix, secret))) {
        return Err("SCRIP_OPERATOR_KEY is not an operator key; `scrip keys new` makes one".to_owned());
    }
    let keys = OperatorKeys::new(given.map(|secret| OperatorKey::of_everything(secret, "environment")));
    let (known, now) = (keys.all(store).await.map_err(unavailable)?, clock::now());
    let good = || known.iter().filter(|key| key.is_good(now));
    let actor = Actor { name: "start", request: None };
    if given.is_some() {
        for first in good().filter(|key| key.name == operators::FIRST && key.created_at.is_some()) {
            tracing::warn!(key = first.id(), "the key of the first start is revoked: another one is given");
            keys.revoke(store, first, &actor).await.map_err(unavailable)?;
        }
        return Ok((keys, None));
    }
    if good().any(|key| key.may(&[])) {
        return Ok((keys, None));
    }
    let secret = new_key(OPERATOR_PREFIXES[0]);
    let is_made = keys.make(store, &OperatorKey::of_everything(&secret, operators::FIRST), &actor).await;
    // Another process that starts on the same database was first, and shows its own.
    Ok((keys, is_made.map_err(unavailable)?.then_some(secret)))
}
