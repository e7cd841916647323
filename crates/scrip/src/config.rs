//! Configuration: a file, then the environment, then flags; `config.default.toml` names every key.
//!
//! Invariant: the source of every setting is known, so that an error names the place to correct it.

pub mod checks;
mod file;
pub mod urls;

use clap::parser::ValueSource;
use clap::{ArgMatches, Args, Command};
use serde::Deserialize;
use std::collections::BTreeMap;
use std::fmt;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

/// Settings of `scrip serve`, from flags, the environment and a file.
#[derive(Args, Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Settings {
    /// Catalog file. Published at start if it differs from the file of the last start
    #[arg(long, env = "SCRIP_CATALOG", value_name = "FILE")]
    pub catalog: Option<PathBuf>,
    /// Directory of the embedded database and of stored outputs
    #[arg(long, env = "SCRIP_DATA", value_name = "DIR")]
    pub data: Option<PathBuf>,
    /// PostgreSQL database that keeps the journal instead: postgres://…; any number of servers may share it
    #[arg(long, env = "SCRIP_DATABASE_URL", value_name = "URL", hide_env_values = true)]
    pub database_url: Option<String>,
    /// File with the certificates, in PEM form, that the database's server is verified by; without it, those of this
    /// machine
    #[arg(long, env = "SCRIP_DATABASE_CA", value_name = "FILE")]
    pub database_ca: Option<PathBuf>,
    /// Schema of Scrip's tables in the database, made if it is missing: for a database that has other tables
    #[arg(long, env = "SCRIP_DATABASE_SCHEMA", value_name = "NAME")]
    pub database_schema: Option<String>,
    /// Secret that seals snapshots and the rows outside the journal, against changes by those who can write the
    /// database; without one, a key in the database shows accidents alone. 16 characters or more, the same on every
    /// server
    #[arg(long, env = "SCRIP_INTEGRITY_SECRET", value_name = "SECRET", hide_env_values = true)]
    pub integrity_secret: Option<Secret>,
    /// Serve a journal that is shorter than before, once: the missing entries at its end are given up
    #[arg(long)]
    #[serde(skip)]
    pub accept_shortened_journal: bool,
    /// Network address and port to listen on
    #[arg(long, env = "SCRIP_LISTEN", value_name = "ADDR")]
    pub listen: Option<SocketAddr>,
    /// Second address, for operators: operator keys are valid there alone, and no other keys are
    #[arg(long, env = "SCRIP_OPERATOR_LISTEN", value_name = "ADDR")]
    pub operator_listen: Option<SocketAddr>,
    /// Address that links lead to, when it is not the one listened on: https://…, or http://… on this machine
    #[arg(long, env = "SCRIP_PUBLIC_URL", value_name = "URL")]
    pub public_url: Option<String>,
    /// Server that sends mails: smtps://user:password@host:465, or smtp://host:587; without one, mails become files
    #[arg(long, env = "SCRIP_SMTP_URL", value_name = "URL", hide_env_values = true)]
    pub smtp_url: Option<String>,
    /// Sender of mails: mail@example.com, or Name <mail@example.com>
    #[arg(long, env = "SCRIP_MAIL_FROM", value_name = "ADDRESS")]
    pub mail_from: Option<String>,
    /// Print the links of mails that become files; for a demo on one's own machine alone
    #[arg(skip)]
    #[serde(skip)]
    pub print_links: bool,
    /// Proxies in front of the server: addresses or networks whose X-Forwarded-For is believed, separated by commas
    #[arg(long, env = "SCRIP_TRUSTED_PROXIES", value_name = "CIDR", value_delimiter = ',')]
    pub trusted_proxies: Option<Vec<String>>,
    /// Maximum number of unknown keys, sessions and links that one address may send in a minute
    #[arg(long, env = "SCRIP_GUESSES_PER_MINUTE", value_name = "N")]
    pub guesses_per_minute: Option<u32>,
    /// Operator key; without one, a key is made at first start: printed to a terminal, or else put into a file
    #[arg(long, env = "SCRIP_OPERATOR_KEY", value_name = "KEY", hide_env_values = true)]
    pub operator_key: Option<String>,
    /// Seconds without a request after which a session ends
    #[arg(long, env = "SCRIP_SESSION_IDLE", value_name = "SECONDS")]
    pub session_idle: Option<u32>,
    /// Maximum lifetime of a session in seconds, whatever its use
    #[arg(long, env = "SCRIP_SESSION_ABSOLUTE", value_name = "SECONDS")]
    pub session_absolute: Option<u32>,
    /// Issuer of the identity provider (OpenID) that people may sign in with
    #[arg(long, env = "SCRIP_OIDC_ISSUER", value_name = "URL")]
    pub oidc_issuer: Option<String>,
    /// Client id of this server at the identity provider
    #[arg(long, env = "SCRIP_OIDC_CLIENT_ID", value_name = "ID")]
    pub oidc_client_id: Option<String>,
    /// Client secret that the identity provider shares with this server
    #[arg(long, env = "SCRIP_OIDC_CLIENT_SECRET", value_name = "SECRET", hide_env_values = true)]
    pub oidc_client_secret: Option<String>,
    /// Secret key of the Stripe account that plans and packs are sold through, or a restricted key
    #[arg(long, env = "SCRIP_STRIPE_SECRET_KEY", value_name = "KEY", hide_env_values = true)]
    pub stripe_secret_key: Option<Secret>,
    /// Secrets that Stripe signs webhooks with, whsec_…, separated by commas: two while one replaces the other
    #[arg(
        long,
        env = "SCRIP_STRIPE_WEBHOOK_SECRETS",
        value_name = "SECRETS",
        value_delimiter = ',',
        hide_env_values = true
    )]
    pub stripe_webhook_secrets: Option<Vec<Secret>>,
    /// Address of Stripe's API, when it is a simulator
    #[arg(long, env = "SCRIP_STRIPE_API_URL", value_name = "URL")]
    pub stripe_api_url: Option<String>,
    /// Maximum number of requests a second from this process to Stripe; several processes share Stripe's limit
    #[arg(long, env = "SCRIP_STRIPE_REQUESTS_PER_SECOND", value_name = "N")]
    pub stripe_requests_per_second: Option<u32>,
    /// Number of those requests that is reserved for webhooks and workers, whatever people ask for
    #[arg(long, env = "SCRIP_STRIPE_REQUESTS_KEPT", value_name = "N")]
    pub stripe_requests_kept: Option<u32>,
    /// Maximum number of open connections of one address; half of the open files that the system allows by default
    #[arg(long, env = "SCRIP_CONNECTIONS_PER_ADDRESS", value_name = "N")]
    pub connections_per_address: Option<u32>,
    /// Filter of the log: error, warn, info, debug or trace, and by module: info,hyper=debug
    #[arg(long, env = "SCRIP_LOG", value_name = "FILTER")]
    pub log: Option<String>,
    /// Log as JSON lines
    #[arg(long, env = "SCRIP_LOG_JSON", value_name = "BOOL", num_args = 0..=1, default_missing_value = "true")]
    pub log_json: Option<bool>,
    /// Let waiting submissions share a flush of the disk
    #[arg(long, env = "SCRIP_GROUP_COMMIT", value_name = "BOOL", hide = true)]
    pub group_commit: Option<bool>,
    /// Source of each setting that is given.
    #[arg(skip)]
    #[serde(skip)]
    pub sources: Sources,
}

/// Sources of settings, by key: a flag, a variable of the environment, or a place in a file.
#[derive(Clone, Debug, Default)]
pub struct Sources(BTreeMap<String, String>);

impl Sources {
    /// Records the source of a setting.
    fn note(&mut self, key: &str, source: String) {
        self.0.insert(key.to_owned(), source);
    }

    /// Returns these sources, completed by those of other settings.
    fn or(mut self, other: Sources) -> Sources {
        for (key, source) in other.0 {
            self.0.entry(key).or_insert(source);
        }
        self
    }
}

/// Returns the keys of all settings.
fn keys() -> Vec<String> {
    Settings::augment_args(Command::new("")).get_arguments().map(|argument| argument.get_id().to_string()).collect()
}

/// A secret of the configuration, which is never part of a log or an error.
#[derive(Clone, Deserialize)]
#[serde(transparent)]
pub struct Secret(String);

impl Secret {
    /// Returns the secret as plain text.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl From<String> for Secret {
    fn from(text: String) -> Secret {
        Secret(text)
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("…")
    }
}

/// Default configuration, in the form in which it is shipped.
pub const DEFAULTS: &str = include_str!("../../../config.default.toml");

impl Settings {
    /// Returns these settings, completed by a file if one is named, and by the defaults.
    ///
    /// # Errors
    /// When the file cannot be read; the message gives the place and the reason, and repeats no value.
    pub fn resolve(self, file: Option<&Path>) -> Result<Settings, String> {
        let defaults: Settings = toml::from_str(DEFAULTS).expect("a test reads the shipped defaults");
        let filed = match file {
            None => Settings::default(),
            Some(path) => file::read(path)?,
        };
        Ok(self.or(filed).or(defaults))
    }

    /// Records the settings that are given by flags and by the environment.
    pub fn note_sources(&mut self, matches: &ArgMatches) {
        for key in keys() {
            if !matches.try_contains_id(&key).unwrap_or(false) {
                continue;
            }
            match matches.value_source(&key) {
                Some(ValueSource::CommandLine) => self.sources.note(&key, format!("--{}", key.replace('_', "-"))),
                Some(ValueSource::EnvVariable) => self.sources.note(&key, format!("SCRIP_{}", key.to_uppercase())),
                _ => {}
            }
        }
    }

    /// Returns the name of a setting, with the source of its value if it is given.
    pub fn name(&self, key: &str) -> String {
        self.sources.0.get(key).map_or_else(|| key.to_owned(), |source| format!("{key} ({source})"))
    }

    fn or(self, other: Settings) -> Settings {
        Settings {
            catalog: self.catalog.or(other.catalog),
            data: self.data.or(other.data),
            database_url: self.database_url.or(other.database_url),
            database_ca: self.database_ca.or(other.database_ca),
            database_schema: self.database_schema.or(other.database_schema),
            listen: self.listen.or(other.listen),
            operator_listen: self.operator_listen.or(other.operator_listen),
            public_url: self.public_url.or(other.public_url),
            smtp_url: self.smtp_url.or(other.smtp_url),
            mail_from: self.mail_from.or(other.mail_from),
            print_links: self.print_links || other.print_links,
            integrity_secret: self.integrity_secret.or(other.integrity_secret),
            accept_shortened_journal: self.accept_shortened_journal || other.accept_shortened_journal,
            trusted_proxies: self.trusted_proxies.or(other.trusted_proxies),
            guesses_per_minute: self.guesses_per_minute.or(other.guesses_per_minute),
            operator_key: self.operator_key.or(other.operator_key),
            session_idle: self.session_idle.or(other.session_idle),
            session_absolute: self.session_absolute.or(other.session_absolute),
            oidc_issuer: self.oidc_issuer.or(other.oidc_issuer),
            oidc_client_id: self.oidc_client_id.or(other.oidc_client_id),
            oidc_client_secret: self.oidc_client_secret.or(other.oidc_client_secret),
            stripe_secret_key: self.stripe_secret_key.or(other.stripe_secret_key),
            stripe_webhook_secrets: self.stripe_webhook_secrets.or(other.stripe_webhook_secrets),
            stripe_api_url: self.stripe_api_url.or(other.stripe_api_url),
            stripe_requests_per_second: self.stripe_requests_per_second.or(other.stripe_requests_per_second),
            stripe_requests_kept: self.stripe_requests_kept.or(other.stripe_requests_kept),
            connections_per_address: self.connections_per_address.or(other.connections_per_address),
            log: self.log.or(other.log),
            log_json: self.log_json.or(other.log_json),
            group_commit: self.group_commit.or(other.group_commit),
            sources: self.sources.or(other.sources),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_shipped_defaults_are_read_and_a_flag_beats_a_file() {
        let flags = Settings { listen: Some("127.0.0.1:1".parse().expect("an address")), ..Settings::default() };
        let settings = flags.resolve(None).expect("the defaults are good");
        assert_eq!(settings.listen.map(|listen| listen.port()), Some(1));
        assert!(settings.data.is_some() && settings.log.is_some());
        assert_eq!((settings.session_idle, settings.session_absolute), (Some(7 * 86_400), Some(30 * 86_400)));
    }

    #[test]
    fn a_secret_is_not_shown() {
        let read = toml::from_str::<Settings>("stripe_secret_key = \"sk_test_hush\"").expect("it is a setting");
        assert_eq!(read.stripe_secret_key.as_ref().map(Secret::expose), Some("sk_test_hush"));
        let settings = read.resolve(None).expect("the defaults are good");
        assert_eq!(settings.stripe_api_url.as_deref(), Some("https://api.stripe.com"));
        assert!(!format!("{settings:?}").contains("hush"));
    }
}
