//! The time of a board in Renode, and input that arrives in step with that time.

pub(super) mod fifos;
pub(super) mod guest_clock;
pub(super) mod input;
pub(super) mod lockstep;

// The parts that both scripts of a board's time have.
const FIFOS: &str = include_str!("fifos.py");
const LINE: &str = include_str!("line.py");
const LOCK_UP: &str = include_str!("lock_up.py");

/// A script of ours that runs inside Renode.
pub(super) struct Script {
    /// The name of its file.
    pub(super) name: &'static str,
    pub(super) parts: &'static [&'static str],
}

impl Script {
    pub(super) fn text(&self) -> String {
        self.parts.join("\n\n")
    }
}
