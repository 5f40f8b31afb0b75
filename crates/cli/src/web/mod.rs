//! The page: the same answers in a browser.
//!
//! A server on this machine that asks and shows like the terminal does, and computes nothing itself. [`guard`] keeps
//! others out, [`gate`] keeps work bounded, [`asset`] holds the built page, the other modules answer one part of the
//! API each. `openapi.json` describes all of it; a test holds the two together.

mod asset;
mod catalog;
mod error;
mod even;
mod fabric;
mod gate;
mod guard;
mod job;
mod routes;
mod run;
mod state;
mod studies;
mod table;
#[cfg(test)]
mod tests;
mod traces;
mod validate;
mod weigh;

use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::TcpListener;

use crate::lang::{Lang, Msg};
use state::App;

/// Open the page to weigh on in a browser
#[derive(Debug, clap::Args)]
pub struct Ui {
    /// Port to listen on; 0 takes a free one
    #[arg(long, default_value_t = 7878)]
    port: u16,
    /// Address to listen on; another than this machine's own needs --token
    #[arg(long, default_value = "127.0.0.1", value_name = "ADDRESS")]
    host: IpAddr,
    /// Word that every request has to show; STEELYARD_TOKEN is taken where it is not given
    #[arg(long, value_name = "WORD")]
    token: Option<String>,
    /// Folder that studies are kept in, as plain files; without it none can be kept
    #[arg(long, value_name = "FOLDER")]
    studies: Option<PathBuf>,
    /// Folder of fitted parameters of your own that go over the built-in ones
    #[arg(long, value_name = "FOLDER")]
    calibration: Option<PathBuf>,
    /// Language of what is printed here; else that of LC_ALL, LC_MESSAGES or LANG
    #[arg(long, value_enum)]
    lang: Option<Lang>,
}

/// Shortest token: shorter ones can be guessed.
const TOKEN_CHARACTERS: usize = 16;

/// Serves until interrupted; 2 if it cannot.
pub fn run(args: &Ui, folder: Option<&Path>) -> ExitCode {
    match try_run(args, folder) {
        Ok(()) => ExitCode::SUCCESS,
        Err(message) => {
            eprintln!("error: {message}");
            ExitCode::from(2)
        }
    }
}

fn try_run(args: &Ui, folder: Option<&Path>) -> Result<(), String> {
    let token = args.token.clone().or_else(|| std::env::var("STEELYARD_TOKEN").ok().filter(|t| !t.is_empty()));
    if let Some(token) = &token
        && (token.len() < TOKEN_CHARACTERS || !token.bytes().all(|b| b.is_ascii_graphic()))
    {
        return Err(format!("--token: write at least {TOKEN_CHARACTERS} letters, digits or signs without blanks"));
    }
    if !args.host.is_loopback() && token.is_none() {
        return Err(format!("--host {} can be reached by others: give --token WORD too", args.host));
    }
    let app = App::open(folder, args.calibration.as_deref(), args.studies.clone(), token)?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    let runtime = runtime.map_err(|e| format!("cannot start: {e}"))?;
    let served = runtime.block_on(serve(app, SocketAddr::new(args.host, args.port), Lang::choose(args.lang)));
    // Work that does not look at its flag in time ends with the process.
    runtime.shutdown_timeout(PATIENCE);
    served
}

/// How long the server waits for answers under way once it is told to stop.
const PATIENCE: Duration = Duration::from_millis(500);

/// Ctrl-C, or what a service manager sends.
async fn stopped() {
    #[cfg(unix)]
    {
        use tokio::signal::unix::{SignalKind, signal};
        if let Ok(mut end) = signal(SignalKind::terminate()) {
            tokio::select! {
                _ = tokio::signal::ctrl_c() => {}
                _ = end.recv() => {}
            }
            return;
        }
    }
    // Without a handler the process ends by the signal's default, which is as good.
    let _ = tokio::signal::ctrl_c().await;
}

async fn serve(mut app: App, address: SocketAddr, lang: Lang) -> Result<(), String> {
    let told = |e: std::io::Error| format!("cannot listen on {address}: {e}; --port takes another port");
    let listener = TcpListener::bind(address).await.map_err(told)?;
    let address = listener.local_addr().map_err(told)?;
    app.hosts = guard::hosts(address);
    // What follows # is never sent, so the token stays out of logs; the page reads it there.
    let secret = app.token.as_ref().map_or(String::new(), |t| format!("#token={t}"));
    eprintln!("{}", Msg::Listening.fill(lang, &[("address", &format!("http://{address}/{secret}"))]));
    let app = Arc::new(app);
    let told = Arc::new(tokio::sync::Notify::new());
    let end = {
        let (app, told) = (Arc::clone(&app), Arc::clone(&told));
        async move {
            stopped().await;
            app.jobs.stop_all();
            told.notify_one();
        }
    };
    let served = axum::serve(listener, routes::router(Arc::clone(&app))).with_graceful_shutdown(end).into_future();
    let late = async {
        told.notified().await;
        tokio::time::sleep(PATIENCE).await;
    };
    tokio::select! {
        served = served => served.map_err(|e| format!("stopped: {e}")),
        () = late => Ok(()),
    }
}
