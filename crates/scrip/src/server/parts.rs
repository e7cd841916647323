//! Parts of a server that its settings alone make: every address, key and combination is judged, and the addresses to
//! listen on are taken, before anything is written or a database is changed.
//!
//! Invariant: an error names the setting and its source, and repeats no value that may be a secret.

use super::data::Place;
use super::listeners::{Listeners, listen};
use crate::config::Settings;
use crate::config::checks::Checks;
use crate::config::urls::public_url;
use crate::http::address::{Client, Proxies};
use crate::http::throttle::Throttle;
use crate::mail::transport::Mailer;
use crate::operate::first_key;
use crate::payments::account::{StripeAccount, account};
use crate::people::oidc::Oidc;
use crate::people::sign_in::Lifetimes;

/// Parts that a server is put together from, each made of its settings.
pub(super) struct Parts {
    /// Place of the data.
    pub place: Place,
    /// Listeners of the API and of operators.
    pub listeners: Listeners,
    /// Address listened on, as a URL.
    pub url: String,
    /// Public address of links: scheme, host and path, without a `/` at the end.
    pub public_url: String,
    /// Lifetimes of sessions, idle and absolute.
    pub lifetimes: Lifetimes,
    /// Identity provider, if one is named.
    pub oidc: Option<Oidc>,
    /// Stripe account, where this server sells.
    pub account: Option<StripeAccount>,
    /// Mailer that sends mails or writes them to files.
    pub mailer: Mailer,
    /// Proxies in front of the server.
    pub proxies: Proxies,
    /// Limit of guesses at keys, sessions and links by one address.
    pub bad_keys: Throttle<Client>,
}

impl Parts {
    /// Makes the parts, and takes the addresses to listen on. Writes nothing.
    ///
    /// # Errors
    /// Lists every fault, a line each, for the operator who starts the server.
    pub(super) async fn of(settings: &Settings) -> Result<Parts, String> {
        let directory = settings.data.clone().ok_or("name a data directory: --data DIR")?;
        let address = settings.listen.ok_or("name an address: --listen ADDR")?;
        let mut checks = Checks::of(settings);
        let place = Place::of_settings(&mut checks, directory);
        let lifetimes = Lifetimes::of_settings(&mut checks);
        let proxies = checks.maybe("trusted_proxies", settings.trusted_proxies.as_deref(), Proxies::read);
        let bad_keys = Throttle::bad_keys(&mut checks);
        checks.maybe("operator_key", settings.operator_key.as_deref(), first_key::check);
        let oidc = Oidc::of_settings(&mut checks);
        checks.maybe("connections_per_address", settings.connections_per_address, |most| match most {
            0 => Err("it must be at least 1: 0 would refuse every connection".to_owned()),
            most => Ok(most),
        });
        let account = account(&mut checks);
        let own = checks.maybe("public_url", settings.public_url.as_deref(), public_url);
        let greeted = own.clone().unwrap_or_else(|| format!("http://{address}"));
        let mailer = Mailer::of_settings(&mut checks, &place.directory, &greeted);
        // The addresses are taken last, since other programs may need them.
        let listeners = listen(&mut checks, address).await;
        let (Some(lifetimes), Some(bad_keys), Some(mailer), Some(listeners), true) =
            (lifetimes, bad_keys, mailer, listeners, checks.are_good())
        else {
            return Err(checks.faults());
        };
        let address = listeners.all.local_addr().map_err(|error| error.to_string())?;
        let url = format!("http://{address}");
        if own.is_none() && !address.ip().is_loopback() {
            let name = settings.name("public_url");
            tracing::warn!(
                %address,
                "{name} is not set: links lead to {url}, which only this machine can open; set the https address that \
                 people use"
            );
        }
        let public_url = own.unwrap_or_else(|| url.clone());
        let proxies = proxies.unwrap_or_default();
        Ok(Parts { place, listeners, url, public_url, lifetimes, oidc, account, mailer, proxies, bad_keys })
    }
}
