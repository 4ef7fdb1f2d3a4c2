//! One protocol suite for three Renodes: the recordings of a real one, the stand-in,
//! and, where it is installed, a real one. All must give the same outcomes.

#![allow(dead_code, reason = "the library's own parser, without its client")]

use std::io::{BufReader, Read, Write};
use std::path::Path;
use std::process::{Command, Stdio};

#[path = "../../../src/backend/renode/monitor/console_parser.rs"]
mod console_parser;
#[path = "../../../src/backend/renode/monitor/protocol.rs"]
mod protocol;
#[path = "../../../src/backend/renode/monitor/telnet.rs"]
mod telnet;

use std::collections::BTreeMap;

use console_parser::{ConsoleParser, Token};
use protocol::{Answer, CommandOutcome, Event, Protocol, Refusal};
use telnet::WithoutCommands;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

/// The outcome of a command in Renode, in short.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Meaning {
    Done,
    /// Done, with this warning.
    Warned(&'static str),
    /// Not done, for this reason.
    Refused(&'static str),
    Ignored,
}

use Meaning::{Done, Ignored, Refused, Warned};

/// The commands of the recording `errors`, in order, and their outcomes.
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

/// Returns true for the only machine-dependent warning: a file that an offline host cannot download.
fn is_about_svd(complaint: &str) -> bool {
    complaint.starts_with("Failed to download ") && complaint.contains("/svd/")
}

fn assert_means(command: &str, verdict: &CommandOutcome, expected: Meaning) {
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

fn assert_prints_plainly(verdicts: &[CommandOutcome]) {
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

/// A part of a recording: the data sent, or the data received.
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

/// Removes the end of a prompt's colour from `shown`, which Renode may send only with the next
/// echo; returns the removed text.
fn withhold(shown: &mut String) -> &'static str {
    const RESET: &str = "\x1b[0m";
    match shown.strip_suffix(RESET) {
        Some(rest) if rest.ends_with(") ") => {
            shown.truncate(rest.len());
            RESET
        }
        _ => "",
    }
}

/// Replays a recording: the banner, and every command with its outcome. Each outcome must be known
/// before the next command was sent, and with `late_resets` before the colour of the prompt has ended.
fn replay(name: &str, late_resets: bool) -> (String, Vec<(String, CommandOutcome)>) {
    let mut dialogue = Protocol::with_nonces("vt-".to_owned());
    let (mut banner, mut sent, mut settled) = (String::new(), Vec::new(), Vec::new());
    let (mut shown, mut withheld) = (String::new(), "");
    let mut steps = recording(name).into_iter().peekable();
    while let Some(step) = steps.next() {
        match step {
            Step::Sent(line) => {
                assert_eq!(sent.len(), settled.len(), "{name}: no verdict on {sent:?}");
                // `quit` was sent without a nonce, and ends the recording.
                let Some((command, _)) = line.rsplit_once("; echo \"vt-") else {
                    break;
                };
                assert_eq!(dialogue.send(command), line, "the framing has changed");
                sent.push(command.to_owned());
            }
            Step::Came(text) => shown += &text,
            Step::Other => {}
        }
        if steps
            .peek()
            .is_some_and(|next| matches!(next, Step::Came(_)))
        {
            continue;
        }
        shown.insert_str(0, withheld);
        withheld = if late_resets {
            withhold(&mut shown)
        } else {
            ""
        };
        for byte in std::mem::take(&mut shown).bytes() {
            match dialogue.push(byte) {
                None | Some(Event::Started) => {}
                Some(Event::Ready(said)) => banner = said,
                Some(Event::Completed(verdict)) => settled.push(verdict),
                Some(Event::Unsolicited(line)) => panic!("{name}: a stray line {line:?}"),
                Some(Event::Overlong) => panic!("{name}: a line without an end"),
            }
        }
    }
    (banner, sent.into_iter().zip(settled).collect())
}

#[test]
fn the_recordings() {
    for (name, version) in [
        ("errors.jsonl", "1.16.1"),
        ("dotnet/errors.jsonl", "1.16.1"),
        ("main/errors.jsonl", "1.17.0"),
    ] {
        for late_resets in [false, true] {
            let (banner, replayed) = replay(name, late_resets);
            let said = format!("Renode, version {version} ");
            assert!(banner.starts_with(&said), "{name}: {banner:?}");
            assert_eq!(replayed.len(), 26, "{name}: every command has a verdict");
            let mut rest = replayed.iter();
            for (command, expected) in SUITE {
                let (_, verdict) = rest.find(|(sent, _)| sent == command).unwrap();
                assert_means(command, verdict, expected);
            }
            let verdicts: Vec<CommandOutcome> =
                replayed.into_iter().map(|(_, verdict)| verdict).collect();
            assert_prints_plainly(&verdicts);
        }
    }
}

#[test]
fn every_finished_command_of_a_recording_has_an_outcome() {
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
        ("dotnet/boot-s32k388.jsonl", 3, 0),
        ("dotnet/boot-sigterm.jsonl", 6, 0),
        ("dotnet/crash-on-save.jsonl", 5, 0),
        ("main/boot-realtime.jsonl", 10, 0),
        ("main/boot-sigterm.jsonl", 6, 0),
        ("main/hot-flash.jsonl", 12, 1),
        ("main/lockstep.jsonl", 20, 2),
    ];
    for (name, answered, refused) in unanswered {
        for late_resets in [false, true] {
            let (_, replayed) = replay(name, late_resets);
            assert_eq!(replayed.len(), answered, "{name}");
            let failed = replayed.iter().filter(|(_, verdict)| verdict.is_err());
            assert_eq!(failed.count(), refused, "{name}: {replayed:?}");
        }
    }
}

/// Returns a recording of the monitor over TCP: for each client, by its name (the first has
/// none), the bytes it received, and the number of lines it sent.
fn telnet_recording(name: &str) -> BTreeMap<String, (Vec<u8>, usize)> {
    let file = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../recordings/telnet")
        .join(name);
    let mut clients: BTreeMap<String, (Vec<u8>, usize)> = BTreeMap::new();
    for line in std::fs::read_to_string(file).unwrap().lines() {
        let Some((head, literal)) = line
            .split_once(" b")
            .filter(|(head, _)| !head.contains("##"))
        else {
            continue;
        };
        let direction = head.split_whitespace().nth(1).unwrap();
        let (bytes, client) = (unescaped(literal), direction[2..].to_owned());
        let (came, lines) = clients.entry(client).or_default();
        if direction.starts_with(">>") {
            // Bytes that the monitor treats as Enter; `\r\n` counts twice.
            *lines += bytes.iter().filter(|&&b| b == b'\n' || b == b'\r').count();
        } else {
            came.extend(bytes);
        }
    }
    clients
}

/// Returns the bytes of a Python literal, up to its closing quote.
fn unescaped(literal: &str) -> Vec<u8> {
    let quote = literal.chars().next().unwrap();
    let (mut bytes, mut rest) = (Vec::new(), literal[1..].chars());
    while let Some(c) = rest.next().filter(|&c| c != quote) {
        bytes.push(match (c, (c == '\\').then(|| rest.next().unwrap())) {
            (_, Some('n')) => b'\n',
            (_, Some('r')) => b'\r',
            (_, Some('t')) => b'\t',
            (_, Some('x')) => {
                let hex: String = rest.by_ref().take(2).collect();
                u8::from_str_radix(&hex, 16).unwrap()
            }
            (_, Some(plain)) | (plain, None) => u8::try_from(plain).unwrap(),
        });
    }
    bytes
}

/// Returns the tokens of `bytes` when they are received in reads of `at_once`.
fn shown(bytes: &[u8], at_once: usize) -> Vec<Token> {
    let mut runtime = tokio::runtime::Builder::new_current_thread();
    let runtime = runtime.build().unwrap();
    let mut data = Vec::new();
    runtime.block_on(async {
        let (ours, mut theirs) = tokio::io::duplex(at_once);
        let writing = async move { theirs.write_all(bytes).await };
        let mut ours = WithoutCommands::new(ours);
        let (written, read) = tokio::join!(writing, ours.read_to_end(&mut data));
        written.and(read.map(drop)).unwrap();
    });
    let mut screen = ConsoleParser::default();
    data.iter().filter_map(|&byte| screen.push(byte)).collect()
}

type Client = (&'static str, usize, usize, usize);

/// By client: its name, the lines it sent, the prompts it received, and the lines in the colour of
/// errors. Each line has one prompt, except `quit`, a line whose answer went to the next
/// client, and the first client's first prompt.
const OVER_TELNET: [(&str, &[Client]); 7] = [
    ("banner.txt", &[("", 2, 3, 0)]),
    ("prompts.txt", &[("", 17, 17, 1)]),
    ("success.txt", &[("", 13, 13, 1)]),
    ("errors.txt", &[("", 77, 77, 154)]),
    // Ctrl-C gives a prompt without a line, `\r\n` counts twice.
    ("editing.txt", &[("", 36, 35, 6)]),
    (
        "disconnect.txt",
        &[
            ("", 1, 2, 0),
            ("B", 3, 2, 1),
            ("C", 2, 3, 1),
            ("D", 2, 1, 0),
        ],
    ),
    (
        "twoclients.txt",
        &[("", 2, 3, 0), ("2", 2, 2, 0), ("3", 2, 1, 0)],
    ),
];

#[test]
fn the_recordings_over_telnet() {
    for (name, expected) in OVER_TELNET {
        let mut seen = Vec::new();
        let recording = telnet_recording(name);
        for (client, (bytes, lines)) in &recording {
            let events = shown(bytes, bytes.len());
            assert_eq!(shown(bytes, 1), events, "{name}");
            let prompts = events.iter().filter(|it| matches!(it, Token::Prompt(_)));
            let red = events
                .iter()
                .filter(|it| matches!(it, Token::Line(line) if line.red));
            seen.push((client.as_str(), *lines, prompts.count(), red.count()));
            let said = |event: &Token| match event {
                Token::Line(line) | Token::Prompt(line) => line.text.contains('\u{fffd}'),
                Token::Overlong => false,
            };
            assert!(
                !events.iter().any(said),
                "{name}: telnet's bytes are left in {events:?}"
            );
        }
        assert_eq!(seen, expected, "{name}");
    }
}

/// Runs the suite on a running program, with all its commands written in one write.
fn converse(program: &Path, cue: &str, speaks: &str) -> Vec<CommandOutcome> {
    let private = tempfile::tempdir().unwrap();
    let mut renode = Command::new(program)
        .args(["--disable-xwt", "--console", "--hide-log"])
        .env("FAKE_RENODE", cue)
        .env("FAKE_RENODE_SPEAKS", speaks)
        .env("XDG_CONFIG_HOME", private.path())
        .env("TMPDIR", private.path())
        .env("RENODE_CI_MODE", "YES")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut dialogue = Protocol::default();
    let lines: String = SUITE
        .iter()
        .map(|(command, _)| dialogue.send(command))
        .collect();
    let mut to_renode = renode.stdin.take().unwrap();
    to_renode.write_all(lines.as_bytes()).unwrap();
    let mut verdicts = Vec::new();
    for byte in BufReader::new(renode.stdout.take().unwrap()).bytes() {
        if let Some(Event::Completed(verdict)) = dialogue.push(byte.unwrap()) {
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

fn assert_follows_the_suite(program: &Path, cue: &str, speaks: &str) {
    let verdicts = converse(program, cue, speaks);
    assert_eq!(verdicts.len(), SUITE.len(), "{verdicts:?}");
    for ((command, expected), verdict) in SUITE.iter().zip(&verdicts) {
        assert_means(command, verdict, *expected);
    }
    assert_prints_plainly(&verdicts);
}

#[test]
fn the_stand_in() {
    for speaks in ["release", "main"] {
        for cue in ["", "drip"] {
            assert_follows_the_suite(Path::new(env!("CARGO_BIN_EXE_fake-renode")), cue, speaks);
        }
    }
}

#[test]
#[cfg_attr(
    not(renode),
    ignore = "no Renode: renode is not in PATH and VTARGET_RENODE names none"
)]
fn the_real_one() {
    let named = std::env::var_os("VTARGET_RENODE").filter(|named| !named.is_empty());
    assert_follows_the_suite(Path::new(&named.unwrap_or_else(|| "renode".into())), "", "");
}
