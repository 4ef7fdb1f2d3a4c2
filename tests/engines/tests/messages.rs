//! The messages of failures on an emulator: each as a whole, in
//! `snapshots`; where Renode's differ from QEMU's, as `NAME@renode`.
//!
//! `INSTA_UPDATE=always cargo nextest run -p engine-tests -E 'binary(messages)'` accepts the
//! present messages.

#[path = "../../common/messages.rs"]
mod snapshots;

use std::fmt::Display;
use std::fs;
use std::path::Path;
use std::pin::Pin;
use std::process::Command;
use std::task::{Context, Waker};
use std::thread;
use std::time::Duration;

use engine_tests::emulator_variant::{fake_renode, program, write_launcher};
use engine_tests::leftovers::emulators;
use engine_tests::{
    alone, alone_on_each_engine, bare_on, on_renode, root, sample, sample_for, shell_on,
};
use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;
use regex::Regex;
use virtual_target::config::{BackendKind, LoadCommand, TargetConfig};
use virtual_target::uart::Uart;
use virtual_target::{Error, Operation, Result, VirtualTarget, millis, secs};

const SNAPSHOTS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/snapshots");
const STM32F4: &str = "platform: platforms/boards/stm32f4_discovery-kit.repl\nuart: sysbus.usart2\nmachine_name: stm32f4\n";

/// Asserts a message that is the same on each engine, except for the UART's name.
#[track_caller]
fn assert_message(name: &str, error: &impl Display) {
    let message = error.to_string();
    let message = ["UART serial 1:", "UART sysbus.usart2:"]
        .iter()
        .fold(message, |text, uart| text.replace(uart, "UART [name]:"));
    assert_exact_message(name, &message);
}

#[track_caller]
fn assert_exact_message(name: &str, message: &str) {
    snapshots::assert_message(SNAPSHOTS, name, message, &[(root(), "[root]")]);
}

/// Asserts a message that each engine words differently.
#[track_caller]
fn assert_message_of(engine: BackendKind, name: &str, error: &impl Display) {
    let message = error.to_string();
    match engine {
        BackendKind::Renode => assert_exact_message(&format!("{name}@renode"), &message),
        _ => assert_exact_message(name, &message),
    }
}

/// Returns the error of an operation that fails long before its time limit.
#[track_caller]
fn fails<T>(operation: Operation<T>) -> Error {
    fails_within(operation, secs(120))
}

/// Returns the error of a wait for output of a board whose memory holds `image`.
fn never_of(engine: BackendKind, image: &[u32]) -> Result<Error> {
    never_with(engine, image, "")
}

/// As [`never_of`], with `more` in the description.
fn never_with(engine: BackendKind, image: &[u32], more: &str) -> Result<Error> {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("image.bin");
    let image: Vec<u8> = image.iter().flat_map(|word| word.to_le_bytes()).collect();
    fs::write(&file, image).unwrap();
    let text = format!(
        "{STM32F4}qemu: {{machine: netduinoplus2, serial: 1}}\nload_address: 0x08000000\nfirmware: {file:?}\n{more}"
    );
    let config = TargetConfig::from_yaml_str(&text, "/")?;
    let board = VirtualTarget::from_config(config)
        .backend(engine)
        .boot()
        .wait()?;
    Ok(fails(board.uart().expect("never")))
}

/// Returns the error of an operation that fails by its time limit.
#[track_caller]
fn times_out<T>(operation: Operation<T>) -> Error {
    fails_within(operation, millis(200))
}

/// Returns the error of an operation that fails within `limit`.
#[track_caller]
fn fails_within<T>(operation: Operation<T>, limit: Duration) -> Error {
    match operation.within(limit).wait() {
        Ok(_) => panic!("it went well"),
        Err(error) => error,
    }
}

/// Boots the shell to its prompt; the description contains `more`.
fn shell_with(engine: BackendKind, more: &str) -> Result<VirtualTarget> {
    let yaml = fs::read_to_string(root().join("fixtures/stm32f4.yaml")).unwrap();
    let config = TargetConfig::from_yaml_str(&format!("{yaml}{more}"), root())?;
    let board = VirtualTarget::from_config(config).backend(engine);
    let board = board.firmware(sample("shell-debug.elf"));
    let board = board.boot().wait()?;
    board.uart().expect("> ").wait()?;
    Ok(board)
}

/// Runs `command` on the shell; then all of its output has arrived, and is unread.
fn printed(uart: &Uart, command: &str) -> Result<()> {
    let reader = uart.clone();
    uart.send_line(command).wait()?;
    reader.expect_line(command).wait()?;
    reader.expect("> ").wait().map(drop)
}

/// Returns the error of a wait during which `end` is run on the board.
fn ended_by(board: &VirtualTarget, end: Operation<()>) -> Result<String> {
    let uart = board.uart().clone();
    uart.expect("> ").wait()?;
    let mut wait = uart.expect("never").within(secs(120));
    let polled = Pin::new(&mut wait).poll(&mut Context::from_waker(Waker::noop()));
    assert!(polled.is_pending(), "it waits before `end` begins");
    let waiting = thread::spawn(move || fails(wait));
    end.wait()?;
    Ok(without_output(&waiting.join().unwrap().to_string()))
}

/// Returns the message without the board's output, where that depends on the time.
fn without_output(message: &str) -> String {
    let output = "(?s); (?:nothing has arrived|no unread bytes|[0-9]+ unread bytes?).*?(\n  at .*)";
    let output = Regex::new(output).unwrap();
    output.replace(message, "$1").into_owned()
}

fn signal(signal: Signal) {
    for pid in emulators() {
        // In each group only the leader's process id is also the group's.
        let _ = killpg(Pid::from_raw(pid), signal);
    }
}

alone_on_each_engine! {
    fn waits_that_time_out(engine) {
        let board = shell_with(engine, "")?;
        let uart = board.uart();
        assert_message("timeout_without_new_output", &times_out(uart.expect("ready")));
        printed(uart, "echo something else")?;
        assert_message("timeout_of_expect", &times_out(uart.expect("ready")));
        assert_message("timeout_of_expect_line", &times_out(uart.expect_line("re:^ready (\\d+)$")));
        assert_message("timeout_of_expect_any", &times_out(uart.expect_any(["one", "two"])));
        assert_message("timeout_of_expect_all", &times_out(uart.expect_all(["something", "two"])));
        assert_message("timeout_of_read_exact", &times_out(uart.read_exact(1000)));
        assert_message("timeout_where_the_case_differs", &times_out(uart.expect("Something else")));
        uart.clear();
        assert_message("timeout_for_text_that_was_read_before", &times_out(uart.expect("something else")));
        assert_message("run_without_a_prompt", &fails(uart.run("ping")));
        uart.set_prompt("$ ")?;
        assert_message("timeout_of_run_before_it_sends", &times_out(uart.run("ping")));
        uart.set_prompt("> ")?;
        board.reset().wait()?;
        assert_message("timeout_of_run", &fails_within(uart.run("sleep 600000"), secs(3)));
        board.shutdown().wait()
    }

    fn waits_that_fail(engine) {
        let board = shell_with(engine, "")?;
        let uart = board.uart();
        printed(uart, "echo noise")?;
        assert_message("failed_expect_none", &fails(uart.expect_none("re:no.se", secs(60))));
        assert_message("failed_expect_silence", &fails(uart.expect_silence(secs(60))));
        assert_message("bad_pattern", &fails(uart.expect("re:ok$")));
        assert_message("bad_line", &fails(uart.send_line_echoed("a\nb")));
        let found = uart.expect_line(r"re:(no)(x)?ise").wait()?;
        assert_message("bad_number", &found.parse::<u8>(1).unwrap_err());
        assert_message("missing_group", &found.parse::<u8>(2).unwrap_err());
        board.shutdown().wait()
    }

    fn forbidden_patterns(engine) {
        let board = shell_with(engine, "forbid: ['re:HardFault at 0x[0-9a-f]+']\n")?;
        let uart = board.uart();
        uart.send_line("panic").wait()?;
        // Waits for the whole report, so that the end of the message does not depend on the time.
        while !uart.transcript_text()?.split("lr 0x").nth(1).is_some_and(|lr| lr.contains('\n')) {
            thread::yield_now();
        }
        let error = fails(uart.expect_line("pong"));
        assert_message_of(engine, "guard_in_a_wait", &error);
        assert_message_of(engine, "guard_in_a_send", &fails(uart.send("x")));
        drop(error);
        assert_message_of(engine, "guard_at_the_end", &board.shutdown().wait().unwrap_err());
        Ok(())
    }

    fn power(engine) {
        let board = shell_on(engine).build()?;
        assert_message("wait_before_power_on", &fails(board.uart().expect("> ")));
        assert_message("send_before_power_on", &fails(board.uart().send("x")));
        assert_message("reset_before_power_on", &fails(board.reset()));
        assert_message_of(engine, "metrics_before_power_on", &fails(board.metrics()));
        board.power_on().wait()?;
        assert_message("reset_in_a_wait", &ended_by(&board, board.reset())?);
        assert_message("flash_in_a_wait", &ended_by(&board, board.flash(sample("shell.elf")))?);
        assert_message("power_off_in_a_wait", &ended_by(&board, board.power_off())?);
        assert_message("wait_after_power_off", &fails(board.uart().expect("never")));
        assert_message("send_after_power_off", &fails(board.uart().send("x")));
        assert_message("run_after_power_off", &{
            board.uart().set_prompt("> ")?;
            fails(board.uart().run("ping"))
        });
        assert_message("reset_after_power_off", &fails(board.reset()));
        assert_message_of(engine, "metrics_after_power_off", &fails(board.metrics()));
        Ok(())
    }

    fn names(engine) {
        let board = shell_on(engine).build()?;
        assert_message("unknown_uart", &board.uart_named("modem").unwrap_err());
        assert_message("unknown_machine", &board.machine("node-b").map(drop).unwrap_err());
        Ok(())
    }

    fn firmware(engine) {
        let boot = |firmware: &Path| fails(bare_on(engine).firmware(firmware).boot());
        let wrong = sample_for("sifive-fe310", "hello.elf");
        assert_message_of(engine, "boot_with_the_wrong_architecture", &boot(&wrong));
        assert_message("boot_with_a_raw_binary", &boot(&sample("hello.bin")));
        assert_message("boot_with_a_missing_file", &boot(Path::new("/nowhere/to.elf")));
        let board = shell_with(engine, "")?;
        assert_message_of(engine, "flash_of_the_wrong_architecture", &fails(board.flash(&wrong)));
        assert_message("flash_of_a_missing_file", &fails(board.flash("/nowhere/to.elf")));
        let as_hex = board.flash_with(sample("hello.elf"), LoadCommand::Hex);
        assert_message_of(engine, "flash_by_the_wrong_command", &fails(as_hex));
        board.shutdown().wait()
    }

    fn no_firmware(engine) {
        let board = bare_on(engine).boot().wait()?;
        assert_message("timeout_without_firmware", &times_out(board.uart().expect("> ")));
        Ok(())
    }

    fn monitor(engine) {
        let board = shell_with(engine, "")?;
        assert_message_of(engine, "monitor_that_is_not_allowed", &fails(board.monitor("version")));
        let board = shell_with(engine, "allow_raw_monitor: true\n")?;
        assert_message_of(engine, "monitor_command_with_an_error", &fails(board.monitor("sysbus Nope")));
        if engine == BackendKind::Renode {
            assert_message("monitor_command_that_is_empty@renode", &fails(board.monitor("")));
            assert_message("monitor_command_of_two_lines@renode", &fails(board.monitor("echo 1\necho 2")));
            assert_message("monitor_command_beyond_ascii@renode", &fails(board.monitor("echo é")));
            board.power_off().wait()?;
            assert_message("monitor_after_power_off@renode", &fails(board.monitor("version")));
        } else {
            assert_message("metrics", &fails(board.metrics()));
        }
        Ok(())
    }

    fn artifacts_contain_the_settings(engine) {
        let board = shell_with(engine, "prompt: '> '\nforbid: [HardFault]\ntimeouts: {expect: 7s}\n")?;
        let error = times_out(board.uart().expect("never")).to_string();
        let directory = Path::new(error.rsplit("artifacts: ").next().unwrap());
        let text = fs::read_to_string(directory.join("configuration.txt")).unwrap();
        assert_message_of(engine, "configuration", &text);
        let files = fs::read_dir(directory).unwrap();
        let mut files: Vec<String> = files.map(|it| it.unwrap().file_name().into_string().unwrap()).collect();
        files.sort();
        assert_message_of(engine, "artifacts", &files.join("\n"));
        Ok(())
    }
}

alone_on_each_engine! {
    fn an_emulator_that_is_killed(engine) {
        let board = shell_with(engine, "")?;
        let uart = board.uart().clone();
        let waiting = thread::spawn(move || fails(uart.expect("never")));
        signal(Signal::SIGKILL);
        assert_message_of(engine, "killed_in_a_wait", &waiting.join().unwrap());
        assert_message_of(engine, "wait_after_a_kill", &fails(board.uart().expect("never")));
        assert_message_of(engine, "send_after_a_kill", &fails(board.uart().send("x")));
        assert_message_of(engine, "reset_after_a_kill", &fails(board.reset()));
        Ok(())
    }

    fn a_guest_that_halts(engine) {
        // The stack pointer, the entry point, `ldr r0, [pc]; bx r0`, and the jump's target: no memory.
        let image = [0x2000_1000u32, 0x0800_0009, 0x4700_4800, 0xf000_0001];
        assert_message_of(engine, "halt", &never_of(engine, &image)?);
        Ok(())
    }

    fn a_guest_that_locks_up(engine) {
        let (reset, handler) = (0x0800_001d, 0x0800_001f);
        // The vectors, then `udf #0` and, as the handler, `udf #1`.
        let image = [0x2000_1000u32, reset, handler, handler, handler, handler, handler, 0xde01_de00];
        assert_message_of(engine, "lock_up", &never_of(engine, &image)?);
        Ok(())
    }

    fn an_emulator_that_is_stopped(engine) {
        let board = shell_with(engine, "")?;
        let _ = board.metrics().wait(); // until Renode has answered all commands of the boot; QEMU has none
        signal(Signal::SIGSTOP);
        assert_message_of(engine, "reset_of_a_stopped_emulator", &fails_within(board.reset(), secs(1)));
        assert_message("reset_after_a_failed_reset", &fails(board.reset()));
        Ok(())
    }
}

alone_on_each_engine! {
    fn a_forbidden_line_of_the_log(engine) {
        // Reads the word at 0x50000000, where neither engine has a peripheral.
        let image = [0x2000_1000, 0x0800_0009, 0x6801_4801, 0xBF00_E7FE, 0x5000_0000];
        let pattern = "fail_on_log: ['re:non existing peripheral|unimplemented device']\n";
        assert_message_of(engine, "guard_of_the_log", &never_with(engine, &image, pattern)?);
        Ok(())
    }
}

on_renode! {
    fn virtual_time() -> Result<()> {
        let board = shell_with(BackendKind::Renode, "clock: virtual\n")?;
        let uart = board.uart();
        assert_message("virtual_timeout_without_new_output@renode", &fails_within(uart.expect("ready"), secs(5)));
        uart.send_line("echo something else").wait()?;
        assert_message("virtual_timeout_of_expect_line@renode", &fails_within(uart.expect_line("ready"), secs(5)));
        assert_message("virtual_failed_expect_silence@renode", &fails(uart.from_start().expect_silence(secs(60))));
        uart.set_prompt("> ")?;
        assert_message("virtual_timeout_of_run@renode", &fails_within(uart.run("sleep 600000"), secs(5)));
        Ok(())
    }

    fn boards_that_renode_refuses() -> Result<()> {
        let directory = tempfile::tempdir().unwrap();
        let boot = |text: &str| refused_by_renode(directory.path(), text);
        assert_message("unknown_uart_of_the_platform@renode", &boot(&STM32F4.replace("usart2", "usrat2")));
        assert_message("unknown_platform@renode", &boot(&STM32F4.replace("stm32f4_", "stm32f5_")));
        assert_message("bad_extra_command@renode", &boot(&format!("{STM32F4}extra_commands: ['echo \"x\"', nosuchcommand]\n")));
        assert_message("bad_fragment@renode", &boot(&format!("{STM32F4}platform_fragments: ['x: No.Such @ sysbus 0']\n")));
        assert_message("bad_hub@renode", &boot(&format!(
            "machines:\n  a: {{{}}}\nuart_hubs: {{line: [a.sysbus.usart3, a.sysbus.nope]}}\n",
            "platform: platforms/boards/stm32f4_discovery-kit.repl, uart: sysbus.usart2"
        )));
        Ok(())
    }

    fn scripts_that_renode_refuses() -> Result<()> {
        let directory = tempfile::tempdir().unwrap();
        let boot = |script: &str, more: &str| {
            fs::write(directory.path().join("board.resc"), script).unwrap();
            let text = format!("script: board.resc\nuart: sysbus.usart2\n{more}");
            refused_by_renode(directory.path(), &text)
        };
        assert_message("script_with_an_error@renode", &boot("mach create \"a\"\nsysbus Nope\n", ""));
        assert_message("script_without_a_board@renode", &boot("version\n", ""));
        assert_message("script_without_the_machine@renode", &boot("mach create \"a\"\n", "machine_name: b\n"));
        assert_message("script_that_runs_the_board@renode", &boot("mach create \"a\"\nstart\n", ""));
        Ok(())
    }
}

/// Returns the error of a board on Renode that `text` describes, in a file of `directory`.
fn refused_by_renode(directory: &Path, text: &str) -> String {
    let config = TargetConfig::from_yaml_str(text, directory).unwrap();
    let target = VirtualTarget::from_config(config).backend(BackendKind::Renode);
    let error = fails(target.boot()).to_string();
    error.replace(&*directory.to_string_lossy(), "[directory]")
}

#[test]
#[cfg_attr(
    not(qemu),
    ignore = "no QEMU: qemu-system-arm is not in PATH and VTARGET_QEMU names none"
)]
fn boards_that_qemu_refuses() {
    let _alone = alone();
    let boot = |text: &str| {
        let text = format!("backend: qemu\nqemu: {text}\n");
        let config = TargetConfig::from_yaml_str(&text, ".").unwrap();
        let target = VirtualTarget::from_config(config).backend(BackendKind::Qemu);
        fails(target.firmware(sample("shell.elf")).boot())
    };
    assert_message("unknown_machine_of_qemu", &boot("{machine: netduino9}"));
    assert_message(
        "wrong_processor_for_qemu",
        &boot("{machine: netduinoplus2, cpu: cortex-a15, serial: 1}"),
    );
    assert_message(
        "missing_serial_of_qemu",
        &boot("{machine: netduinoplus2, serial: 9}"),
    );
}

/// Defines a test for each situation that needs no real emulator.
macro_rules! situations {
    ($($name:ident => $error:expr,)+) => {$(
        #[test]
        fn $name() {
            let _alone = alone();
            assert_message(stringify!($name), &$error);
        }
    )+};
}

situations! {
    // Emulators, simulated by the stand-in and by scripts.
    renode_that_exits => renode("exit", ""),
    renode_that_is_too_old => renode("version=1.13.0", ""),
    renode_that_is_another_program => renode("garbage", QUICK),
    renode_without_output => renode("silent", QUICK),
    renode_that_crashes_with_a_platform => renode("die@platform", ""),
    renode_that_hangs_with_a_platform => renode("hang@platform", QUICK),
    renode_that_is_killed_with_firmware => renode("kill@load", ""),
    renode_that_closes_its_console => renode("close@create", QUICK),
    renode_that_crashes_in_a_wait => without_output(&renode("die@wait", "")),
    renode_with_a_halted_processor => without_output(&renode("halt@wait", "")),
    renode_with_a_locked_up_processor => without_output(&renode("lockup@wait", "")),
    renode_that_hangs_in_a_reset => renode("hang@reset", QUICK),
    renode_without_its_port => renode("no-port", "control: telnet\ntimeouts: {command: 1s}"),
    renode_with_an_endless_line => refused("renode", "head -c 2000000 /dev/zero; exec sleep 600", "", &[]),
    qemu_that_exits => qemu("echo 'no such machine' >&2; exit 3"),
    qemu_that_exits_without_output => qemu("exit 3"),
    qemu_that_is_killed => qemu("kill -9 $$"),
    qemu_that_is_another_program => qemu("echo 'who are you' >&3; exec sleep 600"),
    qemu_without_output => refused("qemu", "exec sleep 600", "timeouts: {boot: 1s}", &[]),

    // The environment.
    no_renode => with("renode", &[("VTARGET_RENODE", "/nowhere/renode")]),
    no_qemu => with("qemu", &[("VTARGET_QEMU", "/nowhere/qemu")]),
    no_renode_in_path => with("renode", &NOWHERE),
    no_qemu_in_path => with("qemu", &NOWHERE),
    no_emulator_in_path => with("auto", &NOWHERE),
    a_directory_for_renode => with("renode", &[("VTARGET_RENODE", "/proc")]),
    a_file_that_is_not_executable => with("renode", &[("VTARGET_RENODE", "/proc/version")]),
    an_unknown_backend => with("renode", &[("VTARGET_BACKEND", "renod")]),
    an_unknown_policy => with("renode", &[("VTARGET_ARTIFACTS", "sometimes")]),
    a_switch_that_is_not_one => with("qemu", &[("VTARGET_GDB", "yes")]),
    a_limit_that_is_not_a_number => with("renode", &[("VTARGET_MAX_PARALLEL", "many")]),
    no_temporary_directory => with("renode", &[("TMPDIR", "/proc")]),
}

const QUICK: &str = "timeouts: {command: 1s, boot: 20s}";

/// No emulator anywhere; an empty variable counts as not set.
const NOWHERE: [(&str, &str); 5] = [
    ("PATH", "/nowhere"),
    ("HOME", "/nowhere"),
    ("XDG_CACHE_HOME", "/nowhere"),
    ("VTARGET_RENODE", ""),
    ("VTARGET_QEMU", ""),
];

/// Returns the error output of `boot_once` with the stand-in as Renode, on this cue.
fn renode(cue: &str, more: &str) -> String {
    refused("renode", &fake_renode(cue), more, &[])
}

/// Returns the error output of `boot_once` with this script as QEMU.
fn qemu(script: &str) -> String {
    refused("qemu", script, "", &[])
}

/// Returns the error output of `boot_once` in this environment.
fn with(engine: &str, variables: &[(&str, &str)]) -> String {
    refused(engine, "exec sleep 600", "", variables)
}

/// Returns the error output of `boot_once` with this script as the emulator, with `more` in the
/// description, and with these variables set.
fn refused(engine: &str, script: &str, more: &str, variables: &[(&str, &str)]) -> String {
    let directory = tempfile::tempdir().unwrap();
    let at = |name| directory.path().join(name);
    let text = format!(
        "backend: {engine}\n{STM32F4}qemu: {{machine: netduinoplus2, serial: 1}}\nfirmware: {:?}\n{more}\n",
        sample("shell.elf")
    );
    fs::write(at("target.yaml"), text).unwrap();
    fs::create_dir(at("tmp")).unwrap();
    let launcher = write_launcher(directory.path(), script);
    let output = Command::new(program("boot_once"))
        .arg(at("target.yaml"))
        .env_remove("VTARGET_BACKEND")
        .env("VTARGET_ARTIFACTS", "never")
        .env("VTARGET_RENODE", &launcher)
        .env("VTARGET_QEMU", &launcher)
        .env("TMPDIR", at("tmp"))
        .envs(variables.iter().copied())
        .output()
        .unwrap();
    assert!(!output.status.success(), "it went well");
    let text = String::from_utf8(output.stderr).unwrap();
    text.replace(&*directory.path().to_string_lossy(), "[directory]")
}
