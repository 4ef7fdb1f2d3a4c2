//! Which emulator plays a target's board, or that it is a physical one: what the
//! code says, else `VTARGET_BACKEND`, else the description.

use std::fmt::Display;
use std::sync::Arc;

use crate::backend::{Backend, qemu, renode, serial};
use crate::config::{BackendKind, ConfigError, TargetConfig};
use crate::custody::Custody;
use crate::error::Result;
use crate::report::Report;
use crate::uart::{Pattern, Port, Ports, Settings};

const VARIABLE: &str = "VTARGET_BACKEND";

/// What `config` is to run on; `wanted` is what the code says.
pub(super) fn wanted(
    config: &TargetConfig,
    wanted: Option<BackendKind>,
) -> Result<BackendKind, ConfigError> {
    match wanted {
        Some(wanted) => Ok(wanted),
        None => Ok(from_environment()?.unwrap_or(config.backend)),
    }
}

/// The backend for `config`.
pub(super) fn choose(
    config: &TargetConfig,
    wanted: BackendKind,
    custody: &Arc<Custody>,
    ports: &Ports,
) -> Result<Box<dyn Backend>> {
    let on_qemu = || -> Result<Box<dyn Backend>> {
        let program = qemu::find()?;
        let (custody, ports) = (Arc::clone(custody), ports.clone());
        Ok(Box::new(qemu::Qemu::new(program, config, custody, ports)?))
    };
    let on_renode = |program| -> Result<Box<dyn Backend>> {
        let (custody, ports) = (Arc::clone(custody), ports.clone());
        Ok(Box::new(renode::Renode::new(
            program, config, custody, ports,
        )?))
    };
    match wanted {
        BackendKind::Qemu => on_qemu(),
        BackendKind::Renode => on_renode(renode::find()?),
        BackendKind::Serial => {
            let (custody, port) = (Arc::clone(custody), ports.main().clone());
            Ok(Box::new(serial::Serial::new(config, custody, port)?))
        }
        BackendKind::Auto => match renode::find() {
            Ok(program) => {
                notice(config, "Renode", program.display());
                on_renode(program)
            }
            Err(missing) => {
                notice(config, "QEMU", &missing);
                on_qemu()
            }
        },
    }
}

/// The board's UARTs, off, with their standing guards.
pub(super) fn ports(
    config: &TargetConfig,
    wanted: BackendKind,
    report: Option<&Arc<Report>>,
) -> Result<Ports> {
    let port = |name: &str, label: &str| port(config, name, label, report);
    let ports = match (wanted, config.renode(), config.qemu()) {
        (BackendKind::Serial, renode, _) => {
            let label = config.serial()?.port.display().to_string();
            let name = renode.map_or(&label, |renode| &renode.uarts[0].name);
            port(name, &label).map(|port| vec![port])
        }
        (_, Ok(renode), _) => {
            let ports = renode.uarts.iter();
            ports
                .map(|uart| port(&uart.name, &uart.to_string()))
                .collect()
        }
        (_, _, Ok(qemu)) => {
            let name = format!("serial {}", qemu.serial);
            port(&name, &name).map(|port| vec![port])
        }
        (_, Err(neither), Err(_)) => Err(neither.into()),
    };
    Ok(Ports::new(ports?))
}

fn port(
    config: &TargetConfig,
    name: &str,
    label: &str,
    report: Option<&Arc<Report>>,
) -> Result<Port> {
    let settings = Settings {
        strip_ansi: config.strip_ansi,
        timeout: config.timeouts.expect,
        line_ending: config.line_ending.as_str().to_owned(),
        prompt: config.prompt.as_deref().map(Pattern::new).transpose()?,
        report: report.map(Arc::clone),
    };
    let port = Port::new(name, label, settings);
    for pattern in &config.forbid {
        port.uart().forbid(pattern.as_str())?;
    }
    Ok(port)
}

/// Says which engine `auto` came to mean; the same test may pass on one and fail on the other.
fn notice(config: &TargetConfig, engine: &str, why: impl Display) {
    let machine = &config.machine_name;
    eprintln!("virtual-target: {machine} runs on {engine} (backend auto: {why})");
}

fn from_environment() -> Result<Option<BackendKind>, ConfigError> {
    let value = std::env::var_os(VARIABLE).unwrap_or_default();
    match value.to_str() {
        Some("") => Ok(None),
        Some("renode") => Ok(Some(BackendKind::Renode)),
        Some("qemu") => Ok(Some(BackendKind::Qemu)),
        Some("serial") => Ok(Some(BackendKind::Serial)),
        Some("auto") => Ok(Some(BackendKind::Auto)),
        _ => Err(ConfigError::Environment {
            variable: VARIABLE,
            value: value.to_string_lossy().into_owned(),
            allowed: "renode, qemu, serial or auto",
        }),
    }
}
