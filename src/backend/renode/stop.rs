//! [`Stop`]: a board that stands still while it is looked into.

use crate::runtime::Hold;

/// A stop of the board.
pub(super) enum Stop {
    /// In virtual time: it ends with the hold.
    Held { _hold: Option<Hold> },
    /// In real time, of a board that ran before it.
    Paused,
    /// In real time, of a board that the user has paused.
    Found,
}
