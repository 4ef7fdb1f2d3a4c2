//! [`VirtualTarget::gdb`] and `VTARGET_GDB`: a debugger at the stopped board.
//!
//! The developer's gdb connects to a port of the loopback interface, and this passes its bytes on
//! to the engine's gdb server. So the end of the debugger is known, and only one can connect.

use std::fmt::Write;
use std::net::Ipv4Addr;
use std::panic::Location;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use tokio::io::{AsyncReadExt, copy, split};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::spawn_blocking;

use super::inner::Inner;
use super::inspect::finished;
use super::power::Board;
use super::program_files::ProgramFiles;
use super::target::VirtualTarget;
use crate::backend::error::Unsupported;
use crate::backend::{Attached, DebuggerLink, EmulatorError, is_in_path};
use crate::config::ClockKind;
use crate::error::Result;
use crate::firmware::Format;
use crate::notice::announce;
use crate::operation::Operation;
use crate::runtime::spawn;

const ATTACH: &str = "attach a debugger to";
const STEP: &str = "attaching a debugger";

/// The time limits on the host for the engine to pause the board, and to attach a debugger.
const LIMIT: Duration = Duration::from_secs(10);

/// The time that a board with a virtual clock runs at most while a debugger is attached.
const LONG: Duration = Duration::from_secs(3600);

/// The debuggers that are looked for, the best first.
const DEBUGGERS: [&str; 2] = ["gdb-multiarch", "arm-none-eabi-gdb"];

impl VirtualTarget {
    /// Stops the board for a debugger, and prints the command that attaches gdb to it. The
    /// operation ends when the debugger does: with `detach` or `quit` the board goes on from where
    /// it is. There is no time limit; Ctrl-C ends the test.
    ///
    /// `VTARGET_GDB=1` does the same at each wait that fails, before its error is returned.
    ///
    /// The debugger connects to a port of the loopback interface, which only this host can reach.
    /// **Renode's own server listens on every interface** meanwhile and asks for no password, but
    /// accepts no second connection. QEMU's does not listen.
    ///
    /// # Errors
    /// [`PowerError`](crate::PowerError) if the board is off; [`EmulatorError`] if it is a physical
    /// board, or the engine attaches no debugger.
    ///
    /// ```no_run
    /// # fn main() -> virtual_target::Result<()> {
    /// # let board = virtual_target::VirtualTarget::from_yaml("board.yaml").boot().wait()?;
    /// board.uart().send_line("calibrate").wait()?;
    /// board.gdb().wait()?;
    /// # Ok(()) }
    /// ```
    #[track_caller]
    pub fn gdb(&self) -> Operation<()> {
        self.gdb_of(0)
    }

    #[track_caller]
    pub(super) fn gdb_of(&self, machine: usize) -> Operation<()> {
        let at = Location::caller();
        self.operation(move |shared, _| async move {
            let session = async move {
                let mut board = shared.board.lock().await;
                let why = format!("at {at}");
                debug(&shared, &mut board, machine, &why).await
            };
            finished(spawn(session)?).await
        })
    }
}

/// Stops the board until a debugger has been attached and has ended; `why` is where or why.
pub(super) async fn debug(
    shared: &Arc<Inner>,
    board: &mut Board,
    machine: usize,
    why: &str,
) -> Result<()> {
    let engine = board.backend.identity().engine().kind;
    let io = |source| EmulatorError::io(engine, STEP, source);
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await;
    let listener = listener.map_err(io)?;
    let port = listener.local_addr().map_err(io)?.port();
    let files = board.program_files(machine);
    let Attached { mut link, exposed } = attach(board, machine).await?;
    shared.is_debugged.store(true, Ordering::Release);
    let name = &shared.machines[machine].name;
    let command = spawn_blocking(move || command(&files, port)).await;
    announce(invitation(name, why, &command.unwrap_or_default(), exposed));
    if let Some(debugger) = connection(&listener, &mut link).await {
        announce(format_args!("{name}: a debugger is attached"));
        let (mut from_debugger, mut to_debugger) = debugger.into_split();
        let (mut from_engine, mut to_engine) = split(&mut link);
        tokio::select! {
            // An error is an end as well.
            _ = copy(&mut from_debugger, &mut to_engine) => {}
            _ = copy(&mut from_engine, &mut to_debugger) => {}
            () = run(shared, machine) => {}
        }
        announce(format_args!(
            "{name}: the debugger has ended, and the test goes on"
        ));
    }
    if let Some(access) = board.backend.guest_access() {
        access.detach_debugger(link).await;
    }
    shared.is_debugged.store(false, Ordering::Release);
    Ok(())
}

/// Pauses the board and attaches a debugger to it.
async fn attach(board: &mut Board, machine: usize) -> Result<Attached> {
    board.check_runs(ATTACH)?;
    let engine = board.backend.identity().engine().kind;
    let name = board.name(machine).to_owned();
    let Some(access) = board.backend.guest_access() else {
        let request = Unsupported::Debugger { machine: name };
        return Err(EmulatorError::unsupported(engine, request).into());
    };
    let attach = async {
        access.stop().await?;
        access.attach_debugger(machine).await
    };
    let attached = match tokio::time::timeout(LIMIT, attach).await {
        Ok(Ok(attached)) => return Ok(attached),
        Ok(Err(error)) => error,
        Err(_) => EmulatorError::too_slow(engine, STEP, LIMIT),
    };
    access.go_on().await;
    Err(attached.into())
}

/// Waits for the debugger; `None` if the engine has ended. What the engine says before is meant for
/// nobody.
async fn connection(listener: &TcpListener, link: &mut Box<dyn DebuggerLink>) -> Option<TcpStream> {
    let mut unread = [0; 256];
    loop {
        tokio::select! {
            accepted = listener.accept() => return accepted.ok().map(|(debugger, _)| debugger),
            read = link.read(&mut unread) => match read {
                Ok(1..) => {}
                Ok(0) | Err(_) => return None,
            },
        }
    }
}

/// Lets the time of a board with a virtual clock pass: the debugger says when the guest runs.
async fn run(shared: &Inner, machine: usize) {
    if shared.config.clock() == ClockKind::Virtual {
        let uart = shared.machines[machine].uart();
        let _debugging = uart.begin_debugging();
        // After a failure, such as that of a guard, the debugger still looks at the guest.
        while uart.let_pass(LONG).await.is_ok() {}
    }
    std::future::pending().await
}

/// Returns the command that attaches gdb.
fn command(files: &ProgramFiles, port: u16) -> String {
    let found = DEBUGGERS.iter().find(|it| is_in_path(it));
    let mut command = (*found.unwrap_or(&DEBUGGERS[0])).to_owned();
    let (usable, _) = files.usable();
    let mut elf_files = usable.into_iter().filter(|it| it.format() == Format::Elf);
    if let Some(file) = elf_files.next() {
        command += &format!(" {}", quoted(&file.path().to_string_lossy()));
    }
    for file in elf_files {
        let add = format!("add-symbol-file {}", file.path().display());
        command += &format!(" -ex {}", quoted(&add));
    }
    command + &format!(" -ex 'target remote 127.0.0.1:{port}'")
}

/// Quotes a word for a shell, if it needs that.
fn quoted(word: &str) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "/._-+".contains(c);
    match word.chars().all(is_plain) {
        true => word.to_owned(),
        false => format!("'{}'", word.replace('\'', r"'\''")),
    }
}

fn invitation(name: &str, why: &str, command: &str, exposed: Option<u16>) -> String {
    let mut text = format!("{name} is stopped for a debugger, {why}\n    {command}\n");
    text += "the test goes on when the debugger detaches; Ctrl-C ends it";
    if let Some(port) = exposed {
        // Writing to a text cannot fail.
        let _ = write!(
            text,
            "\nRenode's own gdb server listens on every interface of this host meanwhile, on port {port}, \
             without a password"
        );
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_quoted_for_a_shell() {
        assert_eq!(quoted("/a/b-1.elf"), "/a/b-1.elf");
        assert_eq!(quoted("/a b/it's.elf"), r"'/a b/it'\''s.elf'");
    }
}
