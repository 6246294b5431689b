//! What a story plays in: backends, balancer, admin interface and users, all real, in this process.

use std::error::Error;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use evenkeel_config::{Config, Source, load};
use evenkeel_proxy::{Proxy, StartOptions};

use super::super::backends::{self, Backend, Spec};
use super::super::frame::Camera;
use super::super::load::Load;
use super::super::reachable;
use super::super::visitors::Visitors;
use super::moment::Moment;
use super::setup::Setup;
use super::story::{Change, Step, Story};
use crate::admin::{self, Admin};
use crate::app::Applied;
use crate::client::Connection;

/// Between two requests: 160 a second. Four equal servers are busy to 55 % with it.
const REQUEST_EVERY: Duration = Duration::from_micros(6_250);
/// What a request takes. A server does four at once, so 72 a second.
const SERVICE_TIME: Duration = Duration::from_millis(55);

/// Everything that runs.
pub(super) struct World {
    setup: Setup,
    /// Rules that warn of the file before anything is done to it.
    warned: Vec<String>,
    backends: Vec<Backend>,
    visitors: Arc<Visitors>,
    proxy: Proxy,
    applied: Applied,
    load: Load,
    camera: Camera,
    asking: Connection,
    address: SocketAddr,
    admin_address: SocketAddr,
    // Answers for as long as it is held.
    _admin: Admin,
}

impl World {
    pub(super) fn start(story: &Story, listen: SocketAddr) -> Result<Self, Box<dyn Error>> {
        let spec = |number| Spec {
            name: format!("web{number}"),
            service_time: SERVICE_TIME,
            waiting_max: story.waiting_max,
        };
        let backends = backends::start((1..=story.backends).map(spec).collect())?;
        let setup = Setup::new(listen, story.pool, &backends);
        let (config, warned) = read(&setup.text())?;
        let socket = admin::bind(config.admin.as_ref())?;
        let proxy = Proxy::start(config, StartOptions::default())?;
        let applied = Applied::default();
        applied.note(setup.text(), proxy.status().generation);
        let admin = Admin::start(proxy.clone(), None, applied.clone(), socket)?;
        let address = proxy.listeners().first().map(|(_, address)| reachable(*address));
        let address = address.ok_or("there is no listener")?;
        let admin_address = admin.address().ok_or("there is no admin interface")?;
        let visitors = Arc::new(Visitors::new(story.crowd));
        Ok(Self {
            load: Load::start(address, REQUEST_EVERY, Arc::clone(&visitors))?,
            camera: Camera::new(proxy.clone(), backends.clone()),
            asking: Connection::open(&admin_address.to_string())?,
            setup,
            warned,
            backends,
            visitors,
            proxy,
            applied,
            address,
            admin_address,
            _admin: admin,
        })
    }

    /// Where clients connect.
    pub(super) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Where the admin interface is.
    pub(super) fn admin_address(&self) -> SocketAddr {
        self.admin_address
    }

    /// A look at everything.
    pub(super) fn look(&mut self) -> Result<Moment, Box<dyn Error>> {
        let diagnosis = self.asking.get_json("/diagnose")?;
        Ok(Moment { frame: self.camera.take(&self.load), users: self.load.users(), diagnosis })
    }

    /// Does what a step says. The rules by which `check` would have warned of the file, if that changes it.
    pub(super) fn take(&mut self, step: &Step) -> Result<Vec<String>, Box<dyn Error>> {
        let mut of_file = false;
        for change in step.changes {
            of_file |= self.setup.change(*change);
            match *change {
                Change::Slow(indices, times) => {
                    let some = indices.iter().filter_map(|index| self.backends.get(*index));
                    some.for_each(|backend| backend.slow_down(times));
                }
                Change::Failing(index, percent) => {
                    self.backends.get(index).into_iter().for_each(|backend| backend.fail(percent));
                }
                Change::Large(percent) => self.visitors.let_one_make(percent),
                _ => {}
            }
        }
        if of_file { self.reload() } else { Ok(Vec::new()) }
    }

    fn reload(&mut self) -> Result<Vec<String>, Box<dyn Error>> {
        let text = self.setup.text();
        self.proxy.reload_begins();
        let (config, warnings) = read(&text)?;
        let report = self.proxy.reload(config)?;
        self.applied.note(text, report.generation);
        Ok(warnings.into_iter().filter(|rule| !self.warned.contains(rule)).collect())
    }

    /// Ends it in good order.
    pub(super) fn end(self) {
        drop(self.load);
        self.proxy.begin_shutdown();
        self.proxy.wait_closed();
    }
}

/// The configuration that a file says, and the names of the rules that warn of it.
fn read(text: &str) -> Result<(Config, Vec<String>), Box<dyn Error>> {
    let loaded = load(&Source::new("demo.toml", text));
    let told: Vec<String> = loaded.diagnostics.iter().map(|one| one.code.to_owned()).collect();
    match loaded.config {
        Some(config) => Ok((config, told)),
        None => Err(format!("its own file is refused: {}", told.join(", ")).into()),
    }
}
