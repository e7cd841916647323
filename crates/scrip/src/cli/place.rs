//! Where a journal is, for commands that read it without a server.

use super::output::Fault;
use crate::store::integrity::Key;
use crate::store::{Address, Options, Store};
use clap::Args;
use std::fmt;
use std::path::{Path, PathBuf};

/// A data directory, or a PostgreSQL database.
#[derive(Args, Clone)]
pub struct Place {
    /// The data directory. No server may have it open
    #[arg(long, env = "SCRIP_DATA", value_name = "DIR", default_value = "data")]
    data: PathBuf,
    /// The PostgreSQL database, where the journal is in one: postgres://…
    #[arg(long, env = "SCRIP_DATABASE_URL", value_name = "URL", hide_env_values = true)]
    database_url: Option<String>,
    /// The certificates that vouch for the database's server, in PEM form; without them, those this machine trusts do
    #[arg(long, env = "SCRIP_DATABASE_CA", value_name = "FILE")]
    database_ca: Option<PathBuf>,
    /// The schema of the database that has the journal's tables
    #[arg(long, env = "SCRIP_DATABASE_SCHEMA", value_name = "NAME")]
    database_schema: Option<String>,
    /// The secret that seals what the journal does not hold, where the server is given one
    #[arg(long, env = "SCRIP_INTEGRITY_SECRET", value_name = "SECRET", hide_env_values = true)]
    integrity_secret: Option<String>,
}

impl Place {
    /// Returns the options it is opened with.
    ///
    /// # Errors
    /// When the secret is too short to be one.
    pub fn options(&self) -> Result<Options, Fault> {
        let secret = self.integrity_secret.as_deref().map(Key::of).transpose().map_err(Fault::Misused)?;
        Ok(Options { secret, ..Options::default() })
    }

    /// Opens what is there. Opening a directory makes it; reading nothing is a typing error.
    ///
    /// # Errors
    /// When there is no journal, or a server has it open.
    pub async fn open(&self, options: Options) -> Result<Store, Fault> {
        if self.database_url.is_none() {
            return open_directory(&self.data, options);
        }
        self.make(options).await
    }

    /// The database that is named, or another one that the same certificates vouch for.
    pub fn database(&self, other: Option<&str>) -> Option<Address> {
        let url = other.or(self.database_url.as_deref())?;
        Some(Address { url: url.to_owned(), ca: self.database_ca.clone(), schema: self.database_schema.clone() })
    }

    /// Opens it, and makes it where there is none.
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
            // The address may hold a password.
            Some(_) => f.write_str("the database"),
            None => self.data.display().fmt(f),
        }
    }
}

/// Opens a data directory that is there.
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
