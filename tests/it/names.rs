//! The names that users depend on in addition to the public API: fields of the YAML file,
//! environment variables, artifact files (`tests/engines` tests all files that a board leaves).
//!
//! `INSTA_UPDATE=always cargo nextest run -E 'binary(it) & test(names)'` accepts a change.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use crate::common::messages::assert_message;
use regex::Regex;
use virtual_target::config::TargetConfig;

const SNAPSHOTS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/it/snapshots");

/// A description with an unknown field, for each place that has fields.
const PLACES: [(&str, &str); 6] = [
    ("", "zzz: 1\n"),
    ("machines.NAME", "machines: {n: {zzz: 1}}\n"),
    ("qemu", "qemu: {zzz: 1}\n"),
    ("serial", "serial: {zzz: 1}\n"),
    ("timeouts", "timeouts: {zzz: 1}\n"),
    ("uart", "uart: {zzz: 1}\n"),
];

#[test]
fn names_that_users_depend_on() {
    let mut text = String::new();
    for (place, yaml) in PLACES {
        let fields = known(yaml).join("\n  ");
        text += &format!("fields of {place:?} in YAML\n  {fields}\n");
    }
    let mut sources = String::new();
    read(Path::new("src"), &mut sources);
    read(Path::new("scripts"), &mut sources);
    let variables = found(r"\b(VTARGET_[A-Z0-9_]+)", &sources);
    let variables = variables
        .iter()
        .filter(|name| !name.starts_with("VTARGET_TEST_"));
    text += &format!("variables\n  {}\n", joined(variables));
    let files = found(r#""([a-z{}.-]+\.(?:log|txt|json|html))""#, &sources);
    text += &format!("files\n  {}\n", joined(&files));
    assert_message(SNAPSHOTS, "names_that_users_depend_on", &text, &[]);
}

/// Returns the fields that the error of `yaml` lists, in its order.
fn known(yaml: &str) -> Vec<String> {
    let error = TargetConfig::from_yaml_str(yaml, ".").unwrap_err();
    let error = error.to_string();
    let (_, list) = error.split_once("(known: ").unwrap();
    let list = list.split_once(')').unwrap().0;
    list.split(", ").map(str::to_owned).collect()
}

/// Appends the text of all files below `directory`, each without its tests.
fn read(directory: &Path, text: &mut String) {
    for entry in fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            read(&path, text);
        } else if path.file_name().is_some_and(|name| name != "tests.rs") {
            let whole = fs::read_to_string(&path).unwrap();
            text.push_str(whole.split("#[cfg(test)]\nmod ").next().unwrap_or_default());
        }
    }
}

fn found(pattern: &str, text: &str) -> BTreeSet<String> {
    let pattern = Regex::new(pattern).unwrap();
    pattern
        .captures_iter(text)
        .map(|found| found[1].to_owned())
        .collect()
}

fn joined<'a>(names: impl IntoIterator<Item = &'a String>) -> String {
    let names: Vec<&str> = names.into_iter().map(String::as_str).collect();
    names.join("\n  ")
}
