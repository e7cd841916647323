//! `scrip billing` and `scrip alerts`: buying, how paying stands, and what an operator should look at.

use super::api::{Api, Part, more};
use super::output::{Done, or_dash, table};
use super::terms::Every;
use clap::{Args, Subcommand, ValueEnum};
use scrip_client::types::{
    Alert, BillingState, Checkout, Customer, NewCheckout, NewPortalVisit, NewTopUp, NotOffered, Offer, PortalFlow,
    TopUp,
};

/// Verbs about buying.
#[derive(Subcommand)]
pub enum Verb {
    /// How paying stands, and all that can be bought
    Show,
    /// Open the page where a pack or a plan is paid
    Checkout(Wanted),
    /// Open the payment provider's portal
    Portal {
        /// The one thing it is for
        #[arg(long)]
        flow: Option<Flow>,
    },
    /// Buy a pack whenever the balance gets low, with the card that is kept
    TopUp {
        /// The pack
        pack: String,
        /// When fewer credits than this are left
        #[arg(long)]
        below: i64,
        /// What may be spent in a calendar month, in the currency's smallest unit
        #[arg(long)]
        monthly_max: i64,
    },
    /// Buy nothing by itself any more
    NoTopUp,
    /// Which customer of the payment provider's a workspace is
    Customer {
        /// `ws_…`
        workspace: String,
    },
    /// Say which customer a workspace is, for customers that were there before
    Link {
        /// `ws_…`
        workspace: String,
        /// `cus_…`
        customer: String,
    },
    /// Ask the payment provider about a workspace's customer now
    Sync {
        /// `ws_…`
        workspace: String,
    },
    /// Look for what the payment provider told nobody of, at every customer
    Sweep,
}

/// What is to be bought.
#[derive(Args)]
#[group(required = true, multiple = true)]
pub struct Wanted {
    /// A plan's id
    #[arg(long, conflicts_with = "pack")]
    plan: Option<String>,
    /// How often it is paid
    #[arg(long, requires = "plan")]
    interval: Option<Every>,
    /// A pack's id
    #[arg(long)]
    pack: Option<String>,
}

/// What a visit to the portal is for.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub enum Flow {
    /// Cancelling
    Cancel,
    /// Another means of payment
    PaymentMethod,
}

impl Verb {
    /// Does it.
    pub async fn run(self, api: &Api) -> Done {
        match self {
            Verb::Show => api.show(api.scoped()?.billing(), standing).await,
            Verb::Checkout(Wanted { plan, interval, pack }) => {
                let new = NewCheckout { plan, interval: interval.map(Into::into), pack };
                api.show(api.write(api.scoped()?.checkout(&new)), page).await
            }
            Verb::Portal { flow } => {
                let flow = flow.map(|flow| match flow {
                    Flow::Cancel => PortalFlow::Cancel,
                    Flow::PaymentMethod => PortalFlow::PaymentMethod,
                });
                let call = api.write(api.scoped()?.billing_portal(&NewPortalVisit { flow }));
                api.show(call, |visit| format!("{}\n", visit.url)).await
            }
            Verb::TopUp { pack, below, monthly_max } => {
                let new = NewTopUp { pack, below, monthly_max };
                api.show(api.write(api.scoped()?.set_top_up(&new)), top_up).await
            }
            Verb::NoTopUp => api.show(api.write(api.scoped()?.unset_top_up()), top_up).await,
            Verb::Customer { workspace } => api.show(api.client()?.customer(&workspace), known).await,
            Verb::Link { workspace, customer } => {
                let call = api.write(api.client()?.link_customer(&workspace, &customer));
                api.show(call, |link| format!("{workspace} is {}\n", link.customer)).await
            }
            Verb::Sync { workspace } => {
                let call = api.write(api.client()?.sync_customer(&workspace));
                api.show(call, |shown| format!("{} is on {}, {}\n", shown.id, shown.plan, shown.status)).await
            }
            Verb::Sweep => {
                let call = api.write(api.client()?.sweep_billing());
                api.show(call, |swept| format!("{} events, {} customers to look at\n", swept.events, swept.customers))
                    .await
            }
        }
    }
}

/// Lists alerts.
pub async fn alerts(part: &Part, api: &Api) -> Done {
    let row = |alert: &Alert| {
        vec![alert.at.clone(), alert.kind.clone(), or_dash(alert.workspace.as_deref()), alert.detail.clone()]
    };
    let listed = |alerts: &[Alert]| {
        table(&["since", "kind", "workspace", "detail"], &alerts.iter().map(row).collect::<Vec<_>>())
    };
    let call = api.client()?.alerts(&part.paging());
    api.show(call, |page| listed(&page.data) + &more(page.next_cursor.as_deref())).await
}

fn page(page: &Checkout) -> String {
    let until = page.expires_at.as_ref().map(|at| format!(" until {at}")).unwrap_or_default();
    format!("{}: {}, {} credits\npay{until} at {}\n", page.offer.name, page.offer.price, page.offer.credits, page.url)
}

fn standing(state: &BillingState) -> String {
    let interval = state.interval.as_ref().map(|interval| format!(", by the {interval}")).unwrap_or_default();
    let mut text = format!("{}{interval}: {}\n", state.plan, state.status);
    let dates =
        [("last refreshed", &state.renewed_at), ("renews", &state.renews_at), ("waits until", &state.awaited_until)];
    for (what, at) in dates {
        text += &at.as_ref().map(|at| format!("{what} {at}\n")).unwrap_or_default();
    }
    if let Some(bill) = &state.declined {
        text += &format!("{} was declined, attempt {}\n", bill.invoice, bill.attempt);
    }
    text += &state.top_up.as_ref().map(top_up).unwrap_or_default();
    text += &table(
        &["to buy", "interval", "price", "credits", "bonus", "lasts", "takes effect"],
        &state.offers.iter().map(offered).collect::<Vec<_>>(),
    );
    for NotOffered { plan, interval, pack, detail, .. } in &state.not_offered {
        let by = interval.as_ref().map(|interval| format!(" by the {interval}")).unwrap_or_default();
        text += &format!("not {}{by}: {detail}\n", or_dash(plan.as_deref().or(pack.as_deref())));
    }
    text
}

fn offered(offer: &Offer) -> Vec<String> {
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

fn known(customer: &Customer) -> String {
    let waits = if customer.waits { ", and there is something new about them" } else { "" };
    format!("{}{waits}\n", customer.customer)
}
