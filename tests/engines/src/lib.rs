//! Shared parts of the engine tests: samples, boards, and checks for leftovers.

pub mod bare_renode;
pub mod conversations;
pub mod coverage;
pub mod emulator_variant;
pub mod endings;
pub mod faults;
pub mod images;
pub mod input;
pub mod leftovers;
pub mod lifecycle;
pub mod load;
pub mod lockstep;
pub mod network;
pub mod physical;
pub mod post_mortems;
pub mod pty;
pub mod reuse;
pub mod robot;
pub mod shells;
pub mod telnet;
pub mod test_program;
pub mod warm;

use std::cell::Cell;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread;

use virtual_target::config::{BackendKind, ClockKind, TargetConfig};
use virtual_target::uart::Uart;
use virtual_target::{Result, TargetBuilder, VirtualTarget, secs};

/// Returns the root of the repository.
pub fn root() -> &'static Path {
    let own = Path::new(env!("CARGO_MANIFEST_DIR"));
    own.ancestors().nth(2).expect("this crate is in tests/")
}

/// Returns a prebuilt firmware sample for the STM32F4, such as `shell.elf`.
pub fn sample(name: &str) -> PathBuf {
    sample_for("stm32f4", name)
}

/// Returns a prebuilt firmware sample for a board, such as `sifive-fe310`.
pub fn sample_for(board: &str, name: &str) -> PathBuf {
    let prebuilt = root().join("firmware-samples/prebuilt");
    prebuilt.join(board).join(name)
}

/// Returns an STM32F4 on the given engine, with the shell sample.
pub fn shell_on(engine: BackendKind) -> TargetBuilder {
    bare_on(engine).firmware(sample("shell.elf"))
}

/// Returns an STM32F4 on the given engine, without firmware. A physical one is on a fake_board of
/// its own, which runs until the calling thread ends.
pub fn bare_on(engine: BackendKind) -> TargetBuilder {
    let description = match engine {
        BackendKind::Serial => physical::description(),
        _ => root().join("fixtures/stm32f4.yaml"),
    };
    let config = TargetConfig::from_file(&description).expect("a good description");
    let mut builder = config.to_builder().field("control", control());
    if engine == BackendKind::Renode {
        builder = builder.field("clock", CLOCK.get());
    }
    let config = builder.build().expect("a good description");
    VirtualTarget::from_config(config).backend(engine)
}

thread_local! {
    static CONTROL: Cell<&str> = const { Cell::new("console") };
    static CLOCK: Cell<ClockKind> = const { Cell::new(ClockKind::Realtime) };
}

/// Returns `control`, the connection to Renode's monitor for the boards that this thread creates.
pub fn control() -> &'static str {
    CONTROL.get()
}

/// Runs `test`; the boards that it creates in this thread connect to Renode's monitor over TCP.
pub fn over_telnet<T>(test: impl FnOnce() -> T) -> T {
    CONTROL.set("telnet");
    let outcome = test();
    CONTROL.set("console");
    outcome
}

/// Runs `test`; the boards that it creates in this thread run in virtual time.
pub fn in_virtual_time<T>(test: impl FnOnce() -> T) -> T {
    CLOCK.set(ClockKind::Virtual);
    let outcome = test();
    CLOCK.set(ClockKind::Realtime);
    outcome
}

/// Runs existing tests of this file again, over TCP: `name`, or `name::renode` for a test on each
/// engine.
#[macro_export]
macro_rules! tests_over_telnet {
    ($($tests:tt)+) => { $crate::tests_once_more! { over_telnet: $($tests)+ } };
}

/// Runs existing tests of this file again, in virtual time; arguments as for [`tests_over_telnet!`].
#[macro_export]
macro_rules! tests_in_virtual_time {
    ($($tests:tt)+) => { $crate::tests_once_more! { in_virtual_time: $($tests)+ } };
}

/// The common part of these macros: a module and the function of that name.
#[doc(hidden)]
#[macro_export]
macro_rules! tests_once_more {
    ($way:ident: $($name:ident $(:: $renode:ident)?),+ $(,)?) => {
        mod $way {$(
            #[test]
            #[cfg_attr(not(renode), ignore = "no Renode: renode is not in PATH and VTARGET_RENODE names none")]
            fn $name() -> virtual_target::Result<()> {
                engine_tests::$way(super::$name $(:: $renode)?)
            }
        )+}
    };
}

/// Defines the same test on each engine, as `name::qemu` and `name::renode`; the test of a
/// missing engine is reported as ignored.
#[macro_export]
macro_rules! on_each_engine {
    ($($(#[$meta:meta])* fn $name:ident($engine:ident) $body:block)+) => {
        $crate::on_each! { {} {} $($(#[$meta])* fn $name($engine) $body)+ }
    };
}

/// Defines tests as [`on_each_engine!`] does; each holds [`alone`].
#[macro_export]
macro_rules! alone_on_each_engine {
    ($($tests:tt)+) => {
        $crate::on_each! { {} { let _alone = $crate::alone(); } $($tests)+ }
    };
}

/// Defines tests as [`on_each_engine!`] does, and on a physical board as `name::physical`. The
/// stand-in for the board needs QEMU, and pseudo-terminals with a speed, which macOS lacks.
#[macro_export]
macro_rules! on_each_board {
    ($($(#[$meta:meta])* fn $name:ident($engine:ident) $body:block)+) => {
        $crate::on_each! { {
            #[test]
            #[cfg_attr(not(all(qemu, target_os = "linux")), ignore = "no QEMU, or not Linux")]
            fn physical() -> virtual_target::Result<()> {
                on(virtual_target::config::BackendKind::Serial)
            }
        } {} $($(#[$meta])* fn $name($engine) $body)+ }
    };
}

/// The common part of these macros; `more` is added to each module, and each test begins with `first`.
#[doc(hidden)]
#[macro_export]
macro_rules! on_each {
    ($more:tt $first:tt $($(#[$meta:meta])* fn $name:ident($engine:ident) $body:block)+) => {$(
        #[allow(unused_attributes, reason = "the first of two reasons to be ignored counts")]
        mod $name {
            use super::*;

            $crate::unwrap_items! $more

            fn on($engine: virtual_target::config::BackendKind) -> virtual_target::Result<()> {
                $crate::unwrap_statements! $first
                $body
            }

            #[test]
            #[cfg_attr(not(qemu), ignore = "no QEMU: qemu-system-arm is not in PATH and VTARGET_QEMU names none")]
            $(#[$meta])*
            fn qemu() -> virtual_target::Result<()> {
                on(virtual_target::config::BackendKind::Qemu)
            }

            #[test]
            #[cfg_attr(not(renode), ignore = "no Renode: renode is not in PATH and VTARGET_RENODE names none")]
            $(#[$meta])*
            pub(super) fn renode() -> virtual_target::Result<()> {
                on(virtual_target::config::BackendKind::Renode)
            }
        }
    )+};
}

/// Locks out the other tests of this process that search for their emulator among all its children.
pub fn alone() -> MutexGuard<'static, ()> {
    static ALONE: Mutex<()> = Mutex::new(());
    ALONE.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Defines tests on Renode; each holds [`alone`]. They are reported as ignored where Renode is missing.
#[macro_export]
macro_rules! on_renode {
    ($($(#[$meta:meta])* fn $name:ident() -> Result<()> $body:block)+) => {$(
        #[test]
        #[cfg_attr(not(renode), ignore = "no Renode: renode is not in PATH and VTARGET_RENODE names none")]
        $(#[$meta])*
        fn $name() -> Result<()> {
            let _alone = $crate::alone();
            $body
        }
    )+};
}

#[doc(hidden)]
#[macro_export]
macro_rules! unwrap_items {
    ($($items:item)*) => { $($items)* };
}

#[doc(hidden)]
#[macro_export]
macro_rules! unwrap_statements {
    ($($statements:tt)*) => { $($statements)* };
}

/// Asserts that powering `board` off fails a wait on each of `uarts`, with that reason.
pub fn assert_power_off_fails_waits(board: &VirtualTarget, uarts: [Uart; 2]) -> Result<()> {
    let waits =
        uarts.map(|uart| thread::spawn(move || uart.expect("never").within(secs(600)).wait()));
    board.power_off().wait()?;
    for wait in waits {
        let error = wait.join().unwrap().unwrap_err().to_string();
        assert!(error.contains("power_off() was called"), "{error}");
    }
    Ok(())
}
