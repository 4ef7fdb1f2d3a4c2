//! No field of a target's description except `extra_commands` is ever executed: neither by
//! Renode's monitor nor by a shell. Every input here would create a file if it were executed.

use std::fs;
use std::path::{Path, PathBuf};

use engine_tests::{control, on_each_engine, root, sample, tests_over_telnet};
use serde_json::{Value, json};
use virtual_target::config::{BackendKind, TargetConfig};
use virtual_target::{Result, VirtualTarget};

/// `CANARY` is the file that the input would create, `SCRIPT` a script that creates it.
const INPUTS: [&str; 54] = [
    // Several commands in one.
    "x; logFile @CANARY",
    "x;logFile @CANARY;",
    ";include @SCRIPT",
    "x; include @SCRIPT; x",
    "; logFile @CANARY #",
    "x && touch CANARY",
    "x || touch CANARY",
    "x | tee CANARY",
    "x > CANARY",
    "x & touch CANARY &",
    // Several lines.
    "x\nlogFile @CANARY",
    "x\nlogFile @CANARY\n",
    "x\r\nlogFile @CANARY\r\n",
    "x\rlogFile @CANARY",
    "\nlogFile @CANARY\n",
    "x\u{b}logFile @CANARY",
    "x\u{c}logFile @CANARY",
    "x\u{85}logFile @CANARY",
    "x\u{2028}logFile @CANARY",
    // Ends of strings.
    "x\"; logFile @CANARY; \"",
    "x\" logFile @CANARY",
    "\"",
    "x'; logFile @CANARY; '",
    "'",
    "x\\\"; logFile @CANARY; \\\"",
    "x\\",
    // Expansions inside other commands.
    "`logFile @CANARY`",
    "x`include @SCRIPT`",
    "$(touch CANARY)",
    "`touch CANARY`",
    "$HOME; logFile @CANARY",
    "${IFS}touch${IFS}CANARY",
    "$ORIGIN; logFile @CANARY",
    "%n; logFile @CANARY",
    "!touch CANARY",
    // Control keys of the monitor, and telnet.
    "\u{15}logFile @CANARY\n",
    "\u{3}logFile @CANARY\n",
    "x\u{8}\u{8}logFile @CANARY\n",
    "\u{1b}[A\n",
    "x\tlogFile @CANARY",
    "\u{ff}\u{f4}logFile @CANARY\n",
    // Characters beyond ASCII, some of which a careless conversion turns into `;` or a line end.
    "\u{37e} logFile @CANARY",
    "x\u{ff1b}logFile @CANARY",
    "x\u{10a}logFile @CANARY",
    "\u{202e}YRANAC@ eliFgol ;x",
    "@CANARY",
    // One bad character each, and a command that would end Renode.
    "x;quit",
    "x\nquit",
    "`quit`",
    "x\"y",
    "x$y",
    "x#y",
    "x@y",
    "x,y",
];

/// The directory of the inputs' files and of the script.
struct CanaryDir {
    directory: tempfile::TempDir,
}

impl CanaryDir {
    fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let canary_dir = Self { directory };
        let canary = canary_dir.path().join("canary-of-script");
        let script = format!("open({:?}, 'w').close()\n", canary.to_str().unwrap());
        fs::write(canary_dir.path().join("s.py"), script).unwrap();
        canary_dir
    }

    fn path(&self) -> &Path {
        self.directory.path()
    }

    fn inputs(&self) -> impl Iterator<Item = String> {
        let directory = self.path().to_str().unwrap();
        (0..).zip(INPUTS).map(move |(n, input)| {
            input
                .replace("CANARY", &format!("{directory}/canary-{n}"))
                .replace("SCRIPT", &format!("{directory}/s.py"))
        })
    }

    fn canaries(&self) -> Vec<PathBuf> {
        let entries = fs::read_dir(self.path()).unwrap().flatten();
        let canary = |path: &PathBuf| path.is_file() && path.to_string_lossy().contains("canary");
        entries.map(|entry| entry.path()).filter(canary).collect()
    }

    /// Writes `content` to a file whose path has `input` in the middle, and returns the path.
    fn file(&self, input: &str, content: &[u8], extension: &str) -> PathBuf {
        // An input with slashes becomes several directories.
        let path = self.path().join(format!("files/a{input}b.{extension}"));
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, content).unwrap();
        path
    }
}

/// Returns the STM32F4's description, with `value` in `field` (or `section.field`).
fn description(field: &str, value: &Value) -> String {
    let mut description = json!({
        "platform": "platforms/boards/stm32f4_discovery-kit.repl",
        "uart": "sysbus.usart2",
        "machine_name": "stm32f4",
        "firmware": sample("shell.elf"),
        "allow_raw_monitor": true,
        "control": "telnet",
        "qemu": {"machine": "netduinoplus2", "serial": 1},
        "timeouts": {},
    });
    let others: &[&str] = match field.split('.').next() {
        Some("uarts") => &["uart", "qemu"],
        Some("machines") => &["platform", "uart", "machine_name", "firmware", "qemu"],
        _ => &[],
    };
    let fields = description.as_object_mut().unwrap();
    for other in others {
        fields.remove(*other);
    }
    if field.starts_with("machines") {
        let machine = json!({"platform": "platforms/boards/b.repl", "uart": "sysbus.usart2"});
        fields.insert("machines".to_owned(), json!({"a": machine, "b": machine}));
    }
    let place = field
        .split('.')
        .fold(&mut description, |at, key| &mut at[key]);
    *place = value.clone();
    // JSON is YAML, except for line ends beyond ASCII.
    let escaped = |c: char| match c.is_ascii() {
        true => c.to_string(),
        false => format!("\\u{:04x}", u32::from(c)),
    };
    description.to_string().chars().map(escaped).collect()
}

fn boot(engine: BackendKind, field: &str, value: &Value) -> Result<VirtualTarget> {
    let config = TargetConfig::from_yaml_str(&description(field, value), root())?;
    let config = config.to_builder().field("control", control()).build()?;
    VirtualTarget::from_config(config)
        .backend(engine)
        .boot()
        .wait()
}

#[test]
fn refused_before_anything_starts() {
    const FIELDS: [&str; 29] = [
        "backend",
        "platform",
        "uart",
        "uarts.console",
        "uarts.console.baud",
        "uarts.console.serial",
        "uart_transport",
        "machines.a.platform",
        "machines.a.uart",
        "machines.a.load_command",
        "machines.a.load_address",
        "serial.baud",
        "machine_name",
        "load_command",
        "load_address",
        "control",
        "monitor_port",
        "allow_raw_monitor",
        "line_ending",
        "echo",
        "strip_ansi",
        "kept_output",
        "timeouts.expect",
        "timeouts.boot",
        "timeouts.command",
        "qemu.arch",
        "qemu.machine",
        "qemu.cpu",
        "qemu.serial",
    ];
    let canary_dir = CanaryDir::new();
    let mut accepted = Vec::new();
    for field in FIELDS {
        for input in canary_dir.inputs() {
            // After a good prefix, too.
            let prefixes: &[&str] = match field {
                "platform" | "machines.a.platform" => {
                    &["", "platforms/boards/", "platforms/boards/x.repl"]
                }
                "load_command" | "machines.a.load_command" => &["", "sysbus LoadELF"],
                "load_address" | "machines.a.load_address" => &["", "0x08000000"],
                "monitor_port" | "qemu.serial" => &["", "1"],
                "control" => &["", "telnet"],
                _ => &["", "stm32f4"],
            };
            for prefix in prefixes {
                let value = format!("{prefix}{input}");
                let text = description(field, &Value::from(value.as_str()));
                match TargetConfig::from_yaml_str(&text, root()) {
                    Ok(_) => accepted.push(format!("{field}: {value:?}")),
                    Err(error) => {
                        let error = error.to_string();
                        assert!(error.contains(field), "{value:?}: {error}");
                        // The message must not affect the terminal that shows it either.
                        let raw = error.chars().find(|c| c.is_control());
                        assert_eq!(raw, None, "{field}: {value:?}: {error:?}");
                    }
                }
            }
        }
    }
    for input in canary_dir.inputs() {
        let input = input.as_str();
        let machine = json!({"platform": "platforms/boards/b.repl", "uart": "sysbus.usart2"});
        let names = [
            ("uarts", json!({ input: "sysbus.usart2" })),
            ("variables", json!({ input: "x" })),
            ("machines", json!({ input: machine })),
        ];
        for (field, names) in names {
            if TargetConfig::from_yaml_str(&description(field, &names), root()).is_ok() {
                accepted.push(format!("{field}: a name {input:?}"));
            }
        }
    }
    assert!(accepted.is_empty(), "accepted:\n{}", accepted.join("\n"));
}

on_each_engine! {
    fn the_firmware_path_is_not_executed(engine) {
        let canary_dir = CanaryDir::new();
        let board = boot(engine, "firmware", &json!(sample("shell.elf")))?;
        let firmware = fs::read(sample("hello.elf")).unwrap();
        for input in canary_dir.inputs() {
            let path = canary_dir.file(&input, &firmware, "elf");
            board.flash(&path).wait()?;
            board.uart().expect_line("Hello from hello").wait()?;
            assert_eq!(canary_dir.canaries(), [] as [PathBuf; 0], "after {input:?}");
        }
        if engine == BackendKind::Renode {
            // An executed command does create such files.
            board.monitor(format!("logFile @{}/canary", canary_dir.path().display())).wait()?;
            board.monitor(format!("include @{}/s.py", canary_dir.path().display())).wait()?;
            assert_eq!(canary_dir.canaries().len(), 2);
        }
        Ok(())
    }

    fn patterns_are_not_executed(engine) {
        let canary_dir = CanaryDir::new();
        // A pattern that can never match, because matching skips its characters, is refused.
        let (hidden, inputs): (Vec<String>, Vec<String>) =
            canary_dir.inputs().partition(|input| input.contains('\x1b'));
        for input in hidden {
            let error = boot(engine, "forbid", &json!([input])).unwrap_err().to_string();
            assert!(error.contains("contains an escape sequence"), "{error}");
        }
        let board = boot(engine, "forbid", &json!(inputs))?;
        board.uart().expect("> ").wait()?;
        for input in &inputs {
            board.uart().set_prompt(input.as_str())?;
        }
        assert_eq!(canary_dir.canaries(), [] as [PathBuf; 0]);
        Ok(())
    }
}

/// Several inputs to a path, each one directory below the one before: a platform is read only
/// when Renode starts.
#[test]
#[cfg_attr(
    not(renode),
    ignore = "no Renode: renode is not in PATH and VTARGET_RENODE names none"
)]
fn a_platform_path_is_not_executed() -> Result<()> {
    let canary_dir = CanaryDir::new();
    let inputs: Vec<String> = canary_dir.inputs().collect();
    let (lines, plain): (Vec<&String>, Vec<&String>) = inputs
        .iter()
        .partition(|input| input.contains(['\n', '\r']));
    let content = b"using \"platforms/boards/stm32f4_discovery-kit.repl\"\n";
    for several in plain.chunks(16) {
        let several: Vec<&str> = several.iter().map(|input| input.as_str()).collect();
        let path = canary_dir.file(&several.join("/"), content, "repl");
        let board = boot(BackendKind::Renode, "platform", &json!(path))?;
        board.uart().expect_line("Hello from shell").wait()?;
        assert_eq!(canary_dir.canaries(), [] as [PathBuf; 0], "{several:?}");
    }
    let path = canary_dir.file(lines[0], content, "repl");
    let error = boot(BackendKind::Renode, "platform", &json!(path)).unwrap_err();
    assert!(
        error.to_string().contains("has a line end in it"),
        "{error}"
    );
    assert_eq!(canary_dir.canaries(), [] as [PathBuf; 0]);
    Ok(())
}

tests_over_telnet! { the_firmware_path_is_not_executed::renode, a_platform_path_is_not_executed }
