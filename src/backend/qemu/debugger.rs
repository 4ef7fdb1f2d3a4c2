//! QEMU's gdb server, on a socket pair: nothing listens, and nothing is attached beforehand.

use std::os::unix::net::UnixStream;
use std::sync::Arc;

use serde_json::json;
use tokio::net::UnixStream as Link;

use super::gdb_client::GdbClient;
use super::{KIND, Qemu};
use crate::backend::error::RefusalReason;
use crate::backend::{EmulatorError, EmulatorErrorKind, GuestAccess, Place, Reached};

const STEP: &str = "attaching a debugger";
const RUNNING: &str = "running to a place";

/// The number of bytes of one write; the server takes packets of up to 4 KiB.
const WRITE_CHUNK: usize = 1 << 10;

/// The name in QEMU of the connection.
const NAME: &str = "virtual-target-gdb";

impl Qemu {
    /// Attaches a debugger to the board, which is paused until the debugger lets it run.
    pub(super) async fn attach(&mut self) -> Result<Link, EmulatorError> {
        let io = |source| EmulatorError::io(KIND, STEP, source);
        let (ours, theirs) = UnixStream::pair().map_err(io)?;
        ours.set_nonblocking(true).map_err(io)?;
        let link = Link::from_std(ours).map_err(io)?;
        if let Some(running) = &mut self.running {
            let pass = "getfd";
            let reply = running.qmp.send_descriptor(NAME, &theirs).await;
            self.wait_for_reply(STEP, pass, reply.map_err(io)?).await?;
        }
        drop(theirs);
        let backend = json!({ "type": "socket", "data": {
            "addr": { "type": "fd", "data": { "str": NAME } },
            "server": false,
        }});
        let add = json!({ "id": NAME, "backend": backend });
        if let Some(running) = &mut self.running {
            let reply = running.qmp.send_with("chardev-add", add).await;
            self.wait_for_reply(STEP, "chardev-add", reply).await?;
        }
        let serve = format!("gdbserver chardev:{NAME}");
        let answer = self.hmp(serve.clone()).await?;
        match answer.starts_with("Waiting for gdb connection") {
            true => Ok(link),
            false => {
                let kind = EmulatorErrorKind::Refused {
                    command: serve,
                    reason: RefusalReason::Refused(answer.trim().to_owned()),
                };
                Err(EmulatorError::new(KIND, kind))
            }
        }
    }

    /// Writes bytes to the memory of the paused board.
    pub(super) async fn write_memory(
        &mut self,
        address: u64,
        bytes: &[u8],
    ) -> Result<(), EmulatorError> {
        let mut client = GdbClient::new(self.attach().await?);
        let mut written = Ok(());
        for (index, part) in bytes.chunks(WRITE_CHUNK).enumerate() {
            let at = address + (index * WRITE_CHUNK) as u64;
            written = client.write(at, part).await;
            if written.is_err() {
                break;
            }
        }
        drop(client);
        self.detach().await;
        written.map_err(|source| EmulatorError::io(KIND, "writing the board's memory", source))
    }

    /// Lets the board run until it has reached a place.
    pub(super) async fn begin_run_until(&mut self, place: Place) -> Result<Reached, EmulatorError> {
        self.execute(RUNNING, "stop", None).await?;
        let mut client = GdbClient::new(self.attach().await?);
        let begun = async {
            client.set_stop(place).await?;
            client.go_on().await
        };
        let io = |source| EmulatorError::io(KIND, RUNNING, source);
        begun.await.map_err(io)?;
        let client = Arc::new(tokio::sync::Mutex::new(client));
        self.runs_until = Some((place, Arc::clone(&client)));
        Ok(Box::pin(async move {
            // The end of QEMU ends the other waits.
            if client.lock().await.stopped().await.is_err() {
                std::future::pending::<()>().await;
            }
        }))
    }

    pub(super) async fn finish_run_until(&mut self) {
        let Some((place, client)) = self.runs_until.take() else {
            return;
        };
        // An exit is reported by whatever comes next.
        if self.execute(RUNNING, "stop", None).await.is_ok() {
            let mut client = client.lock().await;
            if let Err(error) = client.remove_stop(place).await {
                tracing::debug!(%error, "a stop is left");
            }
        }
        drop(client);
        self.detach().await;
        self.go_on().await;
    }

    /// Ends the server, and closes its connection. The board is paused.
    pub(super) async fn detach(&mut self) {
        // An exit is reported by whatever comes next.
        if let Err(error) = self.hmp("gdbserver none".to_owned()).await {
            tracing::debug!(%error, "the gdb server is not ended");
        }
        self.query(STEP, "chardev-remove", json!({ "id": NAME }))
            .await;
    }
}
