//! What stands in one replay: servers, the database behind them, Evenkeel in front, each a process of its own.

use std::fmt::Write as _;
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use evenkeel_testkit::{Client, Evenkeel, free_port, until};
use tokio::task::JoinHandle;

use super::machine::Spec;
use super::story::{Story, Text};

/// The servers of one site, started again when they die.
#[derive(Debug)]
pub(crate) struct Servers {
    all: Arc<Mutex<Vec<Server>>>,
    /// Behind them.
    database: Option<Server>,
    supervisor: JoinHandle<()>,
}

/// One of them.
#[derive(Debug)]
struct Server {
    spec: Spec,
    child: Child,
    deaths: usize,
}

/// Evenkeel before the servers, with addresses that stay.
#[derive(Debug)]
pub(crate) struct Front {
    pub(crate) evenkeel: Evenkeel,
    /// What was started.
    pub(crate) program: String,
    pub(crate) listen: u16,
    pub(crate) admin: u16,
}

/// What starts a dead server again looks as often as this, and takes this long to start it.
const LOOK: Duration = Duration::from_millis(100);
const RESTART: Duration = Duration::from_secs(4);
/// What the database does at once, and how long a query takes.
const QUERIES: usize = 64;
const QUERY: Duration = Duration::from_millis(4);

impl Servers {
    /// Those of a story, once they answer.
    pub(crate) async fn start(story: &Story) -> Self {
        let database = Spec {
            name: "database".to_owned(),
            port: free_port(),
            workers: QUERIES,
            service: QUERY,
            queue: 10_000,
            dies: None,
            database: None,
        };
        let behind = database.port;
        let mut all = Vec::new();
        for number in 1..=story.servers {
            let name = format!("web{number}");
            all.push(Server::start(Spec {
                name,
                port: free_port(),
                database: Some(behind),
                ..story.machine()
            }));
        }
        let database = Server::start(database);
        for port in all.iter().map(|server| server.spec.port).chain([behind]) {
            until("a server to listen", async || Client::try_connect(local(port)).await.ok()).await;
        }
        let all = Arc::new(Mutex::new(all));
        let supervisor = tokio::spawn(supervise(Arc::clone(&all)));
        Self { all, database: Some(database), supervisor }
    }

    /// Ports, `web1`'s first.
    pub(crate) fn ports(&self) -> Vec<u16> {
        self.lock().iter().map(|server| server.spec.port).collect()
    }

    /// How often any of them died of its load.
    pub(crate) fn deaths(&self) -> usize {
        self.lock().iter().map(|server| server.deaths).sum()
    }

    /// Makes a server slower, or fail; `None` is the database.
    pub(crate) async fn order(&self, server: Option<usize>, slower: f64, failing: bool) {
        let port = match server {
            Some(index) => self.ports().get(index).copied(),
            None => self.database.as_ref().map(|database| database.spec.port),
        };
        let order = format!("/machine?slower={slower}&failing={}", u8::from(failing));
        let mut client = Client::connect(local(port.expect("the story has this server"))).await;
        assert_eq!(client.get("director", &order).await.status(), 200);
    }

    /// Moves a server to another port, as when it gets another address: nobody is left at the old one.
    pub(crate) fn relocate(&self, index: usize) {
        let mut all = self.lock();
        let spec = Spec { port: free_port(), ..all[index].spec.clone() };
        all[index] = Server::start(spec);
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Server>> {
        lock(&self.all)
    }
}

impl Drop for Servers {
    fn drop(&mut self) {
        self.supervisor.abort();
        self.lock().clear();
    }
}

impl Server {
    fn start(spec: Spec) -> Self {
        let child = spawn(&spec);
        Self { spec, child, deaths: 0 }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

fn spawn(spec: &Spec) -> Child {
    let own = std::env::current_exe().expect("this program has a file");
    Command::new(own)
        .args(["replay", "machine"])
        .args(spec.arguments())
        .stdin(Stdio::null())
        .spawn()
        .unwrap_or_else(|error| panic!("{}: {error}", spec.name))
}

/// Starts again what has died, as a service manager does.
async fn supervise(all: Arc<Mutex<Vec<Server>>>) {
    loop {
        tokio::time::sleep(LOOK).await;
        let is_dead = |server: &mut Server| matches!(server.child.try_wait(), Ok(Some(_)));
        let Some(dead) = lock(&all).iter_mut().position(is_dead) else { continue };
        lock(&all)[dead].deaths += 1;
        tokio::time::sleep(RESTART).await;
        let mut all = lock(&all);
        if is_dead(&mut all[dead]) {
            all[dead].child = spawn(&all[dead].spec);
        }
    }
}

fn lock(all: &Mutex<Vec<Server>>) -> MutexGuard<'_, Vec<Server>> {
    all.lock().unwrap_or_else(PoisonError::into_inner)
}

pub(crate) fn local(port: u16) -> SocketAddr {
    ([127, 0, 0, 1], port).into()
}

impl Front {
    /// Starts the program with a story's configuration, once all that it may pick from serve.
    pub(crate) async fn start(program: &Path, text: &Text, ports: &[u16]) -> Self {
        let (listen, admin) = (free_port(), free_port());
        let config = config(text, ports, listen, admin);
        let program = program.to_string_lossy().into_owned();
        let evenkeel = Evenkeel::start(&program, &config).await;
        evenkeel.await_eligible("web", text.members.len()).await;
        Self { evenkeel, program, listen, admin }
    }

    /// Applies another one; refused or not, everything goes on.
    pub(crate) async fn reload(&self, text: &Text, ports: &[u16]) {
        let generation = self.evenkeel.reload(&self.config(text, ports)).await;
        assert_eq!(generation["last_reload"]["ok"], true, "a reload was refused: {generation}");
    }

    pub(crate) fn config(&self, text: &Text, ports: &[u16]) -> String {
        config(text, ports, self.listen, self.admin)
    }
}

/// The whole file.
pub(crate) fn config(text: &Text, ports: &[u16], listen: u16, admin: u16) -> String {
    let Text { listener, pool, members } = text;
    let mut file = format!(
        "[admin]\nlisten = \"127.0.0.1:{admin}\"\n\n[listener.web]\nbind = \"127.0.0.1:{listen}\"\npool = \"web\"\n\
         {listener}\n[pool.web]\n{pool}\nbackends = [\n"
    );
    for (index, keys) in members {
        let (number, port) = (index + 1, ports.get(*index).copied().unwrap_or_default());
        let keys = if keys.is_empty() { String::new() } else { format!(", {keys}") };
        writeln!(file, "  {{ name = \"web{number}\", address = \"127.0.0.1:{port}\"{keys} }},").ok();
    }
    file + "]\n"
}
