//! Finds the Renode target in an exporter's configuration file of Jumpstarter.
//!
//! Knows the shape of such a file, in which drivers may be nested, and which
//! driver plays Renode boards; knows nothing of that driver's settings.

use serde_yaml::{Mapping, Value};

use super::error::Problem;
use super::raw::Raw;

/// The driver whose `config` is a target's.
const DRIVER: &str = "jumpstarter_driver_renode.driver.Renode";

/// The driver's name in the short form that JEP-0010 shows.
const SHORT: &str = "Renode";

/// What the driver takes for `uart` where a file does not say.
const DEFAULT_UART: &str = "sysbus.uart0";

/// Gives a target's settings the meaning that they have for the driver.
pub(super) fn complete(raw: &mut Raw) {
    if raw.uarts.is_none() && raw.machines.is_none() {
        raw.uart.get_or_insert_with(|| DEFAULT_UART.to_owned());
    }
    // The driver knows TCP only, and takes 0, its default, for any port: nobody relies on
    // one then. A port that is named may be somebody's.
    if raw.control.is_none() && raw.monitor_port.is_some_and(|port| port != 0) {
        raw.control = Some("telnet".to_owned());
    }
}

/// A target in an exporter's file.
#[derive(Debug)]
pub(super) struct Entry {
    /// Its name, such as `ecu`; with its parents' for a nested one: `bench.ecu`.
    pub(super) name: String,
    /// Where its settings stand, such as `export.ecu.config`.
    pub(super) path: String,
    pub(super) settings: Value,
}

/// What an exporter's file has.
#[derive(Debug, Default)]
pub(super) struct Entries {
    pub(super) targets: Vec<Entry>,
    /// Names and drivers of the others.
    pub(super) others: Vec<String>,
}

/// The drivers in `document`, if it is an exporter's file.
pub(super) fn entries(document: &Value) -> Result<Option<Entries>, Problem> {
    let Some(export) = document.get("export") else {
        return Ok(None);
    };
    let Some(export) = export.as_mapping() else {
        return Err(Problem::new(
            "export",
            "expected the exporter's drivers (`name: {type: …, config: …}`)",
        ));
    };
    let mut entries = Entries::default();
    entries.collect(export, "", "export");
    Ok(Some(entries))
}

impl Entries {
    fn collect(&mut self, drivers: &Mapping, parent: &str, path: &str) {
        for (key, driver) in drivers {
            let Some(key) = key.as_str() else { continue };
            let name = match parent {
                "" => key.to_owned(),
                parent => format!("{parent}.{key}"),
            };
            let path = format!("{path}.{key}");
            let kind = driver.get("type").and_then(Value::as_str);
            let children = driver.get("children").and_then(Value::as_mapping);
            match kind {
                Some(DRIVER) => self.targets.push(Entry {
                    name: name.clone(),
                    path: format!("{path}.config"),
                    settings: driver.get("config").cloned().unwrap_or(Value::Null),
                }),
                None if key == SHORT => self.targets.push(Entry {
                    name: name.clone(),
                    path: path.clone(),
                    settings: driver.clone(),
                }),
                Some(kind) => self.others.push(format!("`{name}` ({kind})")),
                None if children.is_none() => self.others.push(format!("`{name}`")),
                None => {}
            }
            if let Some(children) = children {
                self.collect(children, &name, &format!("{path}.children"));
            }
        }
    }

    /// The only target, or the one called `wanted`.
    pub(super) fn choose(&mut self, wanted: Option<&str>) -> Result<Entry, Problem> {
        let names: Vec<String> = self
            .targets
            .iter()
            .map(|it| format!("`{}`", it.name))
            .collect();
        let problem = |message: String| Err(Problem::new("export", message));
        let position = match (wanted, names.len()) {
            (_, 0) => {
                let others = match self.others.as_slice() {
                    [] => "it is empty".to_owned(),
                    others => format!("there are {}", others.join(", ")),
                };
                return problem(format!("no entry has `type: {DRIVER}`: {others}"));
            }
            (None, 1) => 0,
            (None, _) => {
                return problem(format!(
                    "several entries are Renode targets, {}: choose one by `TargetConfig::from_exporter`",
                    names.join(" and ")
                ));
            }
            (Some(wanted), _) => match self.targets.iter().position(|it| it.name == wanted) {
                Some(position) => position,
                None => {
                    return problem(format!(
                        "no Renode target is called `{wanted}`; there is {}",
                        names.join(" and ")
                    ));
                }
            },
        };
        Ok(self.targets.swap_remove(position))
    }
}
