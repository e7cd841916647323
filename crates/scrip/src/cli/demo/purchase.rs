//! Purchases in the demo: a simulated Stripe beside it, with the catalog's plans and packs, so that buying, paying and
//! refunds can be tried with play money and without an account.
//!
//! Invariant: only Stripe is simulated; the server is the one that sells for real money.

use super::super::output::Fault;
use crate::config::{Secret, Settings};
use crate::crypto::{hex, random};
use crate::payments::stripe::key::SecretKey;
use crate::payments::stripe::{Client as Stripe, sync};
use scrip_client::types::{Offer, Workspace};
use scrip_client::{Client, Error};
use scrip_engine::Catalog;
use stripe_simulator::{Config, Simulator, Webhook};

/// Number of a test card that pays.
pub const CARD: &str = "4242424242424242";

/// The simulated Stripe, with its key and webhook secret.
pub struct Till {
    simulator: Simulator,
    key: String,
    secret: String,
}

/// Purchase that the demo proposes.
pub struct Purchase {
    /// Id of the buying workspace.
    pub workspace: String,
    /// Arguments of `scrip billing checkout`, such as `--pack ID`.
    pub what: String,
    /// Name and price of the offer.
    pub name: String,
    /// Base URL of the simulator.
    pub simulator: String,
    /// Secret key that the simulator accepts.
    pub key: String,
}

impl Till {
    /// Starts a simulator and creates the catalog's products there. A simulator knows nothing of earlier starts, and
    /// its ids repeat none of theirs.
    pub async fn open(catalog: &Catalog) -> Result<Till, Fault> {
        let refused = |error: String| Fault::Refused(error);
        let config = Config { seed: u64::from_le_bytes(random()), ..Config::default() };
        let simulator = Simulator::start(config).await?;
        let (key, secret) = (format!("sk_test_{}", hex(&random::<12>())), format!("whsec_{}", hex(&random::<24>())));
        let stripe = Stripe::new(simulator.base_url(), SecretKey::new(&key).map_err(refused)?).map_err(refused)?;
        let plan = sync::compare(&stripe, catalog).await.map_err(|fault| refused(fault.to_string()))?;
        sync::apply(&stripe, &plan, |_| {}).await.map_err(|fault| refused(fault.to_string()))?;
        Ok(Till { simulator, key, secret })
    }

    /// Returns settings of a server that sells through this simulator.
    pub fn settings(&self, settings: Settings) -> Settings {
        Settings {
            stripe_secret_key: Some(Secret::from(self.key.clone())),
            stripe_api_url: Some(self.simulator.base_url().to_owned()),
            stripe_webhook_secrets: Some(vec![Secret::from(self.secret.clone())]),
            ..settings
        }
    }

    /// Delivers webhooks to a server from now on.
    pub fn tell(&self, server: &str) {
        self.simulator.add_webhook(&Webhook { url: format!("{server}/hooks/stripe"), secret: self.secret.clone() });
    }

    /// Returns the first offer of a workspace that takes effect at once; a pack is preferred to a plan.
    pub async fn offer(&self, client: &Client, workspaces: &[Workspace]) -> Result<Option<Purchase>, Error> {
        let mut found = None;
        for workspace in workspaces {
            let offers = client.workspace(&workspace.id).billing().await?.offers;
            let at_once = |offer: &&Offer| offer.takes_effect == "at_once";
            let pack = offers.iter().filter(at_once).find(|offer| offer.pack.is_some());
            if let Some(pack) = pack {
                return Ok(Some(self.purchase(workspace, pack)));
            }
            let plan = offers.iter().find(at_once);
            found = found.or(plan.map(|plan| self.purchase(workspace, plan)));
        }
        Ok(found)
    }

    fn purchase(&self, workspace: &Workspace, offer: &Offer) -> Purchase {
        let what = match (&offer.pack, &offer.plan, &offer.interval) {
            (Some(pack), ..) => format!("--pack {pack}"),
            (None, plan, Some(interval)) => {
                format!("--plan {} --interval {interval}", plan.as_deref().unwrap_or_default())
            }
            (None, plan, None) => format!("--plan {}", plan.as_deref().unwrap_or_default()),
        };
        Purchase {
            workspace: workspace.id.clone(),
            what,
            name: format!("{} for {}", offer.name, offer.price),
            simulator: self.simulator.base_url().to_owned(),
            key: self.key.clone(),
        }
    }
}
