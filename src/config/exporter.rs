//! Finds the target in the configuration file of a Jumpstarter exporter.
//!
//! Drivers in such a file may be nested. [`Entries`] collects the targets: the entries of
//! Renode's driver, and the physical boards, which [`bench`] recognizes.

use serde_yaml::{Mapping, Value};

use super::error::{BadFields, Problem};
use super::raw::{Raw, RawUart};
use super::{bench, yaml_1_1};

/// The driver whose `config` is a target.
const RENODE_DRIVER: &str = "jumpstarter_driver_renode.driver.Renode";

/// The driver's name in the short form that JEP-0010 shows.
const SHORT_NAME: &str = "Renode";

/// The driver's default for `uart`.
const DEFAULT_UART: &str = "sysbus.uart0";

/// Adds the driver's defaults to a target's settings.
pub(super) fn complete(raw: &mut Raw) {
    if raw.uarts.is_none() && raw.machines.is_none() {
        raw.uart.get_or_insert_with(|| RawUart::at(DEFAULT_UART));
    }
    // The driver supports TCP only; 0, its default, means any port, so nobody relies on a
    // port then. A user may rely on a port that the file names.
    if raw.control.is_none() && raw.monitor_port.is_some_and(|port| port != 0) {
        raw.control = Some("telnet".to_owned());
    }
}

/// The fields with boolean values.
const FLAGS: [&str; 2] = ["allow_raw_monitor", "strip_ansi"];

/// A target in an exporter's file.
#[derive(Debug)]
pub(super) struct Entry {
    /// The target's name, such as `ecu`, or `bench.ecu` for a nested entry.
    pub(super) name: String,
    /// The path of the target's settings, such as `export.ecu.config`.
    pub(super) path: String,
    pub(super) settings: Value,
    pub(super) is_renode: bool,
    /// The names of the entries that make up the target.
    parts: Vec<String>,
    /// The settings of the target that are not used, as messages show them.
    unknown: Vec<String>,
}

/// The drivers in an exporter's file.
#[derive(Debug, Default)]
pub(super) struct Entries {
    targets: Vec<Entry>,
    /// The entries that are not Renode targets: their names, and their form in messages.
    others: Vec<(String, String)>,
}

/// Returns the drivers in `document`, if it is an exporter's file.
pub(super) fn entries(document: &mut Value) -> Result<Option<Entries>, Problem> {
    if document.get("export").is_none() {
        return Ok(None);
    }
    yaml_1_1::merge(document, "")?;
    let Some(export) = document.get("export").and_then(Value::as_mapping) else {
        return Err(Problem::new("export", BadFields::NotDrivers));
    };
    let mut entries = Entries::default();
    entries.collect(export, "", "export");
    Ok(Some(entries))
}

impl Entry {
    fn renode(name: &str, path: String, settings: Option<&Value>) -> Self {
        let mut settings = settings.cloned().unwrap_or(Value::Null);
        for flag in FLAGS {
            if let Some(value) = settings.get_mut(flag)
                && let Some(is) = yaml_1_1::flag(value)
            {
                *value = Value::Bool(is);
            }
        }
        Self {
            name: name.to_owned(),
            path,
            settings,
            is_renode: true,
            parts: Vec::new(),
            unknown: Vec::new(),
        }
    }
}

impl Entries {
    fn collect(&mut self, drivers: &Mapping, parent: &str, path: &str) {
        let full = |key: &str| match parent {
            "" => key.to_owned(),
            parent => format!("{parent}.{key}"),
        };
        for (key, driver) in drivers {
            let Some(key) = key.as_str() else { continue };
            let name = full(key);
            let path = format!("{path}.{key}");
            let config = format!("{path}.config");
            let children = driver.get("children").and_then(Value::as_mapping);
            let shown = match bench::kind(driver) {
                Some(RENODE_DRIVER) => {
                    let entry = Entry::renode(&name, config, driver.get("config"));
                    self.targets.push(entry);
                    None
                }
                None if key == SHORT_NAME => {
                    let entry = Entry::renode(&name, path.clone(), Some(driver));
                    self.targets.push(entry);
                    None
                }
                Some(kind) => {
                    if kind == bench::PORT
                        && let Some(board) = bench::bench(&name, driver, drivers)
                    {
                        let probe = board.probe.iter().map(|key| full(key));
                        let unknown = board.unknown.iter();
                        self.targets.push(Entry {
                            parts: probe.chain([name.clone()]).collect(),
                            unknown: unknown.map(|it| format!("`{name}.config.{it}`")).collect(),
                            name: name.clone(),
                            path: config,
                            settings: board.settings,
                            is_renode: false,
                        });
                    }
                    Some(format!("`{name}` ({kind})"))
                }
                None if children.is_none() => Some(format!("`{name}`")),
                None => None,
            };
            self.others.extend(shown.map(|shown| (name.clone(), shown)));
            if let Some(children) = children {
                self.collect(children, &name, &format!("{path}.children"));
            }
        }
    }

    /// Returns the target `wanted`, or else the only target: of Renode's targets if there are
    /// any, else of the physical boards. Also returns the unused parts of the file.
    pub(super) fn choose(self, wanted: Option<&str>) -> Result<(Entry, Vec<String>), Problem> {
        let Self {
            mut targets,
            others,
        } = self;
        let any_renode = targets.iter().any(|it| it.is_renode);
        let is_wanted = |it: &Entry| match wanted {
            Some(wanted) => it.name == wanted,
            None => it.is_renode == any_renode,
        };
        let chosen: Vec<usize> = (0..targets.len())
            .filter(|&index| is_wanted(&targets[index]))
            .collect();
        let [index] = chosen[..] else {
            let names = |is: &dyn Fn(&Entry) -> bool| {
                let names = targets.iter().filter(|it| is(it));
                names.map(|it| it.name.as_str()).collect()
            };
            let why = match wanted {
                _ if targets.is_empty() => BadFields::NoTarget {
                    renode: RENODE_DRIVER,
                    port: bench::PORT,
                    others: others.iter().map(|(_, shown)| shown.as_str()).collect(),
                },
                Some(name) => BadFields::NoSuchEntry {
                    name,
                    known: names(&|_| true),
                },
                None => BadFields::SeveralEntries {
                    are_renode: any_renode,
                    names: names(&is_wanted),
                },
            };
            return Err(Problem::new("export", why));
        };
        let entry = targets.swap_remove(index);
        let others = others
            .into_iter()
            .filter(|(name, _)| !entry.parts.contains(name));
        let others = others.map(|(_, shown)| shown);
        let skipped = entry.unknown.iter().cloned().chain(others).collect();
        Ok((entry, skipped))
    }
}
