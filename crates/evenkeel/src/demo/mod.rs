//! `evenkeel demo`: backends, balancer, load and a view of it all, in one process, through real sockets.

mod backends;
mod fault;
mod frame;
mod lately;
mod live;
mod load;
mod text;
mod visitors;

use std::error::Error;
use std::io::{self, IsTerminal};
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, sync_channel};
use std::time::{Duration, Instant};

use evenkeel_config::{BackendAddress, Config};
use evenkeel_core::BackendId;
use evenkeel_proxy::{Proxy, StartOptions};

use crate::admin::{self, Admin};
use crate::app::{self, Applied, describe};
use crate::cli::DemoArgs;
use crate::output::{self, Answer};
use backends::Backend;
use frame::{Camera, Frame};
use load::Load;
use visitors::{Crowd, Visitors};

pub(crate) use fault::Fault;

/// Between two requests: 400 a second, which any machine can spare.
const REQUEST_EVERY: Duration = Duration::from_micros(2_500);
/// Between two lines of the plain form.
const LINE_EVERY: Duration = Duration::from_secs(1);
/// Past its time by so much, the view is stuck.
const STUCK_AFTER: Duration = Duration::from_secs(5);
/// Requests that run when it ends get so long.
const DRAIN: Duration = Duration::from_secs(1);

/// Runs the demo until its time is up or somebody has seen enough.
pub(crate) fn demo(arguments: &DemoArgs) -> Answer {
    let stop = stop_on_signals();
    if let Some(fault) = arguments.fault {
        return fault::demo(fault, arguments, stop);
    }
    match stop.map_err(Into::into).and_then(|stop| play(arguments, &stop)) {
        Ok(last) => output::out(text::summary(&last, arguments.strategy.as_str())),
        Err(error) => {
            output::complain(describe(error.as_ref()), "");
            Answer::No
        }
    }
}

fn play(arguments: &DemoArgs, stop: &Receiver<()>) -> Result<Frame, Box<dyn Error>> {
    let backends = backends::start(backends::unequal(arguments.backends))?;
    let config = configuration(arguments, &backends);
    let admin_socket = admin::bind(config.admin.as_ref())?;
    let proxy = Proxy::start(config, StartOptions::default())?;
    let admin = Admin::start(proxy.clone(), None, Applied::default(), admin_socket)?;
    let address = proxy.listeners().first().map(|(_, address)| *address).ok_or("there is no listener")?;
    let visitors = Arc::new(Visitors::new(Crowd::steady(1)));
    let load = Load::start(reachable(address), REQUEST_EVERY, visitors)?;
    let mut camera = Camera::new(proxy.clone(), backends);
    let about = about(arguments, address, admin.address());
    let ends = Instant::now() + arguments.duration;
    if !arguments.plain && output::addressable(io::stdout().is_terminal()) {
        end_at(ends + STUCK_AFTER)?;
        let going = || stop.try_recv().is_err() && Instant::now() < ends;
        live::show(&about, || going().then(|| camera.take(&load)))?;
    } else if output::line(about.join("\n")) == Answer::Yes {
        plain(stop, ends, || output::line(text::plain(&camera.take(&load))));
    }
    let last = camera.take(&load);
    drop(load);
    proxy.begin_shutdown();
    proxy.wait_closed();
    Ok(last)
}

/// Calls `tell` once a second, for as long as it can.
fn plain(stop: &Receiver<()>, ends: Instant, mut tell: impl FnMut() -> Answer) {
    loop {
        let left = ends.saturating_duration_since(Instant::now());
        if left.is_zero() || stop.recv_timeout(left.min(LINE_EVERY)) != Err(RecvTimeoutError::Timeout) {
            return;
        }
        if tell() != Answer::Yes {
            return;
        }
    }
}

/// SIGTERM and Ctrl-C end it in good order. SIGHUP says that the terminal is gone: there is nobody to show anything to,
/// and the thread that reads keys may never come back from it, so the process ends there and then.
fn stop_on_signals() -> io::Result<Receiver<()>> {
    let (stop, stopped) = sync_channel(1);
    app::signals::listen(move |signal| match signal {
        app::signals::Signal::Terminate => {
            stop.try_send(()).ok();
        }
        app::signals::Signal::Reload => std::process::exit(1),
        app::signals::Signal::ReopenLogs => {}
    })?;
    Ok(stopped)
}

/// Ends the process if the terminal keeps the view from ending when its time is up: reading keys from a terminal that
/// is gone spins for ever.
fn end_at(deadline: Instant) -> io::Result<()> {
    let wait = move || {
        std::thread::sleep(deadline.saturating_duration_since(Instant::now()));
        std::process::exit(1);
    };
    std::thread::Builder::new().name("demo-end".to_owned()).spawn(wait)?;
    Ok(())
}

fn configuration(arguments: &DemoArgs, backends: &[Backend]) -> Config {
    let addresses: Vec<_> = backends.iter().map(|backend| BackendAddress::Socket(backend.address)).collect();
    let mut config = Config::quick(arguments.listen, &addresses);
    config.admin = Some(evenkeel_config::Admin { listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)) });
    config.runtime.drain_timeout = DRAIN;
    for pool in &mut config.pools {
        pool.strategy = arguments.strategy;
        for (entry, backend) in pool.backends.iter_mut().zip(backends) {
            entry.id = BackendId::new(Arc::from(backend.name.as_str()));
        }
    }
    config
}

/// What a newcomer can try meanwhile.
fn about(arguments: &DemoArgs, address: SocketAddr, admin: Option<SocketAddr>) -> Vec<String> {
    let mut lines = vec![format!(
        "balancer: curl http://{}/   {} over {} backends of unequal speed",
        reachable(address),
        arguments.strategy.as_str(),
        arguments.backends
    )];
    lines.extend(
        admin.map(|admin| format!("metrics:  curl http://{admin}/metrics   evenkeel status --admin {admin}")),
    );
    lines
}

/// An address that a client on this machine can connect to.
fn reachable(mut address: SocketAddr) -> SocketAddr {
    if address.ip().is_unspecified() {
        match address {
            SocketAddr::V4(_) => address.set_ip(Ipv4Addr::LOCALHOST.into()),
            SocketAddr::V6(_) => address.set_ip(std::net::Ipv6Addr::LOCALHOST.into()),
        }
    }
    address
}

#[cfg(test)]
mod tests {
    use evenkeel_core::StrategyKind;

    use super::*;

    #[test]
    fn a_short_demo_is_even_and_has_no_errors() {
        let arguments = DemoArgs {
            duration: Duration::from_millis(1_500),
            backends: 3,
            strategy: StrategyKind::RoundRobin,
            plain: true,
            listen: "127.0.0.1:0".parse().unwrap(),
            fault: None,
            exit: false,
            json: false,
            speed: 1.0,
        };
        let (_going, stop) = sync_channel(1);
        let last = play(&arguments, &stop).unwrap();
        assert_eq!(last.failed, 0, "{last:?}");
        assert!(last.answered > 100, "{last:?}");
        for row in &last.rows {
            assert!((row.overall - 1.0 / 3.0).abs() < 0.02, "{last:?}");
        }
    }
}
