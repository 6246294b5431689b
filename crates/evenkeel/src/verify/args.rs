//! Flags of `evenkeel verify`.

use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use evenkeel_core::skew::Tolerance;
use evenkeel_traffic::client::Target;
use evenkeel_traffic::verify::Pattern;
use evenkeel_traffic::{By, Vary};
use http::{HeaderName, HeaderValue};

use crate::parse;

#[derive(Debug, Args)]
pub(crate) struct VerifyArgs {
    /// What to ask for: http://HOST:PORT/PATH or https://...
    #[arg(value_parser = parse::target)]
    pub(crate) url: Target,
    /// What names the backend in an answer: header:NAME, cookie:NAME, body (its first line), body:PATTERN (a regular
    /// expression) or json:FIELD; found out among the usual fields if not given
    #[arg(long, value_name = "WHAT", value_parser = By::parse)]
    pub(crate) by: Option<By>,
    /// What each backend should have, in any unit; nobody else should get anything
    #[arg(long, value_name = "BACKEND=PART", value_delimiter = ',', value_parser = parse::part)]
    pub(crate) expect: Vec<(String, f64)>,
    /// So many backends should have equal parts, whatever they are called
    #[arg(long, value_name = "N", conflicts_with = "expect", value_parser = clap::value_parser!(u16).range(1..=2000))]
    pub(crate) equal: Option<u16>,
    /// Backends should have what this configuration file plans for them
    #[arg(long, value_name = "FILE", conflicts_with_all = ["expect", "equal"])]
    pub(crate) config: Option<PathBuf>,
    /// With --config: the pool that answers; by the routes of the file if not given
    #[arg(long, value_name = "NAME", requires = "config")]
    pub(crate) pool: Option<String>,
    /// With --config: ask for what each [[test.route]] says, and test which pool answers
    #[arg(long, requires = "config", conflicts_with_all = ["pool", "pattern", "vary", "sticky", "header"])]
    pub(crate) routes: bool,
    /// Which requests share a connection: fresh (none), kept (some, one after the other), streams (all, over HTTP/2)
    #[arg(long, value_name = "PATTERN", default_value = "fresh", value_parser = parse::pattern)]
    pub(crate) pattern: Pattern,
    /// Speak HTTP/2; without TLS, by prior knowledge
    #[arg(long)]
    pub(crate) http2: bool,
    /// Let a key differ from request to request: header:NAME, query:NAME, cookie:NAME, or source (the client's address,
    /// on loopback)
    #[arg(long, value_name = "WHAT", value_parser = Vary::parse)]
    pub(crate) vary: Option<Vary>,
    /// Follow sessions: whoever sends back the cookies it was given, or keeps its key, must stay with its backend
    #[arg(long, conflicts_with = "pattern")]
    pub(crate) sticky: bool,
    /// Requests at most
    #[arg(short = 'n', long, value_name = "N", default_value_t = 2_000, value_parser = clap::value_parser!(u64).range(1..=1_000_000))]
    pub(crate) requests: u64,
    /// Requests under way at the same time
    #[arg(long, value_name = "N", default_value_t = 8, value_parser = clap::value_parser!(u16).range(1..=256))]
    pub(crate) at_a_time: u16,
    /// Requests on a connection that is kept [default: 10], or in a session [default: 5]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=100_000))]
    pub(crate) each: Option<u32>,
    /// How far off a share may be, as part of it [default: 0.05; 0.2 with --vary]
    #[arg(long, value_name = "PART", value_parser = parse::tolerance)]
    pub(crate) tolerance: Option<Tolerance>,
    /// It is enough when a share that is wrong by this factor would have been found
    #[arg(long, value_name = "FACTOR", default_value_t = 2.0, value_parser = parse::factor)]
    pub(crate) factor: f64,
    /// Up to this part of the requests may fail
    #[arg(long, value_name = "PART", default_value_t = 0.01, value_parser = parse::unit_part)]
    pub(crate) max_failures: f64,
    /// A field to send with each request; repeat it for each
    #[arg(short = 'H', long, value_name = "NAME: VALUE", value_parser = parse::field)]
    pub(crate) header: Vec<(HeaderName, HeaderValue)>,
    /// Longest wait for a connection, and for an answer
    #[arg(long, value_name = "DURATION", default_value = "10s", value_parser = parse::duration)]
    pub(crate) timeout: Duration,
    /// Connect there, whatever the host of the URL
    #[arg(long, value_name = "ADDR", value_parser = parse::place)]
    pub(crate) connect_to: Option<String>,
    /// The CAs to believe, as PEM, in place of the system's
    #[arg(long, value_name = "FILE", conflicts_with = "insecure")]
    pub(crate) ca: Option<PathBuf>,
    /// Take any certificate
    #[arg(long)]
    pub(crate) insecure: bool,
    /// Ask for this name in the TLS handshake
    #[arg(long, value_name = "NAME")]
    pub(crate) server_name: Option<String>,
    /// For keys: the same number gives the same ones
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub(crate) seed: u64,
    /// Undecided is a no, too
    #[arg(long)]
    pub(crate) strict: bool,
    /// Print the report as JSON on standard output
    #[arg(long)]
    pub(crate) json: bool,
}
