//! Checked settings: every address, key and combination is judged, and the addresses to listen on are taken, before
//! anything is written or a database is changed.
//!
//! Invariant: an error names the setting and its source, and repeats no value that may be a secret.

use super::catalog_text;
use super::data_directory;
use crate::config::{Secret, Settings};
use crate::crypto::{OPERATOR_PREFIXES, is_key};
use crate::http::address::Proxies;
use crate::mail::transport::{Mailer, Transport};
use crate::outbound::is_loopback;
use crate::payments::stripe::Client;
use crate::payments::stripe::key::SecretKey;
use crate::people::oidc::Oidc;
use crate::people::sign_in::Lifetimes;
use crate::store::Address;
use reqwest::Url;
use scrip_engine::{Catalog, parse_catalog};
use std::io::ErrorKind;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use tokio::net::TcpListener;

/// Maximum number of guesses at keys, sessions and links by one address in a minute, by default.
const GUESSES: u32 = 60;
/// Minimum length of a webhook secret, in letters.
const WEBHOOK_SECRET_MIN: usize = 16; // # assumed
/// Prefix of every webhook secret of Stripe's.
const WEBHOOK_SECRET: &str = "whsec_";

/// Settings that a server can be made of.
pub(super) struct Setup {
    /// Path of the data directory.
    pub data: PathBuf,
    /// Address of the journal's database, if it is in one.
    pub database: Option<Address>,
    /// Listener of the API and the pages.
    pub listener: TcpListener,
    /// Listener of operators, if they have an address of their own.
    pub operators: Option<TcpListener>,
    /// Address listened on, as a URL.
    pub url: String,
    /// Public address of links: scheme, host and path, without a `/` at the end.
    pub public_url: String,
    /// Text and content of the catalog file, if one is named.
    pub catalog: Option<(String, Catalog)>,
    /// Lifetimes of sessions, idle and absolute.
    pub lifetimes: Lifetimes,
    /// Identity provider, if one is named.
    pub oidc: Option<Oidc>,
    /// Client of Stripe, if a key is given.
    pub stripe: Option<Client>,
    /// Secrets that Stripe signs webhooks with.
    pub webhook_secrets: Vec<String>,
    /// Mailer that sends mails or writes them to files.
    pub mailer: Mailer,
    /// Proxies in front of the server.
    pub proxies: Proxies,
    /// Maximum number of guesses at keys, sessions and links by one address in a minute.
    pub guesses: u32,
}

/// Checks of settings, with the errors they have found.
struct Checks<'a> {
    settings: &'a Settings,
    wrong: Vec<String>,
}

impl Checks<'_> {
    /// Returns the value of a setting, or records its error.
    fn take<T>(&mut self, key: &str, read: Result<T, String>) -> Option<T> {
        match read {
            Ok(read) => Some(read),
            Err(why) => {
                self.wrong.push(format!("{}: {why}", self.settings.name(key)));
                None
            }
        }
    }

    /// Returns the value of a setting that may be absent, or records its error.
    fn maybe<S, T>(&mut self, key: &str, given: Option<S>, read: impl FnOnce(S) -> Result<T, String>) -> Option<T> {
        self.take(key, given.map(read).transpose()).flatten()
    }
}

impl Setup {
    /// Checks settings and takes the addresses to listen on. Writes nothing.
    ///
    /// # Errors
    /// Lists every fault, a line each, for the operator who starts the server.
    pub(super) async fn of(settings: &Settings) -> Result<Setup, String> {
        let mut checks = Checks { settings, wrong: Vec::new() };
        let data = settings.data.clone().ok_or("name a data directory: --data DIR")?;
        let listen = settings.listen.ok_or("name an address: --listen ADDR")?;
        checks.take("data", data_directory::check(&data, settings.database_url.is_some()));
        let database = checks.database();
        let catalog = checks.maybe("catalog", settings.catalog.as_deref(), read_catalog);
        let lifetimes = checks.lifetimes();
        let proxies = settings.trusted_proxies.as_deref();
        let proxies = checks.maybe("trusted_proxies", proxies, Proxies::read);
        let guesses = checks.take("guesses_per_minute", above_zero(settings.guesses_per_minute));
        checks.maybe("operator_key", settings.operator_key.as_deref(), operator_key);
        let oidc = checks.oidc();
        checks.maybe("connections_per_address", settings.connections_per_address, |most| match most {
            0 => Err("at least 1: nobody could be served".to_owned()),
            most => Ok(most),
        });
        let (stripe, webhook_secrets) = checks.stripe();
        let own = checks.maybe("public_url", settings.public_url.as_deref(), public_url);
        let greeted = own.clone().unwrap_or_else(|| format!("http://{listen}"));
        let mailer = checks.mailer(&data, &greeted);
        // The addresses are taken last, since other programs may need them.
        let listeners = checks.listeners(listen).await;
        let (Some(lifetimes), Some(guesses), Some(mailer), Some((listener, operators)), true) =
            (lifetimes, guesses, mailer, listeners, checks.wrong.is_empty())
        else {
            return Err(checks.wrong.join("\n"));
        };
        let address = listener.local_addr().map_err(|error| error.to_string())?;
        let url = format!("http://{address}");
        if own.is_none() && !address.ip().is_loopback() {
            let name = settings.name("public_url");
            tracing::warn!(
                %address,
                "{name} is not given: links lead to {url}, which people elsewhere cannot open; name the https address \
                 that they use"
            );
        }
        let public_url = own.unwrap_or_else(|| url.clone());
        let proxies = proxies.unwrap_or_default();
        Ok(Setup {
            data,
            database,
            listener,
            operators,
            url,
            public_url,
            catalog,
            lifetimes,
            oidc,
            stripe,
            webhook_secrets,
            mailer,
            proxies,
            guesses,
        })
    }
}

impl Checks<'_> {
    fn database(&mut self) -> Option<Address> {
        let settings = self.settings;
        let address = settings.database_url.as_ref().map(|url| Address {
            url: url.clone(),
            ca: settings.database_ca.clone(),
            schema: settings.database_schema.clone(),
        });
        let Some(address) = address else {
            for (key, is_given) in [
                ("database_ca", settings.database_ca.is_some()),
                ("database_schema", settings.database_schema.is_some()),
            ] {
                let alone = "it is given, and database_url is not: give both, or leave it out".to_owned();
                self.take(key, if is_given { Err(alone) } else { Ok(()) });
            }
            return None;
        };
        self.maybe("database_schema", address.schema.as_deref(), Address::check_schema);
        self.maybe("database_ca", address.ca.as_deref(), |path| {
            std::fs::read(path).map(drop).map_err(|error| format!("{}: {error}", path.display()))
        });
        if self.wrong.is_empty() {
            self.take("database_url", address.check().map_err(|error| error.to_string()));
        }
        Some(address)
    }

    fn lifetimes(&mut self) -> Option<Lifetimes> {
        let of = |idle, absolute| Lifetimes::of_seconds(idle, absolute);
        let idle = self.take("session_idle", of(self.settings.session_idle, None));
        let absolute = self.take("session_absolute", of(None, self.settings.session_absolute));
        Some(Lifetimes { idle: idle?.idle, absolute: absolute?.absolute })
    }

    fn oidc(&mut self) -> Option<Oidc> {
        let settings = self.settings;
        let given = [
            ("oidc_issuer", settings.oidc_issuer.as_deref()),
            ("oidc_client_id", settings.oidc_client_id.as_deref()),
            ("oidc_client_secret", settings.oidc_client_secret.as_deref()),
        ];
        for (key, value) in given {
            self.maybe(key, value, |value| match value.trim() == value && !value.is_empty() {
                true => Ok(()),
                false => Err("it is empty, or has white space around it".to_owned()),
            });
        }
        self.maybe("oidc_issuer", settings.oidc_issuer.as_deref(), service_url);
        let [(_, issuer), (_, id), (_, secret)] = given;
        let missing: Vec<&str> = given.iter().filter(|(_, value)| value.is_none()).map(|(key, _)| *key).collect();
        if (1..3).contains(&missing.len()) {
            let key = given.iter().find(|(_, value)| value.is_some()).map_or("oidc_issuer", |(key, _)| key);
            let why = format!(
                "oidc_issuer, oidc_client_id and oidc_client_secret go together, and {} is not given: name all or none",
                missing.join(" and ")
            );
            self.take(key, Err::<(), _>(why));
        }
        if !self.wrong.is_empty() {
            return None;
        }
        self.take("oidc_issuer", Oidc::of(issuer, id, secret)).flatten()
    }

    fn stripe(&mut self) -> (Option<Client>, Vec<String>) {
        let settings = self.settings;
        let url = settings.stripe_api_url.as_deref();
        self.maybe("stripe_api_url", url, service_url);
        let key = settings.stripe_secret_key.as_ref().map(Secret::expose);
        self.maybe("stripe_secret_key", key, SecretKey::new);
        let secrets = settings.stripe_webhook_secrets.as_deref().unwrap_or_default();
        let secrets: Vec<String> = secrets.iter().map(|secret| secret.expose().to_owned()).collect();
        self.take("stripe_webhook_secrets", secrets.iter().try_for_each(|secret| webhook_secret(secret)));
        if key.is_none() && !secrets.is_empty() {
            let alone = "stripe_webhook_secrets is given, and stripe_secret_key is not: give both".to_owned();
            self.take("stripe_webhook_secrets", Err::<(), _>(alone));
        }
        if !self.wrong.is_empty() {
            return (None, secrets);
        }
        let client = self.take("stripe_api_url", Client::of(url, key)).flatten();
        let (rate, kept) = (settings.stripe_requests_per_second, settings.stripe_requests_kept);
        let paced = client.map(|client| client.paced_by_mode(rate, kept)).transpose();
        (self.take("stripe_requests_per_second", paced).flatten(), secrets)
    }

    fn mailer(&mut self, data: &Path, public_url: &str) -> Option<Mailer> {
        let settings = self.settings;
        let smtp = settings.smtp_url.as_deref();
        let smtp = self.maybe("smtp_url", smtp, |url| Transport::smtp(url, public_url));
        if settings.smtp_url.is_some() && smtp.is_none() {
            // The sender is checked in any case.
            let files = Transport::Files { directory: PathBuf::new(), print_links: false };
            self.maybe("mail_from", settings.mail_from.as_deref(), |from| Mailer::new(files, Some(from)));
            return None;
        }
        let files = || Transport::Files { directory: data.join("mails"), print_links: settings.print_links };
        let mailer = Mailer::new(smtp.unwrap_or_else(files), settings.mail_from.as_deref());
        self.take("mail_from", mailer)
    }

    async fn listeners(&mut self, listen: SocketAddr) -> Option<(TcpListener, Option<TcpListener>)> {
        let apart = self.settings.operator_listen;
        if apart.is_some_and(|apart| apart == listen && listen.port() != 0) {
            let same = format!("{listen} is `listen` as well: name another address for operators, or leave it out");
            return self.take("operator_listen", Err(same));
        }
        let listener = self.take("listen", bind(listen).await);
        let operators = match apart {
            Some(apart) => Some(self.take("operator_listen", bind(apart).await)?),
            None => None,
        };
        Some((listener?, operators))
    }
}

async fn bind(address: SocketAddr) -> Result<TcpListener, String> {
    TcpListener::bind(address).await.map_err(|error| match error.kind() {
        ErrorKind::AddrInUse => format!("{address} is in use: stop the server that has it, or choose another port"),
        ErrorKind::AddrNotAvailable => format!("{address} is no address of this machine"),
        ErrorKind::PermissionDenied => format!("{address}: this user may not listen there; choose a port above 1023"),
        _ => format!("{address}: {error}"),
    })
}

/// Reads and checks a catalog file, or a shipped catalog by its bare name.
///
/// # Errors
/// Lists every error of the file, with its place.
pub fn read_catalog(path: &Path) -> Result<(String, Catalog), String> {
    let text = catalog_text(path)?;
    match parse_catalog(&text) {
        Ok(catalog) => Ok((text, catalog)),
        Err(problems) => {
            let lines: Vec<String> = problems.iter().map(|problem| format!("{}:{problem}", path.display())).collect();
            Err(lines.join("\n"))
        }
    }
}

fn above_zero(guesses: Option<u32>) -> Result<u32, String> {
    match guesses.unwrap_or(GUESSES) {
        0 => Err("0 would refuse everybody; it is 1 or more".to_owned()),
        guesses => Ok(guesses),
    }
}

fn operator_key(key: &str) -> Result<(), String> {
    if OPERATOR_PREFIXES.iter().any(|prefix| is_key(prefix, key)) {
        return Ok(());
    }
    let what = match key {
        "" => "it is empty",
        key if key.trim() != key => "there is white space around it",
        key if key.starts_with("wk_") || key.starts_with("scrip_wk_") => {
            "it is the key of a workspace, and not an operator's"
        }
        key if key.starts_with("whsec_") || key.starts_with("rk_") => {
            "it is a secret of Stripe's, and not an operator key"
        }
        key if OPERATOR_PREFIXES.iter().any(|prefix| key.starts_with(prefix)) => {
            "it is not an operator key of Scrip's: some letters are missing or mistyped, or it is one of Stripe's"
        }
        _ => "it is not an operator key",
    };
    Err(format!("{what}; `scrip keys new` makes one"))
}

fn webhook_secret(secret: &str) -> Result<(), String> {
    let is_one = secret.starts_with(WEBHOOK_SECRET)
        && secret.len() >= WEBHOOK_SECRET_MIN
        && secret.bytes().all(|byte| byte.is_ascii_graphic());
    match secret {
        _ if is_one => Ok(()),
        secret if ["sk_", "rk_", "pk_"].iter().any(|prefix| secret.starts_with(prefix)) => {
            Err("one of them is an API key; the secret of a webhook endpoint begins with whsec_".to_owned())
        }
        secret if secret.starts_with("we_") => {
            Err("one of them is the id of a webhook endpoint; its secret begins with whsec_".to_owned())
        }
        _ => Err(format!("each is {WEBHOOK_SECRET_MIN} letters or more, begins with whsec_, and has no blanks")),
    }
}

/// Checks the public address of links: an https address, or one of this machine.
fn public_url(text: &str) -> Result<String, String> {
    let url = plain_url(text, "https://credits.example.com")?;
    let is_here = is_loopback(url.host_str().unwrap_or_default());
    match url.scheme() {
        "https" => {}
        "http" if is_here => {}
        _ => return Err("links must lead to an https address; http is for this machine alone (localhost)".to_owned()),
    }
    Ok(url.as_str().trim_end_matches('/').to_owned())
}

/// Checks an address that secrets are sent to: an https address, or one of this machine.
fn service_url(text: &str) -> Result<(), String> {
    let url = plain_url(text, "https://id.example.com")?;
    match url.scheme() {
        "https" => Ok(()),
        _ if is_loopback(url.host_str().unwrap_or_default()) => Ok(()),
        _ => Err("it must be an https address, or one of this machine".to_owned()),
    }
}

/// Parses an address of http or https that has a host, maybe a port and a path, and nothing else.
fn plain_url(text: &str, example: &str) -> Result<Url, String> {
    let wrong = |what: &str| Err(format!("{what}; write an address like {example}"));
    if text.is_empty() {
        return Err(format!("it is empty; write an address like {example}, or leave it out"));
    }
    if text.chars().any(|letter| letter.is_whitespace() || letter.is_control() || letter == '\\') {
        return wrong("there is white space in it, or a letter that no address has");
    }
    let parts = text.split_once("://").map(|(scheme, rest)| (scheme.to_ascii_lowercase(), rest));
    match parts.as_ref().map(|(scheme, rest)| (scheme.as_str(), *rest)) {
        Some(("http" | "https", rest)) if rest.starts_with('/') => return wrong("it names no host"),
        Some(("http" | "https", _)) => {}
        Some(_) => return wrong("it is neither http:// nor https://"),
        None => return wrong("the scheme is missing"),
    }
    let Ok(url) = Url::parse(text) else { return wrong("it is no address") };
    if !url.has_host() {
        return wrong("it names no host");
    }
    if !url.username().is_empty() || url.password().is_some() || text.contains('@') {
        return wrong("there is a user in it");
    }
    if url.query().is_some() || url.fragment().is_some() {
        return wrong("there is something behind a `?` or a `#`");
    }
    if url.port() == Some(0) {
        return wrong("nobody can be reached at port 0");
    }
    Ok(url)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_lead_to_an_https_address_or_to_this_machine() {
        for (good, becomes) in [
            ("https://credits.example.com", "https://credits.example.com"),
            ("https://credits.example.com/", "https://credits.example.com"),
            ("https://Credits.Example.com:443/x/", "https://credits.example.com/x"),
            ("https://bücher.example", "https://xn--bcher-kva.example"),
            ("https://192.0.2.7:8443", "https://192.0.2.7:8443"),
            ("http://localhost:8080", "http://localhost:8080"),
            ("http://127.0.0.1:8080", "http://127.0.0.1:8080"),
            ("http://[::1]:8080", "http://[::1]:8080"),
        ] {
            assert_eq!(public_url(good).as_deref(), Ok(becomes), "{good}");
        }
        for bad in [
            "",
            " ",
            "x.example",
            "credits.example.com:443",
            "//x.example",
            "ftp://x",
            "javascript:alert(1)",
            "data:text/html,x",
            "file:///etc/passwd",
            "http://evil.example",
            "http://10.0.0.7",
            "http://0.0.0.0:8080",
            "http://localhost.example.com",
            "http://127.0.0.1.example.com",
            "https://",
            "https:///x",
            "https://x.example?y=1",
            "https://x.example/?",
            "https://x#f",
            "https://x#",
            "https://user:hush@x",
            "https://user@x",
            "https://@x",
            " https://x",
            "https://x ",
            "https://x y",
            "https://x\n",
            "https:\\\\x",
            "https://x:99999",
            "https://x:0",
            "https://[::1",
            "https://exa mple",
            "localhost:8080",
            "127.0.0.1",
        ] {
            let said = public_url(bad).expect_err(bad);
            assert!(!said.contains("hush") && said.len() > 20, "{bad}: {said}");
        }
    }

    #[test]
    fn a_secret_of_the_wrong_kind_is_refused_without_telling_it() {
        for bad in
            ["", " ", "whsec_", "sk_test_hushhushhush", "we_1hushhushhushhush", "whsec_hush hushhushhush", "hush"]
        {
            let said = webhook_secret(bad).expect_err(bad);
            assert!(!said.contains("hush"), "{said}");
        }
        assert!(webhook_secret("whsec_0123456789abcdef").is_ok());
        let ours = crate::crypto::new_key(OPERATOR_PREFIXES[0]);
        assert!(operator_key(&ours).is_ok());
        let short = &ours[..ours.len() - 1];
        for bad in ["", "hush", "sk_test_hush", "wk_test_hush", "whsec_hush", &format!(" {ours}"), short] {
            let said = operator_key(bad).expect_err(bad);
            assert!(!said.contains("hush") && !said.contains(short) && said.contains("scrip keys new"), "{said}");
        }
    }

    #[test]
    fn secrets_are_sent_to_https_or_to_this_machine() {
        for good in ["https://api.stripe.com", "http://127.0.0.1:12111", "https://id.example.com/realms/x"] {
            assert_eq!(service_url(good), Ok(()), "{good}");
        }
        for bad in
            ["", "api.stripe.com", "http://api.stripe.com", "https://u:hush@x", "https://x?y", "https://x#y", "ws://x"]
        {
            let said = service_url(bad).expect_err(bad);
            assert!(!said.contains("hush"), "{said}");
        }
    }
}
