//! QEMU's gdb server, on a socket pair: nothing listens, and nothing is attached beforehand.

use std::os::unix::net::UnixStream;

use serde_json::json;
use tokio::net::UnixStream as Link;

use super::{KIND, Qemu};
use crate::backend::EmulatorError;

const STEP: &str = "attaching a debugger";

/// The name in QEMU of the connection.
const NAME: &str = "virtual-target-gdb";

impl Qemu {
    /// Attaches a debugger to the board, which is paused until the debugger lets it run.
    pub(super) async fn attach(&mut self) -> Result<Link, EmulatorError> {
        let io = |source| EmulatorError::Io { step: STEP, source };
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
            false => Err(EmulatorError::Refused {
                kind: KIND,
                command: serve,
                reason: answer.trim().to_owned(),
            }),
        }
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
