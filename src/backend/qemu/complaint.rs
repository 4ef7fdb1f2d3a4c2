//! [`Complaint`]: the reason of QEMU's exit at its start: an unknown machine or CPU, or a bad argument.
//!
//! QEMU is asked for its known names only after such an exit, because the question takes another
//! process.

use std::path::Path;
use std::time::Duration;

use crate::backend::error::ErrorPlace;
use crate::backend::program_output::output_of;
use crate::config::{FieldPlace, QemuConfig, nearest};
use crate::process::Supervisor;

/// The time limit for QEMU's list of known names.
const LIST_TIMEOUT: Duration = Duration::from_secs(5);

/// The places where the description names the machine and the CPU, and of each UART and further argument.
pub(super) struct Places {
    pub(super) machine: FieldPlace,
    pub(super) cpu: FieldPlace,
    pub(super) uarts: Vec<FieldPlace>,
    pub(super) args: Vec<FieldPlace>,
}

/// What QEMU does not accept.
pub(super) enum Complaint<'a> {
    Machine(&'a str),
    Cpu { machine: &'a str, cpu: &'a str },
    Argument { index: usize, argument: &'a str },
}

impl<'a> Complaint<'a> {
    /// Returns the complaint in the `output` of a QEMU that has exited at its start, if there is
    /// one.
    pub(super) fn parse(output: &str, config: &'a QemuConfig) -> Option<Self> {
        let contains = |words: [&str; 2]| words.iter().any(|word| output.contains(word));
        // QEMU begins such an error with the option, in most cases with its value.
        let is_refused = |argument: &str| {
            let mut lines = output.lines().filter_map(|line| line.split_once(": "));
            lines.any(|(_, error)| {
                let rest = error.strip_prefix(argument);
                rest.is_some_and(|rest| rest.starts_with([':', ' ']))
            })
        };
        let mut options = (0..).zip(&config.args);
        let option = options.find(|(_, arg)| arg.starts_with('-') && is_refused(arg));
        if let Some((index, argument)) = option {
            return Some(Self::Argument { index, argument });
        }
        match &config.cpu {
            _ if contains(["unsupported machine", "machine type"]) => {
                Some(Self::Machine(without_properties(&config.machine)))
            }
            Some(cpu) if contains(["CPU model", "CPU type"]) => Some(Self::Cpu {
                machine: &config.machine,
                cpu: without_properties(cpu),
            }),
            _ => None,
        }
    }

    /// Returns the place in the description with the value that is not accepted, and with a
    /// similar known name.
    pub(super) async fn place(
        &self,
        places: &Places,
        program: &Path,
        supervisor: &Supervisor,
    ) -> ErrorPlace {
        let (place, name, arguments) = match *self {
            Self::Machine(name) => (&places.machine, name, vec!["-M", "help"]),
            Self::Cpu { machine, cpu } => (&places.cpu, cpu, vec!["-M", machine, "-cpu", "help"]),
            Self::Argument { index, argument } => {
                return ErrorPlace::Value {
                    field: places.args[index].clone(),
                    value: argument.to_owned(),
                };
            }
        };
        let known = output_of(program, &arguments, supervisor, LIST_TIMEOUT)
            .await
            .unwrap_or_default();
        // The first line is a headline; each other line begins with a name.
        let known = known.lines().skip(1);
        let known: Vec<&str> = known
            .filter_map(|line| line.split_whitespace().next())
            .collect();
        ErrorPlace::Name {
            field: place.clone(),
            name: name.to_owned(),
            similar: nearest(name, &known).map(str::to_owned),
        }
    }
}

/// Returns the name in `name,property=value`.
fn without_properties(name: &str) -> &str {
    name.split(',').next().unwrap_or_default()
}
