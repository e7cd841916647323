//! Versions of the catalog that a walk publishes: the offers of each, as data, and its text.

use scrip_testing::dice::Dice;
use std::fmt::Write as _;

/// Grant that a price gives.
#[derive(Clone, Debug, PartialEq)]
pub struct PriceGrant {
    pub code: &'static str,
    pub amount: i64,
    /// `true` if it is given every month of a year.
    pub monthly: bool,
    pub rollover: i64,
    pub bonus: bool,
}

/// Plan at an interval.
#[derive(Clone, Debug, PartialEq)]
pub struct Sale {
    pub plan: &'static str,
    pub interval: &'static str,
    pub amount: i64,
    pub given: Vec<PriceGrant>,
}

impl Sale {
    /// Returns the amount that a whole period gives of a grant's code.
    pub fn whole(&self, code: &str) -> i64 {
        let of_code = self.given.iter().filter(|given| given.code == code);
        of_code.map(|given| given.amount * if given.monthly { 12 } else { 1 }).sum()
    }
}

/// Pack that a version sells.
#[derive(Clone, Debug, PartialEq)]
pub struct Pack {
    pub id: &'static str,
    pub credits: i64,
    pub bonus: i64,
    pub amount: i64,
    pub days: Option<i64>,
}

/// Version of the catalog, as data.
#[derive(Clone, Debug, PartialEq)]
pub struct Version {
    pub sales: Vec<Sale>,
    pub packs: Vec<Pack>,
    pub models: Vec<String>,
    pub carries: bool,
    pub scrip_finalizes: bool,
    pub bridge_hours: i64,
    pub release_hours: i64,
    pub welcome: i64,
}

fn price_grant(amount: i64) -> PriceGrant {
    PriceGrant { code: "credits", amount, monthly: false, rollover: 0, bonus: false }
}

fn sale(plan: &'static str, interval: &'static str, amount: i64, given: Vec<PriceGrant>) -> Sale {
    Sale { plan, interval, amount, given }
}

impl Version {
    /// Returns the version that a walk begins with.
    pub fn first(dice: &mut Dice) -> Version {
        let extra = PriceGrant { code: "extra", amount: 100, monthly: false, rollover: 0, bonus: true };
        let monthly = |amount, rollover| PriceGrant { monthly: true, rollover, ..price_grant(amount) };
        Version {
            sales: vec![
                sale("basic", "week", 300, vec![price_grant(100)]),
                sale("basic", "month", 900, vec![PriceGrant { rollover: 150, ..price_grant(400) }]),
                sale("pro", "month", 2_000, vec![price_grant(1_500)]),
                sale("pro", "year", 20_000, vec![monthly(1_600, 200), extra]),
                sale("max", "month", 6_000, vec![price_grant(5_000)]),
                sale("max", "year", 60_000, vec![price_grant(66_000)]),
            ],
            packs: vec![
                Pack { id: "small", credits: 100, bonus: 0, amount: 500, days: Some(90) },
                Pack { id: "big", credits: 1_000, bonus: 201, amount: 4_000, days: None },
            ],
            models: vec!["photo".to_owned(), "clip".to_owned()],
            carries: dice.percent(70),
            scrip_finalizes: dice.percent(85),
            bridge_hours: *dice.pick(&[2, 2, 2, 0, 24]),
            release_hours: *dice.pick(&[24, 24, 0]),
            welcome: 60,
        }
    }

    /// Returns the sale of a plan at an interval.
    pub fn sale(&self, plan: &str, interval: &str) -> Option<&Sale> {
        self.sales.iter().find(|sale| sale.plan == plan && sale.interval == interval)
    }

    /// Returns the version that follows, with something changed, and a description of the change.
    pub fn next(&self, dice: &mut Dice) -> (Version, String) {
        let mut next = self.clone();
        let (sale, pack) = (dice.below(self.sales.len()), dice.below(self.packs.len()));
        let said = match dice.below(7) {
            0 => {
                next.sales[sale].amount += 100 * (1 + dice.below(3) as i64);
                format!(
                    "{} {} costs more: {}",
                    next.sales[sale].plan, next.sales[sale].interval, next.sales[sale].amount
                )
            }
            1 => {
                next.sales[sale].amount = (next.sales[sale].amount - 100).max(100);
                format!(
                    "{} {} costs less: {}",
                    next.sales[sale].plan, next.sales[sale].interval, next.sales[sale].amount
                )
            }
            2 | 3 => {
                let part = dice.below(self.sales[sale].given.len());
                let change = *dice.pick(&[-50, -7, 7, 50]);
                let found = &mut next.sales[sale].given[part];
                found.amount = (found.amount + change).max(10);
                format!("{} gives {change:+} {}", self.sales[sale].plan, found.code)
            }
            4 => {
                next.packs[pack].amount += 100;
                next.packs[pack].credits = (next.packs[pack].credits + *dice.pick(&[-10, 0, 10])).max(10);
                format!("the pack {} costs more: {}", next.packs[pack].id, next.packs[pack].amount)
            }
            5 => {
                next.models.push(format!("new-{}", self.models.len()));
                "a model is new".to_owned()
            }
            _ if self.models.len() > 1 => {
                let gone = next.models.pop();
                format!("a model is retired: {}", gone.unwrap_or_default())
            }
            _ => {
                next.welcome += 1;
                "the free plan welcomes with more".to_owned()
            }
        };
        (next, said)
    }

    /// Returns the version as a catalog file.
    pub fn text(&self) -> String {
        let upgrade = if self.carries { "carry" } else { "forfeit" };
        let finalize = if self.scrip_finalizes { "scrip" } else { "stripe" };
        let mut text = format!(
            "name = \"walks\"\nfree_plan = \"free\"\non_upgrade = \"{upgrade}\"\nfinalize = \"{finalize}\"\n\
             renewal_bridge = \"{} hours\"\nrelease_grace = \"{} hours\"\n\n[[plan]]\nid = \"free\"\nname = \"Free\"\n\
             once = [{{ code = \"welcome\", amount = {} }}]\n",
            self.bridge_hours, self.release_hours, self.welcome
        );
        for plan in ["basic", "pro", "max"] {
            let _ = write!(text, "\n[[plan]]\nid = \"{plan}\"\nname = \"{plan}\"\n");
            for sale in self.sales.iter().filter(|sale| sale.plan == plan) {
                let given: Vec<String> = sale.given.iter().map(PriceGrant::text).collect();
                let _ = write!(
                    text,
                    "\n[[plan.price]]\ninterval = \"{}\"\ncurrency = \"usd\"\namount = {}\ngrants = [{}]\n",
                    sale.interval,
                    sale.amount,
                    given.join(", ")
                );
            }
        }
        for pack in &self.packs {
            let _ = write!(
                text,
                "\n[[pack]]\nid = \"{}\"\ncredits = {}\nbonus = {}\ncurrency = \"usd\"\namount = {}\n",
                pack.id, pack.credits, pack.bonus, pack.amount
            );
            if let Some(days) = pack.days {
                let _ = writeln!(text, "expires = \"{days} days\"");
            }
        }
        for model in &self.models {
            let _ = write!(
                text,
                "\n[[model]]\nid = \"{model}\"\nname = \"{model}\"\noutput = \"image\"\n\
                 rate = {{ credits = 7, per = \"call\" }}\ntimeout = \"10 minutes\"\ncancel = \"full\"\n"
            );
        }
        text
    }
}

impl PriceGrant {
    fn text(&self) -> String {
        let PriceGrant { code, amount, monthly, rollover, bonus } = self;
        let mut text = format!("{{ code = \"{code}\", amount = {amount}");
        if *monthly {
            text += ", every = \"month\"";
        }
        if *rollover > 0 {
            let _ = write!(text, ", rollover_max = {rollover}");
        }
        if *bonus {
            text += ", bonus = true";
        }
        text + " }"
    }
}
