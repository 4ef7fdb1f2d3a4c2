//! One protocol suite, three Renodes: the recordings of a real one, the stand-in,
//! and, where it is installed, a real one. All must give the same verdicts.

#![allow(dead_code, reason = "the library's own parser, without its client")]

use std::io::{BufReader, Read, Write};
use std::path::Path;
use std::process::{Command, Stdio};

#[path = "../../../src/backend/renode/dialogue.rs"]
mod dialogue;
#[path = "../../../src/backend/renode/screen.rs"]
mod screen;

use dialogue::{Answer, Dialogue, Refusal, Turn, Verdict};

/// What Renode makes of a command, in few words.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Meaning {
    Done,
    /// Done, with this complaint.
    Warned(&'static str),
    /// Not done, for this reason.
    Refused(&'static str),
    Ignored,
}

use Meaning::{Done, Ignored, Refused, Warned};

/// The commands of the recording `errors`, in its order, and what they mean.
const SUITE: [(&str, Meaning); 15] = [
    (
        "nosuchcommand",
        Refused("No such command or device: nosuchcommand"),
    ),
    (r#"mach set "nope""#, Warned("Machine nope not found.")),
    (
        "machine LoadPlatformDescription @x.repl",
        Refused("No such command or device: machine"),
    ),
    (r#"mach create "stm32f4""#, Done),
    (
        r#"mach create "stm32f4""#,
        Refused("Given machine is already added or name is already taken."),
    ),
    (
        "machine LoadPlatformDescription @nope.repl",
        Refused("Could not find file 'nope.repl'."),
    ),
    (
        "machine LoadPlatformDescription @platforms/boards/stm32f4_discovery-kit.repl",
        Done,
    ),
    (
        "sysbus Nope",
        Refused("sysbus does not provide a field, method or property Nope."),
    ),
    (
        "sysbus.usart2 Nope 1",
        Refused("sysbus.usart2 does not provide a field, method or property Nope."),
    ),
    (
        r#"mach create "unclosed"#,
        Refused("Could not tokenize here:"),
    ),
    ("# a comment", Ignored),
    (r#"echo "Error: not an error""#, Done),
    (r#"echo "(stm32f4) not a prompt""#, Done),
    (
        "logLevel 99",
        Refused("Bad parameters for command logLevel 99"),
    ),
    ("help nosuch", Warned("No such command: nosuch.")),
];

/// The only machine-dependent complaint: about a file that an offline host cannot fetch.
fn is_about_svd(complaint: &str) -> bool {
    complaint.starts_with("Failed to download ") && complaint.contains("/svd/")
}

fn assert_means(command: &str, verdict: &Verdict, expected: Meaning) {
    let complaint = |warnings: &[String]| {
        let mut warnings = warnings.iter().filter(|warning| !is_about_svd(warning));
        (warnings.next().cloned(), warnings.next().is_none())
    };
    let as_expected = match (verdict, expected) {
        (Ok(answer), Done) => complaint(&answer.warnings) == (None, true),
        (Ok(answer), Warned(text)) => complaint(&answer.warnings) == (Some(text.into()), true),
        (Err(Refusal::Refused(reason)), Refused(text)) => reason.lines().next() == Some(text),
        (Err(Refusal::Ignored), Ignored) => true,
        _ => false,
    };
    assert!(as_expected, "{command}: {verdict:?}, expected {expected:?}");
}

fn assert_prints_plainly(verdicts: &[Verdict]) {
    let texts = ["Error: not an error", "(stm32f4) not a prompt"];
    for text in texts {
        let printed = Ok(Answer {
            text: text.into(),
            warnings: vec![],
        });
        assert!(
            verdicts.contains(&printed),
            "{text:?} is not in {verdicts:?}"
        );
    }
}

/// A recording: what was sent, and what came.
enum Step {
    Sent(String),
    Came(String),
    Other,
}

fn recording(name: &str) -> Vec<Step> {
    let file = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../recordings")
        .join(name);
    let text = std::fs::read_to_string(file).unwrap();
    let step = |line: &str| -> Step {
        let step: serde_json::Value = serde_json::from_str(line).unwrap();
        let text = |key: &str| step[key].as_str().map(str::to_owned);
        match (text("send"), text("recv"), step["fd"].as_i64()) {
            (Some(sent), _, _) => Step::Sent(sent),
            (_, Some(came), Some(1)) => Step::Came(came),
            _ => Step::Other,
        }
    };
    text.lines().map(step).collect()
}

/// Replays a recording: the banner, and every command with its verdict.
fn replay(name: &str) -> (String, Vec<(String, Verdict)>) {
    let mut dialogue = Dialogue::default();
    let (mut banner, mut sent, mut settled) = (String::new(), Vec::new(), Vec::new());
    for step in recording(name) {
        match step {
            Step::Sent(line) => {
                // `quit` was sent without a nonce, and ends the recording.
                let Some((command, _)) = line.rsplit_once("; echo \"vt-") else {
                    break;
                };
                assert_eq!(dialogue.send(command), line, "the framing has changed");
                sent.push(command.to_owned());
            }
            Step::Came(text) => {
                for byte in text.bytes() {
                    match dialogue.push(byte) {
                        None => {}
                        Some(Turn::Ready(said)) => banner = said,
                        Some(Turn::Settled(verdict)) => settled.push(verdict),
                        Some(Turn::Stray(line)) => panic!("{name}: a stray line {line:?}"),
                        Some(Turn::Overlong) => panic!("{name}: a line without an end"),
                    }
                }
            }
            Step::Other => {}
        }
    }
    (banner, sent.into_iter().zip(settled).collect())
}

#[test]
fn the_recordings() {
    let (banner, replayed) = replay("errors.jsonl");
    assert!(banner.starts_with("Renode, version 1.16.1 "), "{banner:?}");
    assert_eq!(replayed.len(), 26, "every command has a verdict");
    let mut rest = replayed.iter();
    for (command, expected) in SUITE {
        let (_, verdict) = rest.find(|(sent, _)| sent == command).unwrap();
        assert_means(command, verdict, expected);
    }
    let verdicts: Vec<Verdict> = replayed.into_iter().map(|(_, verdict)| verdict).collect();
    assert_prints_plainly(&verdicts);
}

#[test]
fn every_recording_has_a_verdict_for_every_command_that_came_back() {
    let unanswered = [
        ("crash-on-save.jsonl", 5, 0),
        ("hot-flash.jsonl", 12, 1),
        ("lockstep.jsonl", 20, 1),
        ("multi-machine.jsonl", 9, 1),
        ("snapshot.jsonl", 11, 0),
        ("boot-realtime.jsonl", 10, 0),
        ("boot-s32k388.jsonl", 3, 0),
        ("boot-h753.jsonl", 2, 0),
        ("boot-sigterm.jsonl", 6, 0),
        ("boot-stdin-eof.jsonl", 6, 0),
    ];
    for (name, answered, refused) in unanswered {
        let (_, replayed) = replay(name);
        assert_eq!(replayed.len(), answered, "{name}");
        let failed = replayed.iter().filter(|(_, verdict)| verdict.is_err());
        assert_eq!(failed.count(), refused, "{name}: {replayed:?}");
    }
}

/// Has the suite done by a running program, with all its commands written at once.
fn converse(program: &Path, cue: &str) -> Vec<Verdict> {
    let private = tempfile::tempdir().unwrap();
    let mut renode = Command::new(program)
        .args(["--disable-xwt", "--console", "--hide-log"])
        .env("FAKE_RENODE", cue)
        .env("XDG_CONFIG_HOME", private.path())
        .env("TMPDIR", private.path())
        .env("RENODE_CI_MODE", "YES")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut dialogue = Dialogue::default();
    let lines: String = SUITE
        .iter()
        .map(|(command, _)| dialogue.send(command))
        .collect();
    let mut to_renode = renode.stdin.take().unwrap();
    to_renode.write_all(lines.as_bytes()).unwrap();
    let mut verdicts = Vec::new();
    for byte in BufReader::new(renode.stdout.take().unwrap()).bytes() {
        if let Some(Turn::Settled(verdict)) = dialogue.push(byte.unwrap()) {
            verdicts.push(verdict);
        }
        if verdicts.len() == SUITE.len() {
            break;
        }
    }
    drop(to_renode);
    renode.wait().unwrap();
    verdicts
}

fn assert_follows_the_suite(program: &Path, cue: &str) {
    let verdicts = converse(program, cue);
    assert_eq!(verdicts.len(), SUITE.len(), "{verdicts:?}");
    for ((command, expected), verdict) in SUITE.iter().zip(&verdicts) {
        assert_means(command, verdict, *expected);
    }
    assert_prints_plainly(&verdicts);
}

#[test]
fn the_stand_in() {
    assert_follows_the_suite(Path::new(env!("CARGO_BIN_EXE_fake-renode")), "");
}

#[test]
fn the_stand_in_byte_by_byte() {
    assert_follows_the_suite(Path::new(env!("CARGO_BIN_EXE_fake-renode")), "drip");
}

#[test]
#[cfg_attr(
    not(renode),
    ignore = "no Renode: renode is not in PATH and VTARGET_RENODE names none"
)]
fn the_real_one() {
    let named = std::env::var_os("VTARGET_RENODE").filter(|named| !named.is_empty());
    assert_follows_the_suite(Path::new(&named.unwrap_or_else(|| "renode".into())), "");
}
