//! The catalog's plans and packs as products and prices of a Stripe account.
//!
//! [`look`] compares both sides and plans the steps, [`apply`] carries them out, [`check`] only reports. A product is
//! found by its metadata, a price by its lookup key. An amount never changes: another amount is another price, which
//! takes over the lookup key, and subscriptions to the old price go on paying it. A plan or pack that has left the
//! catalog is archived.
//!
//! Invariant: an object without Scrip's mark is never changed, nothing is ever deleted, and a sync that is broken off
//! and repeated creates nothing twice.

mod apply;
mod description;
mod plan;
mod target;

pub use apply::apply;
pub use plan::{Plan, Step};

use super::client::Client;
use super::error::Error;
use super::key::Mode;
use scrip_engine::Catalog;
use std::fmt;

/// Reason for which catalog and account were not compared, or not brought together.
#[derive(Debug)]
pub enum Fault {
    /// Stripe refused the request or did not answer.
    Stripe(Error),
    /// An object of the other mode than the key's: something between Scrip and Stripe is wrong.
    Mode {
        /// Identifier of the object.
        id: String,
        /// Mode of the secret key.
        key: Mode,
    },
    /// Objects without Scrip's mark that would have to be changed; one message for each. Nothing was done.
    InTheWay(Vec<String>),
    /// Stopped after some of the steps; another sync goes on from there.
    Stopped {
        /// Number of steps that were done.
        done: usize,
        /// Number of steps in all.
        all: usize,
        /// Failure of the step after those.
        error: Error,
    },
}

impl From<Error> for Fault {
    fn from(error: Error) -> Fault {
        Fault::Stripe(error)
    }
}

impl Fault {
    /// Returns the error of the request to Stripe that failed; `None` for a fault that is found without a request.
    pub fn error(&self) -> Option<&Error> {
        match self {
            Fault::Stripe(error) | Fault::Stopped { error, .. } => Some(error),
            Fault::Mode { .. } | Fault::InTheWay(_) => None,
        }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Fault::Stripe(error) => write!(f, "{error}"),
            Fault::Mode { id, key } => {
                let (other, key) = (if *key == Mode::Live { "test" } else { "live" }, key.name());
                write!(f, "the key is a {key} key, and {id} is a {other} object")
            }
            Fault::InTheWay(what) => write!(f, "{}", what.join("\n")),
            Fault::Stopped { done, all, error } => write!(f, "stopped after {done} of {all} changes: {error}"),
        }
    }
}

/// Plans the steps after which the account sells what the catalog does. Nothing is written.
///
/// # Errors
/// When Stripe refuses or does not answer, or the account is of another mode.
pub async fn compare(client: &Client, catalog: &Catalog) -> Result<Plan, Fault> {
    let (products, prices) = (client.products().await?, client.prices().await?);
    let live = products.iter().map(|product| (&product.id, product.livemode));
    let mut live = live.chain(prices.iter().map(|price| (&price.id, price.livemode)));
    if let Some((id, _)) = live.find(|(_, livemode)| !client.mode().is_of(*livemode)) {
        return Err(Fault::Mode { id: id.clone(), key: client.mode() });
    }
    Ok(plan::plan(&target::target_products(catalog), &products, &prices))
}

/// Creates the products and prices of the catalog that the account lacks, and archives nothing: what is on sale stays
/// so. Run before a catalog is published, so that all of it can be sold from its first instant on.
///
/// # Errors
/// When Stripe refuses or does not answer, or an object that is not Scrip's is in the way.
pub async fn prepare(client: &Client, catalog: &Catalog) -> Result<(), Fault> {
    let mut plan = compare(client, catalog).await?;
    plan.steps.retain(|step| !step.is_archiving());
    apply(client, &plan, |step| tracing::info!(step = step.describe(), "made at Stripe")).await
}

/// Archives the products and prices that the catalog no longer sells. Run after a catalog has come into force
/// everywhere.
///
/// # Errors
/// See [`prepare`].
pub async fn archive(client: &Client, catalog: &Catalog) -> Result<(), Fault> {
    let mut plan = compare(client, catalog).await?;
    plan.steps.retain(Step::is_archiving);
    apply(client, &plan, |step| tracing::info!(step = step.describe(), "archived at Stripe")).await
}

/// Describes how the account differs from the catalog, one line for each difference. Nothing is written.
///
/// # Errors
/// When Stripe refuses or does not answer, or the account is of another mode.
pub async fn check(client: &Client, catalog: &Catalog) -> Result<Vec<String>, Fault> {
    let plan = compare(client, catalog).await?;
    Ok(plan.in_the_way.into_iter().chain(plan.steps.iter().map(Step::describe)).collect())
}

#[cfg(test)]
mod tests;
