//! Output as messages show it: on one line, with every byte that is not plain text escaped.
//!
//! Control characters and bytes that are not UTF-8 are shown as escapes, such as `\\x01`. A long
//! run of one byte is shown once, with its length, so that it does not hide the text before it.

/// The longest run of one byte that is shown in full.
const LONGEST_RUN: usize = 80;

/// The space that a longer run takes in a message.
const FOLDED_RUN: usize = 16;

/// Formats `bytes` for a message.
pub(super) fn shown(bytes: &[u8]) -> String {
    let (mut text, mut plain) = (String::with_capacity(bytes.len()), 0);
    let mut at = 0;
    for run in bytes.chunk_by(|a, b| a == b) {
        if run.len() > LONGEST_RUN {
            push(&bytes[plain..at], &mut text);
            push(&run[..1], &mut text);
            text.push_str(&format!(" (×{})", run.len()));
            plain = at + run.len();
        }
        at += run.len();
    }
    push(&bytes[plain..], &mut text);
    text
}

fn push(bytes: &[u8], text: &mut String) {
    for chunk in bytes.utf8_chunks() {
        for c in chunk.valid().chars() {
            match c.is_control() {
                true => text.push_str(
                    &c.encode_utf8(&mut [0; 4])
                        .as_bytes()
                        .escape_ascii()
                        .to_string(),
                ),
                false => text.push(c),
            }
        }
        text.push_str(&chunk.invalid().escape_ascii().to_string());
    }
}

/// Returns the start of the longest tail of `bytes` that takes at most `space` when it is shown;
/// it does not begin within a character.
pub(super) fn last(bytes: &[u8], space: usize) -> usize {
    let (mut start, mut left) = (bytes.len(), space);
    for run in bytes.chunk_by(|a, b| a == b).rev() {
        let needed = match run.len() > LONGEST_RUN {
            true => FOLDED_RUN,
            false => run.len(),
        };
        if needed > left {
            start -= left.min(run.len());
            break;
        }
        (start, left) = (start - run.len(), left - needed);
    }
    let is_inside = |byte: &&u8| **byte & 0xC0 == 0x80;
    match start {
        0 => 0,
        _ => start + bytes[start..].iter().take(3).take_while(is_inside).count(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_byte_is_shown() {
        assert_eq!(shown(b"a\x01\x80b\r\n"), r"a\x01\x80b\r\n");
        assert_eq!(shown("21 °C\u{85}".as_bytes()), r"21 °C\xc2\x85");
        assert_eq!(shown(b"it's \"x\" \\"), r#"it's "x" \"#);
        assert_eq!(shown(&[0xC3; 3]), r"\xc3\xc3\xc3");
    }

    #[test]
    fn repeated_bytes_are_shown_as_a_count() {
        let noise = [b"boot\n".as_slice(), &[0; 4095], b"x"].concat();
        assert_eq!(shown(&noise), r"boot\n\x00 (×4095)x");
        assert_eq!(last(&noise, 1024), 0);
        assert_eq!(shown(&[b'-'; 80]), "-".repeat(80));
    }

    #[test]
    fn the_last_bytes_begin_with_a_character() {
        for most in 0..20 {
            let text = "aé°€😀b";
            let start = last(text.as_bytes(), most);
            assert!(text.is_char_boundary(start) && text.len() - start <= most);
        }
        assert_eq!(last(b"abc", 9), 0);
        assert_eq!(last(b"", 9), 0);
    }
}
