//! The worker threads: one single-threaded runtime each, with its own connections on both sides.

use std::collections::HashMap;
use std::io;
use std::net::TcpListener;
use std::sync::{Arc, mpsc as std_mpsc};
use std::thread::JoinHandle;
use std::time::Duration;

use tokio::runtime::Builder;
use tokio::sync::mpsc;
use tokio::task::AbortHandle;

use crate::listen::{Acceptor, Arrival, Listener};
use crate::udp;
use crate::worker::Worker;

/// Between two ticks of a worker: the date, and a look at idle backend connections.
const TICK_EVERY: Duration = Duration::from_secs(1);

/// A worker as other threads see it.
pub(crate) struct WorkerHandle {
    pub(crate) worker: Arc<Worker>,
    orders: mpsc::UnboundedSender<Order>,
}

/// What a worker thread is told to do.
enum Order {
    /// Accept on a socket. The same listener's earlier socket, if any, is closed after that.
    Open { listener: Arc<Listener>, socket: TcpListener, done: std_mpsc::Sender<()> },
    /// Relay datagrams until that is over, which the opening says.
    Relay { listener: Arc<Listener>, seat: udp::Seat },
    /// Stop accepting.
    Close { listener: String, done: std_mpsc::Sender<()> },
    /// Serve a connection that another worker accepted. As many wait here as listeners allow connections.
    Serve(Arrival),
    /// End, dropping whatever still runs.
    Exit,
}

impl WorkerHandle {
    pub(crate) fn hand_over(&self, arrival: Arrival) {
        // A worker that has ended drops the connection; so would it itself.
        self.orders.send(Order::Serve(arrival)).ok();
    }
}

/// All worker threads.
pub(crate) struct Threads {
    pub(crate) handles: Arc<[WorkerHandle]>,
    joins: Vec<JoinHandle<()>>,
}

impl Threads {
    /// Starts a thread for each worker.
    pub(crate) fn start(workers: Vec<Arc<Worker>>) -> io::Result<Self> {
        let mut handles = Vec::new();
        let mut inboxes = Vec::new();
        for worker in workers {
            let (orders, inbox) = mpsc::unbounded_channel();
            handles.push(WorkerHandle { worker, orders });
            inboxes.push(inbox);
        }
        let handles: Arc<[WorkerHandle]> = handles.into();
        let mut joins = Vec::new();
        for (index, inbox) in inboxes.into_iter().enumerate() {
            let runtime = Builder::new_current_thread().enable_all().build()?;
            let handles = Arc::clone(&handles);
            let run = move || {
                runtime.block_on(Thread { index, handles, accepting: HashMap::new() }.run(inbox));
                runtime.shutdown_background();
            };
            joins.push(std::thread::Builder::new().name(format!("worker-{index}")).spawn(run)?);
        }
        Ok(Self { handles, joins })
    }

    /// Accepts with every worker, each on its copy of the socket; returns when all do.
    pub(crate) fn open(&self, listener: &Arc<Listener>, copies: Vec<TcpListener>) {
        let mut copies = copies.into_iter();
        self.tell_all(|done| {
            let socket = copies.next()?;
            Some(Order::Open { listener: Arc::clone(listener), socket, done })
        });
    }

    /// Relays datagrams with every worker. What comes before they begin waits in the sockets.
    pub(crate) fn relay(&self, listener: &Arc<Listener>, seats: Vec<udp::Seat>) {
        for (handle, seat) in self.handles.iter().zip(seats) {
            handle.orders.send(Order::Relay { listener: Arc::clone(listener), seat }).ok();
        }
    }

    /// Stops accepting with every worker; returns when all have.
    pub(crate) fn close(&self, listener: &str) {
        self.tell_all(|done| Some(Order::Close { listener: listener.to_owned(), done }));
    }

    fn tell_all(&self, mut order: impl FnMut(std_mpsc::Sender<()>) -> Option<Order>) {
        let (done, all_done) = std_mpsc::channel();
        for handle in self.handles.iter() {
            if let Some(order) = order(done.clone()) {
                handle.orders.send(order).ok();
            }
        }
        drop(done);
        // Ends when each worker has dropped its sender, done or not.
        while all_done.recv().is_ok() {}
    }

    /// Open connections of all workers.
    pub(crate) fn connections(&self) -> usize {
        self.handles.iter().map(|handle| handle.worker.connections()).sum()
    }

    /// Makes every connection look at the stage.
    pub(crate) fn wake_all(&self) {
        self.handles.iter().for_each(|handle| handle.worker.wake_all());
    }

    /// Ends all threads.
    pub(crate) fn exit(&mut self) {
        for handle in self.handles.iter() {
            handle.orders.send(Order::Exit).ok();
        }
        for join in self.joins.drain(..) {
            if join.join().is_err() {
                tracing::error!("a worker thread panicked");
            }
        }
    }
}

/// One worker thread.
struct Thread {
    index: usize,
    handles: Arc<[WorkerHandle]>,
    accepting: HashMap<String, AbortHandle>,
}

impl Thread {
    async fn run(mut self, mut inbox: mpsc::UnboundedReceiver<Order>) {
        let worker = Arc::clone(&self.handles[self.index].worker);
        tokio::spawn(async move {
            let mut ticks = tokio::time::interval(TICK_EVERY);
            loop {
                ticks.tick().await;
                worker.tick().await;
            }
        });
        while let Some(order) = inbox.recv().await {
            match order {
                Order::Open { listener, socket, done } => {
                    self.accept(listener, socket);
                    // What was aborted is dropped, and its socket closed, when the runtime next runs it.
                    tokio::task::yield_now().await;
                    drop(done);
                }
                Order::Relay { listener, seat } => {
                    let worker = Arc::clone(&self.handles[self.index].worker);
                    tokio::spawn(udp::run(listener, worker, seat));
                }
                Order::Close { listener, done } => {
                    if let Some(task) = self.accepting.remove(&listener) {
                        task.abort();
                        tokio::task::yield_now().await;
                    }
                    drop(done);
                }
                Order::Serve(arrival) => arrival.start(),
                Order::Exit => return,
            }
        }
    }

    fn accept(&mut self, listener: Arc<Listener>, socket: TcpListener) {
        let name = listener.name.clone();
        match tokio::net::TcpListener::from_std(socket) {
            Ok(socket) => {
                let workers = Arc::clone(&self.handles);
                let acceptor = Acceptor { listener, socket, workers, own: self.index };
                let task = tokio::spawn(acceptor.run()).abort_handle();
                if let Some(earlier) = self.accepting.insert(name, task) {
                    earlier.abort();
                }
            }
            Err(error) => tracing::error!(listener = %name, %error, "cannot watch the listening socket"),
        }
    }
}
