//! Checks files of text records, line by line: Intel HEX and Motorola S-record.
//!
//! Knows what a whole record and a whole file are, not where the bytes go.

use std::io::BufRead;

use super::error::Flaw;

/// Whether a good record is the last one of its file.
type Last = bool;

/// `:` count, address (2), type, data, checksum; the sum of all is 0.
pub(super) fn intel_hex(file: impl BufRead) -> Result<(), Flaw> {
    each_record(file, b':', "`:00000001FF`", |record| {
        let bytes = decode(record)?;
        let [count, _, _, kind, .., _] = bytes[..] else {
            return Err("the record is too short".to_owned());
        };
        has_length(bytes.len(), usize::from(count) + 5)?;
        sums_up_to(&bytes, 0)?;
        match kind {
            0 | 2..=5 => Ok(false),
            1 => Ok(true),
            _ => Err(format!("there is no record type {kind:02X}")),
        }
    })
}

/// `S` type, count, address (2 to 4), data, checksum; the sum of all is 255.
pub(super) fn s_record(file: impl BufRead) -> Result<(), Flaw> {
    each_record(file, b'S', "S7, S8 or S9", |record| {
        let (kind, digits) = record.split_first().ok_or("the record is too short")?;
        let address_size = match kind {
            b'0' | b'1' | b'5' | b'9' => 2,
            b'2' | b'6' | b'8' => 3,
            b'3' | b'7' => 4,
            _ => return Err(format!("there is no record type S{}", char::from(*kind))),
        };
        let bytes = decode(digits)?;
        let Some(&count) = bytes.first().filter(|&&count| count > address_size) else {
            return Err("the record is too short".to_owned());
        };
        has_length(bytes.len(), usize::from(count) + 1)?;
        sums_up_to(&bytes, 0xFF)?;
        Ok(matches!(kind, b'7'..=b'9'))
    })
}

/// Gives each record to `check`, without its `mark`, up to the last one.
fn each_record(
    file: impl BufRead,
    mark: u8,
    end: &str,
    check: impl Fn(&[u8]) -> Result<Last, String>,
) -> Result<(), Flaw> {
    for (number, line) in (1..).zip(file.split(b'\n')) {
        let line = line?;
        let line = line.trim_ascii();
        if line.is_empty() {
            continue;
        }
        let checked = match line.strip_prefix(&[mark]) {
            Some(record) => check(record),
            None => Err(format!("a record begins with `{}`", char::from(mark))),
        };
        match checked {
            Ok(true) => return Ok(()),
            Ok(false) => {}
            Err(problem) => return Err(format!("line {number}: {problem}").into()),
        }
    }
    Err(format!("it ends without an end record ({end}): is it cut off?").into())
}

fn decode(digits: &[u8]) -> Result<Vec<u8>, String> {
    let (pairs, rest) = digits.as_chunks::<2>();
    let bytes = pairs
        .iter()
        .map(|&[high, low]| Some(digit(high)? * 16 + digit(low)?));
    let bytes: Option<Vec<u8>> = bytes.collect();
    bytes
        .filter(|_| rest.is_empty())
        .ok_or_else(|| "a record consists of pairs of hexadecimal digits".to_owned())
}

fn digit(character: u8) -> Option<u8> {
    let digit = char::from(character).to_digit(16)?;
    u8::try_from(digit).ok()
}

fn has_length(found: usize, expected: usize) -> Result<(), String> {
    if found == expected {
        return Ok(());
    }
    Err(format!("the record has {found} bytes, but says {expected}"))
}

fn sums_up_to(bytes: &[u8], expected: u8) -> Result<(), String> {
    let sum = bytes
        .iter()
        .fold(0, |sum: u8, &byte| sum.wrapping_add(byte));
    if sum == expected {
        return Ok(());
    }
    let found = bytes.last().copied().unwrap_or_default();
    let right = found.wrapping_sub(sum).wrapping_add(expected);
    Err(format!(
        "the checksum is {found:02X}, but the bytes give {right:02X}"
    ))
}
