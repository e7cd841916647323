//! The command line, with one file for each family of subcommands.
//!
//! Invariant: the client verbs go through the public API by the same client that customers have. Only `serve`, `demo`,
//! `migrate`, `verify`, `export` and `benchmark` (with a directory of its own) open a data directory, and only `stripe`
//! asks Stripe.

mod api;
mod balance;
mod benchmark;
mod billing;
mod catalog;
mod clocks;
#[cfg(feature = "demo")]
mod demo;
mod export;
mod grants;
mod holds;
mod import;
mod keys;
mod members;
mod migrate;
mod output;
mod params;
mod people;
mod place;
mod quote;
mod reviews;
mod run;
mod serve;
mod sign_in;
mod stripe;
mod switches;
mod tasks;
mod terms;
mod transfer;
mod verify;
mod workspaces;

use api::{Api, Part};
pub use benchmark::Benchmark;
use clap::{CommandFactory, FromArgMatches, Parser, Subcommand};
use output::EXIT_CODES;
pub use output::{CommandResult, Fault, print, say};
pub use serve::{Serve, wait_for_stop};
use std::process::ExitCode;
pub use verify::Verify;

/// Credits, plans, access and the run gateway behind a generative image and video product.
#[derive(Parser)]
#[command(name = "scrip", version, about, max_term_width = 100, after_help = EXIT_CODES)]
struct Cli {
    #[command(flatten)]
    api: Api,
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Serve the API, with its workers
    Serve(Box<Serve>),
    /// Serve with workspaces on every plan and some history, and print what to try
    #[cfg(feature = "demo")]
    Demo(demo::Demo),
    /// Check, show, compare and publish catalogs
    #[command(subcommand)]
    Catalog(catalog::Verb),
    /// Show the price of a run
    Quote(quote::Quote),
    /// Run a model of the catalog
    Run(run::Run),
    /// List, show and cancel runs
    #[command(subcommand)]
    Runs(run::Verb),
    /// Show the balance of the workspace
    Balance,
    /// Show what the workspace may do
    Entitlements,
    /// Sum the runs and their spending
    Usage(balance::UsageArgs),
    /// List the journal, newest first
    Entries(Part),
    /// Explain an entry in words
    Explain {
        /// Id of the entry, `en_…`
        entry: String,
    },
    /// Open workspaces and put them on plans
    #[command(subcommand)]
    Workspaces(workspaces::Verb),
    /// Give credits and take them back
    #[command(subcommand)]
    Grants(grants::Verb),
    /// Hold credits for runs dispatched elsewhere
    #[command(subcommand)]
    Holds(holds::Verb),
    /// Make and move test clocks
    #[command(subcommand)]
    Clocks(clocks::Verb),
    /// Make, change and end the keys of a workspace; make operator keys
    #[command(subcommand)]
    Keys(keys::Verb),
    /// List, add, change and remove the people of a workspace
    #[command(subcommand)]
    Members(members::Verb),
    /// Invite people to a workspace
    #[command(subcommand)]
    Invitations(members::InvitationVerb),
    /// Find people, block and unblock them
    #[command(subcommand)]
    People(people::Verb),
    /// Apply for reviews that plans require, and decide them
    #[command(subcommand)]
    Reviews(reviews::Verb),
    /// List the privileged acts of a workspace, newest first
    Audit(Part),
    /// Print a link that signs a person in, to the named workspace alone if one is named
    SignIn(sign_in::SignIn),
    /// Switch models and providers off everywhere, and on again
    #[command(subcommand)]
    Switches(switches::Verb),
    /// List the background tasks of the server, with their last results
    Tasks,
    /// Buy plans and packs through Stripe, and show the status of payment
    #[command(subcommand)]
    Billing(billing::Verb),
    /// List alerts that money and credits may not agree, newest first
    Alerts(Part),
    /// Sell the catalog's plans and packs through Stripe
    #[command(subcommand)]
    Stripe(stripe::Verb),
    /// Open workspaces for the users of a CSV file and give them their credits
    Import(import::Import),
    /// Update a data directory or a database to this version's schema, or transfer the one into the other
    Migrate(migrate::Migrate),
    /// Measure this build on this machine
    Benchmark(Benchmark),
    /// Replay the journal and check every hash, balance and projection
    Verify(Verify),
    /// Export the journal for other programs
    Export(export::Export),
    /// Print the OpenAPI document
    Openapi,
    /// Print a completion script
    Completions {
        /// Shell to print the script for
        shell: clap_complete::Shell,
    },
}

/// Runs the command that the arguments name.
pub fn main() -> ExitCode {
    let matches = Cli::command().get_matches();
    let Cli { mut api, mut command } = Cli::from_arg_matches(&matches).unwrap_or_else(|error| error.exit());
    api.note_source(&matches);
    if let (Command::Serve(serve), Some((_, matches))) = (&mut command, matches.subcommand()) {
        serve.note_sources(matches);
    }
    match block_on(command.run(&api)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(fault) => fault.exit(),
    }
}

impl Command {
    async fn run(self, api: &Api) -> CommandResult {
        match self {
            Command::Serve(serve) => Ok(serve.run().await?),
            #[cfg(feature = "demo")]
            Command::Demo(demo) => demo.run().await,
            Command::Catalog(verb) => verb.run(api).await,
            Command::Quote(quote) => quote.run(api).await,
            Command::Run(run) => run.run(api).await,
            Command::Runs(verb) => verb.run(api).await,
            Command::Balance => balance::balance(api).await,
            Command::Entitlements => balance::entitlements(api).await,
            Command::Usage(usage) => usage.run(api).await,
            Command::Entries(part) => balance::entries(api, &part).await,
            Command::Explain { entry } => balance::explain(api, &entry).await,
            Command::Workspaces(verb) => verb.run(api).await,
            Command::Grants(verb) => verb.run(api).await,
            Command::Holds(verb) => verb.run(api).await,
            Command::Clocks(verb) => verb.run(api).await,
            Command::Keys(verb) => verb.run(api).await,
            Command::Members(verb) => verb.run(api).await,
            Command::Invitations(verb) => verb.run(api).await,
            Command::People(verb) => verb.run(api).await,
            Command::Reviews(verb) => verb.run(api).await,
            Command::Audit(part) => members::audit(api, &part).await,
            Command::SignIn(sign_in) => sign_in.run(api).await,
            Command::Switches(verb) => verb.run(api).await,
            Command::Tasks => tasks::run(api).await,
            Command::Billing(verb) => verb.run(api).await,
            Command::Alerts(part) => billing::alerts(&part, api).await,
            Command::Stripe(verb) => verb.run(api.json).await,
            Command::Benchmark(benchmark) => benchmark.run(api.json).await,
            Command::Import(import) => import.run(api).await,
            Command::Migrate(migrate) => migrate.run().await,
            Command::Verify(verify) => verify.run(api.json).await,
            Command::Export(export) => export.run(api.named_workspace()).await,
            Command::Openapi => output::print(&format!("{:#}", crate::http::document())),
            Command::Completions { shell } => {
                let mut script = Vec::new();
                clap_complete::generate(shell, &mut Cli::command(), "scrip", &mut script);
                output::print(&String::from_utf8_lossy(&script))
            }
        }
    }
}

fn block_on(work: impl Future<Output = CommandResult>) -> CommandResult {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    runtime?.block_on(work)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_arguments_make_sense() {
        Cli::command().debug_assert();
    }
}
