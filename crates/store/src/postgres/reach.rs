//! Address of a database and connections to it: in the clear on this machine, encrypted and verified elsewhere.
//!
//! Invariant: a connection that may leave this machine is encrypted and verified, unless its address says
//! `sslmode=disable`.

use super::tls::{Tls, explain};
use super::{DEAD, PATIENCE, patiently};
use crate::Unavailable;
use crate::crypto::sha256;
use deadpool_postgres::{
    ClientWrapper, Hook, HookError, Manager, ManagerConfig, Object, Pool, PoolError, RecyclingMethod, Runtime,
};
use std::error::Error;
use std::future::poll_fn;
use std::net::IpAddr;
use std::path::PathBuf;
use std::time::Duration;
use tokio_postgres::config::{Host, SslMode, TargetSessionAttrs};
use tokio_postgres::error::SqlState;
use tokio_postgres::{AsyncMessage, Client, Config};

/// Setting of a connection. A process that freezes in a transaction would hold up every other: the database ends its
/// session.
/// Time-outs that an operator has set for other sessions do not end its statements.
const SESSION: &str = "SET idle_in_transaction_session_timeout = '10s'; SET statement_timeout = 0;
    SET lock_timeout = 0"; // # assumed
/// Settings of a connection whose statements are waited for no longer than [`PATIENCE`]: the database gives them up as
/// well.
pub(super) const SHORT_STATEMENTS: &str = "SET statement_timeout = '5s'";
/// Time between two attempts to take a connection from the pool.
const AGAIN: Duration = Duration::from_millis(10);

/// Address of a PostgreSQL database, as the operator gives it.
#[derive(Clone)]
pub struct Address {
    /// Address as `postgres://…`, or in words of the form `host=…`.
    pub url: String,
    /// File with the certificates that the server's certificate must be issued by, instead of those that this machine
    /// trusts.
    pub ca: Option<PathBuf>,
    /// Schema of the tables; without one, the schema that the database chooses.
    pub schema: Option<String>,
}

impl Address {
    /// Checks the form of the address, and that its certificates can be read. It does not connect.
    ///
    /// # Errors
    /// Describes the fault in the address, in words that do not repeat it.
    pub fn check(&self) -> Result<(), Unavailable> {
        Reach::of(self).map(drop)
    }

    /// Checks the name of a schema.
    ///
    /// # Errors
    /// When it is no valid name.
    pub fn check_schema(schema: &str) -> Result<(), String> {
        refuse_no_name(schema).map_err(|error| error.to_string())
    }
}

impl From<&Address> for Address {
    fn from(address: &Address) -> Address {
        address.clone()
    }
}

impl From<&str> for Address {
    fn from(url: &str) -> Address {
        Address { url: url.to_owned(), ca: None, schema: None }
    }
}

impl From<tokio_postgres::Error> for Unavailable {
    fn from(error: tokio_postgres::Error) -> Unavailable {
        if let Some(said) = error.as_db_error() {
            return Unavailable(said.to_string());
        }
        let mut words = error.to_string();
        let mut cause = error.source();
        while let Some(inner) = cause {
            if let Some(explained) = explain(inner) {
                return Unavailable(explained);
            }
            words = format!("{words}: {inner}");
            cause = inner.source();
        }
        Unavailable(words)
    }
}

impl From<PoolError> for Unavailable {
    fn from(error: PoolError) -> Unavailable {
        match error {
            PoolError::Backend(error) => error.into(),
            error => Unavailable(error.to_string()),
        }
    }
}

/// Settings with which a database is reached.
#[derive(Clone)]
pub(super) struct Reach {
    config: Config,
    tls: Tls,
    schema: Option<String>,
}

impl Reach {
    /// Returns the settings that an address gives, with the timeouts of a connection.
    pub(super) fn of(address: &Address) -> Result<Reach, Unavailable> {
        let wrong = |error: tokio_postgres::Error| {
            let mut words = format!("the database's address: {}", Unavailable::from(error));
            if ["schema", "search_path"].iter().any(|word| address.url.contains(word)) {
                words.push_str("; a schema is named by --database-schema NAME");
            }
            if ["sslrootcert", "verify-"].iter().any(|word| address.url.contains(word)) {
                words.push_str("; a certificate is always verified, and its issuer's is named by --database-ca FILE");
            }
            Unavailable(words)
        };
        refuse_others(&address.url)?;
        let mut config: Config = address.url.parse().map_err(wrong)?;
        let schema = address.schema.clone();
        if let Some(schema) = &schema {
            refuse_no_name(schema)?;
            let options = format!("{} -c search_path={schema}", config.get_options().unwrap_or_default());
            config.options(options.trim_start());
        }
        if config.get_hosts().len().max(config.get_hostaddrs().len()) > 1 {
            // Of several, the one that takes writes: the others are its standbys.
            config.target_session_attrs(TargetSessionAttrs::ReadWrite);
        }
        config.connect_timeout(PATIENCE);
        config.keepalives_idle(DEAD / 2).keepalives_interval(DEAD / 10).keepalives_retries(5).tcp_user_timeout(DEAD);
        if !is_encrypted(&config, address.ca.is_some())? {
            config.ssl_mode(SslMode::Disable);
            let reach = Reach { config, tls: Tls::off(), schema };
            return Ok(reach.with_name(&std::process::id().to_string()));
        }
        config.ssl_mode(SslMode::Require);
        let reach = Reach { config, tls: Tls::new(address.ca.as_deref())?, schema };
        Ok(reach.with_name(&std::process::id().to_string()))
    }

    /// Returns the settings with another name for the connections, as the server lists them.
    pub(super) fn with_name(mut self, name: &str) -> Reach {
        let name = self.application(name);
        self.config.application_name(name);
        self
    }

    /// Returns the name of a connection. All names of one journal begin alike, and none of another journal does.
    pub(super) fn application(&self, name: &str) -> String {
        match &self.schema {
            Some(schema) => format!("scrip@{schema} {name}"),
            None => format!("scrip {name}"),
        }
    }

    /// Returns the schema that the settings name.
    pub(super) fn schema(&self) -> Option<&str> {
        self.schema.as_deref()
    }

    /// Returns the advisory lock of this journal for a number. Such locks hold in the whole database, so each schema
    /// has its own.
    pub(super) fn lock(&self, lock: i64) -> i64 {
        let Some(schema) = &self.schema else { return lock };
        let [a, b, c, d, ..] = sha256(&[schema.as_bytes()]);
        lock ^ i64::from(u32::from_be_bytes([a, b, c, d])) << 16
    }

    /// Returns a connection, which a task drives until it is dropped.
    pub(super) async fn connect(&self) -> Result<Client, Unavailable> {
        self.listen(|_| ()).await
    }

    /// Returns a connection that hands the text of every notification to `heard`.
    pub(super) async fn listen(&self, heard: impl Fn(&str) + Send + 'static) -> Result<Client, Unavailable> {
        let (client, mut connection) = patiently(async { Ok(self.config.connect(self.tls.clone()).await?) }).await?;
        tokio::spawn(async move {
            while let Some(message) = poll_fn(|cx| connection.poll_message(cx)).await {
                match message {
                    Ok(AsyncMessage::Notification(notification)) => heard(notification.payload()),
                    Ok(_) => {}
                    Err(error) => {
                        tracing::warn!(%error, "a connection to the database ended");
                        break;
                    }
                }
            }
        });
        patiently(async { Ok(client.batch_execute(SESSION).await?) }).await?;
        Ok(client)
    }

    /// Returns a pool of at most `most` connections.
    pub(super) fn pool(&self, most: usize) -> Result<Pool, Unavailable> {
        let config = ManagerConfig { recycling_method: RecyclingMethod::Fast };
        Pool::builder(Manager::from_config(self.config.clone(), self.tls.clone(), config))
            .max_size(most)
            .post_create(Hook::async_fn(|client: &mut ClientWrapper, _| {
                let settings = format!("{SESSION}; {SHORT_STATEMENTS}");
                Box::pin(async move { client.batch_execute(&settings).await.map_err(HookError::Backend) })
            }))
            .runtime(Runtime::Tokio1)
            .wait_timeout(Some(PATIENCE))
            .create_timeout(Some(PATIENCE))
            .build()
            .map_err(|error| Unavailable(error.to_string()))
    }
}

/// Maximum length of a schema's name, in letters: the names of connections contain it.
const SCHEMA_MAX: usize = 40;

/// Refuses a name that the database would read otherwise than it is written.
fn refuse_no_name(schema: &str) -> Result<(), Unavailable> {
    let is_letter = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_';
    let begins = schema.bytes().next().is_some_and(|byte| byte.is_ascii_lowercase() || byte == b'_');
    if begins && schema.len() <= SCHEMA_MAX && schema.bytes().all(is_letter) && !schema.starts_with("pg_") {
        return Ok(());
    }
    Err(Unavailable(format!(
        "a schema's name is 1 to {SCHEMA_MAX} letters a-z, digits and `_`, and begins with neither a digit nor `pg_`"
    )))
}

/// Refuses an address of another kind of database, in words that do not repeat it: it may contain a password.
fn refuse_others(url: &str) -> Result<(), Unavailable> {
    let wrong = |what: &str| Err(Unavailable(format!("{what}; write postgres://user:password@host:5432/database")));
    match url.split_once("://") {
        _ if url.trim().is_empty() => wrong("it is empty"),
        Some(("postgres" | "postgresql", rest)) if rest.trim_end() == rest => Ok(()),
        Some(_) if url.trim() != url => wrong("there is white space around it"),
        Some((scheme, _)) if scheme.bytes().all(|byte| byte.is_ascii_alphabetic()) => {
            wrong(&format!("`{}://` is not the address of a PostgreSQL database", scheme.to_ascii_lowercase()))
        }
        None if url.contains('=') => Ok(()),
        _ => wrong("it is not the address of a database"),
    }
}

/// Takes a connection from a pool. Where the server grants no further connection, the caller waits until one of this
/// process is free.
pub(super) async fn take(pool: &Pool) -> Result<Object, Unavailable> {
    let taken = async {
        loop {
            match pool.get().await {
                Err(PoolError::Backend(error)) if is_full(&error) && pool.status().size > 0 => {
                    tokio::time::sleep(AGAIN).await;
                }
                taken => return Ok(taken?),
            }
        }
    };
    patiently(taken).await
}

fn is_full(error: &tokio_postgres::Error) -> bool {
    error.code() == Some(&SqlState::TOO_MANY_CONNECTIONS)
}

/// Returns whether a connection is encrypted. On this machine it need not be. Over a network a password would be
/// readable for everybody on the way, so there it is, unless the address says otherwise.
fn is_encrypted(config: &Config, has_ca: bool) -> Result<bool, Unavailable> {
    let socket = |host: &Host| matches!(host, Host::Unix(_));
    let near = |host: &Host| match host {
        Host::Unix(_) => true,
        Host::Tcp(name) => name == "localhost" || name.parse::<IpAddr>().is_ok_and(|address| address.is_loopback()),
    };
    let (hosts, addresses) = (config.get_hosts(), config.get_hostaddrs());
    let here = hosts.iter().all(near) && addresses.iter().all(IpAddr::is_loopback);
    Ok(match config.get_ssl_mode() {
        SslMode::Disable if has_ca => {
            let words = "--database-ca has no use with sslmode=disable: leave out one of the two";
            return Err(Unavailable(words.to_owned()));
        }
        SslMode::Disable => false,
        // No server encrypts a connection that never leaves its machine.
        _ if addresses.is_empty() && hosts.iter().all(socket) => false,
        SslMode::Prefer => has_ca || !here,
        _ => true,
    })
}

/// Returns whether an error asks the caller to try again: a serialization failure, a deadlock, or a statement that was
/// sent behind one that failed, whose own error may be read later.
pub(super) fn is_retryable(error: &tokio_postgres::Error) -> bool {
    const AGAIN: [SqlState; 3] =
        [SqlState::T_R_SERIALIZATION_FAILURE, SqlState::T_R_DEADLOCK_DETECTED, SqlState::IN_FAILED_SQL_TRANSACTION];
    error.code().is_some_and(|code| AGAIN.contains(code))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn is_encrypted_at(url: &str, has_ca: bool) -> bool {
        is_encrypted(&url.parse().expect("an address"), has_ca).expect("it is one or the other")
    }

    #[test]
    fn what_leaves_this_machine_is_encrypted_unless_the_address_says_otherwise() {
        for near in [
            "postgres://scrip:secret@127.0.0.1/scrip",
            "postgres://scrip@localhost,[::1]/scrip?sslmode=prefer",
            "host=localhost hostaddr=127.0.0.1",
            "host=/run/postgresql dbname=scrip",
            "host=/run/postgresql dbname=scrip sslmode=require",
            "postgres://scrip@db.example.com/scrip?sslmode=disable",
        ] {
            assert!(!is_encrypted_at(near, false), "{near}");
        }
        for far in [
            "postgres://scrip@db.example.com/scrip",
            "postgres://scrip@127.0.0.1,10.0.0.7/scrip?sslmode=prefer",
            "postgres://scrip@127.0.0.1/scrip?sslmode=require",
            "host=localhost hostaddr=10.0.0.7",
            "hostaddr=10.0.0.7",
        ] {
            assert!(is_encrypted_at(far, false), "{far}");
        }
    }

    #[test]
    fn whoever_names_an_issuer_wants_it_asked() {
        assert!(is_encrypted_at("postgres://scrip@localhost/scrip", true));
        assert!(!is_encrypted_at("host=/run/postgresql", true));
        let both = "postgres://scrip@db.example.com/scrip?sslmode=disable".parse().expect("an address");
        assert!(is_encrypted(&both, true).expect_err("they contradict each other").to_string().contains("leave out"));
    }

    #[test]
    fn words_of_other_clients_are_answered_with_ours() {
        for url in ["postgres://db.example.com/scrip?sslrootcert=/ca", "postgres://db.example.com/?sslmode=verify-full"]
        {
            let error = Reach::of(&url.into()).err().expect("it is not understood").to_string();
            assert!(error.contains("--database-ca"), "{error}");
        }
    }
}
