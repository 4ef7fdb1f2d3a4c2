//! The keys of a person at a terminal: what is sent to the board, and what is a command of ours.

/// The key that begins a command: Ctrl-A.
const ESCAPE: u8 = 0x01;

/// A piece of what a person has typed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Key {
    /// Bytes for the board.
    Typed(Vec<u8>),
    Exit,
    Reset,
    Power,
    Flash,
    Help,
}

/// The text about the keys.
pub(super) const HELP: &str =
    "Ctrl-A, then x: exit, r: reset, p: power off or on, f: flash again, Ctrl-A: send Ctrl-A";

/// Splits what is typed into commands and bytes for the board.
#[derive(Debug, Default)]
pub(super) struct Keys {
    escaped: bool,
}

impl Keys {
    /// Returns the pieces of the next bytes.
    pub(super) fn feed(&mut self, bytes: &[u8]) -> Vec<Key> {
        let mut keys = Vec::new();
        for &byte in bytes {
            let key = match (std::mem::take(&mut self.escaped), byte) {
                (false, ESCAPE) => {
                    self.escaped = true;
                    continue;
                }
                (false, byte) | (true, byte @ ESCAPE) => match keys.last_mut() {
                    Some(Key::Typed(typed)) => {
                        typed.push(byte);
                        continue;
                    }
                    _ => Key::Typed(vec![byte]),
                },
                (true, b'x' | b'X') => Key::Exit,
                (true, b'r' | b'R') => Key::Reset,
                (true, b'p' | b'P') => Key::Power,
                (true, b'f' | b'F') => Key::Flash,
                (true, _) => Key::Help,
            };
            keys.push(key);
        }
        keys
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_after_the_escape_are_commands_however_they_arrive() {
        let typed = |text: &[u8]| Key::Typed(text.to_vec());
        let mut keys = Keys::default();
        assert_eq!(keys.feed(b"ab\x03"), [typed(b"ab\x03")]);
        assert_eq!(
            keys.feed(b"c\x01rd\x01\x01e"),
            [typed(b"c"), Key::Reset, typed(b"d\x01e")]
        );
        assert_eq!(keys.feed(b"\x01"), []);
        assert_eq!(keys.feed(b"x"), [Key::Exit]);
        assert_eq!(
            keys.feed(b"x\x01p\x01f\x01?"),
            [typed(b"x"), Key::Power, Key::Flash, Key::Help]
        );
    }
}
