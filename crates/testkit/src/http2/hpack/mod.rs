//! Field compression (RFC 7541): blocks to order, and a decoder that forgives nothing.

mod decode;
mod encode;
mod huffman;
mod table;

pub use decode::Decoder;
pub use encode::{block, incremental, indexed, integer, literal, resize};
