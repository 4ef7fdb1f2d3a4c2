//! Checks of the sources, the documents and the scripts; `tests/it` tests the behaviour.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a helper that fails fails its test"
)]

mod api;
mod arrows;
mod error_texts;
mod jep_table;
mod msrv;
mod pages;
mod renode_install;
