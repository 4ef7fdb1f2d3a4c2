//! The JSON Schema of board files: the committed one is up to date, and it accepts and refuses
//! what the library does, but for the listed differences.

use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};

use jsonschema::Validator;
use serde_json::Value;
use virtual_target::config::{TargetConfig, json_schema};

use super::{config, script};

const ROOT: &str = env!("CARGO_MANIFEST_DIR");
const FILE: &str = "docs/virtual-target.schema.json";

#[test]
fn the_committed_schema_is_that_of_the_types() {
    let committed = fs::read_to_string(Path::new(ROOT).join(FILE)).unwrap_or_default();
    assert!(
        committed == json_schema(),
        "run `make schema` and commit {FILE}"
    );
}

fn validator() -> Validator {
    jsonschema::draft7::new(&serde_json::from_str(&json_schema()).unwrap()).unwrap()
}

/// Returns the YAML files of our own boards.
fn boards() -> Vec<PathBuf> {
    let directories = ["fixtures", "examples/firmware-suite/boards"];
    let files = directories.map(|it| fs::read_dir(Path::new(ROOT).join(it)).unwrap());
    let files = files
        .into_iter()
        .flatten()
        .map(|entry| entry.unwrap().path());
    let boards: Vec<_> = files
        .filter(|file| file.extension() == Some(OsStr::new("yaml")))
        .collect();
    assert!(boards.len() > 8, "{boards:?}");
    boards
}

#[test]
fn our_boards_are_valid() {
    let validator = validator();
    for file in boards() {
        let text = fs::read_to_string(&file).unwrap();
        let value: Value = serde_yaml::from_str(&text).unwrap();
        let errors: Vec<_> = validator
            .iter_errors(&value)
            .map(|it| it.to_string())
            .collect();
        assert!(errors.is_empty(), "{}: {errors:?}", file.display());
    }
}

#[test]
fn our_boards_name_the_schema() {
    for file in boards() {
        let text = fs::read_to_string(&file).unwrap();
        let line = text.lines().next().unwrap_or_default();
        let named = line
            .strip_prefix("# yaml-language-server: $schema=")
            .unwrap_or_else(|| panic!("{}: no modeline for editors", file.display()));
        let schema = file.parent().unwrap().join(named).canonicalize();
        let ours = Path::new(ROOT).join(FILE).canonicalize().unwrap();
        assert_eq!(schema.unwrap(), ours, "{}", file.display());
    }
}

#[test]
fn every_accepted_field_is_valid() {
    let validator = validator();
    for text in [
        config::EVERY_FIELD,
        "script: board.resc\nuart: {path: sysbus.uart0, baud: 9600}\nvariables: {a: 1, b: '@f', c: -1.5}\n",
        "machines:\n  a: {platform: platforms/b.repl, uart: sysbus.uart0}\n  b: {platform: platforms/b.repl, uarts: {x: sysbus.uart1}}\nuart_hubs: {line: [a.sysbus.uart1, b.sysbus.uart2]}\n",
        "backend: serial\nserial: {port: /dev/ttyACM0, baud: 9600, flash: [probe-rs, '{firmware}'], reset: [a], power_on: [b, ''], power_off: [c]}\n",
        "backend: qemu\nqemu: {arch: riscv64, machine: 'virt,aclint=on', args: [-bios, none, -append, a b]}\nuarts: {a: {serial: 0}, b: semihosting, c: {path: sysbus.c, serial: 2}}\n",
        "backend: qemu\nqemu: {machine: netduino2}\necho: true\nload_address: '0x08000000'\nprompt:\n",
    ] {
        let value: Value = serde_yaml::from_str(text).unwrap();
        let errors: Vec<_> = validator
            .iter_errors(&value)
            .map(|it| it.to_string())
            .collect();
        assert!(errors.is_empty(), "{text}: {errors:?}");
    }
}

/// A field that is missing in the schema is unknown to an editor; so is one that is misspelt in
/// the rules, which then have no effect.
#[test]
fn refused_files_are_invalid_but_for_the_listed() {
    let validator = validator();
    let scripts = script::BAD.iter().map(|(text, _)| format!("{text}\n"));
    let mut valid = Vec::new();
    let (mut all, mut invalid) = (0, 0);
    for text in config::refused().chain(scripts) {
        all += 1;
        assert!(
            TargetConfig::from_yaml_str(&text, "/nowhere").is_err(),
            "{text}"
        );
        // A file that is not YAML at all is refused by every editor.
        let value = serde_yaml::from_str::<Value>(&text);
        match value.map(|value| validator.is_valid(&value)) {
            Ok(true) => valid.push(format!("{text:?}")),
            _ => invalid += 1,
        }
    }
    assert!(all > 150, "{all}");
    let listed = format!(
        "{invalid} of {all} files are invalid; only the library refuses:\n{}",
        valid.join("\n")
    );
    insta::assert_snapshot!(listed);
}
