//! Place of a journal, for commands that read it without a server.

use super::output::Fault;
use crate::people::email::stored_forms;
use clap::Args;
use scrip_store::integrity::Key;
use scrip_store::{Address, Options, Store};
use std::fmt;
use std::path::{Path, PathBuf};

/// Data directory or PostgreSQL database that holds a journal.
#[derive(Args, Clone)]
pub struct Place {
    /// Data directory, which no server may have open
    #[arg(long, env = "SCRIP_DATA", value_name = "DIR", default_value = "data")]
    data: PathBuf,
    /// PostgreSQL database, when the journal is in one: postgres://…
    #[arg(long, env = "SCRIP_DATABASE_URL", value_name = "URL", hide_env_values = true)]
    database_url: Option<String>,
    /// File of certificates in PEM form that vouch for the database's server; the machine's own when absent
    #[arg(long, env = "SCRIP_DATABASE_CA", value_name = "FILE")]
    database_ca: Option<PathBuf>,
    /// Schema of the database that has the journal's tables
    #[arg(long, env = "SCRIP_DATABASE_SCHEMA", value_name = "NAME")]
    database_schema: Option<String>,
    /// Secret that seals the rows beside the journal, when the server has one
    #[arg(long, env = "SCRIP_INTEGRITY_SECRET", value_name = "SECRET", hide_env_values = true)]
    integrity_secret: Option<String>,
}

impl Place {
    /// Returns the options to open the store with.
    ///
    /// # Errors
    /// When the secret is too short to be one.
    pub fn options(&self) -> Result<Options, Fault> {
        let secret = self.integrity_secret.as_deref().map(Key::of).transpose().map_err(Fault::Misused)?;
        Ok(Options { secret, forms: stored_forms, ..Options::default() })
    }

    /// Opens the store. A data directory must exist: opening would make it, and a missing one is a typing error.
    ///
    /// # Errors
    /// When there is no journal, or a server has it open.
    pub async fn open(&self, options: Options) -> Result<Store, Fault> {
        if self.database_url.is_none() {
            return open_directory(&self.data, options);
        }
        self.make(options).await
    }

    /// Returns the named database, or another one that the same certificates vouch for.
    pub fn database(&self, other: Option<&str>) -> Option<Address> {
        let url = other.or(self.database_url.as_deref())?;
        Some(Address { url: url.to_owned(), ca: self.database_ca.clone(), schema: self.database_schema.clone() })
    }

    /// Opens the store, and makes it when there is none.
    ///
    /// # Errors
    /// When a server has it open, or a newer version wrote it.
    pub async fn make(&self, options: Options) -> Result<Store, Fault> {
        match self.database(None) {
            Some(address) => Store::connect(&address, options).await.map_err(|error| Fault::Refused(error.to_string())),
            None => make_directory(&self.data, options),
        }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.database_url {
            // The address may hold a password, so it is not shown.
            Some(_) => f.write_str("the database"),
            None => self.data.display().fmt(f),
        }
    }
}

/// Opens a data directory that exists.
///
/// # Errors
/// When there is no journal, or a server has it open.
pub fn open_directory(data: &Path, options: Options) -> Result<Store, Fault> {
    if !data.join("journal.db").is_file() {
        let place = data.display();
        return Err(Fault::Misused(format!("{place}: there is no journal here; name the directory of a server")));
    }
    make_directory(data, options)
}

fn make_directory(data: &Path, options: Options) -> Result<Store, Fault> {
    Store::open(data, options).map_err(|error| {
        Fault::Refused(format!("{error}\n  - stop the server that uses it, or work on a copy of the directory"))
    })
}
