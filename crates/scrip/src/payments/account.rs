//! Stripe account that a server sells through, as its settings name it.
//!
//! Invariant: an error repeats no key and no secret.

use crate::config::Secret;
use crate::config::checks::Checks;
use crate::config::urls::service_url;
use crate::payments::stripe::Client;
use crate::payments::stripe::key::SecretKey;

/// Minimum length of a webhook secret, in letters.
const WEBHOOK_SECRET_MIN: usize = 16; // # assumed
/// Prefix of every webhook secret of Stripe's.
const WEBHOOK_SECRET: &str = "whsec_";

/// Stripe account that plans and packs are sold through.
pub struct StripeAccount {
    /// Client of Stripe's API.
    pub client: Client,
    /// Secrets that Stripe signs webhooks with.
    pub webhook_secrets: Vec<String>,
}

/// Returns the account that the settings name, or `None` where this server does not sell; records what is wrong.
pub fn account(checks: &mut Checks<'_>) -> Option<StripeAccount> {
    let settings = checks.settings;
    let url = settings.stripe_api_url.as_deref();
    checks.maybe("stripe_api_url", url, service_url);
    let key = settings.stripe_secret_key.as_ref().map(Secret::expose);
    checks.maybe("stripe_secret_key", key, SecretKey::new);
    let secrets = settings.stripe_webhook_secrets.as_deref().unwrap_or_default();
    let secrets: Vec<String> = secrets.iter().map(|secret| secret.expose().to_owned()).collect();
    checks.take("stripe_webhook_secrets", secrets.iter().try_for_each(|secret| webhook_secret(secret)));
    if key.is_none() && !secrets.is_empty() {
        let alone = "stripe_webhook_secrets is given, and stripe_secret_key is not: give both".to_owned();
        checks.take("stripe_webhook_secrets", Err::<(), _>(alone));
    }
    if !checks.are_good() {
        return None;
    }
    let client = checks.take("stripe_api_url", Client::of(url, key)).flatten();
    let (rate, kept) = (settings.stripe_requests_per_second, settings.stripe_requests_kept);
    let paced = client.map(|client| client.with_pace(rate, kept)).transpose();
    let client = checks.take("stripe_requests_per_second", paced).flatten()?;
    Some(StripeAccount { client, webhook_secrets: secrets })
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_of_the_wrong_kind_is_refused_without_telling_it() {
        for bad in
            ["", " ", "whsec_", "sk_test_hushhushhush", "we_1hushhushhushhush", "whsec_hush hushhushhush", "hush"]
        {
            let said = webhook_secret(bad).expect_err(bad);
            assert!(!said.contains("hush"), "{said}");
        }
        assert!(webhook_secret("whsec_0123456789abcdef").is_ok());
    }
}
