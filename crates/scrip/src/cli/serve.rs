//! `scrip serve`: the server, its settings and its log.

use crate::config::Settings;
use crate::server::Server;
use clap::{ArgMatches, Args};
use std::io::IsTerminal;
use std::path::PathBuf;
use tracing_subscriber::EnvFilter;

/// Arguments of `scrip serve`: the API, the workers and the scheduler, in one process.
#[derive(Args)]
pub struct Serve {
    /// Configuration file; `config.default.toml` names every key
    #[arg(long, env = "SCRIP_CONFIG", value_name = "FILE")]
    config: Option<PathBuf>,
    #[command(flatten)]
    settings: Settings,
}

impl Serve {
    /// Records where each setting was given.
    pub fn note_sources(&mut self, matches: &ArgMatches) {
        self.settings.note_sources(matches);
    }

    /// Serves until the process is told to stop.
    ///
    /// # Errors
    /// When the server cannot start or fails, with what to do about it.
    pub async fn run(self) -> Result<(), String> {
        self.run_beside(|_| ()).await
    }

    /// Serves like [`Serve::run`], and calls `beside` with the server before it takes requests.
    ///
    /// # Errors
    /// As above.
    pub async fn run_beside(self, beside: impl FnOnce(&Server)) -> Result<(), String> {
        let settings = self.settings.resolve(self.config.as_deref())?;
        log(&settings)?;
        let server = Server::prepare(&settings).await?;
        if let Some(key) = &server.new_key {
            println!("{key}");
        }
        beside(&server);
        if let Some(url) = server.operator_url() {
            println!("Operators are served on {url} alone");
        }
        println!("Scrip listens on {}", server.url);
        server.serve(wait_for_stop()).await.map_err(|error| error.to_string())
    }
}

/// Starts logging to standard error.
pub fn log(settings: &Settings) -> Result<(), String> {
    let filter = log_filter(settings.log.as_deref().unwrap_or("info"));
    let filter = filter.map_err(|error| format!("{}: {error}", settings.name("log")))?;
    let builder = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    let has_colours =
        std::io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none_or(|told| told.is_empty());
    let builder = builder.with_ansi(has_colours);
    // A log that cannot be written, because its disk is full too, must not be complained of there: that would panic.
    let builder = builder.log_internal_errors(false);
    let done = if settings.log_json == Some(true) { builder.json().try_init() } else { builder.try_init() };
    done.map_err(|error| error.to_string())
}

/// Names of the levels, the first of which logs nothing.
const LEVELS: [&str; 6] = ["off", "error", "warn", "info", "debug", "trace"];

/// Reads a filter: a level, and levels of modules, separated by commas. Refuses a word that is no level: it would be
/// read as the name of a module, and switch everything else off.
fn log_filter(text: &str) -> Result<EnvFilter, String> {
    let example = "write error, warn, info, debug or trace, and levels of modules behind it: info,hyper=debug";
    let is_level = |word: &str| LEVELS.contains(&word.trim().to_ascii_lowercase().as_str());
    let mut logs_scrip = false;
    for part in text.split(',') {
        let (module, level) = part.rsplit_once('=').map_or((None, part), |(module, level)| (Some(module), level));
        if !is_level(level) {
            return Err(format!("`{}` is not a level; {example}", level.trim()));
        }
        logs_scrip |= module.is_none_or(|module| module.trim().starts_with("scrip"));
    }
    if !logs_scrip {
        return Err(format!("nothing of Scrip's own would be logged, not even errors; {example}"));
    }
    EnvFilter::try_new(text).map_err(|error| format!("{error}; {example}"))
}

/// Waits until the process is asked to stop.
pub async fn wait_for_stop() {
    let mut terminate = match tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate()) {
        Ok(terminate) => terminate,
        Err(error) => return tracing::error!(%error, "cannot listen for SIGTERM"),
    };
    tokio::select! {
        _ = terminate.recv() => {}
        _ = tokio::signal::ctrl_c() => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_filter_names_levels_and_logs_what_is_wrong_with_scrip() {
        for good in
            ["info", "off", "WARN", "info,hyper=debug", "scrip=debug", "hyper=debug, error", "scrip::http=trace"]
        {
            assert!(log_filter(good).is_ok(), "{good}");
        }
        for bad in [
            "",
            " ",
            "warning",
            "verbose",
            "debgu",
            "2",
            "nonsense=5",
            "info,hyper=wrong",
            "hyper=debug",
            "info,",
            "scrip",
        ] {
            let said = log_filter(bad).expect_err(bad);
            assert!(said.contains("info,hyper=debug"), "{bad}: {said}");
        }
    }
}
