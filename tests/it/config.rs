//! Targets from YAML: which are accepted, and the error for every mistake.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use proptest::prelude::*;
use virtual_target::VirtualTarget;
use virtual_target::config::{
    BackendKind, ClockKind, Control, Echo, LineEnding, LoadCommand, Platform, QemuPort, Reuse,
    TargetConfig, Timeouts, UartTransport,
};
use virtual_target::firmware::Architecture;

const MINIMAL: &str = "platform: platforms/boards/b.repl\nuart: sysbus.uart0\n";

fn parse(text: &str) -> TargetConfig {
    TargetConfig::from_yaml_str(text, ".").unwrap()
}

/// Returns the error message of `text`.
fn error_text(text: &str) -> String {
    TargetConfig::from_yaml_str(text, "/nowhere")
        .unwrap_err()
        .to_string()
}

#[test]
fn platform_and_uart_are_enough_for_renode() {
    let config = parse(MINIMAL);
    assert_eq!(config.backend(), BackendKind::Renode);
    let renode = config.renode().unwrap();
    assert_eq!(
        renode.platform(),
        &Platform::BuiltIn("platforms/boards/b.repl".into())
    );
    let [uart] = renode.uarts() else {
        panic!("{renode:?}")
    };
    assert_eq!((uart.name(), uart.path()), ("sysbus.uart0", "sysbus.uart0"));
    assert_eq!(config.machine_name(), "machine-0");
    assert_eq!(config.uart_transport(), UartTransport::Pty);
    assert_eq!(config.reuse(), None);
    assert!(config.extra_commands().is_empty());
    assert_eq!(config.control(), Control::Console);
    assert!(!config.allow_raw_monitor());
    assert_eq!(config.firmware(), None);
    assert_eq!(config.load_command(), None);
    assert_eq!(config.load_address(), None);
    assert_eq!(config.timeouts(), Timeouts::default());
    assert_eq!(config.line_ending(), LineEnding::Lf);
    assert_eq!(config.prompt(), None);
    assert_eq!(config.echo(), Echo::Auto);
    assert!(config.ignore_lines().is_empty());
    assert!(config.forbid().is_empty());
    assert!(config.strip_ansi());
    assert_eq!(config.kept_output(), 256 << 20);
}

/// The text of a target with every field of a single machine.
pub(crate) const EVERY_FIELD: &str = r#"
backend: auto
platform: platforms/cpus/s32k388.repl
uart: sysbus.lpuart0
machine_name: "S32K388 board no. 2"
uart_transport: socket
reuse: off
extra_commands:
  - sysbus WriteDoubleWord 0x40090030 0x0301
  - 'echo "a; b"'
control: telnet
monitor_port: 4444
allow_raw_monitor: true
firmware: build/Zürich; "fw" $x.elf
load_command: sysbus LoadBinary
load_address: 0x08000000
symbols: [build/app.elf, boot.elf]
qemu: {arch: arm, machine: netduinoplus2, cpu: cortex-m4, serial: 1, args: [-d, unimp]}
timeouts: {expect: 500ms, boot: 2min, command: 7s}
line_ending: crlf
prompt: 're:\w+> '
echo: off
ignore_lines: ['re:<\w+> ', beat]
forbid: [HardFault, 're:panic(ked)?']
strip_ansi: false
kept_output: 2GiB
"#;

#[test]
fn every_field_is_read() {
    let config = parse(EVERY_FIELD);
    assert_eq!(config.backend(), BackendKind::Auto);
    assert_eq!(config.machine_name(), "S32K388 board no. 2");
    assert_eq!(config.uart_transport(), UartTransport::Socket);
    assert_eq!(config.reuse(), Some(Reuse::Off));
    assert_eq!(
        config.extra_commands(),
        ["sysbus WriteDoubleWord 0x40090030 0x0301", r#"echo "a; b""#]
    );
    assert_eq!(config.control(), Control::Telnet { port: Some(4444) });
    assert!(config.allow_raw_monitor());
    assert!(
        config
            .firmware()
            .unwrap()
            .ends_with(r#"build/Zürich; "fw" $x.elf"#)
    );
    assert_eq!(config.load_command(), Some(LoadCommand::Binary));
    assert_eq!(config.load_address(), Some(0x0800_0000));
    let [app, boot] = config.symbols() else {
        panic!("{:?}", config.symbols())
    };
    assert!(app.ends_with("build/app.elf") && boot.ends_with("boot.elf"));
    assert!(app.is_absolute(), "{app:?}");
    assert_eq!(config.timeouts().expect(), Duration::from_millis(500));
    assert_eq!(config.timeouts().boot(), Duration::from_secs(120));
    assert_eq!(config.timeouts().command(), Duration::from_secs(7));
    assert_eq!(config.line_ending(), LineEnding::CrLf);
    assert_eq!(config.prompt(), Some(r"re:\w+> "));
    assert_eq!(config.echo(), Echo::Off);
    assert_eq!(config.ignore_lines(), [r"re:<\w+> ", "beat"]);
    assert_eq!(config.forbid(), ["HardFault", "re:panic(ked)?"]);
    assert!(!config.strip_ansi());
    assert_eq!(config.kept_output(), 2 << 30);
    let qemu = config.qemu().unwrap();
    assert_eq!(qemu.arch(), Architecture::Arm);
    assert_eq!(
        (qemu.machine(), qemu.cpu()),
        ("netduinoplus2", Some("cortex-m4"))
    );
    assert_eq!(qemu.args(), ["-d", "unimp"]);
}

#[test]
fn echo_accepts_auto_and_truth_values() {
    for (value, expected) in [
        ("auto", Echo::Auto),
        ("on", Echo::On),
        ("'on'", Echo::On),
        ("true", Echo::On),
        ("off", Echo::Off),
        ("false", Echo::Off),
    ] {
        let config = parse(&format!("{MINIMAL}echo: {value}\n"));
        assert_eq!(config.echo(), expected, "{value}");
    }
}

#[test]
fn load_address_may_be_text() {
    let config = parse(&format!("{MINIMAL}load_address: '0x0800FFFF'"));
    assert_eq!(config.load_address(), Some(0x0800_FFFF));
}

#[test]
fn uarts_keep_the_order_of_the_file() {
    let config = parse(
        "platform: platforms/boards/b.repl\n\
         uarts: {modem: sysbus.uart1, console: sysbus.uart0, a-b_1: sysbus.uart2}",
    );
    let uarts = config.renode().unwrap().uarts().iter();
    let shown: Vec<String> = uarts.map(ToString::to_string).collect();
    assert_eq!(
        shown,
        [
            "modem (sysbus.uart1)",
            "console (sysbus.uart0)",
            "a-b_1 (sysbus.uart2)"
        ]
    );
}

#[test]
fn each_uart_has_a_baud_rate() {
    let bauds = |yaml: &str| -> Vec<u32> {
        let config = parse(&format!("platform: platforms/boards/b.repl\n{yaml}"));
        let uarts = config.renode().unwrap().uarts().iter();
        uarts.map(|uart| uart.baud()).collect()
    };
    assert_eq!(bauds("uart: sysbus.uart0"), [115_200]);
    assert_eq!(bauds("uart: {path: sysbus.uart0}"), [115_200]);
    assert_eq!(bauds("uart: {path: sysbus.uart0, baud: 921600}"), [921_600]);
    let several = "uarts: {a: {path: sysbus.uart0, baud: 300}, b: sysbus.uart1}";
    assert_eq!(bauds(several), [300, 115_200]);
    let machines = parse(
        "machines:\n  a: {platform: platforms/b.repl, uart: {path: sysbus.uart0, baud: 9600}}\n",
    );
    assert_eq!(
        machines.machines().unwrap()[0].renode().uarts()[0].baud(),
        9600
    );
}

#[test]
fn a_uart_is_a_path_or_fields() {
    let cases = [
        (
            "uart: {path: sysbus.uart0, baud: 0}",
            "<yaml>:2:28: uart.baud: 0 is out of range: a serial port does 50 to 20000000 bits a second, usually 115200",
        ),
        (
            "uarts: {a: {path: sysbus.uart0, baud: fast}}",
            r#"<yaml>:2:33: uarts.a.baud: invalid type: string "fast", expected a whole number"#,
        ),
        (
            "uart: {path: sysbus.uart0, speed: 9600}",
            "<yaml>:2:28: uart.speed: unknown field (known: path, baud, serial)",
        ),
        (
            "uart: {baud: 9600}",
            "<yaml>:2:1: uart: `path` is missing: name the UART, such as `sysbus.usart2`",
        ),
        (
            "uarts: {a: {path: sysbus..uart0}}",
            r#"<yaml>:2:9: uarts.a: "sysbus..uart0" is not a peripheral's path: write names joined by dots, such as `sysbus.usart2`"#,
        ),
        (
            "uart: [sysbus.uart0]",
            "<yaml>:2:1: uart: invalid type: sequence, expected a UART's path, such as `sysbus.usart2`, or `{path: …, baud: …}`",
        ),
        (
            "uart: 5",
            "<yaml>:2:1: uart: invalid type: integer `5`, expected a UART's path, such as `sysbus.usart2`, or `{path: …, baud: …}`",
        ),
    ];
    for (yaml, expected) in cases {
        let text = format!("platform: platforms/boards/b.repl\n{yaml}\n");
        assert_eq!(error_text(&text), expected, "{yaml}");
    }
}

#[test]
fn qemu_alone_needs_no_platform() {
    let config = parse("backend: qemu\nqemu: {machine: netduinoplus2}");
    assert_eq!(config.qemu().unwrap().machine(), "netduinoplus2");
    assert_eq!(
        config.qemu().unwrap().uarts()[0].port(),
        QemuPort::Serial(0)
    );
    assert_eq!(
        config.renode().unwrap_err().to_string(),
        "<yaml>: Renode cannot run this target, because it has no `platform` (or `script`) and `uart`: \
         add both, or run it on another engine"
    );
}

#[test]
fn uarts_have_a_place_on_each_engine() {
    let config = parse(
        "backend: auto\nplatform: platforms/b.repl\nqemu: {arch: riscv32, machine: 'sifive_e,revb=true'}\n\
         uarts: {modem: {path: sysbus.uart1, serial: 1}, console: {path: sysbus.uart0, serial: 0}}",
    );
    let qemu = config.qemu().unwrap();
    assert_eq!(
        (qemu.arch(), qemu.machine()),
        (Architecture::RiscV32, "sifive_e,revb=true")
    );
    let ports = |config: &TargetConfig| -> Vec<_> {
        let uarts = config.qemu().unwrap().uarts().iter();
        uarts
            .map(|uart| (uart.name().to_owned(), uart.port()))
            .collect()
    };
    let expected = [("modem", 1), ("console", 0)]
        .map(|(name, index)| (name.to_owned(), QemuPort::Serial(index)));
    assert_eq!(ports(&config), expected);
    assert_eq!(config.renode().unwrap().uarts()[1].path(), "sysbus.uart0");

    let config =
        parse("backend: qemu\nqemu: {machine: b}\nuarts: {console: {serial: 0}, log: semihosting}");
    let expected = [
        ("console", QemuPort::Serial(0)),
        ("log", QemuPort::Semihosting),
    ]
    .map(|(name, port)| (name.to_owned(), port));
    assert_eq!(ports(&config), expected);

    // One UART under a name needs no number.
    let config = parse(
        "platform: platforms/b.repl\nuarts: {console: sysbus.uart0}\nqemu: {machine: b, serial: 3}",
    );
    assert_eq!(
        ports(&config),
        [("console".to_owned(), QemuPort::Serial(3))]
    );
}

#[test]
fn semihosting_output_is_not_on_renode() {
    for (uarts, place) in [
        ("uart: semihosting", "<yaml>:4:1: uart"),
        (
            "uarts: {a: {path: sysbus.uart0, serial: 0}, b: semihosting}",
            "<yaml>:4:45: uarts.b",
        ),
    ] {
        let config = parse(&format!(
            "backend: auto\nplatform: platforms/b.repl\nqemu: {{machine: b}}\n{uarts}\n"
        ));
        let error = config.renode().unwrap_err().to_string();
        assert!(
            error.starts_with(&format!("{place}: semihosting output is on QEMU only")),
            "{error}"
        );
    }
}

#[test]
fn auto_without_a_qemu_section_runs_on_renode_only() {
    let config = parse(&format!("{MINIMAL}backend: auto"));
    assert_eq!(
        config.qemu().unwrap_err().to_string(),
        "<yaml>: QEMU cannot run this target, because it has no `qemu` section: \
         add `qemu: {machine: …}`, or run it on another engine (install Renode)"
    );
}

#[test]
fn a_physical_board_alone_needs_no_platform() {
    let config = parse(
        "backend: serial
serial:
  port: /dev/ttyACM0
  flash: [probe-rs, download, --chip, STM32F407VG, '{firmware}']
  reset: [./reset, 'if {1} { x }']
",
    );
    assert_eq!(config.backend(), BackendKind::Serial);
    let serial = config.serial().unwrap();
    assert_eq!(serial.port(), Path::new("/dev/ttyACM0"));
    assert_eq!(serial.baud(), 115_200);
    let flash = serial.flash().unwrap();
    assert_eq!(flash.program(), Path::new("probe-rs"));
    assert_eq!(
        flash.arguments(),
        ["download", "--chip", "STM32F407VG", "{firmware}"]
    );
    let reset = serial.reset().unwrap();
    assert!(reset.program().is_absolute() && reset.program().ends_with("reset"));
    assert_eq!(reset.arguments(), ["if {1} { x }"]);
    assert_eq!((&serial.power_on(), &serial.power_off()), (&None, &None));
    assert!(config.renode().is_err() && config.qemu().is_err());
}

#[test]
fn one_file_may_describe_every_backend() {
    let config = parse(&format!(
        "{MINIMAL}backend: auto\nqemu: {{machine: b}}\nserial: {{port: tty, baud: 9600}}"
    ));
    assert_eq!(config.renode().unwrap().uarts()[0].path(), "sysbus.uart0");
    assert_eq!(config.qemu().unwrap().machine(), "b");
    let serial = config.serial().unwrap();
    assert!(serial.port().is_absolute());
    assert_eq!(serial.baud(), 9600);
    assert_eq!(
        parse(MINIMAL).serial().unwrap_err().to_string(),
        "<yaml>: no physical board can run this target, because it has no `serial` section: \
         add `serial: {port: …}`"
    );
}

#[test]
fn several_machines_run_on_renode_only() {
    assert_eq!(
        parse(MACHINES).qemu().unwrap_err().to_string(),
        "<yaml>: only Renode can run this target, because it has several `machines`: install Renode"
    );
}

#[test]
fn the_fixture_is_valid() {
    let config = TargetConfig::from_file("fixtures/stm32f4.yaml").unwrap();
    assert_eq!(config.backend(), BackendKind::Auto);
    assert_eq!(config.renode().unwrap().uarts()[0].path(), "sysbus.usart2");
    let uart = &config.qemu().unwrap().uarts()[0];
    assert_eq!(
        (uart.name(), uart.port()),
        ("sysbus.usart2", QemuPort::Serial(1))
    );
}

#[test]
fn paths_are_relative_to_the_file() {
    let dir = tempfile::tempdir().unwrap();
    let boards = dir.path().join("boards; é\"$");
    fs::create_dir_all(boards.join("platforms")).unwrap();
    fs::write(boards.join("platforms/own.repl"), "").unwrap();
    let file = boards.join("own.yaml");
    fs::write(
        &file,
        "platform: platforms/own.repl\nuart: sysbus.uart0\nfirmware: ../fw.elf\n",
    )
    .unwrap();

    let config = TargetConfig::from_file(&file).unwrap();

    let own = boards.join("platforms/own.repl");
    assert_eq!(config.renode().unwrap().platform(), &Platform::File(own));
    assert_eq!(config.firmware(), Some(&*dir.path().join("fw.elf")));
}

#[test]
fn from_yaml_str_makes_paths_absolute() {
    let config = TargetConfig::from_yaml_str(&format!("{MINIMAL}firmware: a.elf"), "fixtures");
    let here = std::env::current_dir().unwrap();
    assert_eq!(
        config.unwrap().firmware(),
        Some(&*here.join("fixtures/a.elf"))
    );
}

/// Whole documents.
const BAD_DOCUMENTS: &[(&str, &str)] = &[
    (
        "",
        "<yaml>:1:1: it is empty: a target needs a board, such as `platform` and `uart`, or `backend: qemu` and `qemu: {machine: …}`",
    ),
    (
        "# nothing\n",
        "<yaml>:2:1: it is empty: a target needs a board, such as `platform` and `uart`, or `backend: qemu` and `qemu: {machine: …}`",
    ),
    (
        "- a\n",
        "<yaml>:1:1: invalid type: sequence, expected fields (`name: value`)",
    ),
    (
        "# c\n\n  hello\n",
        r#"<yaml>:3:3: invalid type: string "hello", expected fields (`name: value`)"#,
    ),
    (
        "uart: [\n",
        "<yaml>:2:1: uart: not valid YAML: did not find expected node content, while parsing a flow node",
    ),
    (
        "uart: a: b\n",
        "<yaml>:1:8: not valid YAML: mapping values are not allowed in this context",
    ),
    (
        "qemu:\n\tserial: 5\n",
        "<yaml>:2:1: qemu: not valid YAML: found a character that cannot stand here (YAML indents with spaces, not tabs), while scanning for the next token",
    ),
    (
        "uart: *x\n",
        "<yaml>:1:7: uart: not valid YAML: unknown anchor",
    ),
    (
        "a: 1\n---\nb: 1\n",
        "<yaml>:1:1: the file holds several documents (`---`): keep one",
    ),
    (
        "qemu: {1: x}\n",
        "<yaml>:1:1: qemu: invalid type: integer `1`, expected a field name",
    ),
    (
        "uart: a\n# c\nuart: b\n",
        r#"<yaml>:3:1: "uart" is given twice: remove one of the two"#,
    ),
    (
        "uart: a\nqemu:\n  serial: 1\n  serial: 2\n",
        r#"<yaml>:4:3: qemu: "serial" is given twice: remove one of the two"#,
    ),
    (
        "platfrom: a\n",
        "<yaml>:1:1: platfrom: unknown field; did you mean `platform`? (known: backend, clock, platform, script, variables, platform_fragments, uart, uarts, uart_transport, reuse, machine_name, extra_commands, control, monitor_port, allow_raw_monitor, firmware, load_command, load_address, symbols, qemu, serial, timeouts, line_ending, prompt, echo, ignore_lines, forbid, fail_on_log, strip_ansi, kept_output, coverage, machines, uart_hubs, switches)",
    ),
    (
        "uart: a\nqemu:\n  machine: b\n  serail: 1\n",
        "<yaml>:4:3: qemu.serail: unknown field; did you mean `serial`? (known: arch, machine, cpu, serial, args)",
    ),
    (
        "qemu: {zzz: a}\n",
        "<yaml>:1:8: qemu.zzz: unknown field (known: arch, machine, cpu, serial, args)",
    ),
    (
        "machine_name: a\n",
        "<yaml>:1:1: `platform` (or `script`) and `uart` are missing: Renode needs both, or `machines` (a target for QEMU alone says `backend: qemu`, one for a physical board `backend: serial`)",
    ),
];

/// Lines after the fields that every target needs.
const BAD_VALUES: &[(&str, &str)] = &[
    (
        "coverage: {exclude: [hal, ../hal]}",
        r#"<yaml>:3:27: coverage.exclude[1]: "../hal" is no pattern of paths: it leads out of the project: write one such as `hal/**`, relative to the root of the project"#,
    ),
    (
        "coverage: {exclude: ['***']}",
        r#"<yaml>:3:22: coverage.exclude[0]: "***" is no pattern of paths: wildcards are either regular `*` or recursive `**`: write one such as `hal/**`, relative to the root of the project"#,
    ),
    (
        "machine_name: 5",
        "<yaml>:3:1: machine_name: invalid type: integer `5`, expected text (put it in quotes)",
    ),
    (
        "strip_ansi: yes",
        r#"<yaml>:3:1: strip_ansi: invalid type: string "yes", expected `true` or `false`"#,
    ),
    (
        "kept_output: 512",
        "<yaml>:3:1: kept_output: `512` is not a size: write a whole number and its unit (MiB or GiB), such as `512MiB`",
    ),
    (
        "kept_output: 1.5GiB",
        r#"<yaml>:3:1: kept_output: "1.5GiB" is not a size: write a whole number and its unit (MiB or GiB), such as `512MiB`"#,
    ),
    (
        "kept_output: 0MiB",
        r#"<yaml>:3:1: kept_output: "0MiB" is nothing at all: write at least `1MiB`"#,
    ),
    (
        "kept_output: 1025GiB",
        r#"<yaml>:3:1: kept_output: "1025GiB" is too large: write at most `1024GiB`"#,
    ),
    (
        "extra_commands: version",
        r#"<yaml>:3:1: extra_commands: invalid type: string "version", expected a list (`- item`)"#,
    ),
    (
        "extra_commands:\n  - version\n  - 5",
        "<yaml>:5:5: extra_commands[1]: invalid type: integer `5`, expected text (put it in quotes)",
    ),
    (
        "qemu: {machine: b, serial: two}",
        r#"<yaml>:3:20: qemu.serial: invalid type: string "two", expected a whole number"#,
    ),
    (
        "qemu: netduinoplus2",
        r#"<yaml>:3:1: qemu: invalid type: string "netduinoplus2", expected fields (`name: value`)"#,
    ),
    (
        "backend: renod",
        r#"<yaml>:3:1: backend: unknown value "renod"; did you mean `renode`? (known: renode, qemu, serial, auto)"#,
    ),
    (
        "reuse: board",
        r#"<yaml>:3:1: reuse: unknown value "board" (known: off, process, run)"#,
    ),
    (
        "uart_transport: sockt",
        r#"<yaml>:3:1: uart_transport: unknown value "sockt"; did you mean `socket`? (known: pty, socket)"#,
    ),
    (
        r#"machine_name: a"b"#,
        r#"<yaml>:3:1: machine_name: character 2 of "a\"b" is '"': only letters, digits, spaces, `_`, `-` and `.` are allowed"#,
    ),
    (
        r#"machine_name: "a\nb""#,
        r#"<yaml>:3:1: machine_name: character 2 of "a\nb" is '\n': only letters, digits, spaces, `_`, `-` and `.` are allowed"#,
    ),
    (
        r#"machine_name: "a\eb""#,
        r#"<yaml>:3:1: machine_name: character 2 of "a\u{1b}b" is '\u{1b}': only letters, digits, spaces, `_`, `-` and `.` are allowed"#,
    ),
    (
        "machine_name: café",
        r#"<yaml>:3:1: machine_name: character 4 of "café" is 'é': only letters, digits, spaces, `_`, `-` and `.` are allowed"#,
    ),
    (
        "machine_name: stm32 (rev B)",
        r#"<yaml>:3:1: machine_name: character 7 of "stm32 (rev B)" is '(': only letters, digits, spaces, `_`, `-` and `.` are allowed"#,
    ),
    (
        "machine_name: $x",
        r#"<yaml>:3:1: machine_name: character 1 of "$x" is '$': only letters, digits, spaces, `_`, `-` and `.` are allowed"#,
    ),
    (
        "machine_name: ''",
        "<yaml>:3:1: machine_name: the name is empty: write one or remove the field",
    ),
    (
        "machine_name: 'a '",
        r#"<yaml>:3:1: machine_name: "a " begins or ends with a space: remove it"#,
    ),
    (
        "machine_name: a23456789b23456789c23456789d23456789e23456789f23456789g23456789xy",
        r#"<yaml>:3:1: machine_name: "a23456789b23456789c23456789d23456789e23456789f23456789g23456789xy" has 65 characters: at most 64 are allowed"#,
    ),
    (
        "extra_commands: [' ']",
        "<yaml>:3:18: extra_commands[0]: the command is empty: write one or remove the entry",
    ),
    (
        r#"extra_commands: ["a\ninclude @x"]"#,
        "<yaml>:3:18: extra_commands[0]: character 2 is '\\n': one command is one line: make two entries of it",
    ),
    (
        "extra_commands:\n  - version\n  - echo é",
        "<yaml>:5:5: extra_commands[1]: character 6 is 'é': Renode's monitor takes printable ASCII only",
    ),
    (
        r#"extra_commands: ["a\tb"]"#,
        "<yaml>:3:18: extra_commands[0]: character 2 is '\\t': Renode's monitor takes printable ASCII only",
    ),
    (
        "firmware: ''",
        "<yaml>:3:1: firmware: the path is empty: name a file or remove the field",
    ),
    (
        "load_command: sysbus LoadElf",
        r#"<yaml>:3:1: load_command: unknown value "sysbus LoadElf"; did you mean `sysbus LoadELF`? (known: sysbus LoadELF, sysbus LoadBinary, sysbus LoadSymbolsFrom, sysbus LoadHEX, sysbus LoadSRecord)"#,
    ),
    (
        "load_command: 'sysbus LoadELF @x; include @y'",
        r#"<yaml>:3:1: load_command: unknown value "sysbus LoadELF @x; include @y"; did you mean `sysbus LoadELF`? (known: sysbus LoadELF, sysbus LoadBinary, sysbus LoadSymbolsFrom, sysbus LoadHEX, sysbus LoadSRecord)"#,
    ),
    (
        "load_command: sysbus LoadBinary",
        "<yaml>:3:1: load_command: `sysbus LoadBinary` needs to know where: add `load_address`, such as 0x08000000",
    ),
    (
        "load_address: -1",
        "<yaml>:3:1: load_address: `-1` is not an address: write it like 0x08000000",
    ),
    (
        "load_address: '08000000'",
        r#"<yaml>:3:1: load_address: "08000000" is not an address: write it like 0x08000000"#,
    ),
    (
        "load_address: '0x+8'",
        r#"<yaml>:3:1: load_address: "0x+8" is not an address: write it like 0x08000000"#,
    ),
    (
        "load_address: '0x80g'",
        r#"<yaml>:3:1: load_address: "0x80g" is not an address: write it like 0x08000000"#,
    ),
    (
        "load_address: 0x10000000000000000",
        "<yaml>:3:15: load_address: not valid YAML: invalid type: integer `18446744073709551616` as u128, expected a smaller number",
    ),
    (
        "timeouts: {expect: 10}",
        "<yaml>:3:12: timeouts.expect: `10` is not a duration: write a whole number and its unit (ms, s or min), such as `500ms` or `10s`",
    ),
    (
        "timeouts: {boot: 1.5s}",
        r#"<yaml>:3:12: timeouts.boot: "1.5s" is not a duration: write a whole number and its unit (ms, s or min), such as `500ms` or `10s`"#,
    ),
    (
        "timeouts: {boot: 1h}",
        r#"<yaml>:3:12: timeouts.boot: "1h" is not a duration: write a whole number and its unit (ms, s or min), such as `500ms` or `10s`"#,
    ),
    (
        "timeouts: {boot: s}",
        r#"<yaml>:3:12: timeouts.boot: "s" is not a duration: write a whole number and its unit (ms, s or min), such as `500ms` or `10s`"#,
    ),
    (
        "timeouts: {boot: 0s}",
        r#"<yaml>:3:12: timeouts.boot: "0s" leaves no time at all: write at least `1ms`"#,
    ),
    (
        "timeouts: {boot: 99999999999999999999s}",
        r#"<yaml>:3:12: timeouts.boot: "99999999999999999999s" is too long: write at most `1440min`"#,
    ),
    (
        "timeouts: {exepct: 1s}",
        "<yaml>:3:12: timeouts.exepct: unknown field; did you mean `expect`? (known: expect, boot, command)",
    ),
    (
        "control: telnett",
        r#"<yaml>:3:1: control: unknown value "telnett"; did you mean `telnet`? (known: console, telnet)"#,
    ),
    (
        "monitor_port: 4444",
        "<yaml>:3:1: monitor_port: there is a port only with `control: telnet`: add that, or remove the port",
    ),
    (
        "control: telnet\nmonitor_port: -1",
        "<yaml>:4:1: monitor_port: -1 is out of range: ports are counted from 1 to 65535",
    ),
    (
        "control: telnet\nmonitor_port: 65536",
        "<yaml>:4:1: monitor_port: 65536 is out of range: ports are counted from 1 to 65535",
    ),
    (
        "control: telnet\nmonitor_port: '4444; quit'",
        r#"<yaml>:4:1: monitor_port: invalid type: string "4444; quit", expected a whole number"#,
    ),
    (
        r#"line_ending: "\r\n""#,
        r#"<yaml>:3:1: line_ending: unknown value "\r\n" (known: lf, cr, crlf)"#,
    ),
    (
        "echo: perhaps",
        "<yaml>:3:1: echo: unknown value \"perhaps\" (known: auto, on, off)",
    ),
    ("echo: 1", "<yaml>:3:1: echo: `1` is not auto, on or off"),
    (
        "ignore_lines: ['']",
        "<yaml>:3:16: ignore_lines[0]: an empty pattern matches everything: write one or remove it",
    ),
    (
        "prompt: ''",
        "<yaml>:3:1: prompt: an empty pattern matches everything: write one or remove it",
    ),
    (
        "forbid: [HardFault, '']",
        "<yaml>:3:21: forbid[1]: an empty pattern matches everything: write one or remove it",
    ),
    (
        "forbid: HardFault",
        "<yaml>:3:1: forbid: invalid type: string \"HardFault\", expected a list (`- item`)",
    ),
    (
        "prompt: 're:a(b'",
        "<yaml>:3:1: prompt: regex parse error:\n    a(b\n     ^\nerror: unclosed group",
    ),
    (
        "backend: qemu",
        "<yaml>:3:1: backend: `qemu` needs to know the board: add `qemu: {machine: …}`",
    ),
    (
        "qemu:\n  serial: 1",
        "<yaml>:3:1: qemu: `machine` is missing: name one from `qemu-system-arm -machine help`",
    ),
    (
        "qemu: {machine: 'virt dumpdtb=x'}",
        r#"<yaml>:3:8: qemu.machine: character 5 of "virt dumpdtb=x" is ' ': only letters, digits, `_`, `-`, `.`, `,` and `=` are allowed"#,
    ),
    (
        "qemu: {machine: 'virt,dumpdtb'}",
        r#"<yaml>:3:8: qemu.machine: "virt,dumpdtb" is not a name and its properties: write `name`, or `name,property=value`"#,
    ),
    (
        "qemu: {arch: mips, machine: malta}",
        r#"<yaml>:3:8: qemu.arch: unknown value "mips" (known: arm, aarch64, riscv32, riscv64)"#,
    ),
    (
        "qemu: {machine: b, args: -d}",
        r#"<yaml>:3:20: qemu.args: invalid type: string "-d", expected a list (`- item`)"#,
    ),
    (
        "qemu:\n  machine: b\n  args:\n    - -d\n    - unimp\n    - --serial\n",
        "<yaml>:8:7: qemu.args[2]: `-serial` is set by virtual-target: write `serial: …`, or name the ports in `uarts`",
    ),
    (
        "qemu: {machine: b, args: [-machine, x]}",
        "<yaml>:3:27: qemu.args[0]: `-machine` is set by virtual-target: write `machine: …`",
    ),
    (
        "qemu: {machine: b, args: [-M, x]}",
        "<yaml>:3:27: qemu.args[0]: `-M` is set by virtual-target: write `machine: …`",
    ),
    (
        "qemu: {machine: b, args: ['-cpu=x']}",
        "<yaml>:3:27: qemu.args[0]: `-cpu` is set by virtual-target: write `cpu: …`",
    ),
    (
        "qemu: {machine: b, args: ['-qmp stdio']}",
        "<yaml>:3:27: qemu.args[0]: `-qmp` is set by virtual-target: remove it: the board is controlled over QMP",
    ),
    (
        "qemu: {machine: b, args: [-kernel, x]}",
        "<yaml>:3:27: qemu.args[0]: `-kernel` is set by virtual-target: name the image in `firmware`",
    ),
    (
        "qemu: {machine: b, args: [-d, -S]}",
        "<yaml>:3:31: qemu.args[1]: `-S` is set by virtual-target: remove it: it is always given",
    ),
    (
        "qemu: {machine: b, args: [--nographic]}",
        "<yaml>:3:27: qemu.args[0]: `-nographic` is set by virtual-target: remove it: the board has no display",
    ),
    (
        "qemu: {machine: b, args: [-daemonize]}",
        "<yaml>:3:27: qemu.args[0]: `-daemonize` is set by virtual-target: remove it: the process must end with the test",
    ),
    (
        "qemu: {machine: b, args: ['']}",
        "<yaml>:3:27: qemu.args[0]: the text is empty: write a name or a path",
    ),
    (
        r#"qemu: {machine: b, args: ["a\0b"]}"#,
        r#"<yaml>:3:27: qemu.args[0]: "a\0b" has a NUL in it, which the host does not take"#,
    ),
    (
        "qemu: {machine: b, cpu: -nographic}",
        r#"<yaml>:3:20: qemu.cpu: "-nographic" begins with `-`: name a machine or a CPU, not an option"#,
    ),
    (
        "qemu: {machine: b, serial: -3}",
        "<yaml>:3:20: qemu.serial: -3 is out of range: serial ports are counted from 0 to 15",
    ),
    (
        "qemu: {machine: b, serial: 16}",
        "<yaml>:3:20: qemu.serial: 16 is out of range: serial ports are counted from 0 to 15",
    ),
    (
        "backend: serial",
        "<yaml>:3:1: backend: `serial` needs to know where the board is connected: add `serial: {port: …}`",
    ),
    (
        "serial: {baud: 9600}",
        "<yaml>:3:1: serial: `port` is missing: name the serial port, such as /dev/ttyACM0",
    ),
    (
        "serial: {port: ''}",
        "<yaml>:3:10: serial.port: the text is empty: write a name or a path",
    ),
    (
        r#"serial: {port: "a\0b"}"#,
        r#"<yaml>:3:10: serial.port: "a\0b" has a NUL in it, which the host does not take"#,
    ),
    (
        "serial: {port: p, baud: 0}",
        "<yaml>:3:19: serial.baud: 0 is out of range: a serial port does 50 to 20000000 bits a second, usually 115200",
    ),
    (
        "serial: {port: p, baud: 4294967297}",
        "<yaml>:3:19: serial.baud: 4294967297 is out of range: a serial port does 50 to 20000000 bits a second, usually 115200",
    ),
    (
        "serial: {port: p, baud: fast}",
        r#"<yaml>:3:19: serial.baud: invalid type: string "fast", expected a whole number"#,
    ),
    (
        "serial: {port: p, baut: 9600}",
        "<yaml>:3:19: serial.baut: unknown field; did you mean `baud`? (known: port, baud, flash, reset, power_on, power_off)",
    ),
    (
        "serial: {port: p, reset: probe-rs reset}",
        r#"<yaml>:3:19: serial.reset: invalid type: string "probe-rs reset", expected a list (`- item`)"#,
    ),
    (
        "serial: {port: p, reset: [probe-rs, 5]}",
        "<yaml>:3:37: serial.reset[1]: invalid type: integer `5`, expected text (put it in quotes)",
    ),
    (
        "serial: {port: p, power_on: []}",
        "<yaml>:3:19: serial.power_on: the list is empty: write a program and its arguments, or remove the field",
    ),
    (
        "serial: {port: p, power_off: ['', x]}",
        "<yaml>:3:31: serial.power_off[0]: the text is empty: write a name or a path",
    ),
    (
        r#"serial: {port: p, reset: [x, "a\0b"]}"#,
        r#"<yaml>:3:30: serial.reset[1]: "a\0b" has a NUL in it, which the host does not take"#,
    ),
    (
        "serial: {port: p, flash: [probe-rs, download]}",
        "<yaml>:3:19: serial.flash: no argument has `{firmware}` in it, the place of the image to flash",
    ),
    (
        "serial: {port: p, flash: ['{firmware}']}",
        "<yaml>:3:19: serial.flash: no argument has `{firmware}` in it, the place of the image to flash",
    ),
    (
        "serial: {port: p, flash: [probe-rs, '{firmware}', 'to={frimware}']}",
        "<yaml>:3:51: serial.flash[2]: unknown placeholder `{frimware}` in \"to={frimware}\": the only one is `{firmware}`",
    ),
    (
        "serial: {port: p, reset: [probe-rs, '{firmware}']}",
        "<yaml>:3:37: serial.reset[1]: `{firmware}` is known in `flash` only",
    ),
];

/// Lines after two good machines, `a` and `b`.
const BAD_MACHINES: &[(&str, &str)] = &[
    (
        "platform: platforms/b.repl",
        "<yaml>:4:1: platform: each of the `machines` has its own: move it there",
    ),
    (
        "uarts: {c: sysbus.uart0}",
        "<yaml>:4:1: uarts: each of the `machines` has its own: move it there",
    ),
    (
        "machine_name: c",
        "<yaml>:4:1: machine_name: each of the `machines` has its own: move it there",
    ),
    (
        "firmware: c.elf",
        "<yaml>:4:1: firmware: each of the `machines` has its own: move it there",
    ),
    (
        "load_address: 0x1000",
        "<yaml>:4:1: load_address: each of the `machines` has its own: move it there",
    ),
    (
        "symbols: [boot.elf]",
        "<yaml>:4:1: symbols: each of the `machines` has its own: move it there",
    ),
    (
        "qemu: {machine: m}",
        "<yaml>:4:1: qemu: only Renode can run a target with `machines`: remove this",
    ),
    (
        "serial: {port: p}",
        "<yaml>:4:1: serial: only Renode can run a target with `machines`: remove this",
    ),
    (
        "backend: qemu",
        "<yaml>:4:1: backend: only Renode can run a target with `machines`: remove this",
    ),
    (
        "  a: {platform: platforms/b.repl, uart: sysbus.uart0}",
        r#"<yaml>:4:3: machines: "a" is given twice: remove one of the two"#,
    ),
    (
        "  c: {}",
        "<yaml>:4:3: machines.c: `platform` and `uart` are missing: a machine needs both",
    ),
    (
        "  c: {uart: sysbus.uart0}",
        "<yaml>:4:7: machines.c.uart: a UART needs `platform`, the board it is on, such as `platforms/boards/stm32f4_discovery-kit.repl`",
    ),
    (
        "  c.d: {platform: platforms/b.repl, uart: sysbus.uart0}",
        r#"<yaml>:4:3: machines.c.d: character 2 of "c.d" is '.': only letters, digits, `_` and `-` are allowed"#,
    ),
    (
        "  c:\n    platform: platforms/b.repl\n    uart: sysbus.uart0\n    extra_commands: [version, é]",
        "<yaml>:7:31: machines.c.extra_commands[1]: character 1 is 'é': Renode's monitor takes printable ASCII only",
    ),
    (
        "  c: {platform: platforms/b.repl, uart: sysbus.uart0, load_command: sysbus LoadBinary}",
        "<yaml>:4:55: machines.c.load_command: `sysbus LoadBinary` needs to know where: add `load_address`, such as 0x08000000",
    ),
    (
        "  c: {prompt: x}",
        "<yaml>:4:7: machines.c.prompt: unknown field (known: platform, uart, uarts, extra_commands, firmware, load_command, load_address, symbols)",
    ),
    (
        "uart_hubs: {line: [a.sysbus.uart1]}",
        "<yaml>:4:13: uart_hubs.line: a hub needs two UARTs at least, such as `node-a.sysbus.usart3`",
    ),
    (
        "uart_hubs: {line: [a.sysbus.uart1, c.sysbus.uart1]}",
        r#"<yaml>:4:36: uart_hubs.line[1]: there is no machine "c" (known: a, b)"#,
    ),
    (
        "uart_hubs: {line: [a.sysbus.uart1, b]}",
        r#"<yaml>:4:36: uart_hubs.line[1]: "b" is not a machine's UART: write its name and the path, such as `node-a.sysbus.usart3`"#,
    ),
    (
        "uart_hubs: {line: [a.sysbus.uart1, b.sysbus.uart1;quit]}",
        r#"<yaml>:4:36: uart_hubs.line[1]: character 13 of "sysbus.uart1;quit" is ';': only letters, digits, `_` and `.` are allowed"#,
    ),
    (
        "uart_hubs: {line: [a.sysbus.uart1, a.sysbus.uart1]}",
        r#"<yaml>:4:36: uart_hubs.line[1]: "a.sysbus.uart1" is named already: remove one"#,
    ),
    (
        "uart_hubs: {'li ne': [a.sysbus.uart1, b.sysbus.uart1]}",
        r#"<yaml>:4:13: uart_hubs.li ne: character 3 of "li ne" is ' ': only letters, digits, `_` and `-` are allowed"#,
    ),
    (
        "uart_hubs: {line: a.sysbus.uart1}",
        r#"<yaml>:4:13: uart_hubs.line: invalid type: string "a.sysbus.uart1", expected a list (`- item`)"#,
    ),
    (
        "switches: {lan: [a.sysbus.ethernet]}",
        "<yaml>:4:12: switches.lan: a switch needs two Ethernet interfaces at least, such as `node-a.sysbus.ethernet`",
    ),
    (
        "switches: {lan: [a.sysbus.ethernet, b]}",
        r#"<yaml>:4:37: switches.lan[1]: "b" is not a machine's Ethernet interface: write its name and the path, such as `node-a.sysbus.ethernet`"#,
    ),
    (
        "switches: {lan: [a.sysbus.ethernet, a.sysbus.ethernet]}",
        r#"<yaml>:4:37: switches.lan[1]: "a.sysbus.ethernet" is named already: remove one"#,
    ),
    (
        "switches: {lan;quit: [a.sysbus.ethernet, b.sysbus.ethernet]}",
        r#"<yaml>:4:12: switches.lan;quit: character 4 of "lan;quit" is ';': only letters, digits, `_` and `-` are allowed"#,
    ),
];

#[test]
fn bad_machines_are_refused() {
    for (line, expected) in BAD_MACHINES {
        assert_eq!(error_text(&format!("{MACHINES}{line}\n")), *expected);
    }
}

const MACHINES: &str = "machines:\n\
    \x20 a: {platform: platforms/b.repl, uart: sysbus.uart0}\n\
    \x20 b: {platform: platforms/b.repl, uart: sysbus.uart0}\n";

#[test]
fn machines_keep_the_order_of_the_file() {
    let config = parse(&format!(
        "{MACHINES}\
         \x20 c:\n\
         \x20   platform: platforms/c.repl\n\
         \x20   uarts: {{x: sysbus.uart0, y: sysbus.uart1}}\n\
         \x20   firmware: c.bin\n\
         \x20   load_command: sysbus LoadBinary\n\
         \x20   load_address: 0x1000\n\
         \x20   symbols: [boot.elf]\n\
         \x20   extra_commands: [version]\n\
         uart_hubs: {{line: [c.sysbus.uart2, a.sysbus.uart1]}}\n\
         switches: {{lan: [b.sysbus.ethernet, a.sysbus.emac0]}}\n"
    ));
    let machines = config.machines().unwrap();
    let names: Vec<&str> = machines.iter().map(|machine| machine.name()).collect();
    assert_eq!(names, ["a", "b", "c"]);
    assert_eq!(config.machine_name(), "a");
    let c = &machines[2];
    assert_eq!(c.renode().uarts().len(), 2);
    assert!(c.firmware().as_ref().unwrap().ends_with("c.bin"));
    assert_eq!(c.load_command(), Some(LoadCommand::Binary));
    assert_eq!(c.load_address(), Some(0x1000));
    assert!(c.symbols()[0].ends_with("boot.elf"));
    assert_eq!(c.extra_commands(), ["version"]);
    let [lan] = config.switches() else {
        panic!("{:?}", config.switches())
    };
    let interfaces = [
        (1, "sysbus.ethernet".to_owned()),
        (0, "sysbus.emac0".to_owned()),
    ];
    assert_eq!((lan.name(), lan.interfaces()), ("lan", &interfaces[..]));
    let [line] = config.uart_hubs() else {
        panic!("{:?}", config.uart_hubs())
    };
    assert_eq!(
        line.uarts(),
        [
            (2, "sysbus.uart2".to_owned()),
            (0, "sysbus.uart1".to_owned())
        ]
    );
    // A target with a single machine lists it too.
    let single = parse(&format!("{MINIMAL}machine_name: s"));
    assert_eq!(single.machines().unwrap()[0].name(), "s");
}

/// Documents whose board is wrong.
const BAD_BOARDS: &[(&str, &str)] = &[
    (
        "uart: sysbus.uart0",
        "<yaml>:1:1: uart: a UART needs `platform`, the board it is on, such as `platforms/boards/stm32f4_discovery-kit.repl`",
    ),
    (
        "# c\nplatform: platforms/boards/b.repl",
        "<yaml>:2:1: platform: a platform needs `uart`, the UART to talk to, such as `sysbus.usart2`",
    ),
    (
        "platform: platforms/b.repl\nuart: sysbus.uart0;include @x",
        r#"<yaml>:2:1: uart: character 13 of "sysbus.uart0;include @x" is ';': only letters, digits, `_` and `.` are allowed"#,
    ),
    (
        "platform: platforms/b.repl\nuart: sysbus..uart0",
        r#"<yaml>:2:1: uart: "sysbus..uart0" is not a peripheral's path: write names joined by dots, such as `sysbus.usart2`"#,
    ),
    (
        "machines: {}",
        "<yaml>:1:1: machines: it names no machine: write `name: {platform: …, uart: …}`",
    ),
    (
        "platform: platforms/b.repl\nuart: sysbus.uart0\nuart_hubs: {line: [a.b, c.d]}",
        "<yaml>:3:1: uart_hubs: it connects `machines`: name these",
    ),
    (
        "platform: platforms/b.repl\nuart: sysbus.uart0\nswitches: {lan: [a.b, c.d]}",
        "<yaml>:3:1: switches: it connects `machines`: name these",
    ),
    (
        "uarts: {console: sysbus.uart0}",
        "<yaml>:1:1: uarts: a UART needs `platform`, the board it is on, such as `platforms/boards/stm32f4_discovery-kit.repl`",
    ),
    (
        "platform: platforms/b.repl\nuart: sysbus.uart0\nuarts: {modem: sysbus.uart1}",
        "<yaml>:3:1: uarts: `uart` is given as well: move it into `uarts`, under a name",
    ),
    (
        "platform: platforms/b.repl\nuarts: {}",
        "<yaml>:2:1: uarts: it names no UART: write `name: path`, such as `console: sysbus.usart2`",
    ),
    (
        "platform: platforms/b.repl\nuarts: [sysbus.uart0]",
        "<yaml>:2:1: uarts: invalid type: sequence, expected fields (`name: value`)",
    ),
    (
        "platform: platforms/b.repl\nuarts:\n  console: 0",
        "<yaml>:3:3: uarts.console: invalid type: integer `0`, expected a UART's path, such as `sysbus.usart2`, or `{path: …, baud: …}`",
    ),
    (
        "platform: platforms/b.repl\nuarts:\n  a: sysbus.uart0\n  b: sysbus.uart1;quit",
        r#"<yaml>:4:3: uarts.b: character 13 of "sysbus.uart1;quit" is ';': only letters, digits, `_` and `.` are allowed"#,
    ),
    (
        "platform: platforms/b.repl\nuarts:\n  a: sysbus.uart0\n  b/../c: sysbus.uart1",
        r#"<yaml>:4:3: uarts.b/../c: character 2 of "b/../c" is '/': only letters, digits, `_` and `-` are allowed"#,
    ),
    (
        "platform: platforms/b.repl\nuarts:\n  a: sysbus.uart0\n  b: sysbus.uart0",
        r#"<yaml>:4:3: uarts.b: "sysbus.uart0" is `a` already: remove one"#,
    ),
    (
        "platform: platforms/b.repl\nuarts:\n  a: sysbus.uart0\n  a: sysbus.uart1",
        r#"<yaml>:4:3: uarts: "a" is given twice: remove one of the two"#,
    ),
    (
        "platform: platforms/b.repl\nuarts: {a: {path: sysbus.uart0, serial: 0}, b: sysbus.uart1}\nqemu: {machine: b}",
        "<yaml>:2:45: uarts.b: `serial` is missing: the UART's number on QEMU, on which the target can run, too: write `{path: …, serial: 1}`, or remove `qemu`",
    ),
    (
        "platform: platforms/b.repl\nuart: {path: sysbus.uart0, serial: 0}\nqemu: {machine: b}",
        "<yaml>:2:28: uart.serial: only one of several `uarts` has it: write `qemu: {serial: …}`",
    ),
    (
        "platform: platforms/b.repl\nuarts: {a: {path: sysbus.uart0, serial: 0}, b: {path: sysbus.uart1, serial: 1}}\nqemu: {machine: b, serial: 0}",
        "<yaml>:3:20: qemu.serial: `uarts` says it for each UART: remove it",
    ),
    (
        "platform: platforms/b.repl\nuarts: {a: {path: sysbus.uart0, serial: 1}, b: {path: sysbus.uart1, serial: 1}}\nqemu: {machine: b}",
        "<yaml>:2:45: uarts.b: \"serial 1\" is `a` already: remove one",
    ),
    (
        "backend: qemu\nqemu: {machine: b}\nuarts: {a: {serial: 1}, b: semihosting, c: semihosting}",
        "<yaml>:3:41: uarts.c: \"semihosting\" is `b` already: remove one",
    ),
    (
        "platform: platforms/b.repl\nuarts: {a: {path: sysbus.uart0, serial: 1}, b: sysbus.uart1}",
        "<yaml>:2:9: uarts.a: only QEMU has serial ports by number and semihosting: add `qemu: {machine: …}`",
    ),
    (
        "platform: platforms/b.repl\nuarts: {a: {serial: 1}, b: sysbus.uart1}\nqemu: {machine: b}",
        "<yaml>:2:9: uarts.a: `path` is missing: name the UART, such as `sysbus.usart2`",
    ),
    (
        "backend: qemu\nqemu: {machine: b}\nuarts: {a: {path: semihosting, serial: 1}}",
        "<yaml>:3:32: uarts.a.serial: semihosting needs no serial port: remove `serial`, or name the UART's path",
    ),
    (
        "platform: platforms/b.repl\nuart: semihosting\nqemu: {machine: b}",
        "<yaml>:2:1: uart: semihosting output is on QEMU only: Renode 1.16 has no SYS_WRITE, the call of `printf`: run the target on QEMU (`backend: qemu`), or name a UART of the board",
    ),
    (
        "machines: {a: {platform: platforms/b.repl, uart: semihosting}}",
        "<yaml>:1:44: machines.a.uart: several machines run on Renode only, and this is a port of QEMU's: name the UART's path in Renode alone",
    ),
    (
        "backend: qemu\nqemu: {machine: b, args: [-semihosting]}\nuart: semihosting",
        "<yaml>:2:27: qemu.args[0]: `-semihosting` is set by virtual-target: remove it: a UART is `semihosting`, which enables it",
    ),
    (
        "platform: platforms/b.repl\nuarts: {a: sysbus.uart0, b: sysbus.uart1}\nserial: {port: p}",
        "<yaml>:3:1: serial: a physical board has one UART here, and there are several `uarts`: remove `serial`, or keep one UART",
    ),
    (
        "platform: b.repl\nuart: a",
        r#"<yaml>:1:1: platform: there is no file "/nowhere/b.repl", and the platforms that come with Renode are in directories, such as `platforms/boards/stm32f4_discovery-kit.repl`"#,
    ),
    (
        "platform: ./platforms/b.repl\nuart: a",
        r#"<yaml>:1:1: platform: there is no file "/nowhere/platforms/b.repl", and "./platforms/b.repl" is not the plain path of a platform that comes with Renode, such as `platforms/boards/stm32f4_discovery-kit.repl`"#,
    ),
    (
        "platform: /a/b.repl\nuart: a",
        r#"<yaml>:1:1: platform: there is no file "/a/b.repl", and "/a/b.repl" is not the plain path of a platform that comes with Renode, such as `platforms/boards/stm32f4_discovery-kit.repl`"#,
    ),
    (
        "platform: platforms/b.repl;quit\nuart: a",
        r#"<yaml>:1:1: platform: there is no file "/nowhere/platforms/b.repl;quit", and no platform that comes with Renode has ';' in its path"#,
    ),
    (
        "platform: \"@platforms/b.repl\"\nuart: a",
        r#"<yaml>:1:1: platform: there is no file "/nowhere/@platforms/b.repl", and the name of a platform that comes with Renode is written without `@`: `platforms/b.repl`"#,
    ),
    (
        "platform: platforms/../b.repl\nuart: a",
        r#"<yaml>:1:1: platform: there is no file "/nowhere/b.repl", and "platforms/../b.repl" is not the plain path of a platform that comes with Renode, such as `platforms/boards/stm32f4_discovery-kit.repl`"#,
    ),
];

/// Returns the texts of all targets that are refused here.
#[cfg(feature = "schema")]
pub(crate) fn refused() -> impl Iterator<Item = String> {
    let after = |prefix: &'static str, all: &'static [(&str, &str)]| {
        all.iter().map(move |(text, _)| format!("{prefix}{text}\n"))
    };
    let documents = after("", BAD_DOCUMENTS).chain(after("", BAD_BOARDS));
    let values = after(MINIMAL, BAD_VALUES);
    documents.chain(values).chain(after(MACHINES, BAD_MACHINES))
}

#[test]
fn bad_documents_are_refused() {
    for (text, expected) in BAD_DOCUMENTS.iter().chain(BAD_BOARDS) {
        assert_eq!(error_text(text), *expected);
    }
}

#[test]
fn bad_values_are_refused() {
    for (line, expected) in BAD_VALUES {
        assert_eq!(error_text(&format!("{MINIMAL}{line}\n")), *expected);
    }
}

/// `build` checks patterns, before anything starts.
#[test]
fn build_refuses_patterns_unfit_for_a_stream() {
    let error_text = |text: &str| {
        let target = VirtualTarget::from_config(parse(&format!("{MINIMAL}{text}\n")));
        let error = target.build().unwrap_err().to_string();
        let place = error.find("\n  at tests/it/config.rs:").unwrap();
        error[..place].to_owned()
    };
    assert_eq!(
        error_text(r"forbid: [ok, 're:panic\b']"),
        r#"<yaml>:3:14: forbid[1]: the pattern "re:panic\\b" ends in \b, which depends on what follows, and on a stream anything may still follow; use expect_line, which sees whole lines, or write out what must follow"#
    );
    let error = error_text("prompt: 're:> $'");
    assert!(
        error.starts_with("<yaml>:3:1: prompt: the pattern \"re:> $\" ends in $, "),
        "{error}"
    );
    let error = error_text("ignore_lines: [ok, \"log\\n\"]");
    assert!(
        error.starts_with(
            "<yaml>:3:20: ignore_lines[1]: the pattern \"log\\n\" contains an end-of-line"
        ),
        "{error}"
    );
    let error = error_text("prompt: 're:x*'");
    assert!(
        error.starts_with("<yaml>:3:1: prompt: the pattern \"re:x*\" matches the empty text"),
        "{error}"
    );
}

#[test]
fn bad_files_are_refused() {
    let dir = tempfile::tempdir().unwrap();
    let error_text = |path: &Path| TargetConfig::from_file(path).unwrap_err().to_string();

    let missing = dir.path().join("none.yaml");
    assert_eq!(
        error_text(&missing),
        format!("there is no target file `{}`", missing.display())
    );
    let here = std::env::current_dir().unwrap();
    assert_eq!(
        error_text(Path::new("none.yaml")),
        format!(
            "there is no target file `none.yaml` in the current directory `{}`",
            here.display()
        )
    );
    assert_eq!(
        error_text(dir.path()),
        format!(
            "`{}` is a directory: name the YAML file in it",
            dir.path().display()
        )
    );
    let latin1 = dir.path().join("latin1.yaml");
    fs::write(&latin1, b"uart: a\nmachine_name: caf\xe9\n").unwrap();
    assert_eq!(
        error_text(&latin1),
        format!(
            "{}:2:18: this is not UTF-8: save the file as UTF-8",
            latin1.display()
        )
    );
    let bad = dir.path().join("bad.yaml");
    fs::write(&bad, "# a board\n\nplatfrom: b\n").unwrap();
    assert!(error_text(&bad).starts_with(&format!(
        "{}:3:1: platfrom: unknown field; did you mean `platform`? (known: backend, clock, platform, script, variables, platform_fragments, uart, uarts,",
        bad.display()
    )));
}

/// Makes a named pipe in `dir`, which no program writes to.
fn pipe(dir: &Path) -> PathBuf {
    let pipe = dir.join("pipe.resc");
    nix::unistd::mkfifo(&pipe, nix::sys::stat::Mode::S_IRWXU).unwrap();
    pipe
}

/// Makes a file of that size, which takes no space.
fn sparse(dir: &Path, size: u64) -> PathBuf {
    let sparse = dir.join("sparse.resc");
    fs::File::create(&sparse).unwrap().set_len(size).unwrap();
    sparse
}

#[test]
fn pipes_and_huge_files_are_not_read() {
    let dir = tempfile::tempdir().unwrap();
    let error_text = |path: &Path| TargetConfig::from_file(path).unwrap_err().to_string();
    for path in [&pipe(dir.path()), Path::new("/dev/zero")] {
        let what = format!(
            "the target file `{}` is not a regular file: copy it into one",
            path.display()
        );
        assert_eq!(error_text(path), what);
    }
    let huge = sparse(dir.path(), 1 << 40);
    assert_eq!(
        error_text(&huge),
        format!(
            "`{}` has 1099511627776 bytes, and a target file has at most 1048576: is it the right one?",
            huge.display()
        )
    );
}

/// The files that a target names, in each field that names a file.
#[test]
fn a_named_file_must_be_regular_and_not_huge() {
    let dir = tempfile::tempdir().unwrap();
    let directory = dir.path().join("d.resc");
    fs::create_dir(&directory).unwrap();
    let irregular = "cannot be used: it is not a regular file";
    for (file, why) in [
        (pipe(dir.path()), irregular),
        (
            sparse(dir.path(), 1 << 40),
            "cannot be used: it has 1099511627776 bytes, and at most",
        ),
        (directory, "cannot be used: it is a directory"),
    ] {
        let name = file.display();
        for text in [
            format!("platform: {name}\nuart: sysbus.a"),
            format!("script: {name}\nuart: sysbus.a"),
            format!("script: scripts/x.resc\nvariables: {{x: '@{name}'}}\nuart: sysbus.a"),
        ] {
            let error_text = error_text(&text);
            assert!(error_text.contains(why), "{error_text}");
        }
        let fragment = file.with_extension("repl");
        fs::rename(&file, &fragment).unwrap();
        let error_text = error_text(&format!(
            "{MINIMAL}platform_fragments: [{}]",
            fragment.display()
        ));
        assert!(error_text.contains(why), "{error_text}");
    }
}

#[test]
fn a_byte_order_mark_is_ignored() {
    let config = parse(&format!("\u{feff}{MINIMAL}machine_name: s"));
    assert_eq!(config.machine_name(), "s");
    assert_eq!(
        error_text("\u{feff}uart: a\nuart: b\n"),
        r#"<yaml>:2:1: "uart" is given twice: remove one of the two"#
    );
}

#[test]
fn monitor_port_0_means_any_port() {
    let config = parse(&format!("{MINIMAL}control: telnet\nmonitor_port: 0"));
    assert_eq!(config.control(), Control::Telnet { port: None });
    let config = parse(&format!("{MINIMAL}monitor_port: 0"));
    assert_eq!(config.control(), Control::Console);
}

#[test]
fn deep_nesting_is_refused_at_once() {
    for (text, expected) in [
        (
            "[".repeat(100_000),
            "<yaml>:1:1001: more than 1000 brackets are open here",
        ),
        (
            "{a: ".repeat(100_000),
            "<yaml>:1:4001: more than 1000 brackets are open here",
        ),
        (
            "\n[a: ".repeat(100_000),
            "<yaml>:1002:1: more than 1000 brackets are open here",
        ),
        ("[".repeat(200), "<yaml>:1:129: it is nested too deeply"),
        ("{a: ".repeat(900), "<yaml>:1:513: it is nested too deeply"),
        (
            "- ".repeat(500_000),
            "<yaml>:1:257: it is nested too deeply",
        ),
    ] {
        assert_eq!(error_text(&text), expected);
    }
}

/// A driver's entry without `uart`, for which the driver has a default.
const EXPORTER_WITH_DEFAULTS: &str = "export: {ecu: {type: jumpstarter_driver_renode.driver.Renode, \
     config: {platform: platforms/boards/b.repl}}}";

/// A builder checks the combination of fields as parsing does.
#[test]
fn a_field_of_a_builder_is_checked_like_that_of_the_file() {
    let with = |text: &str| parse(text).to_builder().field("clock", "virtual").build();
    assert_eq!(with(MINIMAL).unwrap().clock(), ClockKind::Virtual);
    let back = with(MINIMAL).unwrap().to_builder();
    let back = back.field("clock", ClockKind::Realtime).build();
    assert_eq!(back.unwrap().clock(), ClockKind::Realtime);
    for (text, place) in [
        (
            format!("{MINIMAL}uart_transport: socket"),
            "<yaml>:3:1: uart_transport: with `clock: virtual`",
        ),
        (
            "backend: qemu\nqemu: {machine: b}".to_owned(),
            "<yaml>:1:1: clock: only Renode has a virtual clock",
        ),
    ] {
        let error = with(&text).unwrap_err().to_string();
        assert!(error.starts_with(place), "{error}");
    }
    let config = TargetConfig::builder("/boards")
        .field("platform", "platforms/boards/b.repl")
        .field("uart", "sysbus.uart0")
        .field("timeouts.boot", "2s")
        .field("firmware", "app.elf");
    let built = config.clone().build().unwrap();
    assert_eq!(built.firmware().unwrap(), "/boards/app.elf");
    assert_eq!(built.timeouts().boot(), Duration::from_secs(2));
    let again = built.to_builder().field("machine_name", "b").build();
    assert_eq!(again.unwrap().firmware(), built.firmware());
    for (field, value, error) in [
        (
            "platfrom",
            "c.repl",
            "<builder>:1:1: platfrom: unknown field",
        ),
        (
            "uart.baud",
            "9600",
            "<builder>:1:1: uart.baud: `baud` cannot be set",
        ),
        ("prompt", "re:(", "<builder>:1:1: prompt: "),
    ] {
        let failed = config.clone().field(field, value).build().unwrap_err();
        assert!(failed.to_string().starts_with(error), "{failed}");
    }
    let exporter = EXPORTER_WITH_DEFAULTS;
    let config = TargetConfig::from_yaml_str(exporter, "/").unwrap();
    let config = config.to_builder().field("machine_name", "b").build();
    let config = config.unwrap();
    assert_eq!(config.renode().unwrap().uarts()[0].path(), "sysbus.uart0");
}

/// The pieces of a generated document.
#[rustfmt::skip]
const PIECES: &[&str] = &[
    "platform", "uart", "uarts", "qemu", "machine", "serial", "timeouts", "expect", "extra_commands",
    "load_address", "machine_name", "backend", "auto", ":", ": ", "- ", "\n", "\n  ", "[", "]",
    "{", "}", ", ", "'", "\"", "*", "&a ", "<<", "!t ", "?", "|\n", "---\n", "#", "0x8", "-1",
    "10s", "~", "é", "platforms/b.repl", "sysbus.uart0", "\t", "\u{feff}", ".", "\0",
];

/// Generates text that is close enough to a target to pass the parser sometimes.
fn yaml_like() -> impl Strategy<Value = String> {
    let piece = prop::sample::select(PIECES);
    prop_oneof![
        prop::collection::vec(piece, 0..24).prop_map(|pieces| pieces.concat()),
        any::<String>(),
    ]
}

proptest! {
    #[test]
    fn from_yaml_str_never_panics(text in yaml_like()) {
        let _ = TargetConfig::from_yaml_str(&text, ".");
        let _ = TargetConfig::from_yaml_str(&format!("{MINIMAL}{text}"), ".");
    }

    /// A good file with a few bytes changed, cut off anywhere: it is read or refused.
    #[test]
    fn a_damaged_file_causes_no_panic(
        changes in prop::collection::vec((0..600_usize, any::<u8>()), 0..6),
        length in 0..=600_usize,
    ) {
        let mut content = fs::read("fixtures/stm32f4.yaml").unwrap();
        for (at, byte) in changes {
            if let Some(old) = content.get_mut(at) {
                *old = byte;
            }
        }
        content.truncate(length);
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("board.yaml");
        fs::write(&file, content).unwrap();
        let _ = TargetConfig::from_file(&file);
    }
}

#[test]
fn patterns_of_bytes_are_read() {
    let fields = "prompt: 're:(?-u)\\xff> '\nforbid: ['re:(?-u)[\\x80-\\xff]']\n";
    let config = parse(&format!("{MINIMAL}{fields}"));
    assert_eq!(config.prompt(), Some(r"re:(?-u)\xff> "));
    assert_eq!(config.forbid(), [r"re:(?-u)[\x80-\xff]"]);
}
