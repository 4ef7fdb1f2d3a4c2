//! The thread of a test: the boards that it uses, and its last panic.
//!
//! libtest runs each test in a thread that has the test's name. So a thread tells which test
//! fails, also of a board that another test has made, and its end is the end of the test. The text of
//! a panic is known only to the panic hook: ours records it and calls the one that was there.

use std::backtrace::Backtrace;
use std::cell::RefCell;
use std::panic::{self, PanicHookInfo};
use std::sync::{Arc, Once, Weak};

use super::beginning::beginning;
use super::test_name::TestName;

/// A board's report, as the threads of tests use it.
pub(super) trait Used: Send + Sync {
    /// Records that a thread uses the board, whose name is perhaps that of a test. Returns true if
    /// another one has made the board.
    fn used_by(&self, test: &TestName) -> bool;

    /// Records that the thread of a test has ended, with a panic perhaps, while the board exists.
    fn test_ended(&self, test: &TestName, panic: Option<&str>);
}

/// The length in bytes to which the text of a panic is cut.
const MAX_PANIC_LEN: usize = 16 << 10;

thread_local! {
    static THIS: RefCell<TestThread> = RefCell::default();
}

/// What is known of this thread.
#[derive(Default)]
struct TestThread {
    /// The test that ends with the thread, if its name is that of a test.
    named: Option<TestName>,
    /// Whether that is a test, once somebody has asked.
    is_test: Option<bool>,
    /// True once it has used a board of another test.
    shares: bool,
    /// The reports of the boards that it has used.
    used: Vec<Weak<dyn Used>>,
    panic: Option<String>,
    /// True once a hint was printed for its test.
    hinted: bool,
}

/// Records the text of each panic from now on.
pub(super) fn watch_panics() {
    static HOOK: Once = Once::new();
    // A thread that panics cannot set a hook, and a program that is no test has its own output.
    if TestName::runs_tests() && !std::thread::panicking() {
        HOOK.call_once(|| {
            let previous = panic::take_hook();
            panic::set_hook(Box::new(move |info| {
                record(info);
                previous(info);
            }));
        });
    }
}

fn record(info: &PanicHookInfo<'_>) {
    let payload = info.payload();
    let text = payload.downcast_ref::<&str>().copied();
    let text = text.or_else(|| payload.downcast_ref::<String>().map(String::as_str));
    let at = info
        .location()
        .map(|at| format!(" at {at}"))
        .unwrap_or_default();
    let text = beginning(text.unwrap_or("(its value is no text)"), MAX_PANIC_LEN);
    let text = format!("panicked{at}:\n{text}");
    with_this(|this| {
        this.panic = Some(text);
        if this.shares {
            this.check();
        }
    });
}

/// Returns the text of the last panic of this thread, if the hook has seen it.
pub(super) fn panic_of_this_thread() -> Option<String> {
    with_this(|this| this.panic.clone()).flatten()
}

/// Returns true in a test, the first time that its thread asks.
pub(super) fn is_first_hint() -> bool {
    let is_first = || with_this(|this| !std::mem::replace(&mut this.hinted, true));
    TestName::runs_tests() && is_first() == Some(true)
}

/// Records that this thread uses a board.
pub(super) fn uses<T: Used + 'static>(board: &Arc<T>) {
    let report: Weak<dyn Used> = Arc::<T>::downgrade(board);
    let new = with_this(|this| {
        if this.used.iter().any(|known| known.ptr_eq(&report)) {
            return None;
        }
        if this.used.is_empty() {
            this.named = TestName::of_own_thread();
        }
        this.used.retain(|known| known.strong_count() > 0);
        this.used.push(report);
        Some(this.named.clone())
    });
    if let Some(Some(Some(named))) = new
        && board.used_by(&named)
    {
        with_this(|this| this.shares = true);
    }
}

/// Returns the test that this thread runs, if that is another one than `owner`.
pub(super) fn test_that_fails(owner: &TestName) -> Option<TestName> {
    let named = TestName::of_this_thread()?;
    let is_test = named == *owner || with_this(TestThread::check)?;
    is_test.then_some(named)
}

/// Calls `act`, unless the thread ends or is about to call it already.
fn with_this<T>(act: impl FnOnce(&mut TestThread) -> T) -> Option<T> {
    let act = |this: &RefCell<TestThread>| this.try_borrow_mut().ok().map(|mut it| act(&mut it));
    THIS.try_with(act).ok().flatten()
}

impl TestThread {
    /// Returns true if the thread's name is that of the test that it runs: a test may have threads
    /// with names of their own.
    ///
    /// Only the functions that the thread is in tell that, which takes a while.
    fn check(&mut self) -> bool {
        *self.is_test.get_or_insert_with(|| {
            TestName::is_told_by_nextest()
                || Backtrace::force_capture()
                    .to_string()
                    .contains("test::run_test")
        })
    }
}

impl Drop for TestThread {
    fn drop(&mut self) {
        let Some(named) = &self.named else {
            return;
        };
        let is_test = !self.shares || self.is_test == Some(true);
        let panic = self.panic.as_deref().filter(|_| is_test);
        for report in self.used.iter().filter_map(Weak::upgrade) {
            report.test_ended(named, panic);
        }
    }
}
