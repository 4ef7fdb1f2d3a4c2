//! Finds the target in an exporter's configuration file of Jumpstarter.
//!
//! Knows the shape of such a file, in which drivers may be nested, and which
//! driver plays Renode boards; physical ones are [`bench`]'s.

use serde_yaml::{Mapping, Value};

use super::error::Problem;
use super::raw::{Raw, RawUart};
use super::{bench, yaml_1_1};

/// The driver whose `config` is a target's.
const DRIVER: &str = "jumpstarter_driver_renode.driver.Renode";

/// The driver's name in the short form that JEP-0010 shows.
const SHORT: &str = "Renode";

/// What the driver takes for `uart` where a file does not say.
const DEFAULT_UART: &str = "sysbus.uart0";

/// Gives a target's settings the meaning that they have for the driver.
pub(super) fn complete(raw: &mut Raw) {
    if raw.uarts.is_none() && raw.machines.is_none() {
        raw.uart.get_or_insert_with(|| RawUart::at(DEFAULT_UART));
    }
    // The driver knows TCP only, and takes 0, its default, for any port: nobody relies on
    // one then. A port that is named may be somebody's.
    if raw.control.is_none() && raw.monitor_port.is_some_and(|port| port != 0) {
        raw.control = Some("telnet".to_owned());
    }
}

/// The fields that are true or false.
const FLAGS: [&str; 2] = ["allow_raw_monitor", "strip_ansi"];

/// A target in an exporter's file.
#[derive(Debug)]
pub(super) struct Entry {
    /// Its name, such as `ecu`; with its parents' for a nested one: `bench.ecu`.
    pub(super) name: String,
    /// Where its settings stand, such as `export.ecu.config`.
    pub(super) path: String,
    pub(super) settings: Value,
    pub(super) is_renode: bool,
    /// The names of the entries that it is made of.
    parts: Vec<String>,
    /// Those of its settings that play no part, as messages show them.
    unknown: Vec<String>,
}

/// What an exporter's file has.
#[derive(Debug, Default)]
pub(super) struct Entries {
    targets: Vec<Entry>,
    /// Names of those that are no Renode targets, and how messages show them.
    others: Vec<(String, String)>,
}

/// The drivers in `document`, if it is an exporter's file.
pub(super) fn entries(document: &mut Value) -> Result<Option<Entries>, Problem> {
    if document.get("export").is_none() {
        return Ok(None);
    }
    yaml_1_1::merge(document, "")?;
    let Some(export) = document.get("export").and_then(Value::as_mapping) else {
        return Err(Problem::new(
            "export",
            "expected the exporter's drivers (`name: {type: …, config: …}`)",
        ));
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
                Some(DRIVER) => {
                    let entry = Entry::renode(&name, config, driver.get("config"));
                    self.targets.push(entry);
                    None
                }
                None if key == SHORT => {
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

    /// The target called `wanted`, or else the only one: of Renode's, if there is any, or
    /// else of the physical boards. And what of the file plays no part in it.
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
                let names: Vec<String> = names.map(|it| format!("`{}`", it.name)).collect();
                names.join(" and ")
            };
            let shown: Vec<&str> = others.iter().map(|(_, shown)| shown.as_str()).collect();
            let message = match wanted {
                _ if targets.is_empty() => format!(
                    "no entry has `type: {DRIVER}`, or `type: {}` and a port of this host: {}",
                    bench::PORT,
                    match shown.is_empty() {
                        true => "it is empty".to_owned(),
                        false => format!("there are {}", shown.join(", ")),
                    }
                ),
                Some(wanted) => {
                    let known = names(&|_| true);
                    format!("no target is called `{wanted}`; there is {known}")
                }
                None => format!(
                    "several entries are {}, {}: choose one by `TargetConfig::from_exporter`",
                    match any_renode {
                        true => "Renode targets",
                        false => "serial ports",
                    },
                    names(&is_wanted)
                ),
            };
            return Err(Problem::new("export", message));
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
