//! The customer portal: Stripe's pages on which a customer sees invoices, changes payment methods and plan, and
//! cancels.

use super::{Metadata, or_empty};
use crate::payments::stripe::{Client, Error, IdempotencyKey};
use serde::{Deserialize, Serialize};

/// A configuration of the portal: what customers may do there.
#[derive(Clone, Debug, PartialEq, Deserialize)]
pub struct Configuration {
    /// Identifier of the configuration, `bpc_…`.
    pub id: String,
    /// `true` while portal sessions can be opened with the configuration.
    pub active: bool,
    /// `true` if the object belongs to live mode, in which money moves.
    pub livemode: bool,
    /// Key-value pairs that Scrip wrote on the object.
    #[serde(default, deserialize_with = "or_empty")]
    pub metadata: Metadata,
}

/// Parameters of a new configuration of the portal.
#[derive(Clone, Debug, Serialize)]
pub struct NewConfiguration {
    /// Features that customers may use.
    pub features: Features,
    /// Texts of Scrip's own in the portal.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub business_profile: Option<Profile>,
    /// Key-value pairs by which Scrip finds the object again.
    pub metadata: Metadata,
    /// Address to which the portal leads back by default.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub default_return_url: Option<String>,
}

/// Texts of Scrip's own in the portal.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Profile {
    /// Headline of at most 60 characters.
    pub headline: &'static str,
}

/// Features of the portal.
#[derive(Clone, Debug, Serialize)]
pub struct Features {
    /// List of the customer's invoices.
    pub invoice_history: Switch,
    /// Change of payment methods.
    pub payment_method_update: Switch,
    /// Cancellation of the subscription.
    pub subscription_cancel: CancelFeature,
    /// Change of the plan.
    pub subscription_update: UpdateFeature,
}

/// A feature that is on or off.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Switch {
    /// `true` if customers may use the feature.
    pub enabled: bool,
}

/// Cancellation by the customer.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct CancelFeature {
    /// `true` if customers may cancel.
    pub enabled: bool,
    /// Instant at which a cancellation takes effect: `at_period_end` or `immediately`.
    pub mode: &'static str,
}

/// Change of the plan by the customer.
#[derive(Clone, Debug, Serialize)]
pub struct UpdateFeature {
    /// `true` if customers may change the plan.
    pub enabled: bool,
    /// Fields of the subscription that customers may change: `price`.
    pub default_allowed_updates: Vec<&'static str>,
    /// Products that customers may change to, at most 10.
    pub products: Vec<Choice>,
    /// Settlement of what was already paid: `none`, `create_prorations` or `always_invoice`.
    pub proration_behavior: &'static str,
    /// Anchor of the period after a change: `now` begins a new period, `unchanged` keeps the current one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub billing_cycle_anchor: Option<&'static str>,
    /// Changes that wait for the end of the period.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub schedule_at_period_end: Option<PeriodEndSchedule>,
}

/// A product that customers may change to.
#[derive(Clone, Debug, Serialize)]
pub struct Choice {
    /// Identifier of the product, `prod_…`.
    pub product: String,
    /// Identifiers of the prices that customers may choose, `price_…`.
    pub prices: Vec<String>,
}

/// Changes that wait for the end of the period.
#[derive(Clone, Debug, Serialize)]
pub struct PeriodEndSchedule {
    /// Conditions of which any one makes a change wait.
    pub conditions: Vec<Condition>,
}

/// A condition that makes a change wait.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Condition {
    /// Type of the condition: `decreasing_item_amount` or `shortening_interval`.
    #[serde(rename = "type")]
    pub kind: &'static str,
}

/// A portal session, as Stripe answers it.
#[derive(Clone, Debug, PartialEq, Deserialize)]
pub struct Session {
    /// Identifier of the portal session, `bps_…`.
    pub id: String,
    /// Address of the portal for this customer; short-lived.
    pub url: String,
    /// Identifier of the customer, `cus_…`.
    pub customer: String,
}

/// Parameters of a new portal session.
#[derive(Clone, Debug, Serialize)]
pub struct NewSession {
    /// Identifier of the customer, `cus_…`.
    pub customer: String,
    /// Identifier of the configuration that is in force, `bpc_…`.
    pub configuration: String,
    /// Address to which the portal leads back.
    pub return_url: String,
    /// Single task that the portal session is for; absent for the whole portal.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub flow_data: Option<Flow>,
}

/// Single task that a portal session is for.
#[derive(Clone, Debug, Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Flow {
    /// Change of the payment method.
    PaymentMethodUpdate,
    /// Cancellation of a subscription.
    SubscriptionCancel {
        /// Subscription that is cancelled.
        subscription_cancel: FlowSubscription,
    },
    /// Confirmation of a change of plan that is chosen already.
    SubscriptionUpdateConfirm {
        /// Subscription and the price chosen for it.
        subscription_update_confirm: FlowUpdate,
    },
}

/// A subscription that a portal session is about.
#[derive(Clone, Debug, Serialize)]
pub struct FlowSubscription {
    /// Identifier of the subscription, `sub_…`.
    pub subscription: String,
}

/// A change of plan that is chosen already.
#[derive(Clone, Debug, Serialize)]
pub struct FlowUpdate {
    /// Identifier of the subscription, `sub_…`.
    pub subscription: String,
    /// Only item of the subscription, with its new price.
    pub items: Vec<FlowItem>,
}

/// An item and its new price.
#[derive(Clone, Debug, Serialize)]
pub struct FlowItem {
    /// Identifier of the item, `si_…`.
    pub id: String,
    /// Identifier of the new price, `price_…`.
    pub price: String,
    /// Number of units of the item.
    pub quantity: u32,
}

impl Client {
    /// Creates a configuration of the portal.
    ///
    /// # Errors
    /// When Stripe refuses the request or does not answer, or the outcome is unknown.
    pub async fn create_portal_configuration(
        &self,
        new: &NewConfiguration,
        key: &IdempotencyKey,
    ) -> Result<Configuration, Error> {
        self.post(&["billing_portal", "configurations"], new, key).await
    }

    /// Reads every portal configuration of the account.
    ///
    /// # Errors
    /// When Stripe refuses or does not answer.
    pub async fn portal_configurations(&self) -> Result<Vec<Configuration>, Error> {
        self.all(&["billing_portal", "configurations"], &()).await
    }

    /// Opens a new portal session.
    ///
    /// # Errors
    /// When Stripe refuses the request or does not answer, or the outcome is unknown.
    pub async fn create_portal_session(&self, new: &NewSession, key: &IdempotencyKey) -> Result<Session, Error> {
        self.post(&["billing_portal", "sessions"], new, key).await
    }
}
