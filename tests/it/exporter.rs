//! Configuration files of Jumpstarter exporters load unchanged, as far as this crate has an
//! equivalent.

use std::fs;
use std::path::Path;

use virtual_target::config::{BackendKind, BoardCommand, Control, Platform, TargetConfig};

/// The short form in JEP-0010.
const SHORT: &str = r#"
export:
  Renode:
    platform: "platforms/boards/stm32f4_discovery-kit.repl"
    uart: "sysbus.usart2"
    machine_name: "stm32f4"
    extra_commands:
      - "sysbus WriteDoubleWord 0x40090030 0x0301"
    allow_raw_monitor: false
"#;

/// A file as an exporter reads it, with other drivers in it.
const EXPORTER: &str = r#"
apiVersion: jumpstarter.dev/v1alpha1
kind: ExporterConfig
metadata:
  name: bench-7
  namespace: lab
endpoint: grpc.example.com:443
token: "<token>"
export:
  power:
    type: jumpstarter_driver_power.driver.MockPower
    config: {}
  ecu:
    type: jumpstarter_driver_renode.driver.Renode
    config:
      platform: platforms/cpus/nxp-s32k388.repl
      machine_name: ecu
  serial:
    ref: ecu.console
  bench:
    children:
      gateway:
        type: jumpstarter_driver_renode.driver.Renode
        config:
          platform: platforms/boards/b.repl
          uart: sysbus.usart2;quit
"#;

fn error_text(text: &str) -> String {
    TargetConfig::from_yaml_str(text, ".")
        .unwrap_err()
        .to_string()
}

#[test]
fn the_short_form_of_the_jep_is_read() {
    let config = TargetConfig::from_yaml_str(SHORT, ".").unwrap();
    let renode = config.renode().unwrap();
    assert_eq!(
        renode.platform(),
        &Platform::BuiltIn("platforms/boards/stm32f4_discovery-kit.repl".into())
    );
    assert_eq!(renode.uarts()[0].path(), "sysbus.usart2");
    assert_eq!(config.machine_name(), "stm32f4");
    assert_eq!(
        config.extra_commands(),
        ["sysbus WriteDoubleWord 0x40090030 0x0301"]
    );
    assert!(config.skipped_entries().is_empty());
}

/// The forms of the upstream driver: its default, any port, and a given one.
#[test]
fn monitor_port_is_read() {
    let control = |line: &str| {
        let text = SHORT.replace("    machine_name", &format!("    {line}\n    machine_name"));
        TargetConfig::from_yaml_str(&text, ".").unwrap().control()
    };
    assert_eq!(control("monitor_port: 0"), Control::Console);
    assert_eq!(
        control("monitor_port: 45671"),
        Control::Telnet { port: Some(45671) }
    );
    assert_eq!(
        error_text(&SHORT.replace("    uart:", "    monitor_port: 70000\n    uart:")),
        "<yaml>:5:5: export.Renode.monitor_port: 70000 is out of range: ports are counted from 1 to 65535"
    );
}

/// YAML 1.1, which Jumpstarter reads: `yes`, and mappings merged into others.
const YAML_1_1: &str = r#"
.board: &board
  platform: platforms/boards/stm32f4_discovery-kit.repl
  uart: sysbus.usart2
.raw: &raw
  <<: *board
  allow_raw_monitor: yes
.driver: &driver
  type: jumpstarter_driver_renode.driver.Renode
export:
  raw:
    <<: *driver
    config: {<<: *raw, uart: sysbus.usart3, strip_ansi: Off}
  both:
    <<: *driver
    config: {<<: [*board, *raw]}
  bad:
    <<: *driver
    config: {<<: yes}
  wrong:
    <<: *driver
    config: {<<: *board, allow_raw_monitor: maybe}
"#;

#[test]
fn yaml_1_1_is_accepted() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("exporter.yaml");
    let load = |text: &str, entry| {
        fs::write(&file, text).unwrap();
        TargetConfig::from_exporter(&file, entry)
    };
    let without = |bad: &str| {
        let text = YAML_1_1.split(&format!("\n  {bad}:")).next().unwrap();
        text.to_owned()
    };
    let good = without("bad");
    let raw = load(&good, "raw").unwrap();
    assert!(raw.allow_raw_monitor());
    assert!(!raw.strip_ansi());
    assert_eq!(
        raw.renode().unwrap().uarts()[0].path(),
        "sysbus.usart3",
        "its own field goes first"
    );
    let both = load(&good, "both").unwrap();
    assert!(both.allow_raw_monitor());
    assert_eq!(both.renode().unwrap().uarts()[0].path(), "sysbus.usart2");

    let error = load(&without("wrong"), "raw").unwrap_err().to_string();
    let place = format!("{}:19:5: export.bad.config: ", file.display());
    assert!(
        error.starts_with(&place) && error.contains("`<<` puts in"),
        "{error}"
    );
    let wrong = YAML_1_1.replace("config: {<<: yes}", "config: {<<: *board}");
    let error = load(&wrong, "wrong").unwrap_err().to_string();
    let place = ":22:26: export.wrong.config.allow_raw_monitor: ";
    assert!(error.contains(place), "{error}");
    // The error of a merged field names the place of the merge.
    let merged = good.replace("sysbus.usart2", "sysbus.2");
    let error = load(&merged, "both").unwrap_err().to_string();
    let place = format!("{}:16:5: export.both.config.uart: ", file.display());
    assert!(error.starts_with(&place), "{error}");
    // The files of this crate are YAML 1.2.
    let own = "platform: platforms/boards/b.repl\nuart: sysbus.a\nallow_raw_monitor: yes";
    assert!(error_text(own).contains("expected `true` or `false`"));
}

#[test]
fn several_uarts_replace_the_default_uart() {
    let text = SHORT.replace(
        "uart: \"sysbus.usart2\"",
        "uarts: {console: sysbus.usart2, modem: sysbus.usart3}",
    );
    let config = TargetConfig::from_yaml_str(&text, ".").unwrap();
    assert_eq!(config.renode().unwrap().uarts()[1].name(), "modem");
}

#[test]
fn from_exporter_finds_an_entry_among_other_drivers() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("exporter.yaml");
    fs::write(&file, EXPORTER).unwrap();

    let config = TargetConfig::from_exporter(&file, "ecu").unwrap();
    assert_eq!(config.machine_name(), "ecu");
    // The default of the driver.
    assert_eq!(config.renode().unwrap().uarts()[0].path(), "sysbus.uart0");
    assert_eq!(
        config.skipped_entries(),
        [
            "`power` (jumpstarter_driver_power.driver.MockPower)",
            "`serial`"
        ]
    );

    let at = |line, column| format!("{}:{line}:{column}: export", file.display());
    let error_text = |entry| {
        TargetConfig::from_exporter(&file, entry)
            .unwrap_err()
            .to_string()
    };
    assert_eq!(
        error_text("bench.gateway"),
        format!(
            "{}.bench.children.gateway.config.uart: character 14 of \"sysbus.usart2;quit\" is ';': \
             only letters, digits, `_` and `.` are allowed",
            at(26, 11)
        )
    );
    assert_eq!(
        error_text("gateway"),
        format!(
            "{}: no target is called `gateway`; there is `ecu` and `bench.gateway`",
            at(9, 1)
        )
    );
    assert_eq!(
        TargetConfig::from_file(&file).unwrap_err().to_string(),
        format!(
            "{}: several entries are Renode targets, `ecu` and `bench.gateway`: \
             choose one by `TargetConfig::from_exporter`",
            at(9, 1)
        )
    );
}

#[test]
fn an_exporter_without_a_target_is_refused() {
    for (text, expected) in [
        (
            "export: {power: {type: a.B}, proxy: {ref: power}}",
            "<yaml>:1:1: export: no entry has `type: jumpstarter_driver_renode.driver.Renode`, or \
             `type: jumpstarter_driver_pyserial.driver.PySerial` and a port of this host: \
             there are `power` (a.B), `proxy`",
        ),
        (
            "export: {}",
            "<yaml>:1:1: export: no entry has `type: jumpstarter_driver_renode.driver.Renode`, or \
             `type: jumpstarter_driver_pyserial.driver.PySerial` and a port of this host: it is empty",
        ),
        (
            "export: [a]",
            "<yaml>:1:1: export: expected the exporter's drivers (`name: {type: …, config: …}`)",
        ),
        (
            "export: {Renode: }",
            "<yaml>:1:10: export.Renode: it is empty: a target needs a board, such as `platform` and `uart`, \
             or `backend: qemu` and `qemu: {machine: …}`",
        ),
        (
            "export: {Renode: {platfrom: a}}",
            "<yaml>:1:19: export.Renode.platfrom: unknown field; did you mean `platform`?",
        ),
    ] {
        let error_text = error_text(text);
        assert!(error_text.starts_with(expected), "{error_text}");
    }
}

/// A physical board on a bench: its port, a probe, and the switch of its supply.
const PHYSICAL: &str = r#"
export:
  power:
    type: jumpstarter_driver_yepkit.driver.Ykush
    config: {serial: YK112233, port: "1"}
  serial:
    type: jumpstarter_driver_pyserial.driver.PySerial
    config: {url: /dev/ttyUSB0, baudrate: 9600, cps: 10}
  probe:
    type: jumpstarter_driver_probe_rs.driver.ProbeRs
    config:
      probe: "2e8a:000c:5798"
      probe_rs_path: /opt/probe-rs
      chip: RP2350
      protocol: swd
      connect_under_reset: yes
"#;

fn command_line(command: Option<&BoardCommand>) -> String {
    let command = command.unwrap();
    format!(
        "{} {}",
        command.program().display(),
        command.arguments().join(" ")
    )
}

#[test]
fn a_physical_board_is_read_from_its_port_and_probe() {
    let config = TargetConfig::from_yaml_str(PHYSICAL, "/").unwrap();
    assert_eq!(config.backend(), BackendKind::Serial);
    assert_eq!(config.machine_name(), "serial");
    assert!(config.renode().is_err());
    let serial = config.serial().unwrap();
    assert_eq!(
        (serial.port(), serial.baud()),
        (Path::new("/dev/ttyUSB0"), 9600)
    );
    let probe = "--non-interactive --probe 2e8a:000c:5798 --chip RP2350 --protocol swd --connect-under-reset";
    assert_eq!(
        command_line(serial.flash()),
        format!("/opt/probe-rs download {probe} {{firmware}}")
    );
    assert_eq!(
        command_line(serial.reset()),
        format!("/opt/probe-rs reset {probe}")
    );
    assert_eq!((&serial.power_on(), &serial.power_off()), (&None, &None));
    assert_eq!(
        config.skipped_entries(),
        [
            "`serial.config.cps`",
            "`power` (jumpstarter_driver_yepkit.driver.Ykush)"
        ]
    );
    let wrong = PHYSICAL.replace("9600", "-1");
    let error = error_text(&wrong);
    let place = "<yaml>:8:5: export.serial.config.serial.baud: -1 is out of range";
    assert!(error.starts_with(place), "{error}");
}

#[test]
fn flash_and_reset_need_exactly_one_probe() {
    let bare = PHYSICAL.split("\n  probe:").next().unwrap();
    let two = format!("{PHYSICAL}  other: {{type: jumpstarter_driver_probe_rs.driver.ProbeRs}}\n");
    for (text, skipped) in [(bare, 2), (&two, 4)] {
        let config = TargetConfig::from_yaml_str(text, "/").unwrap();
        let serial = config.serial().unwrap();
        assert_eq!((&serial.flash(), &serial.reset()), (&None, &None));
        assert_eq!(config.skipped_entries().len(), skipped);
    }
    let default = PHYSICAL.replace("      probe_rs_path: /opt/probe-rs\n", "");
    let default = default.replace("      connect_under_reset: yes\n", "");
    let config = TargetConfig::from_yaml_str(&default, "/").unwrap();
    let reset =
        "probe-rs reset --non-interactive --probe 2e8a:000c:5798 --chip RP2350 --protocol swd";
    assert_eq!(command_line(config.serial().unwrap().reset()), reset);
}

#[test]
fn from_exporter_chooses_among_physical_boards() {
    let elsewhere = PHYSICAL.replace("/dev/ttyUSB0", "'rfc2217://lab:2217'");
    let error = error_text(&elsewhere);
    assert!(
        error.contains("and a port of this host: there are `power` (")
            && error.contains("`serial` ("),
        "{error}"
    );
    let second = "  second:\n    type: jumpstarter_driver_pyserial.driver.PySerial\n    config: {url: /dev/b}\n";
    let several = format!("{PHYSICAL}{second}");
    let error = error_text(&several);
    assert!(
        error.contains("several entries are serial ports, `serial` and `second`: choose one"),
        "{error}"
    );
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("exporter.yaml");
    // With a Renode target in the same file a physical board has to be named.
    let virtual_one =
        "  ecu: {type: jumpstarter_driver_renode.driver.Renode, config: {platform: a/b.repl}}\n";
    fs::write(&file, format!("{several}{virtual_one}")).unwrap();
    let target = |name| TargetConfig::from_exporter(&file, name).unwrap();
    assert_eq!(
        TargetConfig::from_file(&file).unwrap().backend(),
        BackendKind::Renode
    );
    assert_eq!(
        target("ecu").renode().unwrap().uarts()[0].path(),
        "sysbus.uart0"
    );
    assert_eq!(
        target("second").serial().unwrap().port(),
        Path::new("/dev/b")
    );
    assert_eq!(target("serial").machine_name(), "serial");
}

#[test]
fn from_exporter_needs_an_exporter_file() {
    let error = TargetConfig::from_exporter("fixtures/stm32f4.yaml", "ecu").unwrap_err();
    assert_eq!(
        error.to_string(),
        "fixtures/stm32f4.yaml:4:1: there is no `export:` in which to look for `ecu`"
    );
}
