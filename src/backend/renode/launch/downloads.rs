//! Renode's downloads: the files that platforms and commands name by `@https://…`.
//!
//! Renode keeps the downloads next to its settings, with an index, and locks both while it
//! looks up or fetches a file. Each Renode has private settings, so [`Downloads`] passes the
//! downloads of one to the next ones of the same program. Where the network drops packets,
//! Renode would wait for its resolver five times for each file, at each boot: there all its
//! downloads are made to fail at once.

use std::fs::{self, File};
use std::io;
use std::net::{TcpStream, ToSocketAddrs};
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::time::Duration;

use nix::errno::Errno;
use nix::fcntl::{Flock, FlockArg};
use tokio::sync::oneshot;

use super::environment::names_a_proxy;
use super::program;

/// The names of Renode's downloads and their index, in the directory of its settings.
const FILES: &str = "cached_binaries";
const INDEX: &str = "binaries_index";
const LOCK: &str = "cache_lock";

/// The server of all files that Renode's own platforms name.
const SERVER: (&str, u16) = ("dl.antmicro.com", 443);

/// The time limit of a boot's probe of the server: longer than a reachable server needs. The
/// result is kept, so few boots probe.
const PROBE_TIMEOUT: Duration = Duration::from_secs(1);

/// The time for which the result of a probe is valid.
const VALID_FOR: Duration = Duration::from_secs(10 * 60);

/// The downloads that Renode processes share.
#[derive(Debug)]
pub(crate) struct Downloads(PathBuf);

impl Downloads {
    /// Returns the downloads in `kept`.
    pub(crate) fn below(kept: &Path) -> Self {
        Self(kept.join("downloads"))
    }

    /// Lets the Renode whose directory is `private` use the downloads, and add to them.
    pub(crate) fn share(&self, private: &Path) -> io::Result<()> {
        if !self.0.exists() || !may_be_locked(&self.0.join(LOCK))? {
            return Ok(());
        }
        let settings = settings(private);
        fs::create_dir_all(&settings)?;
        for name in [FILES, INDEX, LOCK] {
            symlink(self.0.join(name), settings.join(name))?;
        }
        Ok(())
    }

    /// Keeps the downloads of the Renode whose directory is `private`, if they are the first.
    pub(crate) fn keep(&self, private: &Path) -> io::Result<()> {
        let settings = settings(private);
        let downloaded = fs::symlink_metadata(settings.join(INDEX));
        if !downloaded.is_ok_and(|index| index.is_file() && index.len() > 0) || self.0.exists() {
            return Ok(());
        }
        let parent = self.0.parent().unwrap_or(Path::new("/"));
        fs::create_dir_all(parent)?;
        let copy = tempfile::tempdir_in(parent)?;
        fs::create_dir(copy.path().join(FILES))?;
        for file in fs::read_dir(settings.join(FILES))? {
            let file = file?;
            fs::copy(file.path(), copy.path().join(FILES).join(file.file_name()))?;
        }
        fs::copy(settings.join(INDEX), copy.path().join(INDEX))?;
        // Fails if another process has kept its own downloads, which serve as well.
        let _ = fs::rename(copy.path(), &self.0);
        Ok(())
    }
}

/// Returns the directory of Renode's settings.
fn settings(private: &Path) -> PathBuf {
    private.join("renode")
}

/// Returns true if `file` can be locked. Renode exits if it cannot lock the file, as on some
/// network file systems.
fn may_be_locked(file: &Path) -> io::Result<bool> {
    let file = File::options().append(true).create(true).open(file)?;
    match Flock::lock(file, FlockArg::LockSharedNonblock) {
        Ok(_) | Err((_, Errno::EWOULDBLOCK)) => Ok(true),
        Err(_) => Ok(false),
    }
}

/// Returns true if downloads can be expected to succeed; also if the user names a proxy.
pub(crate) async fn may_succeed() -> bool {
    if names_a_proxy(std::env::vars_os()) {
        return true;
    }
    let noted = program::cache().map(|cache| cache.join("virtual-target/network"));
    if let Some(reachable) = noted.as_deref().and_then(known) {
        return reachable;
    }
    let reachable = match tokio::time::timeout(PROBE_TIMEOUT, probed(noted.clone())).await {
        Ok(reached) => reached.unwrap_or(false),
        Err(_) => {
            note(noted.as_deref(), false);
            false
        }
    };
    if !reachable {
        tracing::warn!(
            "{} cannot be reached: Renode does without the files that its platforms name there \
             (descriptions of registers, mostly); looked at again in {} minutes",
            SERVER.0,
            VALID_FOR.as_secs() / 60
        );
    }
    reachable
}

/// Tries to reach the server, without a time limit of its own, and notes the result.
fn probed(noted: Option<PathBuf>) -> oneshot::Receiver<bool> {
    let (sender, answer) = oneshot::channel();
    // Not a thread of the runtime: a resolver cannot be interrupted.
    let started = std::thread::Builder::new().spawn(move || {
        let reached = SERVER.to_socket_addrs().is_ok_and(|mut addresses| {
            addresses.any(|it| TcpStream::connect_timeout(&it, PROBE_TIMEOUT).is_ok())
        });
        note(noted.as_deref(), reached);
        let _ = sender.send(reached);
    });
    if let Err(error) = started {
        tracing::debug!(%error, "no thread to look whether downloads come");
    }
    answer
}

/// Returns the noted result, if it is still valid.
fn known(noted: &Path) -> Option<bool> {
    let at = fs::metadata(noted).and_then(|meta| meta.modified()).ok()?;
    let recent = at.elapsed().is_ok_and(|ago| ago < VALID_FOR);
    match (recent, fs::read_to_string(noted).ok()?.as_str()) {
        (true, "reachable\n") => Some(true),
        (true, "unreachable\n") => Some(false),
        _ => None,
    }
}

fn note(noted: Option<&Path>, reachable: bool) {
    let Some(noted) = noted else { return };
    let text = if reachable {
        "reachable\n"
    } else {
        "unreachable\n"
    };
    let parent = noted.parent().map_or(Ok(()), fs::create_dir_all);
    if let Err(error) = parent.and_then(|()| fs::write(noted, text)) {
        tracing::debug!(%error, "cannot note whether downloads come");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Returns a directory like that of a Renode that has downloaded `text`.
    fn downloaded(text: &str) -> tempfile::TempDir {
        let private = tempfile::tempdir().unwrap();
        fs::create_dir_all(settings(private.path()).join(FILES)).unwrap();
        fs::write(settings(private.path()).join(FILES).join("bin0"), text).unwrap();
        fs::write(settings(private.path()).join(INDEX), "index").unwrap();
        private
    }

    #[test]
    fn a_download_is_kept_for_later_runs() {
        let kept = tempfile::tempdir().unwrap();
        let downloads = Downloads::below(&kept.path().join("made with it"));
        let without = tempfile::tempdir().unwrap();
        downloads.share(without.path()).unwrap();
        downloads.keep(without.path()).unwrap();
        assert_eq!(fs::read_dir(without.path()).unwrap().count(), 0);
        assert_eq!(fs::read_dir(kept.path()).unwrap().count(), 0);

        downloads.keep(downloaded("first").path()).unwrap();
        // This Renode has started before anything was kept, and finishes second.
        downloads.keep(downloaded("second").path()).unwrap();
        let next = tempfile::tempdir().unwrap();
        downloads.share(next.path()).unwrap();
        let files = settings(next.path()).join(FILES);
        assert_eq!(fs::read_to_string(files.join("bin0")).unwrap(), "first");
        fs::write(files.join("bin1"), "more").unwrap();
        fs::write(settings(next.path()).join(LOCK), "").unwrap();
        downloads.keep(next.path()).unwrap();

        let last = tempfile::tempdir().unwrap();
        downloads.share(last.path()).unwrap();
        let more = settings(last.path()).join(FILES).join("bin1");
        assert_eq!(fs::read_to_string(more).unwrap(), "more");
        let kept = kept.path().join("made with it");
        assert_eq!(fs::read_dir(kept).unwrap().count(), 1, "no copy is left");
    }

    #[test]
    fn a_known_network_state_expires() {
        let place = tempfile::tempdir().unwrap();
        let noted = place.path().join("made/network");
        assert_eq!(known(&noted), None);
        for reachable in [true, false, false] {
            note(Some(&noted), reachable);
            assert_eq!(known(&noted), Some(reachable));
        }
        let old = fs::FileTimes::new().set_modified(std::time::SystemTime::now() - VALID_FOR);
        File::open(&noted).unwrap().set_times(old).unwrap();
        assert_eq!(known(&noted), None);
        fs::write(&noted, "half").unwrap();
        assert_eq!(known(&noted), None);
    }
}
