//! A place for one connection at a time, and what came over it.

use super::generator::Part;
use super::plan::Plan;
use super::record::Clusters;
use crate::client::{Answer, Connection, Dial, Failure, Request};

/// One of the connections of a run; it is opened when it is needed, and again when it has ended.
#[derive(Debug)]
pub(super) struct Line {
    /// Which of all lines of the run.
    number: usize,
    dial: Dial,
    connection: Option<Connection>,
    /// How many connections there have been.
    opened: u64,
    /// Requests begun on this one.
    requests: u64,
    answers: u64,
    /// Who answered first on this one, and whether others did, too.
    backend: Option<String>,
    is_mixed: bool,
}

/// The right to send one request.
#[derive(Debug)]
pub(super) struct Ticket {
    connection: Option<Connection>,
    /// Which of the line's connections it is.
    opened: u64,
}

impl Line {
    pub(super) fn new(number: usize, plan: &Plan) -> Self {
        let mut dial = plan.dial.clone();
        if let Some(address) = plan.addresses.get(number % plan.addresses.len().max(1)) {
            dial.connect_to = Some(address.to_string());
        }
        let (opened, requests, answers) = (0, 0, 0);
        Self { number, dial, connection: None, opened, requests, answers, backend: None, is_mixed: false }
    }

    /// A connection to send the request with this number on, the one that is open or a new one, and the request where it is not
    /// the same as all others. In HTTP/1.1 the connection has to be given back.
    pub(super) async fn ticket(
        &mut self,
        part: &Part,
        number: u64,
    ) -> Result<(Ticket, Option<Request>), Failure> {
        let plan = &part.plan;
        let request = plan.vary.as_ref().map(|vary| {
            let mut request = plan.request.clone();
            vary.apply(&mut request, &mut self.dial, plan.seed, plan.key_of(number, self.number));
            request
        });
        let is_used_up = plan.requests_per_connection.is_some_and(|most| self.requests >= most);
        if is_used_up || !self.connection.as_ref().is_some_and(Connection::is_open) {
            self.end(&mut part.state().record.clusters);
            self.connection = Some(Connection::open(&plan.target, &self.dial).await?);
            self.opened += 1;
        }
        self.requests += 1;
        let shared = self.connection.as_ref().and_then(Connection::again);
        let connection = shared.or_else(|| self.connection.take());
        Ok((Ticket { connection, opened: self.opened }, request))
    }

    /// Takes a connection back, after an answer of this backend.
    pub(super) fn answered(&mut self, ticket: Ticket, answer: &Answer, backend: Option<&str>) {
        if ticket.opened != self.opened {
            return;
        }
        self.answers += 1;
        if let Some(backend) = backend {
            match &self.backend {
                None => self.backend = Some(backend.to_owned()),
                Some(first) => self.is_mixed |= first != backend,
            }
        }
        // Who says so is about to close: another request would be lost.
        let closes = answer.headers.get(http::header::CONNECTION);
        let closes = closes.is_some_and(|value| value.as_bytes().eq_ignore_ascii_case(b"close"));
        if self.connection.is_none() && !closes {
            self.connection = ticket.connection;
        }
    }

    /// The connection is of no more use, or the run is over.
    pub(super) fn end(&mut self, clusters: &mut Clusters) {
        if self.answers > 0 {
            clusters.close(self.answers, self.is_mixed);
        }
        self.connection = None;
        (self.requests, self.answers, self.backend, self.is_mixed) = (0, 0, None, false);
    }
}

impl Ticket {
    pub(super) async fn send(&mut self, request: &Request) -> Result<Answer, Failure> {
        match &mut self.connection {
            Some(connection) => connection.request(request).await,
            None => Err(Failure::Closed),
        }
    }
}
