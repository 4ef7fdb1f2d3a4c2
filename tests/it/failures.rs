//! `docs/failures.md`: what failures look like and how they are read, from the messages that the tests
//! of both engines have recorded.
//!
//! `INSTA_UPDATE=always cargo nextest run -E 'binary(it) & test(failures)'` writes it.

use std::fmt::Write;
use std::fs;

const PAGE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/failures.md");
const HERE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/it/snapshots");
const ENGINES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/engines/tests/snapshots");

/// A heading, the code, the name of the message, and how it is read.
type Situation = (&'static str, &'static str, &'static str, &'static str);

const BEGINNING: &str = "\
# What failures look like

The messages are those that the tests have recorded from real runs, on QEMU and on Renode where the engine matters; on
Renode the programs that go wrong run with a virtual clock. What differs from run to run is in brackets: `[time]`,
`[line]`, `[address]`, `[number]`, `[directory]`, and `[words]` for QEMU's dump of the registers.
[The chapter on failures](guide/5-debugging.md) says how the lines on the firmware come about.
";

const SITUATIONS: &[Situation] = &[
    // Nothing, or something else.
    (
        "The board prints nothing",
        r#"uart.expect("ready")"#,
        "a_timeout_of_a_silent_board",
        "Not one byte has come: it is another UART, or the firmware does not run. The lines on the firmware say which.",
    ),
    (
        "No firmware was named",
        r#"uart.expect("> ")"#,
        "timeout_without_firmware",
        "The memory of the board is empty.",
    ),
    (
        "The firmware prints something else",
        r#"uart.expect("ready")"#,
        "timeout_of_expect",
        "The lines behind `|` are what has come since the operation began, with `\\r` and `\\n` as they came.",
    ),
    (
        "Nothing more has come",
        r#"uart.expect("ready")"#,
        "timeout_without_new_output",
        "The last output before the operation is shown: the board stands at its prompt.",
    ),
    (
        "An earlier operation has read it already",
        r#"uart.expect("something else")"#,
        "timeout_for_text_that_was_read_before",
        "Each operation goes on where the last one stopped; `uart.from_start()` sees all output again.",
    ),
    (
        "One of several texts is missing",
        r#"uart.expect_all(["something", "two"])"#,
        "timeout_of_expect_all",
        "Those behind `still without` have not come.",
    ),
    (
        "Too few bytes",
        "uart.read_exact(1000)",
        "timeout_of_read_exact",
        "The number behind `after` is what has come.",
    ),
    // Near misses.
    (
        "The case differs",
        r#"uart.expect("Something else")"#,
        "timeout_where_the_case_differs",
        "Write it as the board does, or `re:(?i)something else`.",
    ),
    (
        "The spaces differ",
        r#"uart.expect_line("temp: 22.0 C")"#,
        "almost_but_for_spaces",
        "What the board has sent is between » and «.",
    ),
    (
        "A letter that looks like a digit",
        r#"uart.expect_line("temp: 22.0 C")"#,
        "almost_but_for_a_letter",
        "The characters that look alike have their names.",
    ),
    (
        "Other digits",
        r#"uart.expect_line("tick 3")"#,
        "almost_but_for_digits",
        "The last text of this form is shown; the one with the right number has not come.",
    ),
    (
        "Other line ends",
        r#"uart.expect("one\n")"#,
        "almost_but_for_the_line_end",
        "`expect_line` takes every line end.",
    ),
    (
        "A misspelling",
        r#"uart.expect("calibration done")"#,
        "almost_but_for_a_misspelling",
        "The most similar words of the output are shown.",
    ),
    (
        "The output ends in the middle of it",
        r#"uart.expect("ready for commands")"#,
        "almost_all_of_it",
        "The firmware has stopped while it printed, or its buffer was full.",
    ),
    (
        "The line has no end",
        r#"uart.expect_line("re:^>")"#,
        "almost_a_line",
        "A prompt is no line: use `expect` for it.",
    ),
    (
        "A regular expression without `re:`",
        r#"uart.expect(r"up \d+ ms")"#,
        "almost_a_regex",
        "Without `re:` the text itself is looked for, backslash included.",
    ),
    (
        "`^` on the stream",
        r#"uart.expect("re:^ready")"#,
        "almost_at_the_beginning",
        "On the stream `^` is where the search began.",
    ),
    (
        "Noise looks like an escape sequence",
        r#"uart.expect("ready")"#,
        "a_timeout_within_an_escape_sequence",
        "The bytes are shown as they came.",
    ),
    // Shells.
    (
        "The prompt is another one",
        r#"uart.run("ping")"#,
        "a_timeout_of_run_with_another_prompt",
        "What the output ends with looks like a prompt.",
    ),
    (
        "The prompt is another one, before anything was sent",
        r#"uart.run("ping")"#,
        "timeout_of_run_before_it_sends",
        "`run` waits for a prompt before it sends.",
    ),
    (
        "The board echoes and does not answer",
        r#"uart.send_line("ping"); uart.expect_line("pong")"#,
        "a_timeout_of_an_echo_without_an_answer",
        "The board has not taken the line: it waits for another line end.",
    ),
    (
        "A command takes too long",
        r#"uart.run("sleep 600000")"#,
        "timeout_of_run",
        "The board has taken the line, and has not come back to its prompt.",
    ),
    (
        "The board takes only a part of a command",
        r#"uart.run("abcdef")"#,
        "a_timeout_of_run_for_the_rest_of_the_echo",
        "It loses bytes that come too fast.",
    ),
    (
        "The board does not echo",
        r#"uart.run("abcdef")"#,
        "a_timeout_of_run_without_an_echo",
        "The description or the test says that it echoes.",
    ),
    (
        "Nobody has said what the prompt is",
        r#"uart.run("ping")"#,
        "run_without_a_prompt",
        "`run` needs it to know where an answer ends.",
    ),
    // Crashes.
    (
        "A fault that must not happen",
        r#"uart.expect_line("pong")"#,
        "guard_in_a_wait",
        "`forbid` has ended the wait. The output around the match is shown, with the rest of what the handler prints; below it are the places of its addresses, and where the firmware is now.",
    ),
    (
        "A fault that nobody has waited for",
        "drop(board)",
        "guard_at_the_end",
        "The test has passed so far: `forbid` fails its end.",
    ),
    (
        "An access to what the emulator does not have",
        r#"uart.expect("never")"#,
        "guard_of_the_log",
        "`fail_on_log` has ended the wait. The line is the emulator's, with the address; below it is where the firmware is now.",
    ),
    (
        "The processor locks up",
        r#"uart.expect("never")"#,
        "lock_up",
        "A fault in the handler of a fault. QEMU ends itself.",
    ),
    (
        "A jump to where is no memory",
        r#"uart.expect("never")"#,
        "halt",
        "The program counter is the target of the jump: a bad function pointer or an overwritten return address.",
    ),
    (
        "The emulator is killed",
        r#"uart.expect("never")"#,
        "killed_in_a_wait",
        "By the host, which has run out of memory, or by somebody: the test has not done it.",
    ),
    // Firmware that goes wrong.
    (
        "A loop that never ends",
        r#"uart.expect("ok")"#,
        "firmware_faults_e",
        "The function that gave up is the one in the first line; its caller says why. With optimization the compiler has put `Error_Handler` into `configure`.",
    ),
    (
        "An assertion in C",
        r#"uart.expect("ok")"#,
        "firmware_faults_a",
        "`assert_failed` loops; the line of its caller is that of the assertion.",
    ),
    (
        "A panic in Rust",
        r#"uart.expect("ok")"#,
        "firmware_rust",
        "The panic handler loops; below the functions of `core` is the line that has panicked.",
    ),
    (
        "A queue in C++ that stays empty",
        r#"uart.expect("ok")"#,
        "firmware_cpp",
        "The member is named, and what would end the loop. It is never written, so that the compiler has put it among the constants.",
    ),
    (
        "A variable that no interrupt sets",
        r#"uart.expect("ok")"#,
        "firmware_faults_v",
        "The loop polls a variable, whose value is read from the board's memory: look for what should write it.",
    ),
    (
        "A field that another task should write",
        r#"uart.expect("ok")"#,
        "firmware_faults_y",
        "The member of the structure has its name.",
    ),
    (
        "A bit that never comes",
        r#"uart.expect("ok")"#,
        "firmware_faults_p",
        "The register and the bit are those that the loop waits for: the PLL does not get ready.",
    ),
    (
        "A handler that waits",
        r#"uart.expect("ok")"#,
        "firmware_faults_i",
        "The handler polls, so that the program, below `has interrupted`, never goes on.",
    ),
    (
        "It still computes",
        r#"uart.expect("ok")"#,
        "firmware_faults_k",
        "No loop that waits: it is slow. The number of rounds, with the duration of one, tells whether a longer limit helps.",
    ),
    (
        "It sleeps, and nothing wakes it",
        r#"uart.expect("ok")"#,
        "firmware_faults_w",
        "No interrupt comes, because none is enabled; otherwise they are listed, with their handlers. The registers of SysTick are not read, as that changes them.",
    ),
    (
        "A read of what is not there",
        r#"uart.expect("ok")"#,
        "firmware_missing_d",
        "On QEMU that is a fault; Renode reads 0 and goes on, so that only its log says it, with the place.",
    ),
    (
        "A wait for a peripheral that is not there",
        r#"uart.expect("ok")"#,
        "firmware_missing_m",
        "As before; on Renode the program polls what is always 0.",
    ),
    (
        "A bus error in a driver",
        r#"uart.expect("ok")"#,
        "firmware_faults_d",
        "The address, and the chain of calls up to `main`. Inlined functions have their own lines.",
    ),
    (
        "A write beyond a table",
        r#"uart.expect("ok")"#,
        "firmware_faults_q",
        "The third number of the address is the index that was too large.",
    ),
    (
        "A bus error while the FPU is used",
        r#"uart.expect("ok")"#,
        "firmware_faults_f",
        "The processor has pushed the FPU's registers as well; the chain leads over them.",
    ),
    (
        "A null pointer is called",
        r#"uart.expect("ok")"#,
        "firmware_faults_n",
        "The first line of the chain is the call.",
    ),
    (
        "An undefined instruction",
        r#"uart.expect("ok")"#,
        "firmware_faults_u",
        "The instruction is at the address.",
    ),
    (
        "A division by zero",
        r#"uart.expect("ok")"#,
        "firmware_faults_z",
        "Only where the firmware traps it, and not on Renode.",
    ),
    (
        "A stack overflow",
        r#"uart.expect("ok")"#,
        "firmware_faults_s",
        "The functions marked `?` are what the overflowing stack contains: the recursion.",
    ),
    (
        "A fault in a task with a stack of its own",
        r#"uart.expect("ok")"#,
        "firmware_faults_t",
        "QEMU 7.2 does not tell the task's stack pointer, and so not what the task did, but which address it has accessed.",
    ),
    (
        "A fault in the handler of a fault",
        r#"uart.expect("ok")"#,
        "firmware_missing_l",
        "The place is that of the second fault. The first one is below, if the emulator still has its memory: QEMU ends itself; Renode's lock-up is noticed after some looks.",
    ),
    (
        "RISC-V: an assertion",
        r#"uart.expect("ok")"#,
        "firmware_riscv_a",
        "As on Arm.",
    ),
    (
        "RISC-V: a load from what is not there",
        r#"uart.expect("ok")"#,
        "firmware_riscv_d",
        "`mcause` and `mtval` are the trap's; the chain begins at `mepc`.",
    ),
    (
        "RISC-V: an illegal instruction",
        r#"uart.expect("ok")"#,
        "firmware_riscv_u",
        "The trap handler loops; the place is that of the instruction.",
    ),
    (
        "RISC-V: a breakpoint that nobody handles",
        r#"uart.expect("ok")"#,
        "firmware_riscv_b",
        "An `ebreak` without a debugger is a trap.",
    ),
    (
        "RISC-V: a null pointer is called",
        r#"uart.expect("ok")"#,
        "firmware_riscv_n",
        "Renode's processor halts; QEMU's takes a trap.",
    ),
    (
        "RISC-V: a handler that waits",
        r#"uart.expect("ok")"#,
        "firmware_riscv_i",
        "The timer's handler polls and does not return; below `has interrupted` is the program.",
    ),
    (
        "RISC-V: a bit that never comes",
        r#"uart.expect("ok")"#,
        "firmware_riscv_p",
        "As on Arm: the register, the bit and the line.",
    ),
    (
        "RISC-V: it sleeps, and nothing wakes it",
        r#"uart.expect("ok")"#,
        "firmware_riscv_w",
        "As on Arm: nothing is enabled in `mie`.",
    ),
    // What the test does.
    (
        "The board is off",
        r#"uart.expect("> ")"#,
        "wait_before_power_on",
        "`build` does not turn it on; `boot` and `power_on` do.",
    ),
    (
        "The test has turned it off",
        r#"uart.expect("never")"#,
        "wait_after_power_off",
        "The last output is that of the last run.",
    ),
    (
        "Another thread flashes the board",
        r#"uart.expect("never")"#,
        "flash_in_a_wait",
        "No match spans two runs of the firmware, so that the wait has ended.",
    ),
    (
        "Text that must not come",
        r#"uart.expect_none("re:no.se", secs(60))"#,
        "failed_expect_none",
        "It fails at once, with the output up to there.",
    ),
    (
        "A group is not a number",
        r#"found.parse::<u8>("t")"#,
        "a_group_that_is_not_a_number",
        "The text of the group is shown, and why the type refuses it.",
    ),
    (
        "A pattern that is no regular expression",
        r#"uart.expect("re:data (ok")"#,
        "an_invalid_regular_expression",
        "The mark is below the place.",
    ),
    (
        "A pattern that depends on what follows",
        r#"uart.expect("re:ok$")"#,
        "bad_pattern",
        "On a stream there is always more to come.",
    ),
    // Firmware and descriptions.
    (
        "There is no firmware",
        r#"board.flash("/nowhere/to.elf")"#,
        "flash_of_a_missing_file",
        "Paths in the test are relative to the current directory, those in the YAML file to that file.",
    ),
    (
        "Firmware for another processor",
        r#"builder.firmware("hello.elf").boot()"#,
        "boot_with_the_wrong_architecture",
        "The ELF file and the board are of two architectures; nothing was started.",
    ),
    (
        "A raw binary without an address",
        r#"builder.firmware("hello.bin").boot()"#,
        "boot_with_a_raw_binary",
        "It holds no address of its own.",
    ),
    (
        "A field that does not exist",
        "VirtualTarget::from_yaml(\"boards/board.yaml\").boot()",
        "a_file_with_an_unknown_field",
        "The numbers are the line and the column.",
    ),
    (
        "A platform that Renode does not have",
        "builder.boot()",
        "unknown_platform@renode",
        "The most similar name is shown.",
    ),
    (
        "A UART that the board does not have",
        "builder.boot()",
        "unknown_uart_of_the_platform@renode",
        "The UARTs of the platform are listed.",
    ),
    (
        "A machine that QEMU does not have",
        "builder.boot()",
        "unknown_machine_of_qemu",
        "The most similar name is shown.",
    ),
    (
        "No emulator is installed",
        "builder.boot()",
        "no_renode",
        "The message says where was looked.",
    ),
    (
        "The board is not plugged in",
        "builder.boot()",
        "a_missing_serial_port",
        "A physical board's port must exist when it is turned on.",
    ),
];

/// Returns the message of a snapshot, if it was recorded.
fn message(name: &str) -> Option<String> {
    let files = [HERE, ENGINES].map(|directory| format!("{directory}/{name}.snap"));
    let snapshot = files
        .iter()
        .find_map(|file| fs::read_to_string(file).ok())?;
    let (_, text) = snapshot.strip_prefix("---\n")?.split_once("\n---\n")?;
    Some(text.trim_end().to_owned())
}

/// Returns true if the messages of both engines differ in nothing but the UART's name.
fn is_same(one: Option<&str>, other: &str) -> bool {
    let behind_name = |text: &str| text.split_once(": ").map(|it| it.1.to_owned());
    one.is_some_and(|one| behind_name(one) == behind_name(other))
}

/// Returns true if a program goes wrong on QEMU only.
fn is_of_qemu_alone(name: &str) -> bool {
    name.starts_with("firmware_") && message(&format!("{name}@renode")).is_none()
}

fn page() -> String {
    let mut page = BEGINNING.to_owned();
    for (heading, code, name, advice) in SITUATIONS {
        write!(page, "\n## {heading}\n\n```rust\n{code}\n```\n").unwrap();
        let first = message(name);
        let on_renode =
            message(&format!("{name}@renode")).filter(|text| !is_same(first.as_deref(), text));
        let messages = match (&first, &on_renode) {
            (Some(first), None) => {
                let engine = if is_of_qemu_alone(name) {
                    "On QEMU:\n\n"
                } else {
                    ""
                };
                vec![(engine, first)]
            }
            (Some(first), Some(other)) => {
                vec![("On QEMU:\n\n", first), ("On Renode:\n\n", other)]
            }
            _ => panic!("there is no message {name}"),
        };
        for (engine, text) in messages {
            write!(page, "\n{engine}```text\n{text}\n```\n").unwrap();
        }
        write!(page, "\n{advice}\n").unwrap();
    }
    page
}

#[test]
fn the_page_of_failures_has_the_recorded_messages() {
    let from_engines = |it: &&Situation| fs::exists(format!("{ENGINES}/{}.snap", it.2)).unwrap();
    let real = SITUATIONS.iter().filter(from_engines).count();
    assert!(real >= 40, "{real} of {}", SITUATIONS.len());
    let page = page();
    if std::env::var("INSTA_UPDATE").is_ok_and(|update| update == "always") {
        fs::write(PAGE, &page).unwrap();
    }
    let written = fs::read_to_string(PAGE).unwrap_or_default();
    assert!(
        written == page,
        "docs/failures.md is not up to date: run the test with INSTA_UPDATE=always"
    );
}
