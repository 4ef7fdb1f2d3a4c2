//! Reads text records line by line: Intel HEX ([`intel_hex`]) and Motorola S-record
//! ([`s_record`]).
//!
//! Every line and checksum is checked. A file must contain data and an end record.

use std::io::BufRead;

use super::error::{Flaw, ImageProblem, RecordProblem};
use super::format::Format;

/// The first character of an Intel HEX record.
const HEX_MARK: u8 = b':';

/// The first character of an S-record.
const S_RECORD_MARK: u8 = b'S';

/// The meaning of a valid record.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Record {
    /// The address of some bytes, and the bytes.
    Data(u64, Vec<u8>),
    /// The last record of the file; in an S-record file, with the program's start address.
    End(Option<u64>),
    /// A record without content for the memory.
    Other,
}

/// Reads an Intel HEX file. Calls `take` with the text and meaning of each record that has data,
/// and of the last record.
pub(super) fn intel_hex(
    file: impl BufRead,
    take: impl FnMut(&[u8], Record) -> Result<(), Flaw>,
) -> Result<(), Flaw> {
    let mut base: u64 = 0;
    let read = |record: &[u8]| {
        let (kind, address, data) = hex_fields(record)?;
        let needs = |expected: usize| match data.len() {
            found if found == expected => Ok(()),
            found => Err(RecordProblem::DataLength {
                kind,
                expected,
                found,
            }),
        };
        match kind {
            0 => {
                let address = base + u64::from(address);
                check_32_bits(address, &data)?;
                return Ok(Record::Data(address, data));
            }
            1 => {
                needs(0)?;
                return Ok(Record::End(None));
            }
            2 | 4 => {
                needs(2)?;
                base = number(&data) << if kind == 2 { 4 } else { 16 };
            }
            3 | 5 => needs(4)?,
            _ => {
                let kind = format!("{kind:02X}");
                return Err(RecordProblem::UnknownType { kind });
            }
        }
        Ok(Record::Other)
    };
    each_record(file, HEX_MARK, Format::IntelHex, read, take)
}

/// Reads an S-record file. Calls `take` with the text and meaning of each record that has data,
/// and of the last record.
pub(super) fn s_record(
    file: impl BufRead,
    take: impl FnMut(&[u8], Record) -> Result<(), Flaw>,
) -> Result<(), Flaw> {
    let mut count: u64 = 0;
    let read = |record: &[u8]| {
        let (kind, address, data) = s_fields(record)?;
        let has_data = matches!(kind, b'0'..=b'3');
        if !has_data && !data.is_empty() {
            let digit = char::from(kind);
            return Err(RecordProblem::NeedsNoData { digit });
        }
        match kind {
            b'1'..=b'3' => {
                count += 1;
                check_32_bits(address, &data)?;
                Ok(Record::Data(address, data))
            }
            b'5' | b'6' if address != count => Err(RecordProblem::Count {
                found: count,
                stated: address,
            }),
            b'7'..=b'9' => Ok(Record::End(Some(address))),
            _ => Ok(Record::Other),
        }
    };
    each_record(file, S_RECORD_MARK, Format::SRecord, read, take)
}

/// Returns true if a file that begins with `head` is Intel HEX.
pub(super) fn is_intel_hex(head: &[u8]) -> bool {
    first_record(head, HEX_MARK).is_some_and(|record| hex_fields(record).is_ok())
}

/// Returns true if a file that begins with `head` is S-record.
pub(super) fn is_s_record(head: &[u8]) -> bool {
    first_record(head, S_RECORD_MARK).is_some_and(|record| s_fields(record).is_ok())
}

fn first_record(head: &[u8], mark: u8) -> Option<&[u8]> {
    let head = head.trim_ascii_start();
    let line = head.split(|&byte| byte == b'\n').next()?;
    line.trim_ascii_end().strip_prefix(&[mark])
}

/// Returns a record's type, address and data. A record has: count, address (2 bytes), type, data,
/// checksum; the sum of all bytes is 0.
fn hex_fields(record: &[u8]) -> Result<(u8, u16, Vec<u8>), RecordProblem> {
    let bytes = decode(record)?;
    let [count, high, low, kind, data @ .., _] = &bytes[..] else {
        return Err(RecordProblem::TooShort);
    };
    check_length(bytes.len(), usize::from(*count) + 5)?;
    check_sum(&bytes, 0)?;
    Ok((*kind, u16::from_be_bytes([*high, *low]), data.to_vec()))
}

/// Returns a record's type, address and data. A record has: type, count, address (2 to 4 bytes),
/// data, checksum; the sum of all bytes is 255.
fn s_fields(record: &[u8]) -> Result<(u8, u64, Vec<u8>), RecordProblem> {
    let (&kind, digits) = record.split_first().ok_or(RecordProblem::TooShort)?;
    let address_size = match kind {
        b'0' | b'1' | b'5' | b'9' => 2,
        b'2' | b'6' | b'8' => 3,
        b'3' | b'7' => 4,
        _ => {
            let kind = format!("S{}", char::from(kind));
            return Err(RecordProblem::UnknownType { kind });
        }
    };
    let bytes = decode(digits)?;
    let Some(&count) = bytes
        .first()
        .filter(|&&count| usize::from(count) > address_size)
    else {
        return Err(RecordProblem::TooShort);
    };
    check_length(bytes.len(), usize::from(count) + 1)?;
    check_sum(&bytes, 0xFF)?;
    let (address, data) = bytes[1..bytes.len() - 1].split_at(address_size);
    Ok((kind, number(address), data.to_vec()))
}

/// Parses each record, without its `mark`, by `read`, and passes the data and the end to `take`,
/// up to the last record.
fn each_record(
    file: impl BufRead,
    mark: u8,
    format: Format,
    mut read: impl FnMut(&[u8]) -> Result<Record, RecordProblem>,
    mut take: impl FnMut(&[u8], Record) -> Result<(), Flaw>,
) -> Result<(), Flaw> {
    let mut has_data = false;
    for (number, line) in (1..).zip(file.split(b'\n')) {
        let line = line?;
        let line = line.trim_ascii();
        if line.is_empty() {
            continue;
        }
        let record = match line.strip_prefix(&[mark]) {
            Some(record) => read(record),
            None => Err(RecordProblem::NoMark {
                mark: char::from(mark),
            }),
        };
        let bad = |problem| ImageProblem::Record {
            line: number,
            problem,
        };
        match record.map_err(bad)? {
            Record::Other => {}
            Record::End(_) if !has_data => return Err(bad(RecordProblem::NoData).into()),
            end @ Record::End(_) => return take(line, end),
            data @ Record::Data(..) => {
                has_data |= matches!(&data, Record::Data(_, bytes) if !bytes.is_empty());
                take(line, data)?;
            }
        }
    }
    Err(ImageProblem::NoEndRecord { format }.into())
}

fn decode(digits: &[u8]) -> Result<Vec<u8>, RecordProblem> {
    let (pairs, rest) = digits.as_chunks::<2>();
    let bytes = pairs
        .iter()
        .map(|&[high, low]| Some(digit(high)? * 16 + digit(low)?));
    let bytes: Option<Vec<u8>> = bytes.collect();
    bytes
        .filter(|_| rest.is_empty())
        .ok_or(RecordProblem::NotHexadecimal)
}

fn digit(character: u8) -> Option<u8> {
    let digit = char::from(character).to_digit(16)?;
    u8::try_from(digit).ok()
}

/// Reads at most eight bytes, the most significant first.
fn number(bytes: &[u8]) -> u64 {
    bytes
        .iter()
        .fold(0, |number, &byte| number << 8 | u64::from(byte))
}

fn check_32_bits(address: u64, data: &[u8]) -> Result<(), RecordProblem> {
    if address + data.len() as u64 <= 1 << 32 {
        return Ok(());
    }
    Err(RecordProblem::TooHigh { address })
}

fn check_length(found: usize, stated: usize) -> Result<(), RecordProblem> {
    if found == stated {
        return Ok(());
    }
    Err(RecordProblem::Length { found, stated })
}

fn check_sum(bytes: &[u8], expected: u8) -> Result<(), RecordProblem> {
    let sum = bytes
        .iter()
        .fold(0, |sum: u8, &byte| sum.wrapping_add(byte));
    if sum == expected {
        return Ok(());
    }
    let found = bytes.last().copied().unwrap_or_default();
    let right = found.wrapping_sub(sum).wrapping_add(expected);
    Err(RecordProblem::Checksum { found, right })
}
