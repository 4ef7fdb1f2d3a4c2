//! [`VirtualTarget::interact`]: a person at the terminal talks to the board.

use std::io;
use std::panic::Location;
use std::pin::pin;
use std::time::Duration;

use tokio::time::{Instant, sleep_until};

use super::keys::{HELP, Key, Keys};
use super::target::VirtualTarget;
use super::terminal::Terminal;
use crate::caller::{Call, Caller};
use crate::config::ClockKind;
use crate::error::Result;
use crate::operation::block_on;
use crate::runtime::{self, HostError};
use crate::uart::Uart;

/// The time that a board with a virtual clock runs at once, as long as it takes a person.
const STEP: Duration = Duration::from_millis(20);

/// The time that another board is watched at once.
const LONG: Duration = Duration::from_secs(3600);

impl VirtualTarget {
    /// Connects the terminal of this process to the board's main UART until the user leaves: for
    /// a look at the board in the middle of a test, or in a program.
    ///
    /// The terminal first shows the output from the cursor on. What is typed is sent to the board
    /// and is among the artifacts; the keys Ctrl-A and then `x`, `r`, `p` or `f` exit, reset the
    /// board, turn it off or on, and flash its image again. A board with a virtual clock runs as
    /// fast as the host's clock meanwhile. The cursor does not move, and the terminal's settings
    /// are restored at the end.
    ///
    /// Blocks the calling thread, without a time limit: not for a test that runs by itself.
    ///
    /// # Errors
    /// [`HostError::Terminal`](crate::HostError::Terminal) if the standard input is not a terminal.
    ///
    /// ```no_run
    /// # fn main() -> virtual_target::Result<()> {
    /// let board = virtual_target::VirtualTarget::from_yaml("board.yaml").boot().wait()?;
    /// board.uart().expect("> ").wait()?;
    /// board.interact()?;
    /// # Ok(()) }
    /// ```
    #[track_caller]
    pub fn interact(&self) -> Result<()> {
        self.connect(self.uart(), self.uart_name())
    }

    /// Connects the terminal to the UART of this name. As [`interact`](Self::interact).
    ///
    /// # Errors
    /// Those of [`interact`](Self::interact); [`ConfigError`](crate::config::ConfigError) if the
    /// board has no such UART.
    ///
    /// ```no_run
    /// # fn main() -> virtual_target::Result<()> {
    /// let board = virtual_target::VirtualTarget::from_yaml("board.yaml").boot().wait()?;
    /// board.interact_on("modem")?;
    /// # Ok(()) }
    /// ```
    #[track_caller]
    pub fn interact_on(&self, uart: &str) -> Result<()> {
        self.connect(self.uart_named(uart)?, uart)
    }

    #[track_caller]
    fn connect(&self, uart: &Uart, label: &str) -> Result<()> {
        let at = Location::caller();
        let session = || {
            let _entered = runtime::enter()?;
            let terminal = Terminal::open().map_err(no_terminal)?;
            block_on(self.talk(&terminal, uart, label, at)).map_err(no_terminal)
        };
        self.shared.checked(session())
    }

    /// Passes bytes between terminal and UART until the user leaves.
    async fn talk(
        &self,
        terminal: &Terminal,
        uart: &Uart,
        label: &str,
        at: Caller,
    ) -> io::Result<()> {
        let name = self.machine_name();
        tell(terminal, &format!("{name}: {label}. {HELP}")).await?;
        let mut output = uart.follow();
        let mut keys = Keys::default();
        let mut board = pin!(self.attend(true));
        loop {
            let event = tokio::select! {
                biased;
                bytes = output.next() => Event::Output(bytes),
                typed = terminal.read() => Event::Typed(typed?),
                why = &mut board => Event::Over(why),
            };
            match event {
                Event::Output(bytes) => terminal.write(&bytes).await?,
                Event::Over(why) => {
                    board.set(self.attend(false));
                    tell(terminal, &why).await?;
                }
                Event::Typed(typed) if typed.is_empty() => return Ok(()),
                Event::Typed(typed) => {
                    // Ends the wait, whose error would be that the board was started anew.
                    board.set(self.attend(false));
                    for key in keys.feed(&typed) {
                        if key == Key::Exit {
                            return terminal.write(b"\n").await;
                        }
                        match self.act(key, uart, at).await {
                            Ok("") => {}
                            Ok(done) => tell(terminal, done).await?,
                            Err(error) => tell(terminal, &error.kind().to_string()).await?,
                        }
                    }
                    board.set(self.attend(self.is_on().await.unwrap_or(false)));
                }
            }
        }
    }

    /// Does what a key asks for, as a call at `at`; returns what the user is told.
    async fn act(&self, key: Key, uart: &Uart, at: Caller) -> Result<&'static str> {
        let call = |name| Call::new(name, at);
        match key {
            Key::Typed(bytes) => uart.send(bytes).await.map(|()| ""),
            Key::Reset => self.reset_by(call("reset")).await.map(|()| "reset"),
            Key::Power if self.is_on().await? => {
                self.power_off_by(call("power_off")).await.map(|()| "off")
            }
            Key::Power => self.power_on_by(call("power_on")).await.map(|()| "on"),
            Key::Flash => {
                let image = self
                    .shared
                    .board
                    .lock()
                    .await
                    .image(0)
                    .map(ToOwned::to_owned);
                match image {
                    Some(image) => {
                        let flash = self.flash_machine(call("flash"), None, &image, None);
                        flash.await.map(|()| "flashed")
                    }
                    None => Ok("there is no firmware to flash"),
                }
            }
            Key::Help | Key::Exit => Ok(HELP),
        }
    }

    /// Waits until a board that `runs` does so no more, and returns why; lets a board with a
    /// virtual clock run at the host's speed.
    async fn attend(&self, runs: bool) -> String {
        if !runs {
            return std::future::pending().await;
        }
        let is_virtual = self.config().clock == ClockKind::Virtual;
        let step = if is_virtual { STEP } else { LONG };
        let mut next = Instant::now();
        loop {
            next += step;
            if let Err(error) = self.run_for(step).await {
                return error.kind().to_string();
            }
            if is_virtual {
                sleep_until(next).await;
            }
        }
    }
}

enum Event {
    Output(Vec<u8>),
    Typed(Vec<u8>),
    /// The board does not run any more, for this reason.
    Over(String),
}

/// Shows a line of ours.
async fn tell(terminal: &Terminal, text: &str) -> io::Result<()> {
    terminal.write(format!("\n[{text}]\n").as_bytes()).await
}

fn no_terminal(error: io::Error) -> HostError {
    HostError::Terminal(error.to_string())
}
