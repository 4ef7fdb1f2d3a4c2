//! What Renode's log says of accesses of the guest that have done nothing.

use super::registers::number;
use crate::backend::LogNote;

/// Parts of messages about accesses that have done nothing. Registers of which a model implements
/// only a part are not among them: most firmware writes to such.
const REPORTED: [&str; 3] = [
    " non existing peripheral at 0x",
    "not enabled",
    "isn't enabled",
];

/// The number of notes that are returned.
const MOST: usize = 3;

/// Returns the last notes of a machine in a log, one for an instruction; Renode names the machine if
/// the board has several.
pub(crate) fn notes(log: &str, machine: &str) -> Vec<LogNote> {
    let mut notes: Vec<LogNote> = Vec::new();
    for line in log.lines().rev() {
        if let Some(note) = note(line, machine)
            && !notes.iter().any(|it| it.is_like(&note))
        {
            notes.push(note);
        }
        if notes.len() == MOST {
            break;
        }
    }
    notes.reverse();
    notes
}

/// Returns the note in a line such as
/// `21:57:16.2593 [WARNING] sysbus: [cpu: 0x800012A] ReadByte from non existing peripheral at 0x60000000.`
/// or `… usart2: Trying to transmit a character, but the transmitter is not enabled. dropping.`
fn note(line: &str, machine: &str) -> Option<LogNote> {
    let (_, text) = line.split_once(" [WARNING] ")?;
    let (source, message) = text.trim_end().split_once(": ")?;
    let is_reported = REPORTED.iter().any(|part| message.contains(part));
    let source = match source.split_once('/') {
        Some((of, source)) if of == machine => source,
        Some(_) => return None,
        None => source,
    };
    if !is_reported || source.contains(' ') {
        return None;
    }
    let message = message.trim_end_matches('.');
    let with_place = message
        .strip_prefix('[')
        .and_then(|it| it.split_once("] "))
        .and_then(|(cpu, message)| Some((number(cpu.rsplit_once(": ")?.1)?, message)));
    Some(match with_place {
        Some((pc, message)) => LogNote {
            pc: Some(pc & !1),
            text: message.to_owned(),
        },
        None => LogNote {
            pc: None,
            text: format!("{source}: {message}"),
        },
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_different_notes_have_their_places() {
        let log = "21:57:16.1 [WARNING] sysbus: [cpu: 0x8000128] ReadByte from non existing peripheral at 0x50000000.\n\
             21:57:16.2 [WARNING] sysbus: [cpu: 0x800012C] (tag: 'OTG') ReadDoubleWord from non existing peripheral at 0x50000010, returning 0x0.\n\
             21:57:16.2 [WARNING] rcc: Unhandled write to offset 0x0, value 0x1.\n\
             21:57:16.3 [WARNING] usart2: Trying to transmit a character, but the transmitter is not enabled. dropping.\n\
             21:57:16.4 [ERROR] Failed to download from x, it is not enabled\n";
        let repeated = "21:57:16.5 [WARNING] sysbus: [cpu: 0x800012A] WriteDoubleWord to non existing peripheral at 0x4, value 0x1.\n".repeat(5);
        let other = "21:57:16.6 [WARNING] b/sysbus: [cpu: 0x2] ReadByte from non existing peripheral at 0x1.\n";
        let found = notes(&format!("{log}{repeated}{other}"), "a");
        let note = |pc, text: &str| LogNote {
            pc,
            text: text.to_owned(),
        };
        let tagged =
            "(tag: 'OTG') ReadDoubleWord from non existing peripheral at 0x50000010, returning 0x0";
        let disabled =
            "usart2: Trying to transmit a character, but the transmitter is not enabled. dropping";
        let written = "WriteDoubleWord to non existing peripheral at 0x4, value 0x1";
        let expected = [
            note(Some(0x0800_012c), tagged),
            note(None, disabled),
            note(Some(0x0800_012a), written),
        ];
        assert_eq!(found, expected);
        let of_b = notes(other, "b");
        assert_eq!(
            of_b,
            [note(
                Some(2),
                "ReadByte from non existing peripheral at 0x1"
            )]
        );
    }
}
