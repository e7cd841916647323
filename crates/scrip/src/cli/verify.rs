//! `scrip verify`.

use super::output::{Done, Fault, print, say};
use super::place::Place;
use crate::verify::verify;
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
        let bar = ProgressBar::new(0).with_style(
            ProgressStyle::with_template("{bar:40} {human_pos}/{human_len} entries").expect("the template is right"),
        );
        // A workspace that does not add up is a finding here, not a crash: it is told in words below.
        std::panic::set_hook(Box::new(|_| ()));
        let report = verify(&store, |done, all| {
            bar.set_length(all);
            bar.set_position(done);
        });
        let report = report.await.map_err(|error| error.to_string())?;
        bar.finish_and_clear();
        if as_json {
            let told = json!({ "entries": report.entries, "workspaces": report.workspaces, "open_holds": report.open_holds,
                               "granted": report.granted, "differences": report.differences, "count": report.count });
            print(&told.to_string())?;
        } else {
            let held = report.open_holds;
            say(&format!("{} entries of {} workspaces, {held} open holds\n", report.entries, report.workspaces))?;
        }
        if report.count == 0 {
            let good = "Every hash, balance and projection is what replaying the journal gives.\n";
            return if as_json { Ok(()) } else { say(good) };
        }
        Err(Fault::Refused(format!("{} differences:\n{}", report.count, report.differences.join("\n"))))
    }
}
