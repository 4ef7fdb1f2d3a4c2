//! `.ARM.exidx`, the unwind table of Arm's C++ ABI ("Exception Handling ABI for the Arm
//! Architecture"): which registers a function has pushed, in a compact code.

use object::read::{Object, ObjectSection};

/// One step towards the registers of the caller.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::debug) enum ExidxStep {
    /// The stack pointer changes by so many bytes.
    Add(i64),
    /// The stack pointer is copied from a core register.
    SetSp(usize),
    /// Core registers are read from the stack, lowest first: bit n is register n.
    Pop(u16),
}

/// How to unwind a function.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::debug) enum Entry {
    /// The instructions of the table.
    Code(Vec<u8>),
    /// The table forbids it: the function is the first one.
    CannotUnwind,
}

/// The index table of one file.
pub(super) struct Exidx {
    address: u64,
    bytes: Vec<u8>,
}

impl Exidx {
    pub(super) fn read(file: &object::File<'_>) -> Option<Self> {
        let section = file.section_by_name(".ARM.exidx")?;
        Some(Self {
            address: section.address(),
            bytes: section.data().ok()?.to_vec(),
        })
    }

    /// Returns the entry for the function at an address; `constant` reads a word of the file.
    pub(super) fn entry(
        &self,
        address: u64,
        constant: impl Fn(u64) -> Option<u32>,
    ) -> Option<Entry> {
        let place = |index: usize| self.address + 8 * index as u64;
        let start = |index: usize| prel31(place(index), self.word(8 * index)?);
        let (mut low, mut high) = (0, self.bytes.len() / 8);
        while low < high {
            let middle = usize::midpoint(low, high);
            if start(middle)? <= address {
                low = middle + 1;
            } else {
                high = middle;
            }
        }
        let index = low.checked_sub(1)?;
        let content = self.word(8 * index + 4)?;
        if content == 1 {
            return Some(Entry::CannotUnwind);
        }
        if content >> 31 == 1 {
            // Only the first of Arm's own routines fits into the index table.
            let inline = content >> 24 == 0x80;
            return inline.then(|| Entry::Code(content.to_be_bytes()[1..].to_vec()));
        }
        let table = prel31(place(index) + 4, content)?;
        let word = |number: u64| constant(table.checked_add(4 * number)?);
        let head = word(0)?;
        if head >> 31 == 0 {
            // A personality routine of C++ or Rust, by its address.
            let code = word(1)?.to_be_bytes();
            let mut bytes = code[1..].to_vec();
            for number in 0..u64::from(code[0]) {
                bytes.extend(word(2 + number)?.to_be_bytes());
            }
            return Some(Entry::Code(bytes));
        }
        match head >> 24 {
            0x80 => Some(Entry::Code(head.to_be_bytes()[1..].to_vec())),
            0x81 | 0x82 => {
                let mut bytes = head.to_be_bytes()[2..].to_vec();
                for number in 0..u64::from(head >> 16 & 0xff) {
                    bytes.extend(word(1 + number)?.to_be_bytes());
                }
                Some(Entry::Code(bytes))
            }
            _ => None,
        }
    }

    fn word(&self, offset: usize) -> Option<u32> {
        let bytes = self.bytes.get(offset..offset.checked_add(4)?)?;
        Some(u32::from_le_bytes(bytes.try_into().ok()?))
    }
}

/// Returns the address that a 31-bit relative offset means at a place.
fn prel31(place: u64, word: u32) -> Option<u64> {
    let offset = i64::from((word << 1).cast_signed() >> 1);
    place.checked_add_signed(offset)
}

/// Decodes unwind instructions; `None` for those that are reserved or forbid unwinding.
pub(in crate::debug) fn unwind_steps(code: &[u8]) -> Option<Vec<ExidxStep>> {
    const LR: u16 = 1 << 14;
    let mut steps = Vec::new();
    let mut bytes = code.iter().copied();
    while let Some(byte) = bytes.next() {
        let low = u16::from(byte & 7);
        let from_r4 = ((1_u16 << (low + 1)) - 1) << 4;
        steps.push(match byte {
            0x00..=0x3f => ExidxStep::Add((i64::from(byte) << 2) + 4),
            0x40..=0x7f => ExidxStep::Add(-((i64::from(byte & 0x3f) << 2) + 4)),
            0x80..=0x8f => {
                let mask = u16::from(byte & 0xf) << 8 | u16::from(bytes.next()?);
                if mask == 0 {
                    return None;
                }
                ExidxStep::Pop(mask << 4)
            }
            0x9d | 0x9f => return None,
            0x90..=0x9f => ExidxStep::SetSp(usize::from(byte & 0xf)),
            0xa0..=0xa7 => ExidxStep::Pop(from_r4),
            0xa8..=0xaf => ExidxStep::Pop(from_r4 | LR),
            0xb0 => return Some(steps),
            0xb1 => match bytes.next()? {
                mask @ 1..=0xf => ExidxStep::Pop(u16::from(mask)),
                _ => return None,
            },
            0xb2 => {
                let mut value = 0_i64;
                for shift in (0..28).step_by(7) {
                    let next = bytes.next()?;
                    value |= i64::from(next & 0x7f) << shift;
                    if next < 0x80 {
                        break;
                    }
                }
                ExidxStep::Add(0x204 + (value << 2))
            }
            // FSTMFDX pushes one word more than the registers.
            0xb3 => ExidxStep::Add(8 * (i64::from(bytes.next()? & 0xf) + 1) + 4),
            0xb8..=0xbf => ExidxStep::Add(8 * (i64::from(low) + 1) + 4),
            0xc8 | 0xc9 => ExidxStep::Add(8 * (i64::from(bytes.next()? & 0xf) + 1)),
            0xd0..=0xd7 => ExidxStep::Add(8 * (i64::from(low) + 1)),
            _ => return None,
        });
    }
    Some(steps)
}
