//! What a change of the configuration does to the traffic: shares, routes, keys, protections.
//!
//! Shares come from the very state machine that `run` balances with, routes from the very tables, and settings from what
//! is in effect, defaults included: so a file that is written in other words is no change, and a changed default is one.
//!
//! ```
//! use evenkeel_config::{Source, load};
//! use evenkeel_diff::{Options, Side, compare};
//!
//! let file = |weight: u32| {
//!     let pool = "[listener.web]\nbind = \":8080\"\npool = \"web\"\n[pool.web]\nhealth = false\nbackends = [\n";
//!     let first = format!("{{ name = \"web1\", address = \"10.0.0.11:80\", weight = {weight} }},\n");
//!     let rest = "{ name = \"web2\", address = \"10.0.0.12:80\" },\n{ name = \"web3\", address = \"10.0.0.13:80\" }]\n";
//!     Source::new("web.toml", format!("{pool}{first}{rest}"))
//! };
//! let (old, new) = (file(1), file(5));
//! let (before, after) = (load(&old), load(&new));
//! let side = |source, loaded| Side::of(source, loaded).expect("a sound file");
//! let comparison = compare(&side(&old, &before), &side(&new, &after), Options::default());
//! assert_eq!(comparison.items[0].about, "pool web");
//! assert!(comparison.items[0].text.starts_with("web1 33 % -> 71 %"), "{:?}", comparison.items[0]);
//! ```
#![warn(missing_docs)]

mod backends;
mod compare;
mod keys;
mod listeners;
mod meaning;
mod pairs;
mod pools;
mod receivers;
mod report;
mod routes;
mod settings;
mod shares;
pub mod words;

pub use compare::{Options, Side, compare};
pub use report::{
    Answer, BackendChange, Comparison, Finding, Item, PoolChange, Presence, Rank, Request, RouteChange,
    SettingChange,
};
