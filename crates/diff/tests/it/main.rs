//! Pairs of files, compared.

mod listeners;
mod pools;
mod routes;
mod settings;
mod support;
