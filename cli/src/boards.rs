//! `vtarget boards`.

use std::fmt::Display;
use std::process::ExitCode;

use serde_json::{Value, json};
use virtual_target::EmulatorInfo;
use virtual_target::config::QemuConfig;

use crate::failure::{Failure, Outcome};
use crate::machines::{self, Machine};
use crate::output;
use crate::platforms::Installation;

/// Lists the boards of the emulators: Renode's platforms with their UARTs, QEMU's machines with
/// the number of their serial ports
///
/// QEMU has a program for each architecture; the machines of all that are installed are listed.
#[derive(clap::Args)]
#[command(after_help = "\
A board file names them as `platform` and `uart`, or as `qemu: {arch: …, machine: …, serial: …}`;
without `arch`, QEMU's program for arm is meant.

Exit codes: 0 success, 1 no emulator or no such board is here, 2 wrong arguments")]
pub(crate) struct Boards {
    /// Only boards with this text in their name or description
    word: Option<String>,
    /// Print one JSON object: `renode` and `qemu`, and `error` if it failed
    #[arg(long)]
    json: bool,
}

impl Boards {
    pub(crate) fn run(self) -> Outcome {
        let (mut platforms, mut boards) = (Vec::new(), Vec::new());
        let outcome = self.list(&mut platforms, &mut boards);
        let found = platforms.len() + boards.len();
        if self.json {
            let mut listed = json!({"renode": platforms, "qemu": boards});
            if let Err(Failure(why)) = &outcome {
                listed["error"] = json!(why);
            }
            output::line(format_args!("{listed:#}"))?;
        }
        outcome?;
        Ok(ExitCode::from(u8::from(found == 0)))
    }

    fn list(&self, platforms: &mut Vec<Value>, boards: &mut Vec<Value>) -> Result<(), Failure> {
        let renode = EmulatorInfo::find_renode().wait();
        let (mut missing, mut is_there) = (None, renode.is_ok());
        if let Ok(info) = &renode {
            self.list_platforms(info, platforms)?;
        }
        let mut of_arm = Vec::new();
        for arch in QemuConfig::ARCHITECTURES {
            match EmulatorInfo::find_qemu_for(arch).wait() {
                Ok(info) => {
                    is_there = true;
                    // The program for 64-bit Arm has the machines with 32-bit Arm, too.
                    let known = if arch == "aarch64" { &of_arm[..] } else { &[] };
                    let wanted = |text: &str| self.is_wanted(text);
                    let found = machines::of_program(arch, &info.program, known, wanted)?;
                    self.list_machines(arch, &found, boards)?;
                    if arch == "arm" {
                        of_arm = found;
                    }
                }
                Err(error) => {
                    missing.get_or_insert(error);
                }
            }
        }
        match missing {
            Some(error) if !is_there => Err(Failure(error.kind().to_string())),
            _ => Ok(()),
        }
    }

    fn list_platforms(&self, info: &EmulatorInfo, listed: &mut Vec<Value>) -> Result<(), Failure> {
        let installation = Installation::of(&info.program).ok_or_else(|| {
            let program = info.program.display();
            Failure(format!(
                "there are no platforms near {program}, which is started as Renode"
            ))
        })?;
        let all = installation.platforms().into_iter();
        for name in all.filter(|name| self.is_wanted(name)) {
            let uarts = installation.uarts(&name);
            self.show(format_args!("{name}: {}", or(uarts.join(" "), "no UART")))?;
            listed.push(json!({"platform": name, "uarts": uarts}));
        }
        Ok(())
    }

    fn list_machines(
        &self,
        arch: &str,
        machines: &[Machine],
        listed: &mut Vec<Value>,
    ) -> Result<(), Failure> {
        for machine in machines {
            let Machine {
                name,
                about,
                serials,
            } = machine;
            let ports = match serials {
                Some(1) => "1 serial port".to_owned(),
                Some(count) => format!("{count} serial ports"),
                None => "serial ports not known".to_owned(),
            };
            self.show(format_args!("{arch} {name}: {ports}; {about}"))?;
            listed.push(json!({"arch": arch, "machine": name, "serials": serials, "about": about}));
        }
        Ok(())
    }

    fn is_wanted(&self, text: &str) -> bool {
        let word = self.word.as_deref().unwrap_or_default();
        text.to_lowercase().contains(&word.to_lowercase())
    }

    fn show(&self, text: impl Display) -> Result<(), Failure> {
        match self.json {
            true => Ok(()),
            false => output::line(text),
        }
    }
}

fn or(text: String, default: &str) -> String {
    match text.is_empty() {
        true => default.to_owned(),
        false => text,
    }
}
