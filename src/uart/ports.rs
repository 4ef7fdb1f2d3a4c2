//! All UARTs of a board, which are turned on and off together.

use std::sync::Arc;
use std::time::Duration;

use super::error::{ExpectError, Unavailable};
use super::merged::{self, TranscriptLine};
use super::port::Port;
use crate::runtime::Clock;

/// The UARTs of a board, at least one, in the order of its description; clones
/// are the same UARTs.
#[derive(Clone)]
pub(crate) struct Ports(Arc<[Port]>);

impl Ports {
    pub(crate) fn new(ports: impl IntoIterator<Item = Port>) -> Self {
        Self(ports.into_iter().collect())
    }

    /// Those of several machines.
    pub(crate) fn all<'a>(ports: impl IntoIterator<Item = &'a Self>) -> Self {
        Self(ports.into_iter().flat_map(Self::iter).cloned().collect())
    }

    /// The board's main UART, its first.
    pub(crate) fn main(&self) -> &Port {
        &self.0[0]
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &Port> + Clone {
        self.0.iter()
    }

    /// What all of them have said, by lines and in the order of arrival, as far as
    /// it is among the last `most` bytes of each.
    pub(crate) fn lines(&self, most: u64) -> Result<Vec<TranscriptLine>, Unavailable> {
        merged::lines(self.iter(), self.main().transcript().began(), most)
    }

    /// See [`Port::restart`].
    pub(crate) fn restart(&self) {
        self.iter().for_each(Port::restart);
    }

    /// See [`Port::set_clock`].
    pub(crate) fn set_clock(&self, clock: Option<Arc<dyn Clock>>) {
        self.iter().for_each(|port| port.set_clock(clock.clone()));
    }

    /// See [`Port::power_off`].
    pub(crate) fn power_off(&self, why: &'static str) {
        self.iter().for_each(|port| port.power_off(why));
        self.end_clock();
    }

    /// See [`Port::exited`].
    pub(crate) fn exited(&self, reason: &str) {
        self.iter().for_each(|port| port.exited(reason));
        self.end_clock();
    }

    /// Waits until the board, which is off, has been off for `time` in its clock; a virtual
    /// one takes no time of the host's.
    pub(crate) async fn stay_off(&self, time: Duration) {
        match self.main().virtual_clock() {
            Some(clock) => clock.pass(time),
            None => tokio::time::sleep(time).await,
        }
    }

    /// Nobody waits any longer for a time that does not come.
    fn end_clock(&self) {
        if let Some(clock) = self.main().virtual_clock() {
            clock.end();
        }
    }

    /// See [`Port::halted`].
    pub(crate) fn halted(&self, reason: &str) {
        self.iter().for_each(|port| port.halted(reason));
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
    pub(crate) fn set_stopped(&self, asked: impl Fn() -> bool + Clone + Send + 'static) {
        self.iter().for_each(|port| port.set_stopped(asked.clone()));
    }

    /// See [`Port::set_bare`].
    pub(crate) fn set_bare(&self, bare: bool) {
        self.iter().for_each(|port| port.set_bare(bare));
    }

    /// The first error of a guard that found something, unless an error that says so of any
    /// lives; none is told twice.
    pub(crate) fn verdict(&self) -> Option<ExpectError> {
        let is_reported = self.iter().any(Port::is_forbidden_reported);
        let errors: Vec<_> = self.iter().filter_map(Port::verdict).collect();
        errors.into_iter().next().filter(|_| !is_reported)
    }
}
