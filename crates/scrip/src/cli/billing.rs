//! `scrip billing` and `scrip alerts`: purchases, the status of payment, and alerts to the operator.

use super::api::{Api, Part, more};
use super::output::{CommandResult, or_dash, table};
use super::terms::Every;
use clap::{Args, Subcommand, ValueEnum};
use scrip_client::types::{
    Alert, BillingState, Checkout, Customer, NewCheckout, NewPortalSession, NewTopUp, NotOffered, Offer, PortalFlow,
    TopUp,
};

/// Subcommands of `scrip billing`.
#[derive(Subcommand)]
pub enum Verb {
    /// Show the status of payment and everything on sale
    Show,
    /// Open a checkout session for a pack or a plan
    Checkout(Purchase),
    /// Open Stripe's customer portal
    Portal {
        /// The one action that the portal is opened for
        #[arg(long)]
        flow: Option<Flow>,
    },
    /// Buy a pack automatically when the balance is low, with the saved card
    TopUp {
        /// Id of the pack to buy
        pack: String,
        /// Number of credits below which the pack is bought
        #[arg(long)]
        below: i64,
        /// Maximum spending in a calendar month, in the currency's smallest unit
        #[arg(long)]
        monthly_max: i64,
    },
    /// End automatic top-ups of the workspace
    NoTopUp,
    /// Show the Stripe customer of a workspace
    Customer {
        /// Id of the workspace, `ws_…`
        workspace: String,
    },
    /// Link a workspace to a Stripe customer that existed before
    Link {
        /// Id of the workspace, `ws_…`
        workspace: String,
        /// Id of the Stripe customer, `cus_…`
        customer: String,
    },
    /// Reconcile a workspace's Stripe customer now
    Sync {
        /// Id of the workspace, `ws_…`
        workspace: String,
    },
    /// Read Stripe's events since the last sweep, and have every customer reconciled
    Sweep,
}

/// Plan or pack to buy.
#[derive(Args)]
#[group(required = true, multiple = true)]
pub struct Purchase {
    /// Id of the plan to subscribe to
    #[arg(long, conflicts_with = "pack")]
    plan: Option<String>,
    /// Interval of payment for the plan
    #[arg(long, requires = "plan")]
    interval: Option<Every>,
    /// Id of the pack to buy
    #[arg(long)]
    pack: Option<String>,
}

/// Action that the customer portal is opened for.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub enum Flow {
    /// Cancel the current subscription
    Cancel,
    /// Change the means of payment
    PaymentMethod,
}

impl Verb {
    /// Calls the API and prints the answer.
    pub async fn run(self, api: &Api) -> CommandResult {
        match self {
            Verb::Show => api.show(api.workspace_client()?.billing(), render_state).await,
            Verb::Checkout(Purchase { plan, interval, pack }) => {
                let new = NewCheckout { plan, interval: interval.map(Into::into), pack };
                api.show(api.write(api.workspace_client()?.checkout(&new)), render_checkout).await
            }
            Verb::Portal { flow } => {
                let flow = flow.map(|flow| match flow {
                    Flow::Cancel => PortalFlow::Cancel,
                    Flow::PaymentMethod => PortalFlow::PaymentMethod,
                });
                let call = api.write(api.workspace_client()?.billing_portal(&NewPortalSession { flow }));
                api.show(call, |session| format!("{}\n", session.url)).await
            }
            Verb::TopUp { pack, below, monthly_max } => {
                let new = NewTopUp { pack, below, monthly_max };
                api.show(api.write(api.workspace_client()?.set_top_up(&new)), top_up).await
            }
            Verb::NoTopUp => api.show(api.write(api.workspace_client()?.unset_top_up()), top_up).await,
            Verb::Customer { workspace } => api.show(api.client()?.customer(&workspace), render_customer).await,
            Verb::Link { workspace, customer } => {
                let call = api.write(api.client()?.link_customer(&workspace, &customer));
                api.show(call, |link| format!("{workspace} is linked to {}\n", link.customer)).await
            }
            Verb::Sync { workspace } => {
                let call = api.write(api.client()?.sync_customer(&workspace));
                api.show(call, |shown| format!("{} is on {}, {}\n", shown.id, shown.plan, shown.status)).await
            }
            Verb::Sweep => {
                let call = api.write(api.client()?.sweep_billing());
                api.show(call, |swept| format!("{} events, {} customers to reconcile\n", swept.events, swept.customers))
                    .await
            }
        }
    }
}

/// Prints alerts to the operator.
pub async fn alerts(part: &Part, api: &Api) -> CommandResult {
    let row = |alert: &Alert| {
        vec![alert.at.clone(), alert.kind.clone(), or_dash(alert.workspace.as_deref()), alert.detail.clone()]
    };
    let listed = |alerts: &[Alert]| {
        table(&["since", "kind", "workspace", "detail"], &alerts.iter().map(row).collect::<Vec<_>>())
    };
    let call = api.client()?.alerts(&part.paging());
    api.show(call, |page| listed(&page.data) + &more(page.next_cursor.as_deref())).await
}

fn render_checkout(page: &Checkout) -> String {
    let until = page.expires_at.as_ref().map(|at| format!(" until {at}")).unwrap_or_default();
    format!("{}: {}, {} credits\npay{until} at {}\n", page.offer.name, page.offer.price, page.offer.credits, page.url)
}

fn render_state(state: &BillingState) -> String {
    let interval = state.interval.as_ref().map(|interval| format!(", by the {interval}")).unwrap_or_default();
    let mut text = format!("{}{interval}: {}\n", state.plan, state.status);
    let dates =
        [("last refreshed", &state.renewed_at), ("renews", &state.renews_at), ("waits until", &state.awaited_until)];
    for (what, at) in dates {
        text += &at.as_ref().map(|at| format!("{what} {at}\n")).unwrap_or_default();
    }
    if let Some(declined) = &state.declined {
        text += &format!("{} was declined, attempt {}\n", declined.invoice, declined.attempt);
    }
    text += &state.top_up.as_ref().map(top_up).unwrap_or_default();
    text += &table(
        &["to buy", "interval", "price", "credits", "bonus", "lasts", "takes effect"],
        &state.offers.iter().map(offer_cells).collect::<Vec<_>>(),
    );
    for NotOffered { plan, interval, pack, detail, .. } in &state.not_offered {
        let by = interval.as_ref().map(|interval| format!(" by the {interval}")).unwrap_or_default();
        text += &format!("not {}{by}: {detail}\n", or_dash(plan.as_deref().or(pack.as_deref())));
    }
    text
}

fn offer_cells(offer: &Offer) -> Vec<String> {
    vec![
        or_dash(offer.plan.as_deref().or(offer.pack.as_deref())),
        or_dash(offer.interval.as_deref()),
        offer.price.clone(),
        offer.credits.to_string(),
        offer.bonus.to_string(),
        or_dash(offer.expires.as_deref()),
        offer.takes_effect_at.clone().unwrap_or_else(|| offer.takes_effect.replace('_', " ")),
    ]
}

fn top_up(terms: &TopUp) -> String {
    let reason = terms.reason.as_ref().map(|reason| format!(" ({})", reason.replace('_', " "))).unwrap_or_default();
    format!(
        "{} below {} credits: {}{reason}, {} of {} spent this month\n",
        terms.pack,
        terms.below,
        terms.status.replace('_', " "),
        terms.spent,
        terms.monthly_max
    )
}

fn render_customer(customer: &Customer) -> String {
    let waits = if customer.waits { ", and a reconciliation is due" } else { "" };
    format!("{}{waits}\n", customer.customer)
}
