//! What the engine tests share: the samples, the boards, and a look at what is left behind.

pub mod conversations;
pub mod emulator_variant;
pub mod endings;
pub mod faults;
pub mod images;
pub mod input;
pub mod leftovers;
pub mod lifecycle;
pub mod load;
pub mod network;
pub mod physical;
pub mod pty;
pub mod shells;
pub mod telnet;

use std::cell::Cell;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread;

use virtual_target::config::{BackendKind, ClockKind, Control, TargetConfig};
use virtual_target::uart::Uart;
use virtual_target::{Result, TargetBuilder, VirtualTarget, secs};

/// The root of the repository.
pub fn root() -> &'static Path {
    let own = Path::new(env!("CARGO_MANIFEST_DIR"));
    own.ancestors().nth(2).expect("this crate is in tests/")
}

/// A prebuilt firmware sample for the STM32F4, such as `shell.elf`.
pub fn sample(name: &str) -> PathBuf {
    sample_for("stm32f4", name)
}

/// A prebuilt firmware sample for a board, such as `sifive-fe310`.
pub fn sample_for(board: &str, name: &str) -> PathBuf {
    let prebuilt = root().join("firmware-samples/prebuilt");
    prebuilt.join(board).join(name)
}

/// An STM32F4 on the given engine, with the shell sample.
pub fn shell_on(engine: BackendKind) -> TargetBuilder {
    bare_on(engine).firmware(sample("shell.elf"))
}

/// An STM32F4 on the given engine, without firmware. A physical one is on a bench of
/// its own, which works until the calling thread ends.
pub fn bare_on(engine: BackendKind) -> TargetBuilder {
    let description = match engine {
        BackendKind::Serial => physical::description(),
        _ => root().join("fixtures/stm32f4.yaml"),
    };
    let mut config = TargetConfig::from_file(&description).expect("a good description");
    config.control = control();
    if engine == BackendKind::Renode {
        config = config.with_clock(CLOCK.get()).expect("a board of Renode's");
    }
    VirtualTarget::from_config(config).backend(engine)
}

thread_local! {
    static CONTROL: Cell<Control> = const { Cell::new(Control::Console) };
    static CLOCK: Cell<ClockKind> = const { Cell::new(ClockKind::Realtime) };
}

/// The way to Renode's monitor for the boards that this thread makes.
pub fn control() -> Control {
    CONTROL.get()
}

/// Has the boards that `test` makes in this thread reach Renode's monitor over TCP.
pub fn over_telnet<T>(test: impl FnOnce() -> T) -> T {
    CONTROL.set(Control::Telnet { port: None });
    let outcome = test();
    CONTROL.set(Control::Console);
    outcome
}

/// Has the boards that `test` makes in this thread run in virtual time.
pub fn in_virtual_time<T>(test: impl FnOnce() -> T) -> T {
    CLOCK.set(ClockKind::Virtual);
    let outcome = test();
    CLOCK.set(ClockKind::Realtime);
    outcome
}

/// Existing tests of this file once more, over TCP: `name` or, of one on each engine,
/// `name::renode`.
#[macro_export]
macro_rules! tests_over_telnet {
    ($($tests:tt)+) => { $crate::tests_once_more! { over_telnet: $($tests)+ } };
}

/// Existing tests of this file once more, in virtual time; as [`tests_over_telnet!`].
#[macro_export]
macro_rules! tests_in_virtual_time {
    ($($tests:tt)+) => { $crate::tests_once_more! { in_virtual_time: $($tests)+ } };
}

/// What these macros have in common: a module and the function of that name.
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

/// The same test on each engine, as `name::qemu` and `name::renode`; a missing
/// engine's is reported as ignored.
#[macro_export]
macro_rules! on_each_engine {
    ($($(#[$meta:meta])* fn $name:ident($engine:ident) $body:block)+) => {
        $crate::on_each! { {} {} $($(#[$meta])* fn $name($engine) $body)+ }
    };
}

/// As [`on_each_engine!`], each test [`alone`].
#[macro_export]
macro_rules! alone_on_each_engine {
    ($($tests:tt)+) => {
        $crate::on_each! { {} { let _alone = $crate::alone(); } $($tests)+ }
    };
}

/// As [`on_each_engine!`], and on a physical board as `name::physical`. Its stand-in
/// needs QEMU, and pseudo-terminals that take a speed, which macOS's do not.
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

/// What these macros have in common; `more` goes into each module, and `first` begins each test.
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

/// Held by a test that looks for its emulator among all that this process has started.
pub fn alone() -> MutexGuard<'static, ()> {
    static ALONE: Mutex<()> = Mutex::new(());
    ALONE.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Tests on Renode, each [`alone`]; reported as ignored where there is none.
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

/// Asserts that turning `board` off fails a wait on each of `uarts`, with that reason.
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
