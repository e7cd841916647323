//! `scrip verify`.

use super::output::{Done, Fault, print, say};
use super::place::Place;
use crate::crypto::hex;
use crate::store::Store;
use crate::verify::{Report, verify};
use clap::Args;
use indicatif::{ProgressBar, ProgressStyle};
use serde_json::json;

/// `scrip verify`: replays the journal and checks everything; fails on any difference.
#[derive(Args)]
pub struct Verify {
    #[command(flatten)]
    place: Place,
    /// Fold the projections again before they are compared
    #[arg(long)]
    rebuild: bool,
}

impl Verify {
    /// Replays everything.
    ///
    /// # Errors
    /// Every difference that was found.
    pub async fn run(self, as_json: bool) -> Done {
        let store = self.place.open().await?;
        if self.rebuild {
            store.rebuild().await.map_err(|error| error.to_string())?;
        }
        let report = watched(&store, "").await?;
        if as_json {
            let told = json!({ "entries": report.entries, "workspaces": report.workspaces, "open_holds": report.open_holds,
                               "granted": report.granted, "digest": hex(&report.digest),
                               "differences": report.differences, "count": report.count });
            print(&told.to_string())?;
        } else {
            say(&format!("{}\n", told(&report)))?;
        }
        if report.count == 0 {
            let good = "Every hash, balance and projection is what replaying the journal gives.\n";
            return if as_json { Ok(()) } else { say(good) };
        }
        Err(Fault::Refused(format!("{} differences:\n{}", report.count, report.differences.join("\n"))))
    }
}

/// What was replayed, in a line.
pub fn told(report: &Report) -> String {
    let Report { entries, workspaces, open_holds, digest, .. } = report;
    format!("{entries} entries of {workspaces} workspaces, {open_holds} open holds, digest {}", hex(digest))
}

/// Replays everything, and shows how far it is.
///
/// # Errors
/// When the store cannot be read.
pub async fn watched(store: &Store, label: &'static str) -> Result<Report, Fault> {
    // A workspace that does not add up is a finding here, not a crash: it is told in words.
    std::panic::set_hook(Box::new(|_| ()));
    let bar = bar(label);
    let report = verify(store, |done, all| {
        bar.set_length(all);
        bar.set_position(done);
    });
    let report = report.await.map_err(|error| error.to_string())?;
    bar.finish_and_clear();
    Ok(report)
}

/// A bar of entries, with a word for what is done to them. It draws on standard error, when that is a terminal.
pub fn bar(label: &'static str) -> ProgressBar {
    let style = ProgressStyle::with_template("{msg}{bar:40} {human_pos}/{human_len} entries, {eta} left");
    ProgressBar::new(0).with_style(style.expect("the template is right")).with_message(label)
}
