//! A debugger at a board of Renode, over Renode's gdb server.
//!
//! While a connection to it is open, the processors execute only what the debugger says. So the
//! emulation can run, and the guest stands still.

use std::net::Ipv4Addr;

use tokio::net::TcpStream;

use super::Renode;
use super::context::KIND;
use super::monitor::command::MonitorCommand;
use super::monitor::tcp;
use super::setup::emulation::MAIN;
use crate::backend::{Attached, BoxFuture, DebuggerLink, EmulatorError, GuestAccess};

const STEP: &str = "attaching a debugger";

/// The number of ports that are tried: another process may take a free port before Renode does.
const ATTEMPTS: usize = 3;

impl Renode {
    pub(super) fn attach(
        &mut self,
        machine: usize,
    ) -> BoxFuture<'_, Result<Attached, EmulatorError>> {
        Box::pin(async move {
            // The debugger may leave anything behind.
            self.key = None;
            let port = self.start_gdb_server(machine).await?;
            self.gdb_server = Some((machine, port));
            let link = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).await;
            let link = link.map_err(|source| EmulatorError::io(KIND, STEP, source))?;
            self.go_on().await;
            Ok(Attached {
                link: Box::new(link),
                exposed: Some(port),
            })
        })
    }

    async fn start_gdb_server(&mut self, machine: usize) -> Result<u16, EmulatorError> {
        let mut attempts = 1..ATTEMPTS;
        loop {
            let port = tcp::free().map_err(|source| EmulatorError::io(KIND, STEP, source))?;
            let start = MonitorCommand::start_gdb_server(port);
            match self.on_machine(machine, start).await {
                Err(error)
                    if error.refusal().is_some_and(tcp::was_taken) && attempts.next().is_some() =>
                {
                    tracing::debug!("port {port} was taken meanwhile");
                }
                done => return done.map(|_| port),
            }
        }
    }

    pub(super) fn detach(&mut self, link: Box<dyn DebuggerLink>) -> BoxFuture<'_, ()> {
        Box::pin(async move {
            // With a virtual clock the guest must not run on when the debugger lets it go.
            let _still = self.pause().await;
            drop(link);
            let (Some((machine, port)), Some(session)) = (self.gdb_server.take(), &self.session)
            else {
                return;
            };
            let stop = MonitorCommand::stop_gdb_server(port);
            if let Err(error) = self.on_machine(machine, stop).await {
                tracing::warn!(%error, "Renode's gdb server still listens");
            }
            self.emulation.select_ahead(session, MAIN);
        })
    }
}
