//! HTTP/2 frame by frame (RFC 9113): a client that sends any frame, right or wrong, and reads strictly.

mod attack;
mod client;
pub mod code;
mod event;
mod frame;
mod hpack;
mod reader;
mod requests;
mod siege;

pub use attack::{Attack, Fought};
pub use client::{Client, PREFACE};

pub use event::{Event, Outcome, Response};
pub use frame::{Frame, flag, kind, setting};
pub use hpack::{Decoder, block, incremental, indexed, integer, literal, resize};
pub use requests::{get, head, post, request};
pub use siege::{Served, Siege, stand_back};
