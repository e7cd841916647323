//! `scrip serve`.

use crate::benchmark::lag;
use crate::config::Settings;
use crate::server::Server;
use clap::Args;
use std::fs::File;
use std::path::PathBuf;
use tracing_subscriber::EnvFilter;

/// `scrip serve`: the API, the workers and the scheduler, in one process.
#[derive(Args)]
pub struct Serve {
    /// A configuration file; `config.default.toml` names every key
    #[arg(long, env = "SCRIP_CONFIG", value_name = "FILE")]
    config: Option<PathBuf>,
    #[command(flatten)]
    settings: Settings,
    /// Write how far the projections are behind, again and again
    #[arg(long, value_name = "FILE", hide = true)]
    lag_file: Option<PathBuf>,
}

impl Serve {
    /// Serves until the process is told to stop.
    ///
    /// # Errors
    /// What is wrong and what to do about it.
    pub async fn run(self) -> Result<(), String> {
        let settings = self.settings.resolve(self.config.as_deref())?;
        log(&settings)?;
        let server = Server::prepare(&settings).await?;
        if let Some(key) = &server.new_key {
            println!("Your operator key, shown this once: {key}");
        }
        if let Some(path) = &self.lag_file {
            let file = File::create(path).map_err(|error| format!("{}: {error}", path.display()))?;
            tokio::spawn(lag::watch(server.ledger(), file));
        }
        if let Some(url) = server.operator_url() {
            println!("Operators are served on {url} alone");
        }
        println!("Scrip listens on {}", server.url);
        server.serve(stopped()).await.map_err(|error| error.to_string())
    }
}

/// Starts logging to standard error.
pub fn log(settings: &Settings) -> Result<(), String> {
    let filter = settings.log.clone().unwrap_or_else(|| "info".to_owned());
    let filter = EnvFilter::try_new(&filter).map_err(|error| format!("--log {filter}: {error}"))?;
    let builder = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    // A log that cannot be written (its disk is full too) must not be complained of there: that would panic.
    let builder = builder.log_internal_errors(false);
    let done = if settings.log_json == Some(true) { builder.json().try_init() } else { builder.try_init() };
    done.map_err(|error| error.to_string())
}

/// Ends when the process is asked to stop.
pub async fn stopped() {
    let mut terminate = match tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate()) {
        Ok(terminate) => terminate,
        Err(error) => return tracing::error!(%error, "cannot listen for SIGTERM"),
    };
    tokio::select! {
        _ = terminate.recv() => {}
        _ = tokio::signal::ctrl_c() => {}
    }
}
