//! What must not outlive its owner: emulator processes and private directories.
//!
//! A [`Supervisor`] belongs to one target. [`Supervisor::release`] ends everything in
//! it at once, in the calling thread; should this process die before that, the
//! [reaper](reaper) does the same. Nothing here knows what the processes are
//! for.

mod child;
mod error;
mod private_dir;
mod reaper;
mod spawn_spec;
mod supervisor;
#[cfg(test)]
mod tests;

pub(crate) use child::{Exit, Process, largest_child};
pub use error::ProcessError;
pub(crate) use private_dir::PrivateDir;
pub(crate) use spawn_spec::SpawnSpec;
pub(crate) use supervisor::Supervisor;
