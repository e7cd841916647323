//! `scrip clocks`: test clocks, which move forward on command.

use super::api::Api;
use super::output::{CommandResult, say, table};
use super::run::spinner;
use clap::Subcommand;
use scrip_client::types::{NewTestClock, TestClock};

/// Subcommands of `scrip clocks`.
#[derive(Subcommand)]
pub enum Verb {
    /// Make a test clock
    Create {
        /// Name that lists show
        #[arg(long)]
        name: Option<String>,
        /// Instant to start at, such as 2026-01-31T00:00:00Z; now when absent
        #[arg(long, value_name = "INSTANT")]
        now: Option<String>,
    },
    /// List all test clocks
    List,
    /// Move a test clock forward; everything due on the way happens
    Advance {
        /// Id of the test clock, `tc_…`
        id: String,
        /// Instant to move to, later than the clock's own
        #[arg(value_name = "INSTANT")]
        to: String,
    },
}

impl Verb {
    /// Calls the API and prints the answer.
    pub async fn run(self, api: &Api) -> CommandResult {
        let client = api.client()?;
        match self {
            Verb::Create { name, now } => api.show(client.create_test_clock(&NewTestClock { name, now }), render).await,
            Verb::List => api.show(client.test_clocks(), |page| render_list(&page.data)).await,
            Verb::Advance { id, to } => {
                let bar = spinner(&format!("{id} goes to {to}"));
                let moved = api.text(client.advance_test_clock(&id, &to)).await;
                bar.finish_and_clear();
                let text = moved?;
                let clock = serde_json::from_str(&text)
                    .map_err(|error| format!("the answer is of another version of Scrip: {error}"))?;
                if api.json { super::output::print(&text) } else { say(&render(&clock)) }
            }
        }
    }
}

fn render(clock: &TestClock) -> String {
    format!("{}: its time is {}\n", clock.id, clock.now)
}

fn render_list(clocks: &[TestClock]) -> String {
    let row = |clock: &TestClock| vec![clock.id.clone(), clock.name.clone(), clock.now.clone()];
    table(&["clock", "name", "now"], &clocks.iter().map(row).collect::<Vec<_>>())
}
