//! The time of a board in Renode, and input that arrives in step with that time.

pub(super) mod fifos;
pub(super) mod guest_clock;
pub(super) mod input;
pub(super) mod lockstep;

/// A script of ours that runs inside Renode.
pub(super) struct Script {
    /// The name of its file.
    pub(super) name: &'static str,
    pub(super) text: &'static str,
}
