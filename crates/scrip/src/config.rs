//! Configuration: a file, then the environment, then flags; `config.default.toml` names every key.
//!
//! Invariant: the source of every setting is known, so that an error names where to mend it.

mod file;

use clap::parser::ValueSource;
use clap::{ArgMatches, Args, Command};
use serde::Deserialize;
use std::collections::BTreeMap;
use std::fmt;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

/// What `scrip serve` can be told, by flag or environment.
#[derive(Args, Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Settings {
    /// The catalog file. Published at start when it is not the newest version yet
    #[arg(long, env = "SCRIP_CATALOG", value_name = "FILE")]
    pub catalog: Option<PathBuf>,
    /// The directory of the embedded database and of stored outputs
    #[arg(long, env = "SCRIP_DATA", value_name = "DIR")]
    pub data: Option<PathBuf>,
    /// The PostgreSQL database that keeps the journal instead: postgres://…; any number of servers may share it
    #[arg(long, env = "SCRIP_DATABASE_URL", value_name = "URL", hide_env_values = true)]
    pub database_url: Option<String>,
    /// The certificates that vouch for the database's server, in PEM form; without them, those this machine trusts do
    #[arg(long, env = "SCRIP_DATABASE_CA", value_name = "FILE")]
    pub database_ca: Option<PathBuf>,
    /// The schema of the database that has Scrip's tables, made if it is not there: for a database with other tables
    #[arg(long, env = "SCRIP_DATABASE_SCHEMA", value_name = "NAME")]
    pub database_schema: Option<String>,
    /// A secret that seals what the journal does not hold and snapshots, against changes by those who can write the
    /// database; without one, a key in the data shows accidents alone. 16 characters or more, the same on every server
    #[arg(long, env = "SCRIP_INTEGRITY_SECRET", value_name = "SECRET", hide_env_values = true)]
    pub integrity_secret: Option<Secret>,
    /// Serve a journal that is shorter than it was, once: entries that are missing at its end are given up
    #[arg(long)]
    #[serde(skip)]
    pub accept_shortened_journal: bool,
    /// The address to listen on
    #[arg(long, env = "SCRIP_LISTEN", value_name = "ADDR")]
    pub listen: Option<SocketAddr>,
    /// Another address for operators: their keys are good there alone, and nobody else's are
    #[arg(long, env = "SCRIP_OPERATOR_LISTEN", value_name = "ADDR")]
    pub operator_listen: Option<SocketAddr>,
    /// Where links lead, when that is not the address listened on: https://…, or http://… on this machine
    #[arg(long, env = "SCRIP_PUBLIC_URL", value_name = "URL")]
    pub public_url: Option<String>,
    /// The server that sends mails: smtps://user:password@host:465, or smtp://host:587; without it they become files
    #[arg(long, env = "SCRIP_SMTP_URL", value_name = "URL", hide_env_values = true)]
    pub smtp_url: Option<String>,
    /// Whom mails are from: mail@example.com, or Name <mail@example.com>
    #[arg(long, env = "SCRIP_MAIL_FROM", value_name = "ADDRESS")]
    pub mail_from: Option<String>,
    /// Whether links in mails that become files are printed; for a demo on one's own machine alone
    #[arg(skip)]
    #[serde(skip)]
    pub print_links: bool,
    /// The proxies in front: addresses or networks whose X-Forwarded-For is believed, separated by commas
    #[arg(long, env = "SCRIP_TRUSTED_PROXIES", value_name = "CIDR", value_delimiter = ',')]
    pub trusted_proxies: Option<Vec<String>>,
    /// Keys, sessions and links that nobody has which one address may send in a minute
    #[arg(long, env = "SCRIP_GUESSES_PER_MINUTE", value_name = "N")]
    pub guesses_per_minute: Option<u32>,
    /// An operator key; without one, a key is made at first start: printed to a terminal, or else put into a file
    #[arg(long, env = "SCRIP_OPERATOR_KEY", value_name = "KEY", hide_env_values = true)]
    pub operator_key: Option<String>,
    /// How many seconds a session lasts that nobody uses
    #[arg(long, env = "SCRIP_SESSION_IDLE", value_name = "SECONDS")]
    pub session_idle: Option<u32>,
    /// How many seconds a session lasts, however much it is used
    #[arg(long, env = "SCRIP_SESSION_ABSOLUTE", value_name = "SECONDS")]
    pub session_absolute: Option<u32>,
    /// The OpenID provider that people may sign in with, by its issuer
    #[arg(long, env = "SCRIP_OIDC_ISSUER", value_name = "URL")]
    pub oidc_issuer: Option<String>,
    /// What that provider knows this server by
    #[arg(long, env = "SCRIP_OIDC_CLIENT_ID", value_name = "ID")]
    pub oidc_client_id: Option<String>,
    /// And the secret it shares with this server
    #[arg(long, env = "SCRIP_OIDC_CLIENT_SECRET", value_name = "SECRET", hide_env_values = true)]
    pub oidc_client_secret: Option<String>,
    /// A secret key of the Stripe account that plans and packs are sold through, or a restricted one
    #[arg(long, env = "SCRIP_STRIPE_SECRET_KEY", value_name = "KEY", hide_env_values = true)]
    pub stripe_secret_key: Option<Secret>,
    /// The secrets that Stripe signs deliveries with, whsec_…, separated by commas: two while one replaces the other
    #[arg(
        long,
        env = "SCRIP_STRIPE_WEBHOOK_SECRETS",
        value_name = "SECRETS",
        value_delimiter = ',',
        hide_env_values = true
    )]
    pub stripe_webhook_secrets: Option<Vec<Secret>>,
    /// Where Stripe is, when it is a simulator
    #[arg(long, env = "SCRIP_STRIPE_API_URL", value_name = "URL")]
    pub stripe_api_url: Option<String>,
    /// Requests a second that this process sends to Stripe at most; several processes share what Stripe admits
    #[arg(long, env = "SCRIP_STRIPE_REQUESTS_PER_SECOND", value_name = "N")]
    pub stripe_requests_per_second: Option<u32>,
    /// How many of them are kept for deliveries and workers, whatever people ask for
    #[arg(long, env = "SCRIP_STRIPE_REQUESTS_KEPT", value_name = "N")]
    pub stripe_requests_kept: Option<u32>,
    /// Connections that one address may have open at once; half of the open files that the system allows by default
    #[arg(long, env = "SCRIP_CONNECTIONS_PER_ADDRESS", value_name = "N")]
    pub connections_per_address: Option<u32>,
    /// What is logged: error, warn, info, debug or trace, and by module: info,hyper=debug
    #[arg(long, env = "SCRIP_LOG", value_name = "FILTER")]
    pub log: Option<String>,
    /// Log as JSON lines
    #[arg(long, env = "SCRIP_LOG_JSON", value_name = "BOOL", num_args = 0..=1, default_missing_value = "true")]
    pub log_json: Option<bool>,
    /// Whether waiting submissions share a flush of the disk
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
    /// Notes the source of a setting.
    fn note(&mut self, key: &str, source: String) {
        self.0.insert(key.to_owned(), source);
    }

    /// These sources, and those of settings that these do not give.
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

/// Something that is told to whom it is for, and is never shown.
#[derive(Clone, Deserialize)]
#[serde(transparent)]
pub struct Secret(String);

impl Secret {
    /// It itself.
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

/// The default configuration, as it is shipped.
pub const DEFAULTS: &str = include_str!("../../../config.default.toml");

impl Settings {
    /// These settings, filled up from a file if one is named, and from the defaults.
    ///
    /// # Errors
    /// When the file cannot be read; the message says where and why, and repeats no value.
    pub fn resolve(self, file: Option<&Path>) -> Result<Settings, String> {
        let defaults: Settings = toml::from_str(DEFAULTS).expect("a test reads the shipped defaults");
        let filed = match file {
            None => Settings::default(),
            Some(path) => file::read(path)?,
        };
        Ok(self.or(filed).or(defaults))
    }

    /// Notes which settings are given by flags and by the environment.
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
