//! `vtarget boards`.

use std::io::Write;
use std::path::Path;
use std::process::{Command, ExitCode, Stdio};

use serde_json::{Value, json};
use virtual_target::EmulatorInfo;

use crate::failure::{Failure, Outcome};
use crate::platforms::Installation;

/// Lists the boards of the emulators: Renode's platforms with their UARTs, QEMU's machines with
/// the number of their serial ports
#[derive(clap::Args)]
#[command(after_help = "\
A board file names them as `platform` and `uart`, or as `qemu: {machine: …, serial: …}`.

Exit codes: 0 success, 1 no emulator or no such board is here, 2 wrong arguments")]
pub(crate) struct Boards {
    /// Only boards with this text in their name or description
    word: Option<String>,
    /// Print one JSON object: `renode` and `qemu`
    #[arg(long)]
    json: bool,
}

impl Boards {
    pub(crate) fn run(self) -> Outcome {
        let renode = EmulatorInfo::find_renode().wait();
        let qemu = EmulatorInfo::find_qemu().wait();
        if let (Err(_), Err(missing)) = (&renode, &qemu) {
            return Err(Failure(missing.kind().to_string()));
        }
        let mut platforms = Vec::new();
        if let Ok(info) = &renode {
            let installation = Installation::of(&info.program).ok_or_else(|| {
                let program = info.program.display();
                Failure(format!(
                    "there are no platforms near {program}, which is started as Renode"
                ))
            })?;
            let all = installation.platforms().into_iter();
            for name in all.filter(|name| self.is_wanted(name)) {
                let uarts = installation.uarts(&name);
                self.show(&format!("{name}: {}", or(uarts.join(" "), "no UART")));
                platforms.push(json!({"platform": name, "uarts": uarts}));
            }
        }
        let mut machines = Vec::new();
        if let Ok(info) = &qemu {
            let help = output(&info.program, &["-machine", "help"], "")?;
            for (name, about) in help.lines().skip(1).filter_map(|line| line.split_once(' ')) {
                if !self.is_wanted(name) && !self.is_wanted(about) || name == "none" {
                    continue;
                }
                let about = about.trim();
                let serials = serials(&info.program, name);
                let count = serials
                    .as_u64()
                    .map(|count| format!("{count} serial ports"));
                let count = count.unwrap_or_else(|| "serial ports not known".to_owned());
                self.show(&format!("{name}: {count}; {about}"));
                machines.push(json!({"machine": name, "serials": serials, "about": about}));
            }
        }
        let found = platforms.len() + machines.len();
        if self.json {
            println!("{:#}", json!({"renode": platforms, "qemu": machines}));
        }
        Ok(ExitCode::from(u8::from(found == 0)))
    }

    fn is_wanted(&self, text: &str) -> bool {
        let word = self.word.as_deref().unwrap_or_default();
        text.to_lowercase().contains(&word.to_lowercase())
    }

    fn show(&self, text: &str) {
        if !self.json {
            println!("{text}");
        }
    }
}

fn or(text: String, default: &str) -> String {
    match text.is_empty() {
        true => default.to_owned(),
        false => text,
    }
}

/// Returns the number of serial ports of a QEMU machine, if it can be known: the devices of a
/// machine that starts without further options say which of the host's serials they have taken.
fn serials(program: &Path, machine: &str) -> Value {
    const MOST: usize = 16;
    let mut arguments = vec!["-M", machine, "-S", "-display", "none", "-monitor", "stdio"];
    arguments.extend(["-serial", "null"].repeat(MOST));
    let devices = match output(program, &arguments, "info qtree\nquit\n") {
        Ok(devices) if devices.contains("bus: main-system-bus") => devices,
        _ => return Value::Null,
    };
    let is_taken = |number: &usize| devices.contains(&format!("chardev = \"serial{number}\""));
    // Some models show none of the ports that they have.
    match (0..MOST).filter(is_taken).count() {
        0 => Value::Null,
        count => json!(count),
    }
}

fn output(program: &Path, arguments: &[&str], input: &str) -> Result<String, Failure> {
    let mut child = Command::new(program)
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .map_err(|error| Failure(format!("cannot run {}: {error}", program.display())))?;
    if let Some(mut stdin) = child.stdin.take() {
        // A program that has ended already takes no input.
        let _ = stdin.write_all(input.as_bytes());
    }
    let output = child.wait_with_output()?;
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}
