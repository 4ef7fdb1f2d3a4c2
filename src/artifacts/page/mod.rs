//! The page of all failed tests, `target/virtual-target/index.html`.
//!
//! [`update`] makes the page anew from the tests' directories that exist, so nothing
//! has to be kept in step: [`failures`] finds the directories, [`render`] makes the page.
//! The page is one file without scripts. What a guest, a test or an emulator has printed becomes
//! part of it only through [`escape`].

mod escape;
mod failures;
mod render;
mod tail;
mod update;

#[cfg(test)]
mod tests;

pub(super) use failures::{CONFIGURATION, LONG, MESSAGE, UNFINISHED, has_failure};
pub(super) use update::{PAGE, update};
