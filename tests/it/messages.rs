//! The error messages that need no emulator: each as a whole, in `snapshots`.
//!
//! `INSTA_UPDATE=always cargo nextest run -E 'binary(it) & test(messages)'` accepts a change.

use std::collections::BTreeSet;
use std::fmt::Display;
use std::fs;
use std::io::{Read, Write};
use std::ops::Range;
use std::os::unix::net::UnixStream;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::thread;

use crate::common::messages;
use crate::common::panics::Panics;
use virtual_target::config::{ConfigError, Echo, TargetConfig};
use virtual_target::firmware::{Architecture, Firmware, FirmwareError};
use virtual_target::uart::{Match, Uart};
use virtual_target::{Error, VirtualTarget, millis, secs};

/// The directory for files of tests.
const TEMPORARY: &str = env!("CARGO_TARGET_TMPDIR");
const ROOT: &str = env!("CARGO_MANIFEST_DIR");
const SNAPSHOTS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/it/snapshots");

/// Defines a test for each situation, which compares its message with the snapshot of that name.
macro_rules! situations {
    ($($name:ident => $error:expr,)+) => {
        const SITUATIONS: &[&str] = &[$(stringify!($name)),+];

        $(
            #[test]
            fn $name() {
                assert_message(stringify!($name), &$error);
            }
        )+
    };
}

situations! {
    // The target's file.
    no_such_target_file => boot_error("no/such.yaml"),
    the_target_file_is_a_directory => boot_error("tests"),
    the_target_file_is_a_device => boot_error("/dev/null"),
    yaml_that_is_empty => yaml(""),
    yaml_with_a_tab => yaml("qemu:\n\tserial: 5\n"),
    yaml_that_does_not_end => yaml("uart: [\n"),
    yaml_of_two_documents => yaml("a: 1\n---\nb: 1\n"),
    yaml_without_a_board => yaml("machine_name: a\n"),
    yaml_with_an_unknown_field => yaml("platfrom: a\n"),
    a_file_with_an_unknown_field => boot_error(&file("platfrom: a\n")),
    yaml_with_an_unknown_inner_field => yaml("qemu:\n  machine: b\n  serail: 1\n"),
    yaml_with_a_field_twice => yaml("uart: a\nuart: b\n"),
    yaml_with_a_number_for_a_text => board("machine_name: 5"),
    yaml_with_an_unknown_value => board("backend: renod"),
    yaml_with_a_bad_name => board("machine_name: 'st\"m'"),
    yaml_with_a_bad_size => board("kept_output: 512"),
    yaml_with_a_bad_time => board("timeouts: {expect: soon}"),
    yaml_with_a_bad_address => board("load_address: flash"),
    yaml_with_a_bad_command => board("extra_commands: ['echo é']"),
    yaml_with_a_bad_prompt => target("prompt: 're:>\\b'"),
    yaml_with_colours_in_a_guard => target("forbid: [\"\\e[31mE\"]"),
    yaml_with_a_missing_platform => yaml("platform: b.repl\nuart: sysbus.uart0\n"),
    yaml_with_a_platform_and_a_script => board("script: scripts/board.resc"),
    yaml_with_a_virtual_clock_on_qemu => yaml("backend: qemu\nqemu: {machine: m}\nclock: virtual\n"),
    yaml_with_a_hub_of_an_unknown_machine => yaml(
        "machines: {a: {platform: platforms/x.repl, uart: sysbus.u}}\nuart_hubs: {link: [b.sysbus.u, a.sysbus.u]}\n"
    ),
    yaml_of_a_physical_board_without_a_port => yaml("backend: serial\nserial: {baud: 9600}\n"),
    yaml_with_a_guard_of_the_log_of_a_physical_board => target("fail_on_log: [x]"),
    yaml_with_a_line_end_in_a_guard_of_the_log => target("fail_on_log: [\"x\\n\"]"),
    a_missing_serial_port => target(""),
    yaml_of_an_exporter_without_a_board => yaml("apiVersion: jumpstarter.dev/v1alpha1\nkind: ExporterConfig\nexport: {}\n"),

    // Firmware.
    no_such_firmware => image_error(Path::new("no/such.elf")),
    firmware_that_is_a_directory => image_error(Path::new("tests")),
    firmware_that_is_a_device => image_error(Path::new("/dev/null")),
    firmware_that_is_empty => image("fw.elf", b""),
    an_elf_file_that_is_cut_off => image("fw.elf", &sample("hello.elf")[..40]),
    an_elf_file_without_its_magic_bytes => image("fw.elf", b"#!/bin/sh\n"),
    an_elf_file_that_is_not_linked => {
        let mut object = sample("hello.elf");
        object[16] = 1;
        image("fw.elf", &object)
    },
    an_elf_file_for_another_processor => {
        let firmware = Firmware::open("firmware-samples/prebuilt/stm32f4/hello.elf").unwrap();
        firmware.check_architecture(Architecture::RiscV32, "sifive-fe310").unwrap_err()
    },
    a_hex_file_with_a_wrong_checksum => image("fw.hex", b":020000040800F2\n:0400000001020304F3\n"),
    a_hex_file_without_an_end => image("fw.hex", b":020000040800F2\n"),
    a_hex_file_with_an_unknown_record => image("fw.hex", b":00000009F7\n"),
    an_s_record_file_with_a_wrong_length => image("fw.srec", b"S9040000FC\n"),
    an_s_record_file_with_a_wrong_count => image("fw.srec", b"S107080001020304E6\nS5030002FA\nS9030000FC\n"),
    an_s_record_file_without_an_end => image("fw.srec", b"S00600004844521B\n"),
    a_raw_binary_without_an_address => {
        let firmware = Firmware::open("Cargo.toml").unwrap();
        firmware.check_load_address(None).unwrap_err()
    },
    a_uf2_file => image("fw.uf2", b"UF2\n\x57\x51\x5d\x9e\0\x20\0\0"),
    a_zip_archive => image("fw.bin", b"PK\x03\x04rest"),
    a_placeholder_of_git_lfs => image("fw.elf", b"version https://git-lfs.github.com/spec/v1\n"),

    // Patterns.
    an_invalid_regular_expression => fails(uart().0.expect("re:data (ok")),
    a_pattern_that_matches_the_empty_text => fails(uart().0.expect("re:a*")),
    a_pattern_that_looks_ahead => fails(uart().0.expect("re:ok$")),
    a_line_pattern_with_a_line_end => fails(uart().0.expect_line("ok\r\n")),
    a_pattern_with_an_escape_sequence => fails(uart().0.expect("\x1b[31mE")),
    a_pattern_that_is_empty => fails(uart().0.expect("")),
    an_empty_list_of_patterns => fails(uart().0.expect_any([""; 0])),
    a_needle_for_too_many_bytes => fails(uart().0.expect(expectrl::NBytes(1 << 30))),
    a_closure_with_a_range_beyond_the_text => {
        let beyond = |bytes: &[u8]| -> Option<Range<usize>> { (bytes.len() >= 5).then_some(2..9) };
        fails(printed(b"hello").0.expect(beyond))
    },
    a_closure_as_a_guard => uart().0.forbid(|_: &[u8]| None).unwrap_err(),
    a_guard_with_an_escape_sequence => uart().0.forbid("\x1b[31mE").map(drop).unwrap_err(),
    a_log_line_with_a_line_end => uart().0.set_ignore_lines(["log\n"]).unwrap_err(),

    // Waits that time out.
    a_timeout_of_a_silent_board => times_out(uart().0.expect("ready")),
    a_timeout_with_other_output => times_out(printed(b"boot\r\n\x01\x80 x\r\n> ").0.expect("ready")),
    a_timeout_without_new_output => {
        let (uart, _board) = printed(b"boot\r\n> ");
        uart.expect("> ").wait().unwrap();
        times_out(uart.expect("ready"))
    },
    a_timeout_with_much_output => {
        let output: String = (0..40).map(|n| format!("line {n}\n")).collect();
        times_out(printed(output.as_bytes()).0.expect_line("ready"))
    },
    a_timeout_within_an_escape_sequence => times_out(printed(b"boot\n\x1b]ready").0.expect("ready")),
    a_timeout_in_an_unfinished_line => times_out(printed(b"boot\nready").0.expect_line("ready")),
    a_timeout_where_the_case_differs => times_out(printed(b"Ready\n").0.expect("ready")),
    a_timeout_where_the_spaces_differ => times_out(printed(b"temp:  22.0 C\n").0.expect_line("temp: 22.0")),
    a_timeout_where_a_letter_is_for_a_digit => times_out(printed(b"temp: 22.O C\n").0.expect_line("temp: 22.0")),
    a_timeout_where_the_digits_differ => times_out(printed(b"tick 1\ntick 2\n").0.expect_line("tick 3")),
    a_timeout_where_the_line_ends_differ => times_out(printed(b"one\r\ntwo\r\n").0.expect("one\ntwo")),
    a_timeout_where_a_word_is_misspelt => times_out(printed(b"calibraton done\n").0.expect("calibration done")),
    a_timeout_within_the_pattern => times_out(printed(b"boot\nready for comm").0.expect("ready for commands")),
    a_timeout_with_another_prompt => times_out(printed(b"boot\r\nthermo# ").0.expect("> ")),
    a_timeout_of_an_echo_without_an_answer => {
        let (uart, mut board) = printed(b"> ");
        uart.send_line("ping").wait().unwrap();
        board.write_all(b"ping").unwrap();
        times_out(uart.expect_line("pong"))
    },
    a_timeout_of_a_regex_without_its_prefix => times_out(printed(b"up 5 ms\n").0.expect(r"up \d+ ms")),
    a_timeout_of_a_regex_with_a_caret => times_out(printed(b"boot\nready\n").0.expect("re:^ready")),
    a_timeout_for_text_that_was_read_before => {
        let (uart, _board) = printed(b"ready\nboot\n");
        uart.expect("boot").wait().unwrap();
        times_out(uart.expect("ready"))
    },
    a_timeout_of_expect_any => times_out(printed(b"boot\n").0.expect_any(["one", "re:t.o"])),
    a_timeout_of_expect_all => times_out(printed(b"one\n").0.expect_all(["one", "two"])),
    a_timeout_of_expect_bytes => times_out(printed(b"boot\n").0.expect_bytes(b"\x1b[0m")),
    a_timeout_of_read_exact => times_out(printed(b"boot").0.read_exact(9)),
    a_timeout_of_read_line => times_out(printed(b"boot").0.read_line()),
    a_timeout_of_an_echo => times_out(printed(b"> ").0.send_line_echoed("ping")),
    a_timeout_of_a_send => times_out(uart().0.send(vec![0; 8 << 20])),
    a_timeout_of_run_before_it_sends => {
        let (uart, _board) = printed(b"boot\r\n");
        uart.set_prompt("> ").unwrap();
        times_out(uart.run("ping"))
    },
    a_timeout_of_run_for_the_prompt => {
        let (uart, board) = shell("> ", &["ping\r\npo"]);
        run_times_out(uart.run("ping"), board)
    },
    a_timeout_of_run_before_another_prompt => {
        let (uart, _board) = printed(b"boot\r\nthermo# ");
        uart.set_prompt("> ").unwrap();
        times_out(uart.run("ping"))
    },
    a_timeout_of_run_with_another_prompt => {
        let (uart, board) = shell("> ", &["ping\r\npong\r\nthermo# "]);
        run_times_out(uart.run("ping"), board)
    },
    a_timeout_of_run_with_an_echo_alone => {
        let (uart, board) = shell("> ", &["ping\n"]);
        run_times_out(uart.run("ping"), board)
    },
    a_timeout_of_run_for_the_rest_of_the_echo => {
        let (uart, board) = shell("> ", &["abc\r\x1b[Klog: full\r\n> abc"]);
        uart.set_echo(Echo::On);
        run_times_out(uart.run("abcdef"), board)
    },
    a_timeout_of_run_without_an_echo => {
        let (uart, board) = shell("> ", &["other\r\nno\r\n> "]);
        uart.set_echo(Echo::On);
        run_times_out(uart.run("abcdef"), board)
    },

    // Waits that end otherwise.
    a_wait_on_a_closed_stream => fails(closed_after(b"boot\r\nbye").expect("ready")),
    a_wait_for_a_line_that_does_not_end => fails(closed_after(b"boot\r\nready").expect_line("ready")),
    a_read_beyond_the_end => fails(closed_after(b"boot").read_exact(9)),
    a_send_on_a_closed_stream => {
        let uart = closed_after(b"boot\r\n");
        fails(uart.send_line("ping"))
    },
    a_send_on_a_stream_that_panics => fails(Uart::over(Panics { reading: false }).unwrap().send("four")),
    a_wait_failed_by_a_guard => {
        let (uart, _board) = printed(b"start\n!!! HardFault pc=0x080005da\nlr=0x1\n");
        let guard = uart.forbid("HardFault").unwrap();
        let error = fails(uart.expect("never"));
        guard.lift();
        error
    },
    a_send_failed_by_a_guard => {
        let (uart, _board) = printed(b"panic!\n");
        let guard = uart.forbid("re:pan.c").unwrap();
        let error = fails(uart.send("x"));
        guard.lift();
        error
    },
    a_run_failed_by_a_guard => {
        let (uart, board) = shell("> ", &["ping\r\nHardFault\r\n"]);
        let guard = uart.forbid("HardFault").unwrap();
        let error = fails(uart.run("ping"));
        guard.lift();
        board.join().unwrap();
        error
    },
    a_forbidden_pattern_reported_by_drop => {
        let (uart, _board) = printed(b"start\nHardFault\n");
        uart.forbid("HardFault").unwrap();
        let panicked = catch_unwind(AssertUnwindSafe(|| drop(uart))).unwrap_err();
        panicked.downcast_ref::<String>().unwrap().clone()
    },
    a_failed_expect_silence => fails(printed(b"noise\r\n").0.expect_silence(secs(60))),
    a_failed_expect_none => fails(printed(b"boot\npanic: 5\n").0.expect_none("re:panic: \\d", secs(60))),
    a_run_without_a_prompt => fails(uart().0.run("ping")),
    a_run_of_two_lines => fails(printed(b"> ").0.run("a\nb")),
    an_echo_of_two_lines => fails(printed(b"> ").0.send_line_echoed("a\nb")),
    a_run_that_is_answered_twice => {
        let (uart, board) = shell("> ", &["pong\r\n> \r\n> "]);
        uart.set_echo(Echo::Off);
        let error = fails(uart.run("ping"));
        board.join().unwrap();
        error
    },
    a_run_with_an_ambiguous_answer => {
        let (uart, board) = shell("> ", &["one\r\n> ", "two\r\ntwo\r\n> "]);
        uart.run("get").wait().unwrap();
        let error = fails(uart.run("two"));
        board.join().unwrap();
        error
    },
    a_group_outside_the_match => groups().parse::<u8>("u").unwrap_err(),
    a_group_that_does_not_exist => groups().parse::<u8>(3).unwrap_err(),
    a_group_that_is_not_a_number => groups().parse::<u8>("t").unwrap_err(),
}

#[track_caller]
fn assert_message(name: &str, error: &impl Display) {
    let places = [
        (Path::new(TEMPORARY), "boards"),
        (Path::new(ROOT), "[root]"),
    ];
    messages::assert_message(SNAPSHOTS, name, &error.to_string(), &places);
}

#[test]
fn every_snapshot_belongs_to_a_situation() {
    let others = [
        "names_that_users_depend_on",
        "it__schema__refused_files_are_invalid_but_for_the_listed",
    ];
    let expected: BTreeSet<_> = SITUATIONS.iter().chain(&others).copied().collect();
    let files = fs::read_dir(SNAPSHOTS).unwrap();
    let names = files.map(|file| file.unwrap().file_name().into_string().unwrap());
    let names: Vec<String> = names.collect();
    let leftover: Vec<&String> = names
        .iter()
        .filter(|name| {
            !name
                .strip_suffix(".snap")
                .is_some_and(|name| expected.contains(name))
        })
        .collect();
    assert!(leftover.is_empty(), "remove {leftover:?}");
}

/// Returns the error of an operation that fails at once.
fn fails<T>(operation: virtual_target::Operation<T>) -> Error {
    match operation.within(secs(600)).wait() {
        Ok(_) => panic!("it went well"),
        Err(error) => error,
    }
}

/// Returns the error of an operation that times out; all output it needs has been read before.
fn times_out<T>(operation: virtual_target::Operation<T>) -> Error {
    match operation.within(millis(50)).wait() {
        Ok(_) => panic!("it went well"),
        Err(error) => error,
    }
}

/// Returns the error of a run that times out, with a limit that leaves the board time to answer.
fn run_times_out(
    run: virtual_target::Operation<String>,
    board: thread::JoinHandle<UnixStream>,
) -> Error {
    let error = run.within(secs(3)).wait().unwrap_err();
    board.join().unwrap();
    error
}

/// Returns the error of a target that is booted from `file`.
fn boot_error(file: &str) -> Error {
    VirtualTarget::from_yaml(file).boot().wait().unwrap_err()
}

/// Returns the name of a target file with this text.
fn file(text: &str) -> String {
    let path = Path::new(TEMPORARY).join("board.yaml");
    std::fs::write(&path, text).unwrap();
    path.display().to_string()
}

fn yaml(text: &str) -> ConfigError {
    TargetConfig::from_yaml_str(text, ".").unwrap_err()
}

/// Returns the error of `line` after the fields that every target needs.
fn board(line: &str) -> ConfigError {
    yaml(&format!(
        "platform: platforms/boards/b.repl\nuart: sysbus.uart0\n{line}\n"
    ))
}

/// Returns the error of booting a physical board without its port, with `line` in its description.
fn target(line: &str) -> Error {
    let text = format!("backend: serial\nserial: {{port: /dev/no-such-port}}\n{line}\n");
    let config = TargetConfig::from_yaml_str(&text, ".").unwrap();
    VirtualTarget::from_config(config)
        .boot()
        .wait()
        .unwrap_err()
}

fn image_error(path: &Path) -> FirmwareError {
    Firmware::open(path).unwrap_err()
}

/// Returns the error of an image of that name and content, without its directory.
fn image(name: &str, content: &[u8]) -> String {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join(name);
    fs::write(&path, content).unwrap();
    let directory = format!("{}/", directory.path().display());
    image_error(&path).to_string().replace(&directory, "")
}

fn sample(name: &str) -> Vec<u8> {
    fs::read(format!("firmware-samples/prebuilt/stm32f4/{name}")).unwrap()
}

/// Returns a UART on one end of a socket pair, and the board on the other.
fn uart() -> (Uart, UnixStream) {
    let (ours, board) = UnixStream::pair().unwrap();
    (Uart::over_fd(ours).unwrap(), board)
}

/// Returns a UART on which `output` has arrived.
fn printed(output: &[u8]) -> (Uart, UnixStream) {
    let (uart, mut board) = uart();
    board.write_all(output).unwrap();
    uart.clone().read_exact(output.len()).wait().unwrap();
    (uart, board)
}

/// Returns a UART whose stream has ended after `output`.
fn closed_after(output: &[u8]) -> Uart {
    let (uart, board) = printed(output);
    drop(board);
    uart.clone()
        .expect("never")
        .within(secs(600))
        .wait()
        .unwrap_err();
    uart
}

/// Returns a board that has printed its prompt and answers each line with the next of `answers`.
fn shell(prompt: &str, answers: &[&str]) -> (Uart, thread::JoinHandle<UnixStream>) {
    let (uart, mut board) = printed(prompt.as_bytes());
    uart.set_prompt(prompt).unwrap();
    let answers: Vec<String> = answers.iter().map(ToString::to_string).collect();
    let shell = thread::spawn(move || {
        for answer in answers {
            let mut byte = [0];
            while byte != *b"\n" {
                board.read_exact(&mut byte).unwrap();
            }
            board.write_all(answer.as_bytes()).unwrap();
        }
        board
    });
    (uart, shell)
}

fn groups() -> Match {
    let (uart, _board) = printed(b"temp=21.5 unit=\n");
    let found = uart.expect_line(r"re:temp=(?<t>[0-9.]+) unit=(?<u>\w+)?");
    found.wait().unwrap()
}
