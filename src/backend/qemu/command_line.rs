//! QEMU's command line for one board and one firmware.

use std::ffi::OsString;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::Path;

use super::KIND;
use crate::backend::EmulatorError;
use crate::config::QemuConfig;
use crate::firmware::{Firmware, Format};

/// The arguments; QMP is on descriptor 3, the UART on descriptor 4.
pub(super) fn arguments(
    config: &QemuConfig,
    load_address: Option<u64>,
    firmware: Option<&Firmware>,
) -> Result<Vec<OsString>, EmulatorError> {
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
        args.extend(load(firmware, load_address)?);
    }
    Ok(args)
}

/// The arguments that put `firmware` into the board's memory, also at every reset.
fn load(firmware: &Firmware, load_address: Option<u64>) -> Result<[OsString; 2], EmulatorError> {
    let file = firmware.path();
    match firmware.format() {
        Format::Elf => Ok(["-kernel".into(), file.into()]),
        Format::IntelHex => Ok(["-device".into(), device(file, "")]),
        Format::Binary => {
            let address = load_address.unwrap_or_default();
            Ok(["-device".into(), device(file, &format!(",addr={address:#x},force-raw=on"))])
        }
        Format::SRecord => Err(EmulatorError::Unsupported {
            kind: KIND,
            what: format!("load the S-record file {file:?}"),
            advice: "convert it (objcopy -I srec -O ihex) or flash the ELF file",
        }),
    }
}

/// A generic loader for `file`; in its value a comma is written twice.
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
