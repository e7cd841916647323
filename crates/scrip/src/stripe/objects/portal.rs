//! The hosted page where a customer sees bills, changes means of payment and plan, and cancels.

use super::{Metadata, or_empty};
use crate::stripe::{Client, Error, IdempotencyKey};
use serde::{Deserialize, Serialize};

/// What the page lets a customer do.
#[derive(Clone, Debug, PartialEq, Deserialize)]
pub struct Configuration {
    /// `bpc_…`
    pub id: String,
    /// Whether visits can be opened with it.
    pub active: bool,
    /// Whether money moves.
    pub livemode: bool,
    /// What we wrote on it.
    #[serde(default, deserialize_with = "or_empty")]
    pub metadata: Metadata,
}

/// What the page is to let a customer do.
#[derive(Clone, Debug, Serialize)]
pub struct NewConfiguration {
    /// What can be done there.
    pub features: Features,
    /// Words of our own on the page.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub business_profile: Option<Profile>,
    /// What it is found by.
    pub metadata: Metadata,
    /// Where the page leads back to.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub default_return_url: Option<String>,
}

/// Words of our own on the page.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Profile {
    /// At most 60 letters.
    pub headline: &'static str,
}

/// What can be done on the page.
#[derive(Clone, Debug, Serialize)]
pub struct Features {
    /// Seeing bills.
    pub invoice_history: Switch,
    /// Changing means of payment.
    pub payment_method_update: Switch,
    /// Cancelling.
    pub subscription_cancel: Cancelling,
    /// Changing the plan.
    pub subscription_update: Changing,
}

/// Something that can be done or not.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Switch {
    /// Whether it can.
    pub enabled: bool,
}

/// How a customer cancels.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Cancelling {
    /// Whether they can.
    pub enabled: bool,
    /// `at_period_end`, or `immediately`.
    pub mode: &'static str,
}

/// How a customer changes the plan.
#[derive(Clone, Debug, Serialize)]
pub struct Changing {
    /// Whether they can.
    pub enabled: bool,
    /// What they can change: `price`.
    pub default_allowed_updates: Vec<&'static str>,
    /// What they can change to, at most ten products.
    pub products: Vec<Choice>,
    /// What becomes of what was paid: `none`, `create_prorations` or `always_invoice`.
    pub proration_behavior: &'static str,
    /// Whether the period begins anew: `now`, or `unchanged`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub billing_cycle_anchor: Option<&'static str>,
    /// Which changes wait for the period's end.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub schedule_at_period_end: Option<Waiting>,
}

/// A product that can be changed to.
#[derive(Clone, Debug, Serialize)]
pub struct Choice {
    /// Which one.
    pub product: String,
    /// At which prices.
    pub prices: Vec<String>,
}

/// Which changes wait for the period's end.
#[derive(Clone, Debug, Serialize)]
pub struct Waiting {
    /// Any of these.
    pub conditions: Vec<Condition>,
}

/// A change that waits.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Condition {
    /// `decreasing_item_amount`, or `shortening_interval`.
    #[serde(rename = "type")]
    pub kind: &'static str,
}

/// A visit to the page.
#[derive(Clone, Debug, PartialEq, Deserialize)]
pub struct Session {
    /// `bps_…`
    pub id: String,
    /// The page, for a short while.
    pub url: String,
    /// Whose it is.
    pub customer: String,
}

/// A visit to be.
#[derive(Clone, Debug, Serialize)]
pub struct NewSession {
    /// Whose it is.
    pub customer: String,
    /// What can be done there.
    pub configuration: String,
    /// Where the page leads back to.
    pub return_url: String,
    /// The one thing the visit is for; absent is everything.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub flow_data: Option<Flow>,
}

/// The one thing a visit is for.
#[derive(Clone, Debug, Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Flow {
    /// Changing means of payment.
    PaymentMethodUpdate,
    /// Cancelling.
    SubscriptionCancel {
        /// What.
        subscription_cancel: Named,
    },
    /// Changing the plan, as chosen already.
    SubscriptionUpdateConfirm {
        /// To what.
        subscription_update_confirm: Chosen,
    },
}

/// A subscription that a visit is about.
#[derive(Clone, Debug, Serialize)]
pub struct Named {
    /// `sub_…`
    pub subscription: String,
}

/// A change that is chosen already.
#[derive(Clone, Debug, Serialize)]
pub struct Chosen {
    /// `sub_…`
    pub subscription: String,
    /// Its one item, with the new price.
    pub items: Vec<ChosenItem>,
}

/// An item and its new price.
#[derive(Clone, Debug, Serialize)]
pub struct ChosenItem {
    /// `si_…`
    pub id: String,
    /// `price_…`
    pub price: String,
    /// How many.
    pub quantity: u32,
}

impl Client {
    /// Makes a configuration.
    ///
    /// # Errors
    /// When Stripe refuses, does not answer, or may have done it.
    pub async fn create_portal_configuration(
        &self,
        new: &NewConfiguration,
        key: &IdempotencyKey,
    ) -> Result<Configuration, Error> {
        self.post(&["billing_portal", "configurations"], new, key).await
    }

    /// Every configuration of the account.
    ///
    /// # Errors
    /// When Stripe refuses or does not answer.
    pub async fn portal_configurations(&self) -> Result<Vec<Configuration>, Error> {
        self.all(&["billing_portal", "configurations"], &()).await
    }

    /// Opens a visit.
    ///
    /// # Errors
    /// When Stripe refuses, does not answer, or may have done it.
    pub async fn create_portal_session(&self, new: &NewSession, key: &IdempotencyKey) -> Result<Session, Error> {
        self.post(&["billing_portal", "sessions"], new, key).await
    }
}
