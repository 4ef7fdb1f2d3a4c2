//! The JSON Schema of board files ([`json_schema`]), for editors and other programs.
//!
//! The fields and their types are those of `raw`. This module adds the grammar of their values
//! as far as JSON Schema can express it: words, ranges and characters. Rules about files and
//! about most combinations of fields are checked by the library alone.

use std::borrow::Cow;

use schemars::generate::SchemaSettings;
use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde_json::{Map, Value, json};

use super::coverage::{LINES, RawCoverage, RawCoverageFields};
use super::qemu::ARCHITECTURES;
use super::qemu_args::OWN_OPTIONS;
use super::raw::{Named, Raw, RawUart, RawUartFields};
use super::renode::LoadCommand;
use super::validate::{BACKENDS, CLOCKS, CONTROLS, LINE_ENDINGS, REUSES, UART_TRANSPORTS};
use super::values::{ECHOES, FASTEST, LONGEST_NAME, SLOWEST};

/// The fields that a target with `machines` does not have.
const OF_MACHINES: [&str; 12] = [
    "platform",
    "script",
    "uart",
    "uarts",
    "machine_name",
    "extra_commands",
    "firmware",
    "load_command",
    "load_address",
    "symbols",
    "qemu",
    "serial",
];

/// Returns the JSON Schema (draft 7) of board files, as text.
///
/// Every file that the library accepts is valid, if each of its fields has a value. The schema refuses unknown fields, values of
/// a wrong type and most values that are out of range.
///
/// ```
/// let schema = virtual_target::config::json_schema();
/// assert!(schema.contains("json-schema.org/draft-07"));
/// ```
pub fn json_schema() -> String {
    let generator = SchemaSettings::draft07().into_generator();
    let mut schema = generator.into_root_schema_for::<Raw>().to_value();
    let mut definitions = match schema["definitions"].take() {
        Value::Object(definitions) => definitions,
        _ => Map::new(),
    };
    if let Some(schema) = schema.as_object_mut() {
        schema.retain(|key, _| !["$schema", "definitions", "title"].contains(&key.as_str()));
    }
    definitions.insert("Board".to_owned(), schema);
    refine(&mut definitions);
    let root = json!({
        "$schema": "http://json-schema.org/draft-07/schema#",
        "title": "Board of virtual-target",
        "if": {"type": "object", "required": ["export"]},
        "then": {
            "description": "The configuration of a Jumpstarter exporter.",
            "properties": {"export": {"type": "object"}},
        },
        "else": {"$ref": "#/definitions/Board"},
        "definitions": definitions,
    });
    format!("{root:#}\n")
}

impl JsonSchema for RawUart {
    fn schema_name() -> Cow<'static, str> {
        "UartOrPath".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let fields = generator.subschema_for::<RawUartFields>();
        let path = uart_path();
        schemars::json_schema!({ "anyOf": [path, fields] })
    }
}

impl JsonSchema for RawCoverage {
    fn schema_name() -> Cow<'static, str> {
        "CoverageOrWord".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let fields = generator.subschema_for::<RawCoverageFields>();
        schemars::json_schema!({ "anyOf": [{"const": LINES}, fields] })
    }
}

impl<T: JsonSchema> JsonSchema for Named<T> {
    fn schema_name() -> Cow<'static, str> {
        format!("Named{}", T::schema_name()).into()
    }

    fn inline_schema() -> bool {
        true
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let value = generator.subschema_for::<T>();
        schemars::json_schema!({
            "type": "object",
            "propertyNames": plain_name(),
            "additionalProperties": value,
        })
    }
}

/// Adds the rules for values and combinations to the types of the fields.
fn refine(definitions: &mut Map<String, Value>) {
    for (definition, field, rules) in rules() {
        let field = definitions
            .get_mut(definition)
            .and_then(|it| it.pointer_mut(&format!("/properties/{field}")));
        if let (Some(Value::Object(field)), Value::Object(rules)) = (field, rules) {
            field.extend(rules);
        }
    }
    for (definition, name, rule) in combinations() {
        if let Some(Value::Object(definition)) = definitions.get_mut(definition) {
            definition.insert(name.to_owned(), rule);
        }
    }
}

/// Returns definition, field and the rules for its value.
fn rules() -> Vec<(&'static str, &'static str, Value)> {
    let address = json!({"anyOf": [
        {"type": ["integer", "null"], "minimum": 0},
        {"type": "string", "pattern": "^0[xX][0-9a-fA-F]{1,16}$"},
    ]});
    let duration = json!({"type": ["string", "null"], "pattern": "^0*[1-9][0-9]*(ms|s|min)$"});
    let size = json!({"type": ["string", "null"], "pattern": "^0*[1-9][0-9]*(MiB|GiB)$"});
    let serial = json!({"minimum": 0, "maximum": 15});
    let baud = json!({"minimum": SLOWEST, "maximum": FASTEST});
    let patterns = json!({"items": pattern()});
    let command = json!({"minItems": 1, "items": {"type": "string", "pattern": "^[^\\u0000]*$"}});
    let commands = json!({"items": {"type": "string", "pattern": "^[ -~]*[!-~][ -~]*$"}});
    let paths = json!({"items": {"type": "string", "minLength": 1}});
    let load_commands = words(&LoadCommand::ALL.map(|it| (it.as_str(), ())));
    let mut echo = words(&ECHOES);
    if let Some(words) = echo["enum"].as_array_mut() {
        words.extend([true.into(), false.into()]);
    }
    let connected = json!({"additionalProperties": {
        "type": "array", "items": {"type": "string"}, "minItems": 2, "uniqueItems": true,
    }});
    vec![
        ("Board", "backend", words(&BACKENDS)),
        ("Board", "clock", words(&CLOCKS)),
        ("Board", "uart_transport", words(&UART_TRANSPORTS)),
        ("Board", "reuse", words(&REUSES)),
        ("Board", "control", words(&CONTROLS)),
        ("Board", "line_ending", words(&LINE_ENDINGS)),
        ("Board", "echo", echo),
        ("Board", "load_command", load_commands.clone()),
        ("Machine", "load_command", load_commands),
        ("Board", "load_address", address.clone()),
        ("Machine", "load_address", address),
        (
            "Board",
            "monitor_port",
            json!({"minimum": 0, "maximum": u16::MAX}),
        ),
        ("Board", "machine_name", name("A-Za-z0-9 _.-")),
        ("Board", "script", json!({"pattern": "\\.resc$"})),
        ("Board", "variables", variables()),
        (
            "Board",
            "platform_fragments",
            json!({"items": {"type": "string", "pattern": "\\S"}}),
        ),
        ("Board", "firmware", json!({"minLength": 1})),
        ("Machine", "firmware", json!({"minLength": 1})),
        ("Board", "symbols", paths.clone()),
        ("Machine", "symbols", paths),
        ("Board", "extra_commands", commands.clone()),
        ("Machine", "extra_commands", commands),
        ("Board", "prompt", json!({"not": {"enum": ["", "re:"]}})),
        ("Board", "ignore_lines", patterns.clone()),
        ("Board", "forbid", patterns.clone()),
        ("Board", "fail_on_log", patterns),
        ("Board", "kept_output", size),
        ("Board", "uarts", json!({"minProperties": 1})),
        ("Machine", "uarts", json!({"minProperties": 1})),
        ("Board", "machines", json!({"minProperties": 1})),
        ("Board", "uart_hubs", connected.clone()),
        ("Board", "switches", connected),
        ("Uart", "path", uart_path()),
        ("Uart", "baud", baud.clone()),
        ("Uart", "serial", serial.clone()),
        ("Qemu", "arch", words(&ARCHITECTURES)),
        ("Qemu", "machine", qemu_name()),
        ("Qemu", "cpu", qemu_name()),
        ("Qemu", "serial", serial),
        ("Qemu", "args", qemu_args()),
        ("Serial", "port", json!({"pattern": "^[^\\u0000]+$"})),
        ("Serial", "baud", baud),
        ("Serial", "flash", command.clone()),
        ("Serial", "reset", command.clone()),
        ("Serial", "power_on", command.clone()),
        ("Serial", "power_off", command),
        ("Timeouts", "expect", duration.clone()),
        ("Timeouts", "boot", duration.clone()),
        ("Timeouts", "command", duration),
    ]
}

/// Returns definition, keyword and value of the rules for combinations of fields.
fn combinations() -> Vec<(&'static str, &'static str, Value)> {
    let with = |fields: &[&str]| json!({"required": fields});
    let by_engine = |engine: &str| json!({"required": ["backend", engine], "properties": {"backend": {"const": engine}}});
    vec![
        (
            "Board",
            "anyOf",
            json!([
                with(&["platform", "uart"]),
                with(&["platform", "uarts"]),
                with(&["script", "uart"]),
                with(&["script", "uarts"]),
                with(&["machines"]),
                by_engine("qemu"),
                by_engine("serial"),
            ]),
        ),
        (
            "Board",
            "dependencies",
            json!({
                "variables": ["script"],
                "uart_hubs": ["machines"],
                "switches": ["machines"],
                "machines": {"not": {"anyOf": OF_MACHINES.map(|field| with(&[field])).to_vec()}},
                "script": {"not": with(&["platform"])},
                "uarts": {"not": {"anyOf": [with(&["uart"]), with(&["serial"])]}},
            }),
        ),
        ("Qemu", "required", json!(["machine"])),
        ("Serial", "required", json!(["port"])),
        ("Uart", "anyOf", json!([with(&["path"]), with(&["serial"])])),
        ("Machine", "required", json!(["platform"])),
        (
            "Machine",
            "oneOf",
            json!([with(&["uart"]), with(&["uarts"])]),
        ),
    ]
}

/// Returns the rule for one of several words, or nothing.
fn words<T>(choices: &[(&str, T)]) -> Value {
    let words = choices.iter().map(|(word, _)| Value::from(*word));
    json!({"enum": words.chain([Value::Null]).collect::<Vec<_>>()})
}

fn name(characters: &str) -> Value {
    json!({"pattern": format!("^[{characters}]+$"), "maxLength": LONGEST_NAME})
}

fn plain_name() -> Value {
    name("A-Za-z0-9_-")
}

fn qemu_name() -> Value {
    json!({
        "pattern": "^(?!-)[A-Za-z0-9_.-]+(,[A-Za-z0-9_.-]+=[A-Za-z0-9_.-]+)*$",
        "maxLength": LONGEST_NAME,
    })
}

fn qemu_args() -> Value {
    let own = OWN_OPTIONS.iter().flat_map(|(options, _)| *options);
    let own: Vec<&str> = own.copied().collect();
    json!({"items": {
        "type": "string",
        "pattern": "^[^\\u0000]+$",
        "not": {"pattern": format!("^--?({})([ =]|$)", own.join("|"))},
    }})
}

fn uart_path() -> Value {
    json!({
        "type": "string",
        "pattern": "^[A-Za-z_][A-Za-z0-9_]*(\\.[A-Za-z_][A-Za-z0-9_]*)*$",
        "maxLength": LONGEST_NAME,
    })
}

fn pattern() -> Value {
    json!({"type": "string", "not": {"enum": ["", "re:"]}})
}

fn variables() -> Value {
    json!({
        "propertyNames": {
            "pattern": "^[A-Za-z0-9_]+$",
            "maxLength": LONGEST_NAME,
            "not": {"enum": ["ORIGIN", "CWD"]},
        },
        "additionalProperties": {"type": ["string", "number", "boolean"]},
    })
}
