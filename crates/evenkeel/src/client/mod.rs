//! Asking a running balancer, over its admin interface.

mod get;
pub(crate) mod process;
mod running;
mod session;

pub(crate) use get::{Connection, GetError};
pub(crate) use running::Running;
pub(crate) use session::Session;

/// The admin interface, as named on the command line.
#[derive(Clone, Debug)]
pub(crate) struct AdminAddress(pub(crate) String);

impl AdminAddress {
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
