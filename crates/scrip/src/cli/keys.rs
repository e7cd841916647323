//! `scrip keys`: operator keys.

use super::output::{Done, print};
use crate::crypto::new_key;
use crate::http::caller::OPERATOR_PREFIXES;
use clap::Subcommand;
use serde_json::json;

/// Verbs about keys.
#[derive(Subcommand)]
pub enum Verb {
    /// Print a new operator key, for SCRIP_OPERATOR_KEY of the server
    New {
        /// For real credits
        #[arg(long)]
        live: bool,
    },
}

impl Verb {
    /// Does it.
    pub fn run(self, as_json: bool) -> Done {
        let Verb::New { live } = self;
        let key = new_key(OPERATOR_PREFIXES[usize::from(live)]);
        print(&if as_json { json!({ "key": key }).to_string() } else { key })
    }
}
