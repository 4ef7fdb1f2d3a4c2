//! Waiting until a file grows, without polling it.

pub(crate) use system::FileWatch;

/// inotify, whose descriptor is read like a pipe.
#[cfg(target_os = "linux")]
mod system {
    use std::io;
    use std::path::Path;

    use nix::sys::inotify::{AddWatchFlags, InitFlags, Inotify};
    use tokio::io::AsyncReadExt;
    use tokio::net::unix::pipe;

    /// A watch of the writes to one file.
    pub(crate) struct FileWatch(pipe::Receiver);

    impl FileWatch {
        /// Watches a file that exists. Must be called on the I/O thread.
        pub(crate) fn of(file: &Path) -> io::Result<Self> {
            let inotify = Inotify::init(InitFlags::IN_CLOEXEC | InitFlags::IN_NONBLOCK)?;
            inotify.add_watch(file, AddWatchFlags::IN_MODIFY)?;
            Ok(Self(pipe::Receiver::from_owned_fd_unchecked(
                inotify.into(),
            )?))
        }

        /// Returns when the file may have grown since the last call.
        pub(crate) async fn more(&mut self) -> io::Result<()> {
            self.0.read(&mut [0; 4096]).await.map(drop)
        }
    }
}

/// kqueue, whose descriptor is ready while it has events.
#[cfg(not(target_os = "linux"))]
mod system {
    use std::fs::File;
    use std::io;
    use std::os::fd::{AsFd, AsRawFd, RawFd};
    use std::path::Path;

    use nix::sys::event::{EvFlags, EventFilter, FilterFlag, KEvent, Kqueue};
    use nix::sys::time::TimeSpec;
    use tokio::io::unix::AsyncFd;

    /// A watch of the writes to one file.
    pub(crate) struct FileWatch {
        queue: AsyncFd<Queue>,
        /// The file, which is watched as long as it is open.
        _file: File,
    }

    struct Queue(Kqueue);

    impl AsRawFd for Queue {
        fn as_raw_fd(&self) -> RawFd {
            self.0.as_fd().as_raw_fd()
        }
    }

    impl FileWatch {
        /// Watches a file that exists. Must be called on the I/O thread.
        pub(crate) fn of(file: &Path) -> io::Result<Self> {
            let file = File::open(file)?;
            let queue = Kqueue::new()?;
            let written = KEvent::new(
                file.as_raw_fd().cast_unsigned() as usize,
                EventFilter::EVFILT_VNODE,
                EvFlags::EV_ADD | EvFlags::EV_CLEAR,
                FilterFlag::NOTE_WRITE | FilterFlag::NOTE_EXTEND,
                0,
                0,
            );
            queue.kevent(&[written], &mut [], None)?;
            #[allow(
                deprecated,
                reason = "unsound only for types that do not own their descriptor, which this one does; \
                          the replacement is an unsafe function"
            )]
            let queue = AsyncFd::new(Queue(queue))?;
            Ok(Self { queue, _file: file })
        }

        /// Returns when the file may have grown since the last call.
        pub(crate) async fn more(&mut self) -> io::Result<()> {
            let mut ready = self.queue.readable().await?;
            let nothing = EvFlags::empty();
            let filter = EventFilter::EVFILT_VNODE;
            let mut events = [KEvent::new(0, filter, nothing, FilterFlag::empty(), 0, 0)];
            let at_once = TimeSpec::new(0, 0);
            let queue = &ready.get_inner().0;
            queue.kevent(&[], &mut events, Some(*at_once.as_ref()))?;
            ready.clear_ready();
            Ok(())
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;
    use std::time::Duration;

    use super::*;

    #[tokio::test]
    async fn each_write_is_reported_once() {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        let mut watch = FileWatch::of(file.path()).unwrap();
        for _ in 0..3 {
            file.write_all(b"line\n").unwrap();
            watch.more().await.unwrap();
            let silence = Duration::from_millis(20);
            let more = tokio::time::timeout(silence, watch.more());
            assert!(more.await.is_err());
        }
    }
}
