//! The transcript of a whole board: the output of its UARTs, and the changes of LEDs and pins.

use crate::backend::{At, Change, Events};
use crate::uart::{Ports, TranscriptLine, Unavailable};

/// The number of bytes of each UART's output in the artifact.
const ARTIFACT_BYTES: u64 = 256 << 10;

/// Returns the lines in the last `max_bytes` bytes of each UART, and the changes, in the order of their
/// times. A machine is named if there are several of these `names`.
pub(super) fn lines(
    ports: &Ports,
    events: Option<&Events>,
    names: &[String],
    max_bytes: u64,
) -> Result<Vec<TranscriptLine>, Unavailable> {
    let mut lines = ports.lines(max_bytes)?;
    let changes = events.map(Events::changes).unwrap_or_default();
    let began = ports.began();
    lines.extend(changes.into_iter().map(|change| {
        let Change {
            at,
            machine,
            what,
            state,
        } = change;
        let name = names.get(machine).filter(|_| names.len() > 1);
        TranscriptLine {
            at: match at {
                At::Clock(at) => at,
                At::Host(at) => at.saturating_duration_since(began),
            },
            uart: name.map_or(what.clone(), |name| format!("{name}.{what}")),
            text: state,
        }
    }));
    // A stable sort: lines of one UART stay in their order.
    lines.sort_by_key(|line| line.at);
    Ok(lines)
}

/// Returns the latest lines as one text, for the artifacts.
pub(super) fn text(ports: &Ports, events: Option<&Events>, names: &[String]) -> String {
    match lines(ports, events, names, ARTIFACT_BYTES) {
        Ok(lines) => lines.iter().map(|line| format!("{line}\n")).collect(),
        Err(lost) => format!("[{lost}]\n"),
    }
}
