//! All UARTs of a board, which are powered on and off together.
//!
//! [`Ports`] passes each event of the board on to every [`Port`].

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::error::{OffReason, UartError, Unavailable};
use super::explain::Explain;
use super::merged::{self, TranscriptLine};
use super::port::Port;
use crate::caller::Call;
use crate::runtime::Clock;

/// The UARTs of a board, at least one, in the order of its description; clones are the same
/// UARTs.
#[derive(Clone)]
pub(crate) struct Ports(Arc<[Port]>);

impl Ports {
    pub(crate) fn new(ports: impl IntoIterator<Item = Port>) -> Self {
        Self(ports.into_iter().collect())
    }

    /// Collects the UARTs of several machines.
    pub(crate) fn all<'a>(ports: impl IntoIterator<Item = &'a Self>) -> Self {
        Self(ports.into_iter().flat_map(Self::iter).cloned().collect())
    }

    /// Returns the board's main UART, the first one.
    pub(crate) fn main(&self) -> &Port {
        &self.0[0]
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &Port> + Clone {
        self.0.iter()
    }

    /// Returns the time from which the times of lines count.
    pub(crate) fn began(&self) -> Instant {
        self.main().transcript().began()
    }

    /// Returns the lines of all UARTs in the order of arrival, from the last `max_bytes` bytes of
    /// each.
    pub(crate) fn lines(&self, max_bytes: u64) -> Result<Vec<TranscriptLine>, Unavailable> {
        merged::lines(self.iter(), self.began(), max_bytes)
    }

    /// See [`Port::restart`].
    pub(crate) fn restart(&self) {
        self.iter().for_each(Port::restart);
    }

    /// See [`Port::set_started_by`].
    pub(crate) fn set_started_by(&self, call: Call) {
        self.iter().for_each(|port| port.set_started_by(call));
    }

    /// See [`Port::set_clock`].
    pub(crate) fn set_clock(&self, clock: Option<Arc<dyn Clock>>) {
        self.iter().for_each(|port| port.set_clock(clock.clone()));
    }

    /// See [`Port::power_off`].
    pub(crate) fn power_off(&self, why: OffReason) {
        self.iter().for_each(|port| port.power_off(why));
        self.end_clock();
    }

    /// See [`Port::exited`].
    pub(crate) fn exited(&self, reason: &str) {
        self.iter().for_each(|port| port.exited(reason));
        self.end_clock();
    }

    /// Waits until the board has been off for `time` in its clock; a virtual clock takes no time
    /// of the host's.
    pub(crate) async fn stay_off(&self, time: Duration) {
        match self.main().virtual_clock() {
            Some(clock) => clock.pass(time),
            None => tokio::time::sleep(time).await,
        }
    }

    /// Ends the virtual clock, so that no wait is left in a time that no longer advances.
    fn end_clock(&self) {
        if let Some(clock) = self.main().virtual_clock() {
            clock.end();
        }
    }

    /// See [`Port::halted`].
    pub(crate) fn halted(&self, reason: &str) {
        self.iter().for_each(|port| port.halted(reason));
    }

    /// See [`Port::locked_up`].
    pub(crate) fn locked_up(&self, reason: &str) {
        self.iter().for_each(|port| port.locked_up(reason));
    }

    /// See [`Port::stalled`].
    pub(crate) fn stalled(&self, reason: &str) {
        self.iter().for_each(|port| port.stalled(reason));
    }

    /// See [`Port::go_on`].
    pub(crate) fn go_on(&self) {
        self.iter().for_each(Port::go_on);
    }

    /// See [`Port::set_stopped`].
    pub(crate) fn set_stopped(&self, is_stopped: impl Fn() -> bool + Clone + Send + 'static) {
        self.iter()
            .for_each(|port| port.set_stopped(is_stopped.clone()));
    }

    /// See [`Port::set_explain`].
    pub(crate) fn set_explain(&self, explain: &Arc<dyn Explain>) {
        self.iter()
            .for_each(|port| port.set_explain(Arc::clone(explain)));
    }

    /// Returns the board, which says what it does.
    pub(crate) fn explain(&self) -> Option<Arc<dyn Explain>> {
        self.main().explain()
    }

    /// Lets each UART know the others.
    pub(crate) fn introduce(&self) {
        self.iter().for_each(|port| port.set_others(self.iter()));
    }

    /// See [`Port::set_bare`].
    pub(crate) fn set_bare(&self, bare: bool) {
        self.iter().for_each(|port| port.set_bare(bare));
    }

    /// Returns true if the lines of the emulator's log are wanted.
    pub(crate) fn guard_the_log(&self) -> bool {
        self.iter().any(|port| !port.log_guards().is_empty())
    }

    /// Reports a line of the emulator's log: a forbidden one ends the waits on all UARTs.
    pub(crate) fn log_line(&self, line: &[u8]) {
        self.iter()
            .for_each(|port| port.log_guards().check(line, port.transcript()));
    }

    /// Returns the first error of a guard that matched, unless an error that reports such a match
    /// is alive on any of the UARTs; each match is reported once.
    pub(crate) fn verdict(&self) -> Option<UartError> {
        let is_reported = self.iter().any(Port::is_forbidden_reported);
        let errors: Vec<_> = self.iter().filter_map(Port::verdict).collect();
        errors.into_iter().next().filter(|_| !is_reported)
    }
}
