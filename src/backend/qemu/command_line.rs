//! Builds QEMU's command line for one board and one firmware.

use std::ffi::OsString;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::Path;

use crate::config::{QemuConfig, QemuPort};
use crate::firmware::{Firmware, Format};
use crate::process::FIRST_INHERITED;

/// The beginning of the names of the serial ports; their numbers follow.
pub(super) const SERIAL: &str = "vtarget-serial-";

/// The arguments for semihosting output on standard output.
///
/// The firmware has calls for text, whose output goes to the character device, and others for files,
/// among them its terminal, whose output QEMU writes to standard output. The device must not be the
/// same open file: QEMU makes it non-blocking, and then loses output of the files.
const SEMIHOSTING: [&str; 4] = [
    "-chardev",
    "file,id=vtarget-semihosting,path=/dev/fd/1",
    "-semihosting-config",
    "enable=on,target=native,chardev=vtarget-semihosting",
];

/// Returns the arguments. QMP is the first inherited descriptor, the serial ports are the next ones,
/// in the order of the UARTs.
pub(super) fn arguments(
    config: &QemuConfig,
    firmware: Option<&Firmware>,
    load_address: Option<u64>,
    logs_guest_errors: bool,
) -> Vec<OsString> {
    let mut args: Vec<OsString> = vec!["-M".into(), config.machine.clone().into()];
    if let Some(cpu) = &config.cpu {
        args.extend(["-cpu".into(), cpu.clone().into()]);
    }
    let own = ["-S", "-nodefaults", "-no-user-config", "-display", "none"];
    args.extend(own.map(OsString::from));
    args.extend(socket("vtarget-qmp", FIRST_INHERITED));
    args.extend(["-mon", "chardev=vtarget-qmp,mode=control"].map(OsString::from));
    args.extend(uarts(config));
    args.extend(config.args.iter().map(OsString::from));
    // Of several `-d` the last counts.
    if logs_guest_errors {
        args.extend(["-d", "guest_errors,unimp"].map(OsString::from));
    }
    if let Some(firmware) = firmware {
        args.extend(load(firmware, load_address));
    }
    args
}

/// Returns the arguments that connect the UARTs.
fn uarts(config: &QemuConfig) -> Vec<OsString> {
    let mut args = Vec::new();
    let mut serials = Vec::new();
    let mut descriptor = FIRST_INHERITED;
    for uart in &config.uarts {
        match uart.port {
            QemuPort::Serial(index) => {
                descriptor += 1;
                let id = format!("{SERIAL}{index}");
                args.extend(socket(&id, descriptor));
                let index = usize::from(index);
                if serials.len() <= index {
                    serials.resize(index + 1, "null".to_owned());
                }
                serials[index] = format!("chardev:{id}");
            }
            QemuPort::Semihosting => args.extend(SEMIHOSTING.map(OsString::from)),
        }
    }
    for serial in serials {
        args.extend(["-serial".into(), serial.into()]);
    }
    args
}

/// Returns the arguments for a socket that QEMU inherits.
fn socket(id: &str, descriptor: i32) -> [OsString; 2] {
    let socket = format!("socket,id={id},fd={descriptor}");
    ["-chardev".into(), socket.into()]
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
