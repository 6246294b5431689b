//! Asking a running balancer, over its admin interface.

mod get;
pub(crate) mod process;
mod running;
mod session;

pub(crate) use get::{Connection, GetError};
pub(crate) use running::Running;
pub(crate) use session::Session;

use crate::output::Refusal;

/// The admin interface, as named on the command line.
#[derive(Clone, Debug)]
pub(crate) struct AdminAddress(pub(crate) String);

impl AdminAddress {
    /// Connects.
    ///
    /// # Errors
    /// Why not, and what to try.
    pub(crate) fn open(&self) -> Result<Connection, Refusal> {
        Connection::open(&self.0).map_err(Refusal::from)
    }

    /// Connects, or says why not and what to try.
    pub(crate) fn connect(&self) -> Option<Connection> {
        match Connection::open(&self.0) {
            Ok(connection) => Some(connection),
            Err(error) => {
                self.complain(&error);
                None
            }
        }
    }

    /// Says what went wrong and what to try.
    pub(crate) fn complain(&self, error: &GetError) {
        crate::output::complain(crate::app::describe(error), error.hint());
    }
}

impl From<GetError> for Refusal {
    fn from(error: GetError) -> Self {
        Self::no(crate::app::describe(&error), error.hint())
    }
}
