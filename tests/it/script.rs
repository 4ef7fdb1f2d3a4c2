//! `script`, `variables` and `platform_fragments` in YAML: which are accepted, and the error for
//! every mistake.

use std::fs;
use std::path::Path;

use virtual_target::config::{Fragment, Platform, Script, TargetConfig, Variable};

/// Makes a directory with the files that the targets below name.
fn project() -> tempfile::TempDir {
    let project = tempfile::tempdir().unwrap();
    for file in ["board.resc", "b d.resc", "fw.elf", "extra.repl", "b.repl"] {
        fs::write(project.path().join(file), "").unwrap();
    }
    fs::create_dir(project.path().join("dir.resc")).unwrap();
    project
}

fn script(config: &TargetConfig) -> &Script {
    match &config.renode().unwrap().platform() {
        Platform::Script(script) => script,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_script_is_read_with_its_variables() {
    let project = project();
    let text = "script: board.resc\nuart: sysbus.uart0\nvariables:\n  z: a b;`c` $d\n  bin: '@fw.elf'\n  \
                n: 0x20\n  m: -1.5\n  on: true\n  empty: ''\n";
    let config = TargetConfig::from_yaml_str(text, project.path()).unwrap();
    let made = script(&config);
    assert_eq!(made.file(), project.path().join("board.resc"));
    assert_eq!(made.machine(), None);
    let literal = |text: &str| Variable::Literal(text.to_owned());
    let expected = [
        ("z", Variable::Text("a b;`c` $d".to_owned())),
        ("bin", Variable::File(project.path().join("fw.elf"))),
        ("n", literal("32")),
        ("m", literal("-1.5")),
        ("on", literal("true")),
        ("empty", Variable::Text(String::new())),
    ];
    assert_eq!(
        made.variables(),
        expected.map(|(name, value)| (name.to_owned(), value))
    );
    // Messages need a machine name, so there is a default.
    assert_eq!(config.machine_name(), "board");

    let text = "script: board.resc\nuart: sysbus.uart0\nmachine_name: node";
    let config = TargetConfig::from_yaml_str(text, project.path()).unwrap();
    assert_eq!(script(&config).machine(), Some("node"));
    assert_eq!(config.machine_name(), "node");
}

#[test]
fn a_script_of_the_project_is_preferred_to_renodes() {
    let project = project();
    let name = "scripts/single-node/stm32f4_discovery.resc";
    let text = format!("script: {name}\nuart: sysbus.uart4");
    let file = || {
        let config = TargetConfig::from_yaml_str(&text, project.path()).unwrap();
        script(&config).file().to_path_buf()
    };
    assert_eq!(file(), Path::new(name));
    let own = project.path().join(name);
    fs::create_dir_all(own.parent().unwrap()).unwrap();
    fs::write(&own, "").unwrap();
    assert_eq!(file(), own);
}

#[test]
fn fragments_are_files_or_text() {
    let project = project();
    let text = "platform: b.repl\nuart: sysbus.uart0\nplatform_fragments:\n  - extra.repl\n  - |\n    cpu:\n        \
                PerformanceInMips: 1\n  - \"using \\\"a.repl\\\"\\n// b.repl\"\n";
    let config = TargetConfig::from_yaml_str(text, project.path()).unwrap();
    let expected = [
        Fragment::File(project.path().join("extra.repl")),
        Fragment::Text("cpu:\n    PerformanceInMips: 1\n".to_owned()),
        Fragment::Text("using \"a.repl\"\n// b.repl".to_owned()),
    ];
    assert_eq!(config.renode().unwrap().fragments(), expected);
}

pub(crate) const BAD: &[(&str, &str)] = &[
    (
        "script: no.resc\nuart: a",
        "1:1: script: there is no file \"DIR/no.resc\", and the scripts that come with Renode are in directories, such as `scripts/single-node/stm32f4_discovery.resc`",
    ),
    (
        "uart: a\nscript: scripts/../no.resc",
        "2:1: script: there is no file \"DIR/no.resc\", and \"scripts/../no.resc\" is not the plain path of a script that comes with Renode, such as `scripts/single-node/stm32f4_discovery.resc`",
    ),
    (
        "uart: a\nscript: scripts/a;quit.resc",
        "2:1: script: there is no file \"DIR/scripts/a;quit.resc\", and no script that comes with Renode has ';' in its path",
    ),
    (
        "script: dir.resc\nuart: a",
        "1:1: script: `DIR/dir.resc` cannot be used: it is a directory",
    ),
    (
        "script: fw.elf\nuart: a",
        "1:1: script: \"fw.elf\" does not end in `.resc`: name a Renode script",
    ),
    (
        "uart: a\nscript: b d.resc",
        "2:1: script: character 2 of \"b d.resc\" is ' ': only letters, digits, `_`, `-`, `+` and `.` are allowed",
    ),
    (
        "script: board.resc",
        "1:1: script: a script needs `uart`, the UART to talk to, such as `sysbus.usart2`",
    ),
    (
        "platform: b.repl\nscript: board.resc\nuart: a",
        "2:1: script: `platform` is given as well: a script loads one itself; keep one of the two",
    ),
    (
        "platform: b.repl\nuart: a\nvariables: {a: b}",
        "3:1: variables: only a `script` has variables: add it, or remove them",
    ),
    (
        "script: board.resc\nuart: a\nvariables: [a]",
        "3:1: variables: invalid type: sequence, expected fields (`name: value`)",
    ),
    (
        "script: board.resc\nuart: a\nvariables: {1: b}",
        "3:1: variables: a variable's name is text: put it in quotes",
    ),
    (
        "script: board.resc\nuart: a\nvariables: {a-b: c}",
        "3:1: variables: character 2 of \"a-b\" is '-': only letters, digits and `_` are allowed",
    ),
    (
        "script: board.resc\nuart: a\nvariables: {ORIGIN: c}",
        "3:1: variables: `ORIGIN` is set by Renode: choose another name",
    ),
    (
        "script: board.resc\nuart: a\nvariables:\n  a: 'b\"; quit'",
        "4:3: variables.a: character 2 is '\"': only printable ASCII without `\"` and `\\` is allowed",
    ),
    (
        "script: board.resc\nuart: a\nvariables:\n  a: \"b\\nquit\"",
        "4:3: variables.a: character 2 is '\\n': only printable ASCII without `\"` and `\\` is allowed",
    ),
    (
        "script: board.resc\nuart: a\nvariables:\n  a: 'b\\'",
        "4:3: variables.a: character 2 is '\\\\': only printable ASCII without `\"` and `\\` is allowed",
    ),
    (
        "script: board.resc\nuart: a\nvariables:\n  a: é",
        "4:3: variables.a: character 1 is 'é': only printable ASCII without `\"` and `\\` is allowed",
    ),
    (
        "script: board.resc\nuart: a\nvariables:\n  a: [b]",
        "4:3: variables.a: a list is no value of a variable: write text, a number, `true`, `false`, or `@` and a file's path",
    ),
    (
        "script: board.resc\nuart: a\nvariables:\n  a: .inf",
        "4:3: variables.a: `.inf` is not a number that Renode can read",
    ),
    (
        "script: board.resc\nuart: a\nvariables:\n  a: '@no.elf'",
        "4:3: variables.a: there is no file `DIR/no.elf`",
    ),
    (
        "backend: qemu\nqemu: {machine: b}\nplatform_fragments: [extra.repl]",
        "3:1: platform_fragments: fragments need `platform` or `script`, on top of which they go",
    ),
    (
        "platform: b.repl\nuart: a\nplatform_fragments:\n  - extra.repl\n  - no.repl",
        "5:5: platform_fragments[1]: there is no file `DIR/no.repl`",
    ),
    (
        "machines: {a: {platform: b.repl, uart: a}}\nscript: board.resc",
        "2:1: script: it is for a target without `machines`: remove it, or them",
    ),
    (
        "platform: b.repl\nuart: a\nplatform_fragments:\n  - ' '",
        "4:5: platform_fragments[0]: the fragment is empty: write one or remove the entry",
    ),
];

#[test]
fn errors_name_the_place_of_a_mistake() {
    let project = project();
    for (text, expected) in BAD {
        let error = TargetConfig::from_yaml_str(text, project.path()).unwrap_err();
        let directory = |path: &Path| path.display().to_string();
        let message = error.to_string().replace(&directory(project.path()), "DIR");
        assert_eq!(message, format!("<yaml>:{expected}"), "{text}");
    }
}
