//! Builds QEMU's command line for one board and one firmware.

use std::ffi::OsString;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::Path;

use crate::config::QemuConfig;
use crate::firmware::{Firmware, Format};

/// Returns the arguments. QMP is on descriptor 3, the UART on descriptor 4.
pub(super) fn arguments(
    config: &QemuConfig,
    firmware: Option<&Firmware>,
    load_address: Option<u64>,
) -> Vec<OsString> {
    let mut args: Vec<OsString> = vec!["-M".into(), config.machine.clone().into()];
    if let Some(cpu) = &config.cpu {
        args.extend(["-cpu".into(), cpu.clone().into()]);
    }
    args.extend(
        [
            "-S",
            "-nodefaults",
            "-no-user-config",
            "-display",
            "none",
            "-chardev",
            "socket,id=qmp,fd=3",
            "-mon",
            "chardev=qmp,mode=control",
            "-chardev",
            "socket,id=uart,fd=4",
        ]
        .map(OsString::from),
    );
    for _ in 0..config.serial {
        args.extend(["-serial".into(), "null".into()]);
    }
    args.extend(["-serial".into(), "chardev:uart".into()]);
    if let Some(firmware) = firmware {
        args.extend(load(firmware, load_address));
    }
    args
}

/// Returns the arguments that load `firmware` into the board's memory, also at every reset.
fn load(firmware: &Firmware, load_address: Option<u64>) -> [OsString; 2] {
    let file = firmware.path();
    match (firmware.format(), load_address) {
        (Format::Elf, _) => ["-kernel".into(), file.into()],
        (Format::Binary, Some(address)) => [
            "-device".into(),
            device(file, &format!(",addr={address:#x},force-raw=on")),
        ],
        // QEMU detects Intel HEX by the file's content.
        _ => ["-device".into(), device(file, "")],
    }
}

/// Returns the value of a generic loader for `file`; a comma in the path is written twice.
fn device(file: &Path, rest: &str) -> OsString {
    let mut value = b"loader,file=".to_vec();
    for &byte in file.as_os_str().as_bytes() {
        value.push(byte);
        if byte == b',' {
            value.push(byte);
        }
    }
    value.extend(rest.as_bytes());
    OsString::from_vec(value)
}
