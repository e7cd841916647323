//! `scrip verify`: a replay of the journal.

use super::output::{CommandResult, Fault, print, say};
use super::place::Place;
use crate::crypto::hex;
use crate::operate::verify::{EarlierReplay, Report, verify, verify_from};
use clap::Args;
use indicatif::{ProgressBar, ProgressStyle};
use scrip_store::{Options, ShortJournal, Store};
use serde_json::json;

/// Arguments of `scrip verify`: replays the journal and checks everything; fails on any difference.
#[derive(Args)]
pub struct Verify {
    #[command(flatten)]
    place: Place,
    /// Fold the projections again before they are compared
    #[arg(long)]
    rebuild: bool,
    /// Check that the journal begins with one that had this digest at this position, as an earlier run printed it
    #[arg(long, value_name = "DIGEST@POSITION")]
    expects: Option<EarlierReplay>,
}

impl Verify {
    /// Replays the journal and prints what was found.
    ///
    /// # Errors
    /// When there are differences, with a list of them.
    pub async fn run(self, as_json: bool) -> CommandResult {
        let shortened = if self.rebuild { ShortJournal::Accept } else { ShortJournal::Report };
        let store = self.place.open(Options { shortened, ..self.place.options()? }).await?;
        if self.rebuild {
            store.rebuild().await.map_err(|error| error.to_string())?;
        }
        let report = verify_with_progress(&store, "", self.expects).await?;
        if as_json {
            let told = json!({ "entries": report.entries, "workspaces": report.workspaces, "open_holds": report.open_holds,
                               "granted": report.granted, "digest": hex(&report.digest), "position": report.position,
                               "differences": report.differences, "count": report.count });
            print(&told.to_string())?;
        } else {
            say(&format!("{}\n", describe(&report)))?;
        }
        if report.count == 0 {
            let good = "Every hash, balance and projection is what replaying the journal gives.\n";
            return if as_json { Ok(()) } else { say(good) };
        }
        Err(Fault::Refused(format!("{} differences:\n{}", report.count, report.differences.join("\n"))))
    }
}

/// Describes in one line what was replayed.
pub fn describe(report: &Report) -> String {
    let Report { entries, workspaces, open_holds, digest, position, .. } = report;
    let digest = hex(digest);
    format!("{entries} entries of {workspaces} workspaces, {open_holds} open holds, digest {digest}@{position}")
}

/// Replays the journal, with a progress bar.
///
/// # Errors
/// When the store cannot be read.
pub async fn verify_with_progress(
    store: &Store,
    label: &'static str,
    expects: Option<EarlierReplay>,
) -> Result<Report, Fault> {
    // A workspace that does not add up is a finding here, not a crash, and is reported in words.
    std::panic::set_hook(Box::new(|_| ()));
    let bar = bar(label);
    let progress = |done, all| {
        bar.set_length(all);
        bar.set_position(done);
    };
    let report = match expects {
        None => verify(store, progress).await,
        expects => verify_from(store, expects, progress).await,
    };
    let report = report.map_err(|error| error.to_string())?;
    bar.finish_and_clear();
    Ok(report)
}

/// Returns a progress bar over entries, labelled with what is done to them. The bar is drawn on standard error, when
/// that is a terminal.
pub fn bar(label: &'static str) -> ProgressBar {
    let style = ProgressStyle::with_template("{msg}{bar:40} {human_pos}/{human_len} entries, {eta} left");
    ProgressBar::new(0).with_style(style.expect("the template is right")).with_message(label)
}
