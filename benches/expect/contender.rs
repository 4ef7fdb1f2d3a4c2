//! The compared libraries, each behind the trait [`Contender`]; one per process.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::os::fd::{AsFd, OwnedFd};
use std::time::Duration;

use expectrl::process::NonBlocking;
use expectrl::{Expect, Session};
use memchr::memmem::Finder;
use nix::fcntl::{FcntlArg, OFlag, fcntl};
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use rexpect::ReadUntil;
use rexpect::reader::Options;
use rexpect::session::StreamSession;
use virtual_target::secs;
use virtual_target::uart::{Pattern, Uart};

/// The limit of every wait; no measurement takes longer.
const TIME_LIMIT: Duration = secs(120);

pub trait Contender {
    /// Waits for a text.
    fn literal(&mut self, text: &str);
    /// Waits for a match.
    fn regex(&mut self, regex: &str);
    /// Reads the next line that ends in a match of `regex`, and returns its first group.
    fn line(&mut self, regex: &str) -> String;
    /// Waits `time` for output that never arrives.
    fn never(&mut self, time: Duration);
}

/// Returns the contender of that name on a stream.
pub fn connect(name: &str, fd: OwnedFd) -> Box<dyn Contender> {
    match name {
        "ours" => Box::new(Ours(Uart::over_fd(fd).unwrap(), None)),
        "expectrl" => Box::new(Expectrl::new(fd)),
        "rexpect" => Box::new(Rexpect::new(fd)),
        _ => Box::new(Bare(BufReader::with_capacity(64 << 10, File::from(fd)))),
    }
}

/// This crate; the pattern for lines is compiled once, as for the others.
struct Ours(Uart, Option<Pattern>);

impl Contender for Ours {
    fn literal(&mut self, text: &str) {
        self.0.expect(text).within(TIME_LIMIT).wait().unwrap();
    }

    fn regex(&mut self, regex: &str) {
        let pattern = format!("re:{regex}");
        self.0.expect(pattern).within(TIME_LIMIT).wait().unwrap();
    }

    fn line(&mut self, regex: &str) -> String {
        let Self(uart, pattern) = self;
        let pattern = pattern.get_or_insert_with(|| Pattern::new(format!("re:{regex}")).unwrap());
        let found = uart
            .expect_line(&*pattern)
            .within(TIME_LIMIT)
            .wait()
            .unwrap();
        found.get(1).unwrap().into_owned()
    }

    fn never(&mut self, time: Duration) {
        self.0.expect("never").within(time).wait().unwrap_err();
    }
}

/// A bare loop that only reads and searches: the limit for all others.
struct Bare(BufReader<File>);

impl Contender for Bare {
    fn literal(&mut self, text: &str) {
        let finder = Finder::new(text);
        let overlap = text.len() - 1;
        let mut buffer = vec![0; 64 << 10];
        let mut kept = 0;
        loop {
            let read = self.0.get_mut().read(&mut buffer[kept..]).unwrap();
            let held = kept + read;
            if finder.find(&buffer[..held]).is_some() {
                return;
            }
            kept = held.min(overlap);
            buffer.copy_within(held - kept..held, 0);
        }
    }

    fn regex(&mut self, _regex: &str) {
        self.literal("DONE code=42 ");
    }

    fn line(&mut self, regex: &str) -> String {
        thread_local! {
            static REGEX: std::cell::OnceCell<regex::bytes::Regex> = const { std::cell::OnceCell::new() };
        }
        let mut line = Vec::new();
        loop {
            line.clear();
            self.0.read_until(b'\n', &mut line).unwrap();
            let found = REGEX.with(|compiled| {
                let regex = compiled.get_or_init(|| regex::bytes::Regex::new(regex).unwrap());
                let group = regex.captures(&line)?.get(1)?;
                Some(String::from_utf8_lossy(group.as_bytes()).into_owned())
            });
            if let Some(found) = found {
                return found;
            }
        }
    }

    fn never(&mut self, time: Duration) {
        let mut fds = [PollFd::new(self.0.get_ref().as_fd(), PollFlags::POLLIN)];
        let time = PollTimeout::try_from(time).unwrap();
        assert_eq!(poll(&mut fds, time).unwrap(), 0);
    }
}

/// expectrl in its default mode; for lines in its lazy mode, because the default one skips lines.
struct Expectrl(Session<(), Stream>);

impl Expectrl {
    fn new(fd: OwnedFd) -> Self {
        let mut session = Session::new((), Stream(File::from(fd))).unwrap();
        session.set_expect_timeout(Some(TIME_LIMIT));
        Self(session)
    }
}

impl Contender for Expectrl {
    fn literal(&mut self, text: &str) {
        self.0.expect(text).unwrap();
    }

    fn regex(&mut self, regex: &str) {
        self.0.expect(expectrl::Regex(regex)).unwrap();
    }

    fn line(&mut self, regex: &str) -> String {
        self.0.set_expect_lazy(true);
        let found = self.0.expect(expectrl::Regex(with_end(regex))).unwrap();
        String::from_utf8_lossy(&found[1]).into_owned()
    }

    fn never(&mut self, time: Duration) {
        self.0.set_expect_timeout(Some(time));
        self.0.expect("never").unwrap_err();
    }
}

/// A descriptor with the traits that expectrl needs.
struct Stream(File);

impl Read for Stream {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.0.read(buffer)
    }
}

impl Write for Stream {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl NonBlocking for Stream {
    fn set_blocking(&mut self, on: bool) -> io::Result<()> {
        let mut flags = OFlag::from_bits_retain(fcntl(&self.0, FcntlArg::F_GETFL)?);
        flags.set(OFlag::O_NONBLOCK, !on);
        fcntl(&self.0, FcntlArg::F_SETFL(flags))?;
        Ok(())
    }
}

struct Rexpect(StreamSession<File>);

impl Rexpect {
    fn new(fd: OwnedFd) -> Self {
        Self::within(fd, TIME_LIMIT)
    }

    fn within(fd: OwnedFd, time: Duration) -> Self {
        let writer = File::from(fd.try_clone().unwrap());
        let options = Options::new().timeout_ms(Some(time.as_millis() as u64));
        Self(StreamSession::new(File::from(fd), writer, options))
    }
}

impl Contender for Rexpect {
    fn literal(&mut self, text: &str) {
        self.0.exp_string(text).unwrap();
    }

    fn regex(&mut self, regex: &str) {
        self.0.exp_regex(regex).unwrap();
    }

    fn line(&mut self, regex: &str) -> String {
        // rexpect returns no groups, so the match is searched again.
        thread_local! {
            static REGEX: std::cell::OnceCell<regex::Regex> = const { std::cell::OnceCell::new() };
        }
        REGEX.with(|compiled| {
            let regex = compiled.get_or_init(|| regex::Regex::new(&with_end(regex)).unwrap());
            let needle = ReadUntil::Regex(regex.clone());
            let (_, found) = self.0.exp_any(vec![needle]).unwrap();
            regex.captures(&found).unwrap()[1].to_owned()
        })
    }

    fn never(&mut self, time: Duration) {
        let fd = io::stdin().as_fd().try_clone_to_owned().unwrap();
        Self::within(fd, time).0.exp_string("never").unwrap_err();
    }
}

/// Returns `regex` with a line end, for libraries that have no concept of lines.
fn with_end(regex: &str) -> String {
    format!("{regex}\r?\n")
}
