//! The emulators of this host, without a board: [`EmulatorInfo::find_renode`],
//! [`EmulatorInfo::find_qemu`], [`EmulatorInfo::find_qemu_for`].

use std::path::PathBuf;
use std::time::Duration;

use super::program_output::output_of;
use super::renode::Version;
use super::{EmulatorError, EmulatorInfo, qemu, renode};
use crate::config::BackendKind;
use crate::operation::{Operation, Remote};
use crate::process::Supervisor;

/// The default time limit; Renode may have to unpack itself first.
const LIMIT: Duration = Duration::from_secs(60);

impl EmulatorInfo {
    /// Finds the Renode that boards run on, and asks it for its version and runtime.
    ///
    /// # Errors
    /// [`EmulatorErrorKind::NotFound`](crate::EmulatorErrorKind::NotFound) says where it was looked for, and how to install it.
    ///
    /// ```no_run
    /// # fn main() -> virtual_target::Result<()> {
    /// let renode = virtual_target::EmulatorInfo::find_renode().wait()?;
    /// println!("{renode}"); // Renode 1.16.1 (Mono)
    /// # Ok(()) }
    /// ```
    pub fn find_renode() -> Operation<Self> {
        find(BackendKind::Renode, renode::find, |text| {
            let runtime = after(text, "runtime: ").map(renode::runtime_name);
            (after(text, "Renode v").map(without_build), runtime)
        })
    }

    /// Finds the QEMU that boards with 32-bit Arm processors run on, and asks it for its version.
    ///
    /// # Errors
    /// Those of [`find_renode`](Self::find_renode).
    pub fn find_qemu() -> Operation<Self> {
        Self::find_qemu_for("arm")
    }

    /// Finds the QEMU for boards with `arch` in `qemu:`, and asks it for its version: one of
    /// [`QemuConfig::ARCHITECTURES`](crate::config::QemuConfig::ARCHITECTURES).
    ///
    /// # Errors
    /// Those of [`find_renode`](Self::find_renode).
    ///
    /// ```no_run
    /// # fn main() -> virtual_target::Result<()> {
    /// let qemu = virtual_target::EmulatorInfo::find_qemu_for("riscv32").wait()?;
    /// println!("{}", qemu.program.display()); // /usr/bin/qemu-system-riscv32
    /// # Ok(()) }
    /// ```
    pub fn find_qemu_for(arch: &str) -> Operation<Self> {
        let arch = arch.to_owned();
        find(
            BackendKind::Qemu,
            move || qemu::find(&arch),
            |text| {
                let version = after(text, "QEMU emulator version ");
                let version = version.and_then(|rest| rest.split(' ').next());
                (version.map(str::to_owned), None)
            },
        )
    }

    /// Returns true if this project was tried with this version, or `None` if the version is not
    /// known.
    pub fn was_tried(&self) -> Option<bool> {
        let version = self.version.as_deref()?;
        match self.kind {
            BackendKind::Renode => Some(Version::parse(version)?.was_tried()),
            BackendKind::Qemu => Some(qemu::was_tried(version)),
            _ => None,
        }
    }
}

/// Finds a program and reads version and runtime in what it prints with `--version`.
fn find(
    kind: BackendKind,
    program: impl FnOnce() -> Result<PathBuf, EmulatorError> + Send + 'static,
    read: fn(&str) -> (Option<String>, Option<String>),
) -> Operation<EmulatorInfo> {
    Operation::new(Remote::new(LIMIT, move |limit| async move {
        let program = program()?;
        let supervisor = Supervisor::new();
        let output = output_of(&program, &["--version"], &supervisor, limit).await;
        let (version, runtime) = read(&output.unwrap_or_default());
        Ok(EmulatorInfo {
            kind,
            program,
            version,
            runtime,
            earlier_boards: 0,
        })
    }))
}

/// Returns a version without the fourth number, that of the build.
fn without_build(version: &str) -> String {
    let mut parts = version.split('.');
    let first: Vec<&str> = parts.by_ref().take(3).collect();
    match parts
        .next()
        .is_some_and(|build| build.parse::<u64>().is_ok())
    {
        true => first.join("."),
        false => version.to_owned(),
    }
}

/// Returns the rest of the line behind `name`.
fn after<'a>(text: &'a str, name: &str) -> Option<&'a str> {
    text.lines()
        .find_map(|line| Some(line.split_once(name)?.1.trim()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_version_has_the_form_of_renodes_banner() {
        assert_eq!(without_build("1.16.1.14996"), "1.16.1");
        assert_eq!(without_build("1.17.0"), "1.17.0");
        assert_eq!(without_build("1.17.0-dev.a"), "1.17.0-dev.a");
    }

    #[test]
    fn tried_versions_are_known() {
        let info = |kind, version: &str| EmulatorInfo {
            kind,
            program: PathBuf::new(),
            version: Some(version.to_owned()),
            runtime: None,
            earlier_boards: 0,
        };
        let was_tried = |kind, version| info(kind, version).was_tried();
        assert_eq!(was_tried(BackendKind::Renode, "1.16.1"), Some(true));
        assert_eq!(was_tried(BackendKind::Renode, "1.15.0"), Some(false));
        assert_eq!(was_tried(BackendKind::Qemu, "7.2.22"), Some(true));
        assert_eq!(was_tried(BackendKind::Qemu, "72.0.0"), Some(false));
        assert_eq!(was_tried(BackendKind::Serial, "1"), None);
    }
}
