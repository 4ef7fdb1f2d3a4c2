//! The chain of calls where no table helps: words of the stack that follow a call instruction.

use crate::debug::guest::Guest;

/// The number of words of the stack that are looked at.
const WORDS: u64 = 512;

/// The number of words that are taken for return addresses.
const MOST: usize = 16;

/// Returns words from a stack pointer upwards that may be return addresses.
pub(super) fn return_addresses(guest: &mut Guest<'_>, sp: u64) -> Vec<u64> {
    let size = guest.word_size();
    let start = sp & !(size - 1);
    guest.prefetch(start, WORDS * size);
    let mut found = Vec::new();
    for index in 0..WORDS {
        let Some(word) = start
            .checked_add(index * size)
            .and_then(|it| guest.word(it))
        else {
            break;
        };
        if let Some(address) = return_address(guest, word) {
            found.push(address);
        }
        if found.len() == MOST {
            break;
        }
    }
    found
}

/// Returns the address that LR means after a jump to where no memory is, if no ELF file says where code
/// is.
pub(super) fn without_files(guest: &mut Guest<'_>, pc: u64, link: u64) -> Option<u64> {
    let is_arm = guest.cpu.core == crate::debug::snapshot::Core::CortexM;
    let address = link & !1;
    let is_lost = guest.programs.all.is_empty() && !guest.is_memory(pc) && link & 1 == 1;
    (is_arm && is_lost && guest.is_after_call(address)).then_some(address)
}

/// Returns the address that a word means, if the instruction before it is a call.
pub(super) fn return_address(guest: &mut Guest<'_>, word: u64) -> Option<u64> {
    use crate::debug::snapshot::Core;
    let thumb = guest.cpu.core == Core::CortexM;
    if thumb && word & 1 == 0 {
        return None;
    }
    let address = if thumb { word & !1 } else { word };
    guest.follows_call(address).then_some(address)
}
