//! The description of a target: reads it from YAML, adds the defaults, and checks every value
//! before anything starts.
//!
//! [`TargetConfig`] is the whole description; [`RenodeConfig`], [`QemuConfig`] and
//! [`SerialConfig`] are its parts for one engine each. The backends start the engines; no
//! code here does.
//!
//! ```
//! use virtual_target::config::{Platform, TargetConfig};
//!
//! let config = TargetConfig::from_yaml_str(
//!     "platform: platforms/boards/stm32f4_discovery-kit.repl\n\
//!      uart: sysbus.usart2\n",
//!     ".",
//! )?;
//! assert_eq!(config.renode()?.uarts()[0].path(), "sysbus.usart2");
//! assert_eq!(config.machine_name(), "machine-0");
//! # Ok::<(), virtual_target::config::ConfigError>(())
//! ```

mod bench;
mod builder;
mod coverage;
mod defaults;
mod description;
mod engine;
mod env_flag;
mod error;
mod exporter;
mod field;
mod locate;
mod machines;
mod nearest;
mod platform;
mod qemu;
mod qemu_args;
mod qemu_port;
mod raw;
mod read;
mod renode;
#[cfg(feature = "schema")]
mod schema;
mod script;
mod serial;
mod uarts;
mod validate;
mod values;
mod yaml_1_1;

pub use builder::ConfigBuilder;
pub use coverage::CoverageConfig;
pub(crate) use defaults::KEPT_OUTPUT;
pub use defaults::{Echo, LineEnding, Timeouts};
pub use description::TargetConfig;
pub use engine::{BackendKind, ClockKind, Reuse};
pub(crate) use env_flag::env_flag;
pub(crate) use error::EnvVariable;
pub use error::{ConfigError, ConfigErrorKind, Explanation, FieldPlace};
pub use machines::{MachineConfig, Switch, UartHub};
pub(crate) use nearest::nearest;
pub use qemu::{QemuConfig, QemuUart};
pub use qemu_port::QemuPort;
pub use renode::{Control, LoadCommand, Platform, RenodeConfig, UartConfig, UartTransport};
#[cfg(feature = "schema")]
pub use schema::json_schema;
pub use script::{Fragment, Script, Variable};
pub(crate) use serial::FIRMWARE;
pub use serial::{BoardCommand, SerialConfig};
