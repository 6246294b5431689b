//! The HTTP/1.1 path.

mod attacks;
mod bodies;
mod connections;
mod fields;
mod interim;
mod large;
mod refusals;
mod refused_bodies;
mod responses;
mod routing;
mod upstream;
