//! Data of a server: the directory, the database, and the catalog file that it is started with.
//!
//! Invariant: nothing that a check writes stays, and every fault of a new store is found before it is made.

use super::catalog_file::{self, read_catalog, stripe_fault_text};
use crate::config::Settings;
use crate::config::checks::Checks;
use crate::crypto::{hex, random};
use crate::mail::notices;
use crate::payments::stripe::{Client, sync};
use crate::people::email::stored_forms;
use scrip_engine::Catalog;
use scrip_store::files;
use scrip_store::integrity::Key;
use scrip_store::{Address, Options, ShortJournal, Store, Unavailable, rows};
use std::io;
use std::path::{Path, PathBuf};

/// Error of a start without a catalog.
const NO_CATALOG: &str = "there is no catalog yet: start with --catalog FILE";
/// Name of the setting with the secret that signs quotes and links.
const SECRET: &str = "secret";

/// Place of a server's data, and the catalog file that is named beside it.
pub(super) struct Place {
    /// Path of the data directory.
    pub directory: PathBuf,
    /// Address of the journal's database, if it is in one.
    pub database: Option<Address>,
    /// Text and content of the catalog file, if one is named.
    pub catalog: Option<(String, Catalog)>,
}

impl Place {
    /// Returns the place that the settings name with its data directory; records what is wrong.
    pub(super) fn of_settings(checks: &mut Checks<'_>, directory: PathBuf) -> Place {
        checks.take("data", check(&directory, checks.settings.database_url.is_some()));
        let database = database(checks);
        let catalog = checks.maybe("catalog", checks.settings.catalog.as_deref(), read_catalog);
        Place { directory, database, catalog }
    }
}

/// Returns the address of the database that the settings name, or `None` without one; records what is wrong.
fn database(checks: &mut Checks<'_>) -> Option<Address> {
    let settings = checks.settings;
    let address = settings.database_url.as_ref().map(|url| Address {
        url: url.clone(),
        ca: settings.database_ca.clone(),
        schema: settings.database_schema.clone(),
    });
    let Some(address) = address else {
        for (key, is_given) in
            [("database_ca", settings.database_ca.is_some()), ("database_schema", settings.database_schema.is_some())]
        {
            let alone = "it is given, and database_url is not: give both, or leave it out".to_owned();
            checks.take(key, if is_given { Err(alone) } else { Ok(()) });
        }
        return None;
    };
    checks.maybe("database_schema", address.schema.as_deref(), Address::check_schema);
    checks.maybe("database_ca", address.ca.as_deref(), |path| {
        std::fs::read(path).map(drop).map_err(|error| format!("{}: {error}", path.display()))
    });
    if checks.are_good() {
        checks.take("database_url", address.check().map_err(|error| error.to_string()));
    }
    Some(address)
}

/// Opens the store at a place, a database or the directory itself, and puts the catalog file into force.
/// Every fault that would keep a new store from being served is found before it is made.
pub(super) async fn open(settings: &Settings, place: Place, stripe: Option<&Client>) -> Result<Store, String> {
    let Place { directory, database, catalog } = place;
    let key = if database.is_some() { "database_url" } else { "data" };
    let wrong = |error: Unavailable| format!("{}: {error}", settings.name(key));
    let is_new = match &database {
        Some(address) => Store::is_new_database(address).await,
        None => Store::is_new_directory(&directory),
    };
    let is_new = is_new.map_err(wrong)?;
    if is_new {
        let Some((_, catalog)) = &catalog else { return Err(NO_CATALOG.to_owned()) };
        if let Some(stripe) = stripe {
            let prepared = sync::prepare(stripe, catalog).await;
            prepared
                .map_err(|fault| format!("{}: {}", settings.name("stripe_secret_key"), stripe_fault_text(&fault)))?;
        }
    }
    files::make_directory(&directory).map_err(|error| format!("{}: {error}", settings.name("data")))?;
    let group_commit = settings.group_commit.unwrap_or(true);
    let secret = settings.integrity_secret.as_ref().map(|secret| Key::of(secret.expose())).transpose()?;
    let shortened = if settings.accept_shortened_journal { ShortJournal::Accept } else { ShortJournal::Refuse };
    let (tell, forms) = (notices::consequences, stored_forms);
    let options = Options { group_commit, tell, secret, shortened, forms, ..Options::default() };
    let store = match &database {
        Some(address) => Store::connect(address, options).await,
        None => Store::open(&directory, options),
    };
    let store = store.map_err(wrong)?;
    warn_of_readers(&directory);
    let Some((text, catalog)) = catalog else {
        return if store.catalogs().newest().is_some() { Ok(store) } else { Err(NO_CATALOG.to_owned()) };
    };
    let catalogs = store.catalogs();
    if let Some(newest) = catalogs.newest().filter(|newest| newest.catalog.name != catalog.name) {
        let place = if database.is_some() { "the database".to_owned() } else { directory.display().to_string() };
        let (name, its) = (settings.name("catalog"), &newest.catalog.name);
        return Err(format!("{name}: {place} is the data of `{its}`; `{}` is another product", catalog.name));
    }
    // For a new store, Stripe has just confirmed that the catalog can be sold.
    let stripe = stripe.filter(|_| !is_new);
    catalog_file::start_with(&store, stripe, text, catalog).await?;
    Ok(store)
}

/// Returns the secret that signs quotes and links: made once, stored with the journal.
pub(super) async fn secret(store: &Store) -> Result<Vec<u8>, Unavailable> {
    let on = store.reader();
    rows::settings::add(on, SECRET, random::<32>().to_vec()).await?;
    if let Some(secret) = rows::settings::value(on, SECRET).await? {
        return Ok(secret);
    }
    let why = match rows::settings::has(on, SECRET).await? {
        true => {
            "the secret that signs quotes and links was changed: restore the setting `secret` from a backup, or delete \
             it; a new one is then made, and quotes and links that were given out become void"
        }
        false => "the secret that signs quotes and links was not stored",
    };
    Err(Unavailable(why.to_owned()))
}

/// Refuses a path that cannot be the data directory. With a journal in a database it holds outputs and mails alone.
fn check(data: &Path, has_database: bool) -> Result<(), String> {
    if data.as_os_str().is_empty() {
        return Err("it is empty: name a directory".to_owned());
    }
    if has_database {
        if data.metadata().is_ok_and(|metadata| !metadata.is_dir()) {
            return Err(format!("{}: it is not a directory; name another place", data.display()));
        }
    } else {
        Store::is_new_directory(data).map_err(|error| error.to_string())?;
    }
    if data.is_symlink() && !data.exists() {
        return Err(format!("{}: it is a link that leads nowhere", data.display()));
    }
    // The nearest existing directory on the path.
    let place = data.ancestors().find(|place| place.exists() && !place.as_os_str().is_empty());
    let place = place.unwrap_or(Path::new("."));
    if !place.is_dir() {
        return Err(format!("{}: it is not a directory, and nothing can be made in it", place.display()));
    }
    try_to_write(place).map_err(|error| format!("{}: this user cannot write there: {error}", place.display()))
}

/// Makes a file and deletes it again.
fn try_to_write(place: &Path) -> io::Result<()> {
    let path = place.join(format!(".scrip-{}", hex(&random::<8>())));
    files::create_new(&path)?;
    std::fs::remove_file(path)
}

/// Warns of a directory that every user of the machine may read: it has the secret that signs, and mails.
fn warn_of_readers(data: &Path) {
    if let Some(mode) = files::mode_for_others(data) {
        let mode = format!("{mode:04o}");
        tracing::warn!(
            directory = %data.display(),
            mode,
            "every user of this machine can read the data directory, which has the secret that signs sessions and \
             links: run chmod -R go-rwx on it"
        );
    }
}
