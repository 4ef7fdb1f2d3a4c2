//! Running several boards one after the other in one Renode.
//!
//! When a target is dropped, its Renode is [given back](give_back): the guest is paused for good,
//! the board is cleared and made again, and the Renode is parked in the [`Pool`](pool::Pool) until
//! the next boot with the same [`Key`](key::Key). A Renode that may differ from a new one is ended
//! instead. If each boot would wait for the Renode of the last one, a second Renode is started
//! [ahead]. The processes of a run share their Renodes by a [`RunPool`](run::RunPool), to which they
//! [leave] them.

mod ahead;
pub(super) mod check;
pub(super) mod give_back;
pub(super) mod key;
pub(super) mod leave;
pub(super) mod limits;
pub(super) mod notes;
pub(super) mod pool;
pub(super) mod run;

/// Takes the slot of a parked Renode, for a boot that has none.
pub(crate) fn slot_of_a_parked_one() -> Option<crate::backend::Slot> {
    pool::pool()?.take_slot()
}
