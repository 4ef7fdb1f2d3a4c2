//! Translates Jumpstarter's drivers of a physical board to the fields of a target ([`Bench`]).
//!
//! A serial port and a debug probe have equivalents here. A driver that turns a supply on and
//! off has none, because it is not a program of the host.

use serde_yaml::{Mapping, Value};

use super::yaml_1_1;

/// The driver of a serial port, which makes an entry a board.
pub(super) const PORT: &str = "jumpstarter_driver_pyserial.driver.PySerial";

/// The driver that flashes and resets.
const PROBE: &str = "jumpstarter_driver_probe_rs.driver.ProbeRs";

/// A physical board that is described by Jumpstarter's drivers.
#[derive(Debug)]
pub(super) struct Bench {
    /// The fields of the target.
    pub(super) settings: Value,
    /// The key of the probe's driver, if there is one.
    pub(super) probe: Option<String>,
    /// The port's settings that have no equivalent here.
    pub(super) unknown: Vec<String>,
}

/// Returns the board that the driver `port` is connected to, or `None` if that is not a port of
/// this host. The board's probe is one of `siblings`, the drivers in the same mapping.
pub(super) fn bench(name: &str, port: &Value, siblings: &Mapping) -> Option<Bench> {
    let config = port.get("config")?;
    let url = config.get("url")?.as_str()?;
    if url.contains("://") {
        return None;
    }
    let mut serial = Mapping::new();
    serial.insert("port".into(), url.into());
    if let Some(baud) = config.get("baudrate") {
        serial.insert("baud".into(), baud.clone());
    }
    let mut probes = siblings
        .iter()
        .filter(|(_, driver)| kind(driver) == Some(PROBE));
    // With several probes, the file does not tell which one is connected to the board.
    let probe = match (probes.next(), probes.next()) {
        (Some((key, probe)), None) => key.as_str().map(|key| (key.to_owned(), probe)),
        _ => None,
    };
    if let Some((_, probe)) = &probe {
        serial.insert("flash".into(), command(probe, "download", &["{firmware}"]));
        serial.insert("reset".into(), command(probe, "reset", &[]));
    }
    let known = ["url", "baudrate", "check_present"];
    let fields = config.as_mapping().into_iter().flatten();
    let fields = fields.filter_map(|(field, _)| field.as_str());
    let unknown = fields.filter(|field| !known.contains(field));
    let settings = [
        ("backend", Value::from("serial")),
        ("machine_name", Value::from(name)),
        ("serial", Value::Mapping(serial)),
    ];
    let settings = settings
        .into_iter()
        .map(|(field, value)| (Value::from(field), value));
    Some(Bench {
        settings: Value::Mapping(settings.collect()),
        probe: probe.map(|(key, _)| key),
        unknown: unknown.map(str::to_owned).collect(),
    })
}

/// Returns a driver's `type`.
pub(super) fn kind(driver: &Value) -> Option<&str> {
    driver.get("type").and_then(Value::as_str)
}

/// Returns a command of probe-rs with the probe's settings.
fn command(probe: &Value, verb: &str, arguments: &[&str]) -> Value {
    let setting = |name| probe.get("config").and_then(|config| config.get(name));
    let text = |name| setting(name).and_then(Value::as_str);
    let mut command = vec![
        text("probe_rs_path").unwrap_or("probe-rs"),
        verb,
        "--non-interactive",
    ];
    for (name, option) in [
        ("probe", "--probe"),
        ("chip", "--chip"),
        ("protocol", "--protocol"),
    ] {
        command.extend(text(name).into_iter().flat_map(|value| [option, value]));
    }
    if setting("connect_under_reset").and_then(yaml_1_1::flag) == Some(true) {
        command.push("--connect-under-reset");
    }
    command.extend(arguments);
    command.into_iter().map(Value::from).collect()
}
