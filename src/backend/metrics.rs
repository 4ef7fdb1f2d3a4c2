//! [`Metrics`]: the executed instructions and the elapsed time of a board.

use std::fmt;
use std::time::Duration;

/// The metrics of a board since its last power-on; see [`VirtualTarget::metrics`](crate::VirtualTarget::metrics).
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Metrics {
    /// The number of instructions that each processor has executed, by its name such as
    /// `sysbus.cpu`; on a board of several machines, such as `node-a.sysbus.cpu`. Renode counts
    /// them by blocks; a reset does not set the count to zero.
    pub instructions: Vec<(String, u64)>,
    /// The guest time that has elapsed.
    pub virtual_time: Duration,
    /// The host time that this guest time has taken, without pauses.
    pub host_time: Duration,
}

impl Metrics {
    /// Returns the number of instructions of all processors together.
    pub fn total_instructions(&self) -> u64 {
        self.instructions.iter().map(|(_, count)| count).sum()
    }

    /// Returns virtual time divided by host time: 1 is real time, less means that the host is too
    /// slow for the guest. `None` before any time has elapsed.
    pub fn load(&self) -> Option<f64> {
        let host = self.host_time.as_secs_f64();
        (host > 0.0).then(|| self.virtual_time.as_secs_f64() / host)
    }
}

/// Formats the metrics as in `metrics.txt`: one line for each value.
impl fmt::Display for Metrics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "instructions: {}", self.total_instructions())?;
        for (processor, count) in &self.instructions {
            writeln!(f, "  {processor}: {count}")?;
        }
        writeln!(f, "virtual time: {:?}", self.virtual_time)?;
        writeln!(f, "host time: {:?}", self.host_time)?;
        match self.load() {
            Some(load) => writeln!(f, "load (virtual by host time): {load:.3}"),
            None => writeln!(f, "load (virtual by host time): none yet"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn metrics_show_the_total_and_the_load() {
        let mut metrics = Metrics {
            instructions: vec![
                ("sysbus.cpu0".to_owned(), 40),
                ("sysbus.cpu1".to_owned(), 2),
            ],
            virtual_time: Duration::from_millis(500),
            host_time: Duration::from_secs(2),
        };
        assert_eq!(metrics.total_instructions(), 42);
        assert_eq!(metrics.load(), Some(0.25));
        assert_eq!(
            metrics.to_string(),
            "instructions: 42\n  sysbus.cpu0: 40\n  sysbus.cpu1: 2\nvirtual time: 500ms\n\
             host time: 2s\nload (virtual by host time): 0.250\n"
        );
        metrics.host_time = Duration::ZERO;
        assert_eq!(metrics.load(), None);
    }
}
