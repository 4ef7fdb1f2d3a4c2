//! [`Address`]: a number in the output that may be an address of the firmware's code, as in the
//! dumps of crashes.

use crate::debug::{Frame, Programs};

/// The largest number of addresses that are named.
const MOST: usize = 8;

/// The shortest number behind `0x` that is taken for an address.
const SHORTEST: usize = 5;

/// The names of the registers with the address to which a function returns.
const LINKS: [&str; 3] = ["lr", "ra", "r14"];

/// A number that may be an address of code.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Address {
    /// As it is in the output.
    shown: String,
    value: u64,
    /// True if the output calls it the address to which a function returns.
    is_link: bool,
}

/// Returns the numbers in shown output that may be addresses, each once.
pub(crate) fn addresses(shown: &str) -> Vec<Address> {
    let mut found: Vec<Address> = Vec::new();
    let mut before = "";
    for word in words(shown) {
        let is_link = LINKS.iter().any(|name| before.eq_ignore_ascii_case(name));
        if let Some(value) = number(word)
            && found.iter().all(|it| it.value != value)
        {
            found.push(Address {
                shown: word.to_owned(),
                value,
                is_link,
            });
        }
        before = word;
    }
    found
}

/// Splits shown output at everything that is no letter or digit, and at escapes.
fn words(shown: &str) -> impl Iterator<Item = &str> {
    let text = shown.split('\\').enumerate().map(|(number, part)| {
        let escape = match part.as_bytes() {
            _ if number == 0 => 0,
            [b'x', _, _, ..] => 3,
            [first, ..] if first.is_ascii() => 1,
            _ => 0,
        };
        part.get(escape..).unwrap_or_default()
    });
    text.flat_map(|part| part.split(|c: char| !c.is_alphanumeric() && c != '_'))
        .filter(|word| !word.is_empty())
}

/// Returns the number that a word is: with `0x`, or of the 8 or 16 digits of a register.
fn number(word: &str) -> Option<u64> {
    let digits = match word.strip_prefix("0x").or(word.strip_prefix("0X")) {
        Some(digits) if digits.len() >= SHORTEST => digits,
        None if matches!(word.len(), 8 | 16) => word,
        _ => return None,
    };
    u64::from_str_radix(digits, 16).ok()
}

impl Address {
    /// Says where in the program the address is, if that is known.
    fn named(&self, programs: &Programs) -> Option<String> {
        // The lowest bit says that the code is Thumb; only what is returned or jumped to has it.
        let place = self.value & !1;
        let functions = |address: u64| match programs.is_code(address) {
            true => programs.frames(address),
            false => Vec::new(),
        };
        let here = functions(place);
        if !self.is_link && place == self.value {
            return Some(format!("{} is in {}", self.shown, text(&here)?));
        }
        let call = functions(place.checked_sub(1)?);
        let name = |frames: &[Frame]| frames.last()?.function.clone();
        let place = match (name(&call), name(&here)) {
            (None, _) => format!("is in {}", text(&here)?),
            (Some(calling), Some(start)) if calling != start => {
                // A call can be the last instruction of a function that does not return.
                format!("returns to {calling}, or is the start of {start}")
            }
            (Some(_), _) => format!("returns to {}", text(&call)?),
        };
        Some(format!("{} {place}", self.shown))
    }
}

/// Describes the function at an address, and the one into which it is inlined.
fn text(frames: &[Frame]) -> Option<String> {
    let mut known = frames.iter().filter(|it| it.function.is_some());
    let (first, last) = (known.next()?, known.next_back());
    Some(last.map_or(first.to_string(), |it| format!("{first}, inlined in {it}")))
}

/// Returns a line for each address that is in code, the first ones only.
pub(crate) fn named(addresses: &[Address], programs: &Programs) -> Vec<String> {
    let named = addresses.iter().filter_map(|it| it.named(programs));
    named.take(MOST).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(text: &str) -> Vec<String> {
        addresses(text).into_iter().map(|it| it.shown).collect()
    }

    /// Returns the lines below `text`, the output of the sample's shell.
    fn lines(text: &str) -> Vec<String> {
        let root = std::path::PathBuf::from(env!("CARGO_MANIFEST_DIR"));
        let file = root.join("firmware-samples/prebuilt/stm32f4/shell-debug.elf");
        let mut programs = Programs::default();
        assert!(programs.add("shell-debug.elf", &std::fs::read(file).unwrap()));
        named(&addresses(text), &programs)
    }

    #[test]
    fn the_numbers_of_a_dump_are_found() {
        // As Zephyr, Mbed OS and ESP-IDF print them.
        let zephyr = "<err> os: r3/a4:  0x00000003 r12/ip:  0x00000010 r14/lr:  0x0000bf1f\\r\\n\n  | \
                      <err> os: Faulting instruction address (r15/pc): 0x0000bf2e\\r\\n";
        assert_eq!(
            shown(zephyr),
            ["0x00000003", "0x00000010", "0x0000bf1f", "0x0000bf2e"]
        );
        assert_eq!(
            addresses(zephyr)
                .iter()
                .map(|it| it.is_link)
                .collect::<Vec<_>>(),
            [false, false, true, false]
        );
        let mbed = "LR   : 00002C59\\n\n  | PC   : 00005CB8\\n\n  | Mode : Thread\\n";
        assert_eq!(shown(mbed), ["00002C59", "00005CB8"]);
        let esp =
            "Backtrace: 0x400d129c:0x3ffb21b0 0x400d2f0d:0x3ffb21d0 0x400d129c:0x3ffb21b0\\r\\n";
        let once = ["0x400d129c", "0x3ffb21b0", "0x400d2f0d", "0x3ffb21d0"];
        assert_eq!(shown(esp), once);
        let renode =
            "sysbus: [cpu: 0x800000A] ReadDoubleWord from non existing peripheral at 0x50000000.";
        assert_eq!(shown(renode), ["0x800000A", "0x50000000"]);
    }

    #[test]
    fn what_is_no_address_is_passed_over() {
        assert!(shown("up 12345 ms, 0x10, x0800041, 0x0800041g, a\\x0080, deadbee").is_empty());
        assert_eq!(shown("\\t0x08000410\\x00\\n"), ["0x08000410"]);
        assert_eq!(shown("é\\é 0x08000410"), ["0x08000410"]);
    }

    #[test]
    fn an_address_of_code_is_named() {
        let crash = "panic: requested by the shell\\r\\n\n  | HardFault at 0x08000410\\r\\n\n  | pc 0x08000410\\r\\n\n  \
                     | lr 0x0800081d\\r\\n";
        assert_eq!(
            lines(crash),
            [
                "0x08000410 is in cpu_crash (cpu.c:15)",
                "0x0800081d returns to panic (commands.c:58)"
            ]
        );
        let start = "0x08000411 returns to clock_sleep_ms, or is the start of cpu_crash";
        assert_eq!(lines("call 0x08000411"), [start]);
        assert_eq!(lines("0x20000000 0xfffffff9 0x00000410 12345678"), [""; 0]);
    }
}
