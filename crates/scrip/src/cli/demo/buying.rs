//! What the demo sells: a simulated Stripe beside it, with the catalog's plans and packs, so that buying, paying and
//! giving money back can be tried with play money and no account.
//!
//! Invariant: what is simulated is the other side alone; the server that is shown is the one that sells for money.

use super::super::output::Fault;
use crate::config::{Secret, Settings};
use crate::crypto::{hex, random};
use crate::stripe::key::SecretKey;
use crate::stripe::{Client as Stripe, sync};
use scrip_client::types::{Offer, Workspace};
use scrip_client::{Client, Error};
use scrip_engine::Catalog;
use stripe_simulator::{Config, Simulator, Webhook};

/// A card that pays.
pub const CARD: &str = "4242424242424242";

/// The simulated Stripe.
pub struct Till {
    simulator: Simulator,
    key: String,
    secret: String,
}

/// Something to buy.
pub struct Buying {
    /// Who buys.
    pub workspace: String,
    /// What, as the command line takes it.
    pub what: String,
    /// Its name and price.
    pub name: String,
    /// Where the simulator is.
    pub simulator: String,
    /// The key it takes.
    pub key: String,
}

impl Till {
    /// Starts one, and sells the catalog there. It knows nothing of earlier starts, and its names are none of theirs.
    pub async fn open(catalog: &Catalog) -> Result<Till, Fault> {
        let refused = |error: String| Fault::Refused(error);
        let config = Config { seed: u64::from_le_bytes(random()), ..Config::default() };
        let simulator = Simulator::start(config).await?;
        let (key, secret) = (format!("sk_test_{}", hex(&random::<12>())), format!("whsec_{}", hex(&random::<24>())));
        let stripe = Stripe::new(simulator.base_url(), SecretKey::new(&key).map_err(refused)?).map_err(refused)?;
        let plan = sync::look(&stripe, catalog).await.map_err(|fault| refused(fault.to_string()))?;
        sync::apply(&stripe, &plan, |_| {}).await.map_err(|fault| refused(fault.to_string()))?;
        Ok(Till { simulator, key, secret })
    }

    /// The settings of a server that sells there.
    pub fn settings(&self, settings: Settings) -> Settings {
        Settings {
            stripe_secret_key: Some(Secret::from(self.key.clone())),
            stripe_api_url: Some(self.simulator.base_url().to_owned()),
            stripe_webhook_secrets: Some(vec![Secret::from(self.secret.clone())]),
            ..settings
        }
    }

    /// Delivers to a server from now on.
    pub fn tell(&self, server: &str) {
        self.simulator.tell(&Webhook { url: format!("{server}/hooks/stripe"), secret: self.secret.clone() });
    }

    /// The first thing that one of the workspaces can buy at once: a pack where there is one.
    pub async fn offer(&self, client: &Client, workspaces: &[Workspace]) -> Result<Option<Buying>, Error> {
        let mut found = None;
        for workspace in workspaces {
            let offers = client.workspace(&workspace.id).billing().await?.offers;
            let at_once = |offer: &&Offer| offer.takes_effect == "at_once";
            let pack = offers.iter().filter(at_once).find(|offer| offer.pack.is_some());
            if let Some(pack) = pack {
                return Ok(Some(self.buying(workspace, pack)));
            }
            let plan = offers.iter().find(at_once);
            found = found.or(plan.map(|plan| self.buying(workspace, plan)));
        }
        Ok(found)
    }

    fn buying(&self, workspace: &Workspace, offer: &Offer) -> Buying {
        let what = match (&offer.pack, &offer.plan, &offer.interval) {
            (Some(pack), ..) => format!("--pack {pack}"),
            (None, plan, Some(interval)) => {
                format!("--plan {} --interval {interval}", plan.as_deref().unwrap_or_default())
            }
            (None, plan, None) => format!("--plan {}", plan.as_deref().unwrap_or_default()),
        };
        Buying {
            workspace: workspace.id.clone(),
            what,
            name: format!("{} for {}", offer.name, offer.price),
            simulator: self.simulator.base_url().to_owned(),
            key: self.key.clone(),
        }
    }
}
