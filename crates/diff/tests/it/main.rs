//! Pairs of files, compared.

mod listeners;
mod pools;
mod receivers;
mod routes;
mod settings;
mod support;
