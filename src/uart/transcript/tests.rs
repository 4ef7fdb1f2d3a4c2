use std::ops::Range;

use super::chunk::View;
use super::guards::ActiveGuard;
use super::slice::TranscriptSlice;
use super::{Limits, Position, Transcript};
use crate::uart::error::{Ending, OffReason, Unavailable};
use crate::uart::pattern::Pattern;
use crate::uart::pattern::stream::Engine;

const SMALL: Limits = Limits {
    memory: 256 << 10,
    disk: 1 << 20,
    chunk: CHUNK,
};
const CHUNK: usize = 64 << 10;

fn append(transcript: &Transcript, bytes: &[u8]) {
    let mut buffer = bytes.to_vec();
    transcript.append(&mut buffer, bytes.len());
}

fn bytes(transcript: &Transcript, range: Range<u64>, view: View) -> Result<Vec<u8>, Unavailable> {
    TranscriptSlice {
        transcript,
        range,
        view,
    }
    .bytes()
}

/// Returns numbered lines with a colour around each number, and the same without.
fn output(lines: usize) -> (Vec<u8>, Vec<u8>) {
    let line = |n: usize, on: &str, off: &str| format!("line {on}{n}{off}\n").into_bytes();
    let coloured = (0..lines).flat_map(|n| line(n, "\x1b[31m", "\x1b[0m"));
    let plain = (0..lines).flat_map(|n| line(n, "", ""));
    (coloured.collect(), plain.collect())
}

#[test]
fn older_output_is_read_back_from_the_file() {
    let (raw, text) = output(50_000);
    for size in [999, 40_000, 64 << 10] {
        let transcript = Transcript::new(true, SMALL, None);
        raw.chunks(size).for_each(|read| append(&transcript, read));
        let state = transcript.state();
        assert!(state.held <= SMALL.memory + 2 * CHUNK, "{}", state.held);
        drop(state);
        let all = 0..raw.len() as u64;
        assert_eq!(bytes(&transcript, all.clone(), View::Raw).unwrap(), raw);
        assert_eq!(bytes(&transcript, all, View::Text).unwrap(), text);
    }
}

#[test]
fn output_beyond_the_limit_on_disk_is_unavailable_and_the_error_says_why() {
    let (raw, _) = output(200_000);
    let transcript = Transcript::new(true, SMALL, None);
    raw.chunks(10_000)
        .for_each(|read| append(&transcript, read));
    let end = raw.len() as u64;
    let kept = end - SMALL.disk - 64;
    assert_eq!(
        bytes(&transcript, kept..end, View::Raw).unwrap(),
        raw[kept as usize..]
    );
    let error = bytes(&transcript, 0..end, View::Raw)
        .unwrap_err()
        .to_string();
    assert!(
        error.starts_with("the output from byte 0 to byte "),
        "{error}"
    );
    assert!(
        error.ends_with(&format!(
            "is no longer available: of a UART's output 1 MiB are kept, in a file in {}; \
             raise `kept_output` in the target's description to keep more",
            std::env::temp_dir().display()
        )),
        "{error}"
    );
}

#[test]
fn a_segment_starts_without_the_unfinished_sequence_of_the_one_before() {
    let transcript = Transcript::new(true, SMALL, None);
    append(&transcript, b"cut short \x1b]0;title");
    transcript.begin_segment(Ending::Off(OffReason::Off));
    append(&transcript, b"booting");
    for _ in 0..10 {
        append(&transcript, &[b'x'; CHUNK]);
    }
    assert_eq!(
        bytes(&transcript, 0..23, View::Text).unwrap(),
        b"cut short boot"
    );
}

#[test]
fn a_guard_survives_a_match_that_spans_reads() {
    for pattern in ["HardFault", "re:Hard ?Fault"] {
        let transcript = Transcript::new(true, SMALL, None);
        let engine = Engine::guard(&Pattern::new(pattern).unwrap()).unwrap();
        let guard = ActiveGuard::new(&pattern.into(), engine);
        transcript.add_guard(guard, Position::default()).unwrap();
        for read in ["boot Hard", "Fault", " at 0x", "08001234", "\nHardFault\n"] {
            append(&transcript, read.as_bytes());
        }
        assert_eq!(transcript.forbidden().unwrap().end, 14, "{pattern}");
    }
}

#[test]
fn single_bytes_share_chunks_although_each_is_read_at_once() {
    let transcript = Transcript::new(true, Limits::default(), None);
    for at in 0..100_000 {
        append(&transcript, b"x");
        assert!(transcript.chunk(at).unwrap().contains(at));
    }
    assert!(transcript.state().chunks.len() <= 100_000 / Limits::default().copied_up_to() + 1);
}
