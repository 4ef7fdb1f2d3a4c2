//! Selects a target's backend, an emulator or a physical board: the code's choice, else
//! `VTARGET_BACKEND`'s, else the description's.

use std::fmt::Display;
use std::sync::{Arc, Once};

use crate::artifacts::Report;
use crate::backend::{Backend, qemu, renode, serial};
use crate::config::{
    BackendKind, ClockKind, ConfigError, CoverageConfig, EnvVariable, MachineConfig, Reuse,
    TargetConfig, env_flag,
};
use crate::coverage::{CoverageError, Recorder};
use crate::error::{Error, ErrorKind, Result};
use crate::notice::notice;
use crate::process::Supervisor;
use crate::runtime::VirtualClock;
use crate::uart::{IgnoredLines, LogGuards, Port, Ports, Settings, on_stream};

const VARIABLE: EnvVariable = EnvVariable::Backend;

/// The engine of a board.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Selected {
    /// Never `auto`.
    pub(crate) kind: BackendKind,
    /// The text of the setting that left the choice to this crate, if one did.
    pub(crate) by: Option<&'static str>,
}

/// Returns the backend for `config`; `wanted` is the code's choice.
pub(crate) fn select(
    config: &TargetConfig,
    wanted: Option<BackendKind>,
) -> Result<Selected, ConfigError> {
    let (wanted, by) = match wanted {
        Some(wanted) => (wanted, "backend auto"),
        None => match from_environment()? {
            Some(forced) => (forced, "VTARGET_BACKEND=auto"),
            None => (config.backend, "backend auto"),
        },
    };
    if wanted != BackendKind::Auto {
        return Ok(Selected {
            kind: wanted,
            by: None,
        });
    }
    let kind = match possible(config) {
        [only] => *only,
        _ => match renode::find() {
            Ok(program) => {
                notice_selected(config, "Renode", by, program.display());
                BackendKind::Renode
            }
            Err(missing) => {
                notice_selected(config, "QEMU", by, &missing);
                BackendKind::Qemu
            }
        },
    };
    Ok(Selected { kind, by: Some(by) })
}

/// Returns the engines that `auto` selects from: the emulators that can run the board, or without
/// one the physical board.
fn possible(config: &TargetConfig) -> &'static [BackendKind] {
    let renode = config.renode().is_ok();
    let qemu = config.qemu().is_ok() && config.clock == ClockKind::Realtime;
    match (renode, qemu, config.serial().is_ok()) {
        (true, true, _) => &[BackendKind::Renode, BackendKind::Qemu],
        (false, true, _) => &[BackendKind::Qemu],
        (false, false, true) => &[BackendKind::Serial],
        (true, false, _) | (false, false, false) => &[BackendKind::Renode],
    }
}

/// Changes the advice of an error of a target that cannot run on the selected backend, if the
/// code made no choice: the variable is the reason if it forces QEMU.
pub(crate) fn blame_variable(error: Error) -> Error {
    blame_forced(error, from_environment().ok().flatten())
}

fn blame_forced(error: Error, forced: Option<BackendKind>) -> Error {
    let mut kind = error.into_kind();
    if let ErrorKind::Config(error) = &mut kind
        && forced == Some(BackendKind::Qemu)
    {
        error.set_forced();
    }
    kind.into()
}

/// Creates the backend for `config`.
pub(crate) fn create(
    config: &TargetConfig,
    wanted: BackendKind,
    supervisor: &Arc<Supervisor>,
    ports: &[Ports],
    clock: Option<Arc<VirtualClock>>,
    recorder: Option<&Arc<Recorder>>,
) -> Result<Box<dyn Backend>> {
    let supervisor = Arc::clone(supervisor);
    Ok(match wanted {
        BackendKind::Qemu => {
            notice_not_run(config, "QEMU");
            config.in_real_time()?;
            let program = qemu::find(config.qemu()?.arch_name())?;
            let ports = Ports::all(ports);
            Box::new(qemu::Qemu::new(program, config, supervisor, ports)?)
        }
        BackendKind::Serial => {
            config.in_real_time()?;
            config.without_log()?;
            notice_not_run(config, "a physical board");
            let port = ports[0].main().clone();
            Box::new(serial::Serial::new(config, supervisor, port)?)
        }
        BackendKind::Renode | BackendKind::Auto => {
            let program = renode::find()?;
            let reuse = match (reuse(config)?, recorder) {
                // The script of the coverage would stay behind.
                (_, Some(_)) => Reuse::Off,
                (reuse, None) => reuse,
            };
            let recorder = recorder.map(Arc::clone);
            Box::new(renode::Renode::new(
                program, config, supervisor, ports, clock, reuse, recorder,
            )?)
        }
    })
}

/// Creates the clock of a board that runs only while a test waits for it, if `config` selects one.
pub(crate) fn clock(config: &TargetConfig) -> Result<Option<Arc<VirtualClock>>> {
    if config.clock == ClockKind::Realtime {
        return Ok(None);
    }
    let machines = config.machines()?;
    let uarts = machines.iter().map(|machine| machine.renode.uarts.len());
    let clock = VirtualClock::new(uarts.sum(), config.timeouts.command);
    Ok(Some(Arc::new(clock)))
}

/// Creates the UARTs of each machine, powered off, with the guards of the description.
pub(crate) fn ports(
    config: &TargetConfig,
    wanted: BackendKind,
    report: Option<&Arc<Report>>,
    clock: Option<&Arc<VirtualClock>>,
) -> Result<Vec<Ports>> {
    let mut numbers = 0..;
    let mut port = |name: &str, label: &str| {
        let could_be_virtual = wanted == BackendKind::Renode && clock.is_none();
        let clock = clock.map(Arc::clone).zip(numbers.next());
        port(config, name, label, report, clock, could_be_virtual)
    };
    if wanted == BackendKind::Serial {
        let label = config.serial()?.port.display().to_string();
        // The UART still has the name in the description, which tests use.
        let name = match (config.renode(), config.qemu()) {
            (Ok(renode), _) => &renode.uarts[0].name,
            (_, Ok(qemu)) => &qemu.uarts[0].name,
            _ => &label,
        };
        return Ok(vec![Ports::new([port(name, &label)?])]);
    }
    if wanted == BackendKind::Qemu {
        let uarts = config.qemu()?.uarts.iter();
        let several = uarts.len() > 1;
        let ports = uarts.map(|uart| match several {
            true => port(&uart.name, &format!("{} ({})", uart.name, uart.port)),
            false => port(&uart.name, &uart.port.to_string()),
        });
        return Ok(vec![Ports::new(ports.collect::<Result<Vec<_>>>()?)]);
    }
    let machines = config.machines()?;
    let several = machines.len() > 1;
    let mut of = |machine: &MachineConfig| {
        let ports = machine.renode.uarts.iter().map(|uart| match several {
            true => port(&uart.name, &format!("{}.{uart}", machine.name)),
            false => port(&uart.name, &uart.to_string()),
        });
        Ok(Ports::new(ports.collect::<Result<Vec<_>>>()?))
    };
    machines.iter().map(&mut of).collect()
}

fn port(
    config: &TargetConfig,
    name: &str,
    label: &str,
    report: Option<&Arc<Report>>,
    virtual_clock: Option<(Arc<VirtualClock>, usize)>,
    could_be_virtual: bool,
) -> Result<Port> {
    let prompt = config.prompt.as_deref();
    let prompt = prompt.map(|prompt| on_stream(prompt, config.strip_ansi));
    let prompt = prompt.transpose();
    let settings = Settings {
        strip_ansi: config.strip_ansi,
        timeout: config.timeouts.expect,
        line_ending: config.line_ending.as_str().to_owned(),
        prompt: prompt.map_err(|e| config.invalid("prompt", e))?,
        echo: config.echo,
        ignored: ignored(config)?,
        log_guards: log_guards(config)?,
        report: report.map(Arc::clone),
        virtual_clock,
        could_be_virtual,
        kept_output: config.kept_output,
    };
    let port = Port::new(name, label, settings);
    for (index, pattern) in config.forbid.iter().enumerate() {
        let set = port.uart().add_guard(pattern);
        set.map_err(|e| config.invalid(&format!("forbid[{index}]"), e))?;
    }
    Ok(port)
}

/// Returns the patterns that must not appear in the emulator's log.
fn log_guards(config: &TargetConfig) -> Result<LogGuards> {
    let patterns = (0..).zip(&config.fail_on_log).map(|(index, pattern)| {
        let invalid = |e| config.invalid(&format!("fail_on_log[{index}]"), e);
        LogGuards::pattern(pattern).map_err(invalid)
    });
    let patterns = patterns.collect::<Result<Vec<_>, _>>()?;
    Ok(LogGuards::new(patterns))
}

/// Returns the patterns of log lines that are not part of an answer.
fn ignored(config: &TargetConfig) -> Result<IgnoredLines> {
    let patterns = (0..).zip(&config.ignore_lines).map(|(index, pattern)| {
        let invalid = |e| config.invalid(&format!("ignore_lines[{index}]"), e);
        IgnoredLines::pattern(pattern, config.strip_ansi).map_err(invalid)
    });
    Ok(IgnoredLines::new(patterns.collect::<Result<_, _>>()?))
}

/// Prints the engine that `auto` selected: a test may pass on one engine and fail on the other.
fn notice_selected(config: &TargetConfig, engine: &str, by: &str, why: impl Display) {
    let machine = &config.machine_name;
    notice(format_args!("{machine} runs on {engine} ({by}: {why})"));
}

/// Prints that `extra_commands` are not run on this engine: the test may need their effect.
fn notice_not_run(config: &TargetConfig, engine: &str) {
    let machine = &config.machine_name;
    if !config.extra_commands.is_empty() {
        notice(format_args!(
            "{machine} runs on {engine}: its `extra_commands` are Renode's and are not run"
        ));
    }
}

/// What is recorded of the code that a board runs.
pub(crate) enum Coverage {
    Nothing,
    Lines(CoverageConfig),
    /// Nothing, although the coverage of all boards is wanted.
    Impossible(CoverageError),
}

/// Returns what is recorded: `VTARGET_COVERAGE` counts, else the description. A description that wants
/// what is impossible is an error.
pub(crate) fn coverage(config: &TargetConfig, wanted: BackendKind) -> Result<Coverage> {
    let described = config.coverage();
    let coverage = match (env_flag(EnvVariable::Coverage)?, described) {
        (Some(false), _) | (None, None) => return Ok(Coverage::Nothing),
        (_, described) => described.cloned().unwrap_or_default(),
    };
    let obstacle = match wanted {
        BackendKind::Serial => Some(CoverageError::PhysicalBoard),
        BackendKind::Qemu => {
            use_of_qemu_log(config)?.map(|field| CoverageError::LogInUse { field })
        }
        BackendKind::Renode | BackendKind::Auto => None,
    };
    match obstacle {
        None => Ok(Coverage::Lines(coverage)),
        Some(why) if described.is_none() => Ok(Coverage::Impossible(why)),
        Some(why) => Err(why.into()),
    }
}

/// Returns the field that uses QEMU's log, if there is one.
fn use_of_qemu_log(config: &TargetConfig) -> Result<Option<&'static str>, ConfigError> {
    let options = ["-d", "--d", "-D", "--D"];
    let mut args = config.qemu()?.args().iter();
    Ok(match args.any(|arg| options.contains(&arg.as_str())) {
        true => Some("qemu.args: [-d]"),
        false if !config.fail_on_log.is_empty() => Some("fail_on_log"),
        false => None,
    })
}

/// Returns the way to use emulators again: the variable's, else the description's, else the default.
fn reuse(config: &TargetConfig) -> Result<Reuse, ConfigError> {
    let value = std::env::var_os(EnvVariable::Reuse.name()).unwrap_or_default();
    let wanted = match value.to_str() {
        Some("") => config.reuse.unwrap_or(Reuse::Process),
        Some("off") => Reuse::Off,
        Some("process") => Reuse::Process,
        Some("run") => Reuse::Run,
        _ => return Err(ConfigError::environment(EnvVariable::Reuse, &value)),
    };
    let wanted = match wanted {
        Reuse::Run if !cfg!(target_os = "linux") => {
            static NOTICED: Once = Once::new();
            NOTICED.call_once(|| {
                notice("the processes of a run share Renodes (reuse: run) on Linux only");
            });
            Reuse::Process
        }
        wanted => wanted,
    };
    // Each test is a process of its own.
    let alone =
        std::env::var_os("NEXTEST_EXECUTION_MODE").is_some_and(|it| it == "process-per-test");
    Ok(match wanted {
        Reuse::Process if alone => Reuse::Off,
        wanted => wanted,
    })
}

fn from_environment() -> Result<Option<BackendKind>, ConfigError> {
    let value = std::env::var_os(VARIABLE.name()).unwrap_or_default();
    match value.to_str() {
        Some("") => Ok(None),
        Some("renode") => Ok(Some(BackendKind::Renode)),
        Some("qemu") => Ok(Some(BackendKind::Qemu)),
        Some("serial") => Ok(Some(BackendKind::Serial)),
        Some("auto") => Ok(Some(BackendKind::Auto)),
        _ => Err(ConfigError::environment(VARIABLE, &value)),
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;
    use std::os::unix::net::UnixStream;

    use super::*;

    #[test]
    fn a_uart_has_the_label_of_its_engine() {
        let text = "platform: platforms/boards/x.repl\nuart: sysbus.usart2\n\
                    qemu: {machine: netduinoplus2, serial: 0}\n";
        let config = TargetConfig::from_yaml_str(text, "/").unwrap();
        for (engine, label) in [
            (BackendKind::Renode, "sysbus.usart2"),
            (BackendKind::Qemu, "serial 0"),
        ] {
            let ports = ports(&config, engine, None, None).unwrap();
            let port = ports[0].main();
            assert_eq!((port.name(), port.label()), ("sysbus.usart2", label));
        }
        let text = "backend: qemu\nqemu: {machine: m}\nuarts: {a: {serial: 1}, b: semihosting}\n";
        let config = TargetConfig::from_yaml_str(text, "/").unwrap();
        let ports = ports(&config, BackendKind::Qemu, None, None).unwrap();
        let labels: Vec<_> = ports[0].iter().map(Port::label).collect();
        assert_eq!(labels, ["a (serial 1)", "b (semihosting)"]);
    }

    #[test]
    fn auto_selects_what_the_file_describes() {
        let possible = |text: &str| possible(&TargetConfig::from_yaml_str(text, "/").unwrap());
        let (renode, qemu, serial) = (
            "platform: platforms/boards/x.repl\nuart: sysbus.usart2\n",
            "qemu: {machine: m}\n",
            "serial: {port: p}\n",
        );
        let several = renode.replace("uart: sysbus.usart2", "uarts: {a: sysbus.a, b: sysbus.b}");
        for (text, expected) in [
            (
                format!("{renode}{qemu}{serial}"),
                &[BackendKind::Renode, BackendKind::Qemu][..],
            ),
            (format!("{renode}{serial}"), &[BackendKind::Renode]),
            (several, &[BackendKind::Renode]),
            (
                format!(
                    "backend: auto\nplatform: platforms/boards/x.repl\n{qemu}uart: semihosting\n"
                ),
                &[BackendKind::Qemu],
            ),
            (
                format!("backend: auto\nclock: virtual\n{renode}{qemu}"),
                &[BackendKind::Renode],
            ),
            (
                format!("backend: serial\n{qemu}{serial}"),
                &[BackendKind::Qemu],
            ),
            (format!("backend: serial\n{serial}"), &[BackendKind::Serial]),
        ] {
            assert_eq!(possible(&text), expected, "{text}");
        }
    }

    #[test]
    fn a_forced_backend_is_blamed_instead_of_a_missing_renode() {
        let text = "machines: {a: {platform: platforms/boards/x.repl, uart: sysbus.uart0}}\n";
        let config = TargetConfig::from_yaml_str(text, "/").unwrap();
        let error = |forced| {
            let error = config.qemu().unwrap_err().into();
            blame_forced(error, forced).to_string()
        };
        let why = "<yaml>: only Renode can run this target, because it has several `machines`: ";
        for forced in [None, Some(BackendKind::Auto)] {
            assert_eq!(error(forced), format!("{why}install Renode"));
        }
        let variable = "VTARGET_BACKEND=qemu keeps it from there, so unset that";
        assert_eq!(error(Some(BackendKind::Qemu)), format!("{why}{variable}"));
    }

    #[test]
    fn kept_output_limits_the_transcript() {
        for (kept, is_all_there) in [("1MiB", false), ("8MiB", true)] {
            let text = format!("backend: qemu\nqemu: {{machine: m}}\nkept_output: {kept}\n");
            let config = TargetConfig::from_yaml_str(&text, ".").unwrap();
            let port = port(&config, "u", "u", None, None, false).unwrap();
            let (ours, mut board) = UnixStream::pair().unwrap();
            port.attach(ours).unwrap();
            board.write_all(&vec![b'x'; 8 << 20]).unwrap();
            board.write_all(b"end").unwrap();
            // Fails if output that has not been searched yet is no longer kept.
            let _ = port.uart().expect("end").wait();
            match port.uart().transcript() {
                Ok(all) => assert!(is_all_there && all.len() == (8 << 20) + 3),
                Err(error) => {
                    let error = error.to_string();
                    assert!(!is_all_there, "{error}");
                    assert!(
                        error.contains("output 1 MiB are kept, in a file in /"),
                        "{error}"
                    );
                }
            }
        }
    }
}
