//! Turns the YAML's fields ([`Raw`]) into a [`TargetConfig`] with valid values only.
//!
//! Here are the rules for fields and their combinations; the grammar of single
//! values is in `values`.

use std::path::Path;

use super::coverage::{CoverageConfig, LINES, RawCoverage};
use super::defaults::{KEPT_OUTPUT, LineEnding, Timeouts};
use super::description::{Source, TargetConfig};
use super::engine::{BackendKind, ClockKind, Reuse, check_clock};
use super::error::{BadFields, Problem};
use super::field::{each, given};
use super::machines::{Machines, machines};
use super::platform::{board, firmware, loading, on_renode, symbols};
use super::qemu::qemu;
use super::qemu_port::QemuPort;
use super::raw::{Raw, RawTimeouts};
use super::renode::{Control, Platform, RenodeConfig, UartTransport};
use super::script::{self, Fragment, Script};
use super::serial::serial;
use super::uarts::{NamedUart, uarts};
use super::values;

const DEFAULT_MACHINE_NAME: &str = "machine-0";

pub(super) const BACKENDS: [(&str, BackendKind); 4] = [
    ("renode", BackendKind::Renode),
    ("qemu", BackendKind::Qemu),
    ("serial", BackendKind::Serial),
    ("auto", BackendKind::Auto),
];

pub(super) const UART_TRANSPORTS: [(&str, UartTransport); 2] = [
    ("pty", UartTransport::Pty),
    ("socket", UartTransport::Socket),
];

pub(super) const REUSES: [(&str, Reuse); 3] = [
    ("off", Reuse::Off),
    ("process", Reuse::Process),
    ("run", Reuse::Run),
];

pub(super) const CONTROLS: [(&str, Control); 2] = [
    ("console", Control::Console),
    ("telnet", Control::Telnet { port: None }),
];

pub(super) const CLOCKS: [(&str, ClockKind); 2] = [
    ("realtime", ClockKind::Realtime),
    ("virtual", ClockKind::Virtual),
];

pub(super) const LINE_ENDINGS: [(&str, LineEnding); 3] = [
    ("lf", LineEnding::Lf),
    ("cr", LineEnding::Cr),
    ("crlf", LineEnding::CrLf),
];

/// Checks all fields; `source` is where they are from.
pub(super) fn validate(raw: Raw, source: Source) -> Result<TargetConfig, Problem> {
    let base_dir = &source.base_dir;
    let backend = given("backend", &raw.backend, |word| {
        values::choice(word, &BACKENDS)
    })?
    .unwrap_or(BackendKind::Renode);
    let (load_command, load_address) = loading(&raw.load_command, &raw.load_address)?;
    let Machines {
        machines,
        uart_hubs,
        switches,
    } = machines(backend, &raw, base_dir)?;
    let main = machines.first();
    let machine_name = given("machine_name", &raw.machine_name, |name| {
        values::machine_name(name)
    })?;
    let uarts = match main {
        Some(_) => None,
        None => uarts(&raw.uart, raw.uarts.as_ref())?,
    };
    let renode = match main {
        Some(main) => Some(main.renode.clone()),
        None => renode(
            backend,
            &raw,
            uarts.as_deref(),
            machine_name.as_deref(),
            base_dir,
        )?,
    };
    let default_name = match renode.as_ref().map(|renode| &renode.platform) {
        Some(Platform::Script(script)) => script.file.file_stem(),
        _ => None,
    };
    let default_name = default_name.map(|stem| stem.to_string_lossy().into_owned());
    let machine_name = machine_name.or_else(|| main.map(|main| main.name.clone()));
    let machine_name = machine_name.or(default_name);
    let transport = given("uart_transport", &raw.uart_transport, |word| {
        values::choice(word, &UART_TRANSPORTS)
    })?;
    Ok(TargetConfig {
        backend,
        clock: clock(backend, raw.clock.as_deref(), transport)?,
        machine_name: machine_name.unwrap_or_else(|| DEFAULT_MACHINE_NAME.to_owned()),
        uart_transport: transport.unwrap_or(UartTransport::Pty),
        extra_commands: each(
            "extra_commands",
            raw.extra_commands.as_deref(),
            values::monitor_command,
        )?,
        reuse: given("reuse", &raw.reuse, |word| values::choice(word, &REUSES))?,
        control: control(raw.control.as_deref(), raw.monitor_port)?,
        allow_raw_monitor: raw.allow_raw_monitor.unwrap_or(false),
        firmware: given("firmware", &raw.firmware, |path| firmware(path, base_dir))?,
        load_command,
        load_address,
        symbols: symbols(raw.symbols.as_deref(), base_dir)?,
        timeouts: raw
            .timeouts
            .map_or(Ok(Timeouts::default()), |raw| timeouts(&raw))?,
        line_ending: given("line_ending", &raw.line_ending, |word| {
            values::choice(word, &LINE_ENDINGS)
        })?
        .unwrap_or(LineEnding::Lf),
        prompt: given("prompt", &raw.prompt, |text| values::pattern(text))?,
        echo: given("echo", &raw.echo, values::echo)?.unwrap_or_default(),
        ignore_lines: each("ignore_lines", raw.ignore_lines.as_deref(), values::pattern)?,
        forbid: each("forbid", raw.forbid.as_deref(), values::pattern)?,
        fail_on_log: each("fail_on_log", raw.fail_on_log.as_deref(), values::pattern)?,
        strip_ansi: raw.strip_ansi.unwrap_or(true),
        kept_output: given("kept_output", &raw.kept_output, values::size)?.unwrap_or(KEPT_OUTPUT),
        coverage: raw.coverage.as_ref().map(coverage).transpose()?,
        qemu: qemu(backend, raw.qemu.as_ref(), uarts.as_deref())?,
        serial: serial(backend, raw.serial.as_ref(), uarts.as_deref(), base_dir)?,
        renode,
        machines,
        uart_hubs,
        switches,
        skipped: source.skipped.clone(),
        source,
    })
}

fn coverage(raw: &RawCoverage) -> Result<CoverageConfig, Problem> {
    let exclude = match raw {
        RawCoverage::Word(word) => {
            given("coverage", &Some(word), |word| {
                values::choice(word, &[(LINES, ())])
            })?;
            None
        }
        RawCoverage::Fields(fields) => fields.exclude.as_deref(),
    };
    let exclude = each("coverage.exclude", exclude, values::glob)?;
    Ok(CoverageConfig::new(exclude))
}

fn clock(
    backend: BackendKind,
    word: Option<&str>,
    transport: Option<UartTransport>,
) -> Result<ClockKind, Problem> {
    let clock = given("clock", &word, |word| values::choice(word, &CLOCKS))?;
    let clock = clock.unwrap_or(ClockKind::Realtime);
    check_clock(clock, backend, transport)?;
    Ok(clock)
}

fn control(word: Option<&str>, port: Option<i64>) -> Result<Control, Problem> {
    let control = given("control", &word, |word| values::choice(word, &CONTROLS))?;
    // 0 means any free port, as usual; the console needs no port.
    let port = port.filter(|&port| port != 0);
    let port = given("monitor_port", &port, |&port| values::port(port))?;
    match (control.unwrap_or(Control::Console), port) {
        (Control::Telnet { .. }, port) => Ok(Control::Telnet { port }),
        (Control::Console, None) => Ok(Control::Console),
        (Control::Console, Some(_)) => {
            Err(Problem::new("monitor_port", BadFields::PortWithoutTelnet))
        }
    }
}

fn timeouts(raw: &RawTimeouts) -> Result<Timeouts, Problem> {
    let default = Timeouts::default();
    Ok(Timeouts {
        expect: given("timeouts.expect", &raw.expect, values::duration)?.unwrap_or(default.expect),
        boot: given("timeouts.boot", &raw.boot, values::duration)?.unwrap_or(default.boot),
        command: given("timeouts.command", &raw.command, values::duration)?
            .unwrap_or(default.command),
    })
}

fn renode(
    backend: BackendKind,
    raw: &Raw,
    uarts: Option<&[NamedUart]>,
    machine_name: Option<&str>,
    base_dir: &Path,
) -> Result<Option<RenodeConfig>, Problem> {
    let script = script(raw, machine_name, base_dir)?;
    let fragments = fragments(raw, base_dir)?;
    let semihosting = uarts.is_some_and(|uarts| {
        let mut ports = uarts.iter().map(|uart| uart.qemu);
        ports.any(|port| port == Some(QemuPort::Semihosting))
    });
    if semihosting && backend != BackendKind::Renode {
        return Ok(None);
    }
    let board = match script {
        Some(script) => Some(scripted(script, uarts)?),
        None => board(&raw.platform, uarts, base_dir)?,
    };
    match board {
        Some(board) => Ok(Some(RenodeConfig { fragments, ..board })),
        None if matches!(backend, BackendKind::Qemu | BackendKind::Serial) => Ok(None),
        None => Err(Problem::new("", BadFields::NoBoard)),
    }
}

/// Returns the script that makes the board, if the file names one.
fn script(
    raw: &Raw,
    machine_name: Option<&str>,
    base_dir: &Path,
) -> Result<Option<Script>, Problem> {
    let file = given("script", &raw.script, |name| script::script(name, base_dir))?;
    let Some(file) = file else {
        return match raw.variables {
            None => Ok(None),
            Some(_) => Err(Problem::new("variables", BadFields::VariablesWithoutScript)),
        };
    };
    if raw.platform.is_some() {
        return Err(Problem::new("script", BadFields::ScriptAndPlatform));
    }
    let variables = raw.variables.as_ref();
    Ok(Some(Script {
        file,
        variables: variables.map_or(Ok(Vec::new()), |it| script::variables(it, base_dir))?,
        machine: machine_name.map(str::to_owned),
    }))
}

/// Returns the board that a script makes, and the UARTs to use.
fn scripted(script: Script, uarts: Option<&[NamedUart]>) -> Result<RenodeConfig, Problem> {
    let uarts = uarts.ok_or_else(|| Problem::new("script", BadFields::ScriptWithoutUart))?;
    Ok(RenodeConfig {
        platform: Platform::Script(script),
        fragments: Vec::new(),
        uarts: on_renode(uarts)?,
    })
}

fn fragments(raw: &Raw, base_dir: &Path) -> Result<Vec<Fragment>, Problem> {
    const FIELD: &str = "platform_fragments";
    let given = raw.platform_fragments.as_deref();
    if given.is_some() && raw.platform.is_none() && raw.script.is_none() {
        return Err(Problem::new(FIELD, BadFields::FragmentsWithoutBoard));
    }
    each(FIELD, given, |text| script::fragment(text, base_dir))
}
