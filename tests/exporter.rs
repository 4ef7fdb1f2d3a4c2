//! Configuration files of Jumpstarter exporters load unchanged.

#![allow(clippy::unwrap_used)]

use std::fs;

use virtual_target::config::{Control, Platform, TargetConfig};

/// As JEP-0010 writes it.
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

/// As an exporter takes it, with other drivers around it.
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

fn complaint(text: &str) -> String {
    TargetConfig::from_yaml_str(text, ".")
        .unwrap_err()
        .to_string()
}

#[test]
fn the_short_form_of_the_jep() {
    let config = TargetConfig::from_yaml_str(SHORT, ".").unwrap();
    let renode = config.renode().unwrap();
    assert_eq!(
        renode.platform,
        Platform::BuiltIn("platforms/boards/stm32f4_discovery-kit.repl".into())
    );
    assert_eq!(renode.uarts[0].path, "sysbus.usart2");
    assert_eq!(config.machine_name, "stm32f4");
    assert_eq!(
        config.extra_commands,
        ["sysbus WriteDoubleWord 0x40090030 0x0301"]
    );
    assert!(config.skipped_entries().is_empty());
}

/// As upstream writes it: the driver's default, any port, and one that is meant.
#[test]
fn the_port_of_the_monitor() {
    let control = |line: &str| {
        let text = SHORT.replace("    machine_name", &format!("    {line}\n    machine_name"));
        TargetConfig::from_yaml_str(&text, ".").unwrap().control
    };
    assert_eq!(control("monitor_port: 0"), Control::Console);
    assert_eq!(
        control("monitor_port: 45671"),
        Control::Telnet { port: Some(45671) }
    );
    assert_eq!(
        complaint(&SHORT.replace("    uart:", "    monitor_port: 70000\n    uart:")),
        "<yaml>:5:5: export.Renode.monitor_port: 70000 is out of range: ports are counted from 1 to 65535"
    );
}

#[test]
fn several_uarts_are_no_uart_by_default() {
    let text = SHORT.replace(
        "uart: \"sysbus.usart2\"",
        "uarts: {console: sysbus.usart2, modem: sysbus.usart3}",
    );
    let config = TargetConfig::from_yaml_str(&text, ".").unwrap();
    assert_eq!(config.renode().unwrap().uarts[1].name, "modem");
}

#[test]
fn an_entry_among_other_drivers() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("exporter.yaml");
    fs::write(&file, EXPORTER).unwrap();

    let config = TargetConfig::from_exporter(&file, "ecu").unwrap();
    assert_eq!(config.machine_name, "ecu");
    // The driver's own default.
    assert_eq!(config.renode().unwrap().uarts[0].path, "sysbus.uart0");
    assert_eq!(
        config.skipped_entries(),
        [
            "`power` (jumpstarter_driver_power.driver.MockPower)",
            "`serial`"
        ]
    );

    let at = |line, column| format!("{}:{line}:{column}: export", file.display());
    let complaint = |entry| {
        TargetConfig::from_exporter(&file, entry)
            .unwrap_err()
            .to_string()
    };
    assert_eq!(
        complaint("bench.gateway"),
        format!(
            "{}.bench.children.gateway.config.uart: character 14 of \"sysbus.usart2;quit\" is ';': \
             only letters, digits, `_` and `.` are allowed",
            at(26, 11)
        )
    );
    assert_eq!(
        complaint("gateway"),
        format!(
            "{}: no Renode target is called `gateway`; there is `ecu` and `bench.gateway`",
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
fn an_exporter_without_a_renode_target() {
    for (text, expected) in [
        (
            "export: {power: {type: a.B}, proxy: {ref: power}}",
            "<yaml>:1:1: export: no entry has `type: jumpstarter_driver_renode.driver.Renode`: \
             there are `power` (a.B), `proxy`",
        ),
        (
            "export: {}",
            "<yaml>:1:1: export: no entry has `type: jumpstarter_driver_renode.driver.Renode`: it is empty",
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
        let complaint = complaint(text);
        assert!(complaint.starts_with(expected), "{complaint}");
    }
}

#[test]
fn an_entry_needs_an_exporter() {
    let error = TargetConfig::from_exporter("fixtures/stm32f4.yaml", "ecu").unwrap_err();
    assert_eq!(
        error.to_string(),
        "fixtures/stm32f4.yaml:3:1: there is no `export:` in which to look for `ecu`"
    );
}
