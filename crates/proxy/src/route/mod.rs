//! Which pool a request is for.

mod table;

pub(crate) use table::{HostPattern, RouteTable};
