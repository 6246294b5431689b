//! `evenkeel run`: the balancer, its log, its signals and its admin interface, from start to end.

mod addresses;
mod applied;
mod limits;
mod logging;
mod reload;
pub(crate) mod signals;

use std::error::Error;
use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{self, Receiver};
use std::sync::{Arc, OnceLock};

use evenkeel_config::{Config, Diagnostic, Severity, Source};
use evenkeel_proxy::{Proxy, StartError, StartOptions};

use crate::admin::{self, Admin};
use crate::check;
use crate::cli::RunArgs;
use crate::output::{self, Answer};
use addresses::Own;
use reload::Reloader;
use signals::Signal;

pub(crate) use applied::Applied;
pub(crate) use limits::raise_open_files;
pub(crate) use logging::Logging;

/// What to run.
struct Job {
    config: Config,
    /// Where it came from; without one it cannot be reloaded.
    file: Option<PathBuf>,
    /// What stands in it, or would.
    text: String,
    warnings: Vec<(Source, Vec<Diagnostic>)>,
}

/// Runs the balancer until it is told to end.
pub(crate) fn run(arguments: &RunArgs) -> Answer {
    let job = match job(arguments) {
        Ok(job) => job,
        Err(answer) => return answer,
    };
    let logging = match Logging::install(&job.config.log) {
        Ok(logging) => logging,
        Err(error) => {
            output::complain(format_args!("cannot start the log: {error}"), "");
            return Answer::No;
        }
    };
    let own = addresses::of(&job.config);
    let answer = match serve(job, &logging) {
        Ok(()) => Answer::Yes,
        Err(error) => {
            tracing::error!(hint = hint(error.as_ref(), &own), "cannot start: {}", describe(error.as_ref()));
            Answer::No
        }
    };
    logging.flush();
    answer
}

/// One sentence out of an error and its causes.
pub(crate) fn describe(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text.push_str(": ");
        text.push_str(&error.to_string());
        cause = error.source();
    }
    text
}

fn job(arguments: &RunArgs) -> Result<Job, Answer> {
    match (&arguments.config, arguments.listen) {
        (Some(file), _) => job_of_file(file),
        (None, Some(listen)) => job_of_addresses(arguments, listen),
        (None, None) => Err(Answer::Misused),
    }
}

fn job_of_addresses(arguments: &RunArgs, listen: SocketAddr) -> Result<Job, Answer> {
    let mut config = Config::quick(listen, &arguments.to);
    if let Some(admin) = arguments.admin {
        config.admin = Some(evenkeel_config::Admin { listen: admin });
    }
    if let Some((backend, own)) = addresses::to_itself(&config) {
        let what = format!("--to {backend} leads back here, to {own}");
        output::complain(what, "give the address of the application");
        return Err(Answer::Misused);
    }
    let text = applied::file_of(listen, &arguments.to, arguments.admin);
    Ok(Job { config, file: None, text, warnings: Vec::new() })
}

fn job_of_file(file: &Path) -> Result<Job, Answer> {
    let source = match check::read(file) {
        Ok(source) => source,
        Err(message) => {
            output::complain(message, "evenkeel run -c FILE, or evenkeel run --listen ADDR --to ADDR");
            return Err(Answer::No);
        }
    };
    let loaded = evenkeel_config::load(&source);
    match loaded.config {
        Some(config) => {
            let text = source.text().to_owned();
            let warnings = vec![(source, loaded.diagnostics)];
            Ok(Job { config, file: Some(file.to_owned()), text, warnings })
        }
        None => {
            check::show(&source, &loaded.diagnostics);
            output::complain(format_args!("{}: refused", source.name()), "");
            Err(Answer::No)
        }
    }
}

fn serve(job: Job, logging: &Logging) -> Result<(), Box<dyn Error>> {
    for (source, diagnostics) in &job.warnings {
        log_diagnostics(source, diagnostics);
    }
    let open_files = raise_open_files();
    let running = Arc::new(OnceLock::new());
    let reloads = watch_signals(Arc::clone(&running), logging.clone())?;
    let admin_socket = admin::bind(job.config.admin.as_ref())?;
    let config_path = job.file.as_ref().map(|file| file.display().to_string());
    let level = job.config.log.level;
    let proxy = Proxy::start(job.config, StartOptions { config_path, ..StartOptions::default() })?;
    let applied = Applied::default();
    applied.note(job.text, proxy.status().generation);
    let admin = Admin::start(proxy.clone(), Some(logging.clone()), applied.clone(), admin_socket)?;
    log_listening(&[], &proxy.listeners());
    if let Some(address) = admin.address() {
        tracing::info!(listener = "admin", %address, "listening");
    }
    running.set(proxy.clone()).ok();
    let reloader = Reloader::new(proxy.clone(), admin, job.file, logging.clone(), level, applied);
    std::thread::Builder::new().name("reload".to_owned()).spawn(move || reloader.run(&reloads))?;
    let generation = proxy.status().generation;
    tracing::info!(generation, pid = std::process::id(), open_files, "ready");
    let report = proxy.wait_closed();
    tracing::info!(finished = report.finished, cut = report.cut, "stopped");
    Ok(())
}

/// Acts on signals; those that ask for a reload are queued, each of them.
fn watch_signals(running: Arc<OnceLock<Proxy>>, logging: Logging) -> io::Result<Receiver<()>> {
    let (reload, reloads) = mpsc::channel();
    signals::listen(move |signal| match (signal, running.get()) {
        (Signal::Reload, _) => reload.send(()).unwrap_or_default(),
        (Signal::ReopenLogs, Some(proxy)) => {
            tracing::info!("reopening logs");
            proxy.reopen_logs();
        }
        (Signal::ReopenLogs, None) => {}
        (Signal::Terminate, Some(proxy)) => {
            tracing::info!("asked to stop");
            proxy.begin_shutdown();
        }
        (Signal::Terminate, None) => {
            tracing::info!("stopped before it was ready");
            logging.flush();
            std::process::exit(0);
        }
    })?;
    Ok(reloads)
}

/// Says where listeners are that were not there before.
fn log_listening(before: &[(String, SocketAddr)], now: &[(String, SocketAddr)]) {
    for entry in now.iter().filter(|entry| !before.contains(entry)) {
        let (listener, address) = entry;
        tracing::info!(%listener, %address, "listening");
    }
}

fn log_diagnostics(source: &Source, diagnostics: &[Diagnostic]) {
    for one in diagnostics {
        let (line, column) = source.position(one.span.start);
        let at = format!("{}:{line}:{column}", source.name());
        let (code, effect, help) = (one.code, one.effect.as_deref(), one.help.as_deref());
        match one.severity {
            Severity::Error => tracing::error!(at, code, effect, help, "{}", one.message),
            Severity::Warning => tracing::warn!(at, code, effect, help, "{}", one.message),
        }
    }
}

/// The way out of the mistakes that everybody makes. `own` is where this process listens, or was to.
fn hint(error: &(dyn Error + 'static), own: &[Own]) -> String {
    if let Some(holder) = addresses::holder(error, own) {
        return format!("{holder} of this same Evenkeel has this address; give one of the two another port");
    }
    if let Some(StartError::Events(error)) = error.downcast_ref() {
        return error.hint().to_owned();
    }
    let error = describe(error);
    let known = if error.contains("in use") {
        "another process has this address; `ss -ltnp` names it"
    } else if error.contains("ermission denied") {
        "ports below 1024 need CAP_NET_BIND_SERVICE"
    } else {
        ""
    };
    known.to_owned()
}
