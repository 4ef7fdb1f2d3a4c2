//! Emulator processes and private directories, which must not outlive their owner.
//!
//! A [`Supervisor`] belongs to one target. [`Supervisor::release`] kills its processes and removes
//! its directories at once, in the calling thread. If this process dies before that, the
//! [`reaper`] does the same.

mod activity;
mod child;
mod error;
mod keeper;
#[cfg(test)]
mod kept_tests;
mod private_dir;
mod reaper;
mod run;
mod spawn_spec;
mod stat;
mod supervisor;
#[cfg(test)]
mod tests;

pub(crate) use activity::Activity;
pub(crate) use child::{Exit, Process, largest_child};
pub use error::ProcessError;
pub(crate) use keeper::{KeptProgram, Streams, unread, write_to};
pub(crate) use private_dir::PrivateDir;
pub(crate) use run::{Parked, Run, began};
pub(crate) use spawn_spec::{FIRST_INHERITED, SpawnSpec};
pub(crate) use supervisor::{Adopted, Supervisor};
