//! One API, two ways to wait: the same test in a plain thread, in each tokio
//! flavour, and under another executor; and the effects of cancelling an operation.

use std::time::{Duration, Instant};

use engine_tests::{alone_on_each_engine, bare_on, sample, shell_on, tests_in_virtual_time};
use virtual_target::config::BackendKind;
use virtual_target::{Result, TargetBuilder, VirtualTarget, millis, secs};

async fn conversation(engine: BackendKind) -> Result<()> {
    let board = shell_on(engine).boot().await?;
    let uart = board.uart();
    uart.expect_line("Hello from").within(secs(2)).await?;
    uart.expect("> ").await?;
    uart.send_line("ping").await?;
    uart.expect_line("pong").await?;
    Ok(())
}

fn plain_conversation(engine: BackendKind) -> Result<()> {
    let board = shell_on(engine).boot().wait()?;
    let uart = board.uart();
    uart.expect_line("Hello from").within(secs(2)).wait()?;
    uart.expect("> ").wait()?;
    uart.send_line("ping").wait()?;
    uart.expect_line("pong").wait()?;
    Ok(())
}

fn current_thread() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap()
}

fn multi_thread() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .unwrap()
}

async fn booted(engine: BackendKind) -> Result<VirtualTarget> {
    let board = shell_on(engine).boot().await?;
    board.uart().expect("> ").await?;
    Ok(board)
}

/// Runs more operations than a tokio task may poll before it has to yield to its runtime.
fn many_waits(board: TargetBuilder, second: TargetBuilder) -> Result<()> {
    let board = board.build()?;
    let exhaust = || {
        for _ in 0..75 {
            board.power_off().wait()?;
            board.flash(sample("shell.elf")).wait()?;
        }
        Ok::<_, virtual_target::Error>(())
    };
    exhaust()?;
    board.power_on().wait()?;
    board.uart().set_prompt("> ")?;
    board.uart().expect("> ").wait()?;
    for _ in 0..75 {
        assert_eq!(board.uart().run("echo x").wait()?, "x");
        let late = board.uart().expect("never").within(millis(1)).wait();
        assert!(late.unwrap_err().to_string().contains("timed out"));
    }
    board.flash(sample("shell.elf")).wait()?;
    board.reset().wait()?;
    board.power_off().wait()?;
    exhaust()?;
    let second = second.boot().wait()?;
    second.uart().expect("> ").wait()?;
    Ok(())
}

/// Runs `work` in a separate thread, because a blocked wait cannot be cancelled.
fn in_own_thread<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> T {
    let (done, ended) = std::sync::mpsc::channel();
    std::thread::spawn(move || done.send(work()));
    ended.recv_timeout(secs(200)).unwrap()
}

alone_on_each_engine! {
    fn many_waits_in_one_tokio_task_complete(engine) {
        let (one, two) = (shell_on(engine), shell_on(engine));
        in_own_thread(move || current_thread().block_on(async { many_waits(one, two) }))?;
        let (one, two) = (shell_on(engine), shell_on(engine));
        in_own_thread(move || {
            let runtime = multi_thread();
            runtime.block_on(runtime.spawn(async move { many_waits(one, two) })).unwrap()
        })
    }

    fn waits_keep_the_threads_unpark_token(engine) {
        std::thread::current().unpark();
        plain_conversation(engine)?;
        let board = shell_on(engine).boot().wait()?;
        board.power_cycle().wait()?;
        board.flash(sample("shell.elf")).wait()?;
        drop(board);
        let parked = Instant::now();
        std::thread::park_timeout(secs(60));
        assert!(parked.elapsed() < secs(60), "the unpark is lost");
        Ok(())
    }

    fn a_board_in_a_thread_local_is_dropped_with_its_thread(engine) {
        struct Last(VirtualTarget, std::sync::mpsc::Sender<Vec<Result<()>>>);
        impl Drop for Last {
            fn drop(&mut self) {
                let waits = [
                    self.0.uart().expect_line("Hello from").wait().map(drop),
                    self.0.reset().wait(),
                    self.0.power_cycle().wait(),
                    self.0.uart().expect("never").within(millis(1)).wait().map(drop),
                ];
                self.1.send(waits.into()).unwrap();
            }
        }
        thread_local!(static LAST: std::cell::OnceCell<Last> = const { std::cell::OnceCell::new() });
        let (last, ended) = std::sync::mpsc::channel();
        let thread = std::thread::spawn(move || {
            // Tokio's thread-local data is younger and is dropped first.
            LAST.with(|_| ());
            let board = shell_on(engine).boot().wait().unwrap();
            board.uart().clone().expect("> ").wait().unwrap();
            LAST.with(|slot| assert!(slot.set(Last(board, last)).is_ok()));
        });
        thread.join().unwrap();
        let waits = ended.recv().unwrap();
        let [hello, reset, cycle, never] = &waits[..] else { unreachable!() };
        assert!(hello.is_ok() && reset.is_ok() && cycle.is_ok(), "{waits:?}");
        let error = never.as_ref().unwrap_err().to_string();
        assert!(error.contains("the thread is ending"), "{error}");
        engine_tests::leftovers::assert_no_emulators("after the board");
        Ok(())
    }

    fn plain(engine) { plain_conversation(engine) }

    fn tokio_current_thread(engine) { current_thread().block_on(conversation(engine)) }

    fn tokio_multi_thread(engine) {
        let runtime = multi_thread();
        runtime.block_on(conversation(engine))?;
        runtime.block_on(runtime.spawn(conversation(engine))).unwrap()
    }

    fn futures_block_on(engine) { futures::executor::block_on(conversation(engine)) }

    fn wait_inside_tokio_current_thread(engine) { current_thread().block_on(async { plain_conversation(engine) }) }

    fn wait_inside_tokio_multi_thread(engine) {
        let runtime = multi_thread();
        runtime.block_on(runtime.spawn(async move { plain_conversation(engine) })).unwrap()
    }

    fn wait_inside_futures_block_on(engine) { futures::executor::block_on(async { plain_conversation(engine) }) }

    fn select_and_timeout_leave_the_cursor(engine) {
        current_thread().block_on(async {
            let board = booted(engine).await?;
            let uart = board.uart();
            tokio::select! {
                _ = uart.expect_line("never") => panic!("matched what the firmware never says"),
                () = tokio::time::sleep(millis(50)) => {}
            }
            let timed_out = tokio::time::timeout(millis(50), uart.expect("never")).await;
            assert!(timed_out.is_err());
            uart.send_line("ping").await?;
            uart.expect_line("pong").await?;
            Ok(())
        })
    }

    fn a_timeout_quotes_the_received_output(engine) {
        let board = shell_on(engine).boot().wait()?;
        board.uart().expect("> ").wait()?;
        board.uart().send_line("echo something else").wait()?;
        let since = Instant::now();
        let error = board.uart().expect_line("the answer").within(millis(300)).wait().unwrap_err().to_string();
        assert!(since.elapsed() >= millis(300));
        for part in ["the answer", "timed out", "something else"] {
            assert!(error.contains(part), "no {part:?} in: {error}");
        }
        Ok(())
    }

    fn a_dropped_send_is_all_or_nothing(engine) {
        let board = shell_on(engine).boot().wait()?;
        let uart = board.uart();
        uart.expect("> ").wait()?;
        drop(uart.send_line("never polled"));
        uart.send_line("echo polled").wait()?;
        let answer = uart.expect_line("polled").wait()?;
        assert!(!answer.before()?.contains("never"), "{answer:?}");
        Ok(())
    }

    fn a_dropped_boot_ends_the_emulator(engine) {
        let runtime = current_thread();
        runtime.block_on(async {
            for pause in [0, 1, 5, 20, 100, 400] {
                let boot = shell_on(engine).boot();
                let cut = tokio::time::timeout(Duration::from_millis(pause), boot).await;
                drop(cut);
                engine_tests::leftovers::assert_no_emulators(&format!("after {pause} ms"));
            }
        });
        Ok(())
    }

    fn a_dropped_power_on_leaves_the_board_off_and_is_named(engine) {
        let board = shell_on(engine).build()?;
        let is_named = |error: &str| error.contains("power_on() at ") && error.contains(" was dropped");
        // On a busy host it may be dropped before it has begun.
        let dropped_midway = [2, 4, 8, 16].into_iter().any(|pause| {
            current_thread().block_on(async {
                let cut = tokio::time::timeout(millis(pause), board.power_on()).await;
                assert!(cut.is_err(), "this host boots a board in {pause} ms");
            });
            assert!(!board.is_on().wait().unwrap());
            let error = board.uart().expect("> ").wait().unwrap_err().to_string();
            is_named(&error)
        });
        assert!(dropped_midway);
        let error = board.reset().wait().unwrap_err().to_string();
        assert!(is_named(&error), "{error}");
        board.power_on().wait()?;
        board.uart().expect_line("Hello from").wait()?;
        Ok(())
    }

    fn a_dropped_power_cycle_leaves_the_board_off_and_is_named(engine) {
        let board = shell_on(engine).boot().wait()?;
        for pause in [0, 2, 10] {
            board.power_on().wait()?;
            let uart = board.uart().clone();
            // On a busy host this thread may come back only when the cycle is over: then nothing was
            // dropped, and another cycle begins.
            while current_thread().block_on(async {
                let mut cycle = board.power_cycle();
                // Dropped before its first poll, it would leave the board on.
                tokio::select! {
                    _ = &mut cycle => panic!("it ends before the wait that it ends"),
                    off = uart.expect("never") => assert!(off.is_err()),
                }
                tokio::time::timeout(millis(pause), cycle).await.is_ok()
            }) {}
            let error = board.reset().wait().unwrap_err().to_string();
            assert!(error.contains("the target is off"), "{error}");
            let error = board.uart().clone().expect("pong").wait().unwrap_err().to_string();
            assert!(error.contains("dropped before it was done"), "{error}");
        }
        Ok(())
    }

    fn missing_firmware_is_named_as_the_cause(engine) {
        let board = bare_on(engine).boot().wait()?;
        let wait = || board.uart().expect("> ").within(millis(50)).wait();
        let error = wait().unwrap_err().to_string();
        assert!(error.contains("; no firmware was named for the board: name it in "), "{error}");
        board.flash(sample("hello.elf")).wait()?;
        board.uart().expect_line("Hello from").wait()?;
        let error = wait().unwrap_err().to_string();
        assert!(!error.contains("no firmware"), "{error}");
        Ok(())
    }

    fn output_is_complete_without_a_reader(engine) {
        let board = shell_on(engine).boot().wait()?;
        board.uart().clone().expect("> ").wait()?;
        board.uart().send_line("flood 1000").wait()?;
        board.uart().clone().expect_line("flood done").wait()?;
        for n in 1..=1000 {
            let line = board.uart().expect_line(r"re:^line (\d+)$").wait()?;
            assert_eq!(line.parse::<u32>(1)?, n);
        }
        Ok(())
    }
}

tests_in_virtual_time! {
    plain::renode,
    tokio_current_thread::renode,
    tokio_multi_thread::renode,
    futures_block_on::renode,
    wait_inside_tokio_current_thread::renode,
    a_dropped_send_is_all_or_nothing::renode,
    a_dropped_boot_ends_the_emulator::renode,
    a_dropped_power_on_leaves_the_board_off_and_is_named::renode,
    a_dropped_power_cycle_leaves_the_board_off_and_is_named::renode,
    missing_firmware_is_named_as_the_cause::renode,
    output_is_complete_without_a_reader::renode,
}
