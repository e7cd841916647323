//! `scrip benchmark`: the rate of this build on this machine, as figures and as ratios. What is shared with the
//! measurements of this project's own aims, in `crates/bench`, is public.
//!
//! The server is a child process of the same binary with its data on the disk of the working directory; the load
//! comes from a few threads of this one over real sockets, and every request that moves credits has a key.
//!
//! Invariant: measures and never judges. Nothing here may fail because something was slow.

pub mod connection;
pub mod figures;
pub mod load;
pub mod machine;
pub mod place;
pub mod report;
pub mod workspaces;

use crate::http;
use clap::{Args, value_parser};
use figures::share;
use indicatif::{ProgressBar, ProgressStyle};
use load::Work;
use place::{Place, Server, Target};
use report::{AtConnections, Report};
use scrip_engine::limits::OPERATION_MAX;
use std::sync::Arc;
use std::time::Duration;

/// Size and duration of a benchmark.
#[derive(Args, Clone, Debug)]
pub struct Size {
    /// Duration of each measurement, in seconds
    #[arg(long, value_name = "SECONDS", default_value_t = 3.0, value_parser = seconds)]
    pub seconds: f64,
    /// Number of workspaces that the load is spread over
    #[arg(long, value_name = "N", default_value_t = 10_000, value_parser = value_parser!(u32).range(1..=1_000_000))]
    pub workspaces: u32,
    /// Numbers of connections to measure with, separated by commas
    #[arg(long, value_name = "LIST", default_value = "1,16,64,256", value_delimiter = ',')]
    #[arg(value_parser = value_parser!(u16).range(1..=1_024))]
    pub connections: Vec<u16>,
}

/// Reads the duration of a measurement.
///
/// # Errors
/// When it is no number of seconds, too short to measure in or longer than an hour.
pub fn seconds(text: &str) -> Result<f64, String> {
    let seconds: f64 = text.parse().map_err(|_| "must be a number of seconds".to_owned())?;
    if (0.05..=3_600.0).contains(&seconds) { Ok(seconds) } else { Err("must be 0.05 to 3600".to_owned()) }
}

/// Measures an echo, pairs on many workspaces and pairs on one, at each number of connections.
///
/// # Errors
/// When a server does not start, or answers what it should not.
pub fn run(size: &Size, place: &Place) -> Result<Report, String> {
    let style = ProgressStyle::with_template("{spinner} {elapsed} {msg}").expect("the template is right");
    let bar = ProgressBar::new_spinner().with_style(style);
    let step = |what: &str| {
        bar.inc(1);
        bar.set_message(what.to_owned());
    };
    step("the disk");
    let machine = machine::describe(&place.directory)?;
    step("opening workspaces");
    let (server, echo) = (place.serve("server", &[])?, place.echo()?);
    let named = |name: &str| (workspaces::new(name), OPERATION_MAX);
    let many = (0..size.workspaces).map(|n| named(&format!("many {n}"))).collect();
    let many = Arc::new(workspaces::open(&server.target, many)?);
    let hot = Arc::new(workspaces::open(&server.target, vec![named("hot")])?);
    let targets: Arc<[Target]> = [server.target.clone()].into();
    let mut measurements = 0;
    let mut pairs = |is_hot| {
        measurements += 1;
        load::pairs(&targets, if is_hot { &hot } else { &many }, measurements)
    };
    let window = Duration::from_secs_f64(size.seconds);
    let mut at = |connections: &u16| level(&echo, &mut pairs, usize::from(*connections), window, &step);
    let http = size.connections.iter().map(&mut at).collect::<Result<_, _>>()?;
    bar.finish_and_clear();
    Ok(Report {
        version: env!("CARGO_PKG_VERSION"),
        debug_build: cfg!(debug_assertions),
        store: if place.database_url.is_some() { "postgresql" } else { "embedded" },
        machine,
        seconds: size.seconds,
        workspaces: size.workspaces,
        http,
    })
}

/// Measures echoes, and pairs on many workspaces and on one, at a number of connections. `pairs` returns the work of
/// pairs on the one workspace if its argument is `true`.
///
/// # Errors
/// When a request is refused or a connection breaks.
pub fn level(
    echo: &Server,
    pairs: &mut dyn FnMut(bool) -> Work,
    connections: usize,
    window: Duration,
    step: &dyn Fn(&str),
) -> Result<AtConnections, String> {
    let rate = |work: &Work| load::measure(work, connections, window).map(load::Measurement::rate);
    step(&format!("an echo, {connections} connections"));
    let ceiling = rate(&load::echoes(echo.target.address))?;
    step(&format!("many workspaces, {connections} connections"));
    let many = rate(&pairs(false))?;
    step(&format!("one workspace, {connections} connections"));
    let hot = rate(&pairs(true))?;
    let (many_of_echo, hot_of_many) = (share(&many, &ceiling), share(&hot, &many));
    Ok(AtConnections { connections, echo: ceiling, many, hot, many_of_echo, hot_of_many })
}

/// Serves the echo that is the ceiling, until `stop` resolves.
///
/// # Errors
/// When no address can be listened on.
pub async fn echo(stop: impl Future<Output = ()> + Send + 'static) -> Result<(), String> {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.map_err(|error| error.to_string())?;
    let address = listener.local_addr().map_err(|error| error.to_string())?;
    println!("{}http://{address}", place::LISTENS);
    let told = http::Stop::default();
    let told_by = told.clone();
    tokio::spawn(async move {
        stop.await;
        told_by.begin();
    });
    http::serve(listener, http::echo(), http::connection::Crowd::without_limit(), told)
        .await
        .map_err(|error| error.to_string())
}
