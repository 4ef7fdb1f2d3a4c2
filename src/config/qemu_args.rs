//! Checks `qemu.args`: options that this crate sets itself would change what it relies on.
//!
//! A value that looks like such an option is refused, too: only QEMU knows which options have values.

use super::error::{BadValue, Problem};
use super::values;

/// The options that this crate sets, without dashes, and what to do instead.
pub(super) const OWN_OPTIONS: [(&[&str], &str); 8] = [
    (&["M", "machine"], "write `machine: …`"),
    (&["cpu"], "write `cpu: …`"),
    (
        &["serial"],
        "write `serial: …`, or name the ports in `uarts`",
    ),
    (&["kernel"], "name the image in `firmware`"),
    (
        &["qmp", "qmp-pretty", "mon", "monitor"],
        "remove it: the board is controlled over QMP",
    ),
    (
        &["display", "nographic"],
        "remove it: the board has no display",
    ),
    (
        &["S", "nodefaults", "no-user-config"],
        "remove it: it is always given",
    ),
    (
        &["daemonize"],
        "remove it: the process must end with the test",
    ),
];

/// The options that enable semihosting.
const SEMIHOSTING: [&str; 2] = ["semihosting", "semihosting-config"];

/// Checks the arguments; `semihosting` is true if a UART is the firmware's semihosting output.
pub(super) fn qemu_args(
    given: Option<&[String]>,
    semihosting: bool,
) -> Result<Vec<String>, Problem> {
    let args = given.unwrap_or_default();
    for (index, arg) in args.iter().enumerate() {
        let problem = |why| Problem::new(format!("qemu.args[{index}]"), why);
        values::host_text(arg).map_err(problem)?;
        let Some(option) = option(arg) else {
            continue;
        };
        let own = OWN_OPTIONS.iter().find(|(own, _)| own.contains(&option));
        let instead = match own {
            Some((_, instead)) => *instead,
            None if semihosting && SEMIHOSTING.contains(&option) => {
                "remove it: a UART is `semihosting`, which enables it"
            }
            None => continue,
        };
        return Err(problem(BadValue::OwnOption { option, instead }.into()));
    }
    Ok(args.to_vec())
}

/// Returns the name of an option, which QEMU accepts with one dash or two.
///
/// An option and its value in one argument are an error of QEMU's; here the option is recognised.
fn option(arg: &str) -> Option<&str> {
    let name = arg.strip_prefix("--").or_else(|| arg.strip_prefix('-'))?;
    name.split([' ', '=']).next()
}
