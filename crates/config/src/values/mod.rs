//! Texts that stand for something: durations, sizes, addresses, hosts, paths. Pure functions, no spans.

mod address;
mod duration;
mod file;
mod host;
mod name;
mod prime;
mod size;
mod status;
mod token;
mod url;
mod words;

pub(crate) use address::{backend_address, bind_address, ip_range};
pub(crate) use duration::{duration, show_duration};
pub(crate) use file::pem_file;
pub(crate) use host::{host_match, route_path, server_name};
pub(crate) use name::name;
pub(crate) use prime::{is_prime, prime_from};
pub(crate) use size::{show_size, size};
pub(crate) use status::status_range;
pub(crate) use token::{alpn, cookie_name, cookie_path, field_name, grpc_service, query_name};
pub(crate) use url::{header_line, is_inside, web_url};
pub use words::percent;
pub(crate) use words::{nearest, one_of, quoted_list};

/// Why a text does not stand for what it should.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Refusal {
    /// Goes on from "... ": `has no port`.
    pub(crate) why: String,
    /// What to write instead.
    pub(crate) help: String,
}

impl Refusal {
    fn new(why: impl Into<String>, help: impl Into<String>) -> Self {
        Self { why: why.into(), help: help.into() }
    }
}

/// The refusal itself, for values that are put together from others.
pub(crate) fn refusal<T>(why: &str, help: &str) -> Result<T, Refusal> {
    refuse(why, help)
}

fn refuse<T>(why: impl Into<String>, help: impl Into<String>) -> Result<T, Refusal> {
    Err(Refusal::new(why, help))
}
