//! The flags of `evenkeel load`.

use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use evenkeel_traffic::client::Target;
use evenkeel_traffic::load::{Arrivals, Objective, Rates};
use evenkeel_traffic::{By, Vary};
use http::{HeaderName, HeaderValue};

use crate::parse;

#[derive(Debug, Args)]
pub(crate) struct LoadArgs {
    /// Where requests go: http://HOST:PORT/PATH or https://...
    #[arg(value_parser = parse::target)]
    pub(crate) url: Target,
    /// Requests a second: 500, or 100..2000, in a straight line or with --step; where a search begins
    #[arg(long, value_name = "RATE", default_value = "100", value_parser = rates)]
    pub(crate) rate: Rates,
    /// From one rate to the other in steps of so many requests a second
    #[arg(long, value_name = "RATE", conflicts_with = "find_capacity")]
    pub(crate) step: Option<f64>,
    /// How long a step lasts, and at least how long a rate is judged in a search [default: 10s, in a search 2s]
    #[arg(long, value_name = "DURATION", value_parser = parse::duration)]
    pub(crate) step_time: Option<Duration>,
    /// How long requests are sent
    #[arg(long, value_name = "DURATION", default_value = "10s", value_parser = parse::duration,
          conflicts_with_all = ["step", "find_capacity"])]
    pub(crate) duration: Duration,
    /// How requests follow each other: poisson, as from many users, or constant, at equal distances
    #[arg(long, value_name = "HOW", default_value = "poisson", value_parser = arrivals)]
    pub(crate) arrivals: Arrivals,
    /// What is good enough, such as p99<50ms,errors<0.1%
    #[arg(long, value_name = "TERMS", value_parser = objective)]
    pub(crate) objective: Option<Objective>,
    /// Search for the highest rate that is good enough, to 5 %
    #[arg(long, requires = "objective")]
    pub(crate) find_capacity: bool,
    /// The highest rate that a search tries
    #[arg(long, value_name = "RATE", default_value_t = 100_000.0, requires = "find_capacity")]
    pub(crate) max_rate: f64,
    /// Connections at a time
    #[arg(long, value_name = "N", default_value_t = 64, value_parser = clap::value_parser!(u32).range(1..=20_000))]
    pub(crate) connections: u32,
    /// A connection is closed after so many requests; 1 is a new one for each
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    pub(crate) requests_per_connection: Option<u64>,
    /// Speak HTTP/2, over TLS or, with http://, by prior knowledge
    #[arg(long)]
    pub(crate) http2: bool,
    /// With --http2: requests at a time on each connection
    #[arg(long, value_name = "N", default_value_t = 16, requires = "http2",
          value_parser = clap::value_parser!(u32).range(1..=1_000))]
    pub(crate) streams: u32,
    /// Threads that send [default: half the cores, at most 4]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=64))]
    pub(crate) threads: Option<u32>,
    /// GET, POST, ...
    #[arg(long, value_name = "METHOD", default_value = "GET")]
    pub(crate) method: String,
    /// A field of each request; repeat it for each
    #[arg(short = 'H', long, value_name = "NAME: VALUE", value_parser = parse::field)]
    pub(crate) header: Vec<(HeaderName, HeaderValue)>,
    /// Content of each request
    #[arg(long, value_name = "TEXT", conflicts_with = "body_file")]
    pub(crate) body: Option<String>,
    /// A file with the content of each request
    #[arg(long, value_name = "FILE")]
    pub(crate) body_file: Option<PathBuf>,
    /// Give each request a key: header:NAME, query:NAME, cookie:NAME, or source for addresses in 127.0.0.0/8
    #[arg(long, value_name = "WHAT", value_parser = Vary::parse)]
    pub(crate) vary: Option<Vary>,
    /// How many different keys there are; each request has one of its own if not given
    #[arg(long, value_name = "N", requires = "vary", value_parser = clap::value_parser!(u64).range(1..))]
    pub(crate) keys: Option<u64>,
    /// What of an answer names the backend: header:NAME, cookie:NAME, body, body:PATTERN, json:FIELD; found out if not given
    #[arg(long, value_name = "WHAT", value_parser = By::parse)]
    pub(crate) by: Option<By>,
    /// What each backend should have, in any unit; equal parts if not given
    #[arg(long, value_name = "BACKEND=PART", value_delimiter = ',', value_parser = parse::part,
          conflicts_with_all = ["equal", "config"])]
    pub(crate) expect: Vec<(String, f64)>,
    /// How many backends there should be, with equal parts
    #[arg(long, value_name = "N", conflicts_with = "config", value_parser = clap::value_parser!(u16).range(1..=500))]
    pub(crate) equal: Option<u16>,
    /// Backends should have what this configuration file plans for them
    #[arg(long, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
    /// With --config: the pool that answers; by the routes of the file if not given
    #[arg(long, value_name = "NAME", requires = "config")]
    pub(crate) pool: Option<String>,
    /// Longest wait for an answer
    #[arg(long, value_name = "DURATION", default_value = "10s", value_parser = parse::duration)]
    pub(crate) timeout: Duration,
    /// Connect there, whatever the host of the URL
    #[arg(long, value_name = "ADDR", value_parser = parse::place)]
    pub(crate) connect_to: Option<String>,
    /// A PEM file with the CAs to believe, in place of the system's
    #[arg(long, value_name = "FILE", conflicts_with = "insecure")]
    pub(crate) ca: Option<PathBuf>,
    /// Take any certificate
    #[arg(long)]
    pub(crate) insecure: bool,
    /// Ask for a certificate of this name, in place of the URL's
    #[arg(long, value_name = "NAME")]
    pub(crate) server_name: Option<String>,
    /// Send to an address that is neither of this machine nor private: whoever runs it has agreed
    #[arg(long)]
    pub(crate) with_permission: bool,
    /// The same seed gives the same moments and keys
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub(crate) seed: u64,
    /// Write a page with pictures, which needs nothing else
    #[arg(long, value_name = "FILE")]
    pub(crate) html: Option<PathBuf>,
    /// Print the report as JSON on standard output
    #[arg(long)]
    pub(crate) json: bool,
}

fn rates(text: &str) -> Result<Rates, String> {
    Rates::parse(text).map_err(|error| error.to_string())
}

fn arrivals(text: &str) -> Result<Arrivals, String> {
    Arrivals::from_name(text).ok_or_else(|| "write poisson or constant".to_owned())
}

fn objective(text: &str) -> Result<Objective, String> {
    Objective::parse(text).map_err(|error| error.to_string())
}
