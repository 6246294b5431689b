//! Layer 4: connections passed on byte by byte, to the one pool of their listener, or by the name that a TLS client asks
//! for. One task drives both directions of both connections.

mod account;
pub mod client_hello;
mod open;
mod passthrough;
mod serve;

pub(crate) use account::{ENDINGS, RelayCounts};
pub(crate) use serve::serve;

#[cfg(test)]
mod tests {
    fn output_size<A, B, C, D, R>(_: impl Fn(A, B, C, D) -> R) -> usize {
        size_of::<R>()
    }

    /// A relay that waits costs its task and no more.
    #[test]
    fn a_connection_is_small() {
        let size = output_size(super::serve);
        assert!(size <= 1280, "{size} bytes");
    }
}
