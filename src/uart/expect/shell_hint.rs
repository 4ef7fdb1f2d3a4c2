//! Hints for conversations with a shell: the echo, the prompt and the line ending.

use crate::sync::lock;
use crate::uart::pattern::final_bytes::LINE_ENDS;
use crate::uart::pattern::{Kind, Pattern};
use crate::uart::shown::shown;
use crate::uart::state::UartState;

/// The longest prompt that is guessed.
const LONGEST_PROMPT: usize = 40;
/// The characters with which prompts end.
const PROMPT_ENDS: [u8; 4] = [b'>', b'#', b'$', b'%'];

/// The words of the hints that say with which line end something was sent.
pub(super) const SENT_WITH: &str = "was sent with";

/// Returns the hint for a board that has printed no prompt since its start, or since `line` was sent.
pub(crate) fn no_prompt_hint(is_start: bool, line: &[u8]) -> String {
    let since = match (is_start, line) {
        (true, _) => "the board was started".to_owned(),
        (false, []) => "something was sent".to_owned(),
        (false, line) => format!("\"{}\" was sent", line.escape_ascii()),
    };
    format!(
        "no prompt has come since {since}; if none follows that, use send_line and expect instead of run"
    )
}

/// Returns the hint for a board that has not echoed a command of `length` bytes; `begun` is the number of
/// bytes that it has echoed, and true if these are all. `sent` is what was sent, with its line end.
pub(crate) fn no_echo_hint(begun: Option<(usize, bool)>, length: usize, sent: &[u8]) -> String {
    match begun {
        Some((_, true)) => {
            let (sent, other) = line_ending(sent);
            format!(
                "the board has echoed the command, but not ended the line, which {SENT_WITH} \"{sent}\": is \
                 its line ending another one (`line_ending: {other}`)?"
            )
        }
        Some((begun, false)) => format!(
            "the board has echoed {begun} of the command's {length} bytes, and then something else or nothing: \
             perhaps it takes no more than {begun} bytes at once; send a shorter line, or use send_paced"
        ),
        None => "the board has not echoed the command as it was sent, and only a prompt after the echo counts; \
             if it does not echo, say so (`echo: off`), and if it cuts off long lines, send a shorter one"
            .to_owned(),
    }
}

/// Returns the hint for a board that has echoed the last line, and printed nothing else since; `output`
/// is all output since the line was sent, at `sent`.
pub(super) fn echo_alone(uart: &UartState, output: &[u8]) -> Option<String> {
    let (line, sent) = {
        let conversation = lock(&uart.conversation);
        (
            conversation.sent_line()?.to_vec(),
            conversation.sent_end().to_vec(),
        )
    };
    if line.is_empty() || output.trim_ascii() != line.trim_ascii() {
        return None;
    }
    // A board that has taken a line goes to the next one, and most do that with both.
    if output.contains(&b'\r') && output.contains(&b'\n') {
        return None;
    }
    let (sent, other) = line_ending(&sent);
    let line = shown(&line);
    Some(format!(
        "the board has echoed \"{line}\", which {SENT_WITH} \"{sent}\", without an answer: if it has not \
         taken the line, try `line_ending: {other}`"
    ))
}

/// Returns a hint if the output ends with the echo of what was sent, which was no whole line.
pub(super) fn echo_unfinished(uart: &UartState, output: &[u8]) -> Option<String> {
    const SHORTEST: usize = 3;
    let sent = lock(&uart.conversation).sent_end().to_vec();
    let is_line = sent.iter().any(|byte| LINE_ENDS.contains(byte));
    let is_echo = sent.len() >= SHORTEST && !is_line && output.ends_with(&sent);
    is_echo.then(|| {
        format!(
            "the output ends with the echo of \"{}\", which was sent without a line end: perhaps the \
             board waits for the rest of the line",
            shown(&sent)
        )
    })
}

/// Returns the line end of what was sent, as a message shows it, and what to try instead.
fn line_ending(sent: &[u8]) -> (String, &'static str) {
    let (text, ending) = sent.split_at(sent.trim_ascii_end().len());
    let ending = if text.is_empty() { sent } else { ending };
    let other = match ending {
        b"\n" => "cr",
        b"\r" => "lf",
        _ => "cr` or `line_ending: lf",
    };
    (ending.escape_ascii().to_string(), other)
}

/// Returns a question for the prompt, if `pattern` looks like one, and the output ends with another one.
pub(super) fn other_prompt(pattern: &Pattern, output: &[u8]) -> Option<String> {
    let is_prompt = match pattern.kind() {
        Kind::Literal(finder) => ends_like_a_prompt(finder.needle()),
        _ => false,
    };
    is_prompt
        .then(|| prompt_question(pattern, output))
        .flatten()
}

/// Returns a question for the prompt, if the output ends with something that looks like one, and is not
/// the expected one.
pub(super) fn prompt_question(expected: &Pattern, output: &[u8]) -> Option<String> {
    let start = memchr::memrchr2(b'\r', b'\n', output).map_or(0, |at| at + 1);
    let last = &output[start..];
    let is_expected = !matches!(expected.find(last), Ok(None));
    let is_prompt = last.len() <= LONGEST_PROMPT && ends_like_a_prompt(last) && !is_expected;
    is_prompt.then(|| {
        format!(
            "is \"{}\" the prompt? (`prompt` in the target's YAML, or set_prompt)",
            shown(last)
        )
    })
}

/// Returns true if `text` ends as prompts do.
fn ends_like_a_prompt(text: &[u8]) -> bool {
    let text = text.strip_suffix(b" ").unwrap_or(text);
    text.last().is_some_and(|last| PROMPT_ENDS.contains(last))
}
