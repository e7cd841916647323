//! The catalog's plans and packs as products and prices of a Stripe account.
//!
//! [`look`] reads both sides and says what is to be done, [`apply`] does it, [`check`] only tells. A product is found
//! by what is written on it, a price by its lookup key. An amount never changes: another amount is another price, which
//! takes the lookup key over, and whoever pays the old one goes on paying it. What is no longer in the catalog is
//! archived.
//!
//! Invariant: what Scrip did not write its mark on is never changed, nothing is ever deleted, and a run that is broken
//! off and repeated makes nothing twice.

mod apply;
mod plan;
mod told;
mod wanted;

pub use apply::apply;
pub use plan::{Plan, Step};

use super::client::Client;
use super::error::Error;
use super::key::Mode;
use scrip_engine::Catalog;
use std::fmt;

/// Why the two were not compared, or not brought together.
#[derive(Debug)]
pub enum Fault {
    /// Stripe refuses or does not answer.
    Stripe(Error),
    /// An object is not of the key's mode, so that something between us and Stripe is wrong.
    Mode {
        /// Which one.
        id: String,
        /// The key's mode.
        key: Mode,
    },
    /// Something that is not Scrip's is in the way, and stays as it is.
    InTheWay(Vec<String>),
    /// It stopped on the way; another run goes on from there.
    Stopped {
        /// How many steps were done.
        done: usize,
        /// Of how many.
        all: usize,
        /// Why.
        error: Error,
    },
}

impl From<Error> for Fault {
    fn from(error: Error) -> Fault {
        Fault::Stripe(error)
    }
}

impl Fault {
    /// What Stripe said, if it was Stripe.
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

/// What is to be done so that the account sells what the catalog does. Nothing is written.
///
/// # Errors
/// When Stripe refuses or does not answer, or the account is of another mode.
pub async fn look(client: &Client, catalog: &Catalog) -> Result<Plan, Fault> {
    let (products, prices) = (client.products().await?, client.prices().await?);
    let live = products.iter().map(|product| (&product.id, product.livemode));
    let mut live = live.chain(prices.iter().map(|price| (&price.id, price.livemode)));
    if let Some((id, _)) = live.find(|(_, livemode)| !client.mode().is_of(*livemode)) {
        return Err(Fault::Mode { id: id.clone(), key: client.mode() });
    }
    Ok(plan::plan(&wanted::wanted(catalog), &products, &prices))
}

/// Makes what the catalog sells and the account does not have, and archives nothing: what is sold until now can be
/// bought on. Run before a catalog is published, so that all of it can be sold from its first instant on.
///
/// # Errors
/// When Stripe refuses or does not answer, or something that is not Scrip's is in the way.
pub async fn prepare(client: &Client, catalog: &Catalog) -> Result<(), Fault> {
    let mut plan = look(client, catalog).await?;
    plan.steps.retain(|step| !step.is_archiving());
    apply(client, &plan, |step| tracing::info!(step = step.told(), "made at Stripe")).await
}

/// Archives what the catalog does not sell any more. Run after a catalog has come into force everywhere.
///
/// # Errors
/// See [`prepare`].
pub async fn archive(client: &Client, catalog: &Catalog) -> Result<(), Fault> {
    let mut plan = look(client, catalog).await?;
    plan.steps.retain(Step::is_archiving);
    apply(client, &plan, |step| tracing::info!(step = step.told(), "archived at Stripe")).await
}

/// How the account differs from the catalog, a line for each difference. Nothing is written.
///
/// # Errors
/// When Stripe refuses or does not answer, or the account is of another mode.
pub async fn check(client: &Client, catalog: &Catalog) -> Result<Vec<String>, Fault> {
    let plan = look(client, catalog).await?;
    Ok(plan.in_the_way.into_iter().chain(plan.steps.iter().map(Step::told)).collect())
}

#[cfg(test)]
mod tests;
