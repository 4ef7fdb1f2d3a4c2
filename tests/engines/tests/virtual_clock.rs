//! The virtual clock: the board is paused except while a test waits, and pauses at the
//! exact byte or time.

#![cfg_attr(not(renode), allow(unused, reason = "all tests are ignored"))]

use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use engine_tests::leftovers::emulators;
use engine_tests::{images, on_renode, root, sample};
use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;
use virtual_target::config::{BackendKind, Control, TargetConfig};
use virtual_target::uart::{Stalled, TranscriptLine, Uart, UartErrorKind};
use virtual_target::{ErrorKind, Operation, Result, TargetBuilder, VirtualTarget, millis, secs};

const SHELL: &str = "platform: platforms/boards/stm32f4_discovery-kit.repl\n\
                     uart: sysbus.usart2\nclock: virtual\nmachine_name: stm32f4\n";

/// The output of the shell after a reset.
const GREETING: &str = "Hello from shell on stm32f4\r\n> ";

/// The time of one byte on a line of 115200 baud.
const BYTE: Duration = Duration::from_nanos(86_806);

fn target(more: &str) -> Result<TargetBuilder> {
    let config = TargetConfig::from_yaml_str(&format!("{SHELL}{more}"), root())?;
    Ok(VirtualTarget::from_config(config).backend(BackendKind::Renode))
}

fn shell() -> Result<VirtualTarget> {
    target("")?.firmware(sample("shell.elf")).boot().wait()
}

/// Boots the shell and reads its prompt.
fn ready() -> Result<VirtualTarget> {
    let board = shell()?;
    board.uart().expect("> ").wait()?;
    Ok(board)
}

/// Returns the time of the board's clock.
fn now(board: &VirtualTarget) -> Result<Duration> {
    Ok(board.metrics().wait()?.virtual_time)
}

/// Resets the board and returns its output during `wait`: exactly up to the pause.
fn output_during(board: &VirtualTarget, wait: impl FnOnce(&Uart) -> Result<()>) -> Result<String> {
    board.reset().wait()?;
    let before = board.uart().transcript()?.len();
    wait(board.uart())?;
    thread::sleep(millis(5)); // a board that kept running would print more
    let said = board.uart().transcript()?.split_off(before);
    Ok(String::from_utf8(said).unwrap())
}

/// Asserts that the forbidden output arrived.
fn fails(absence: Operation<()>) -> Result<()> {
    let error = absence.wait().unwrap_err().to_string();
    assert!(error.contains(" appeared; "), "{error}");
    Ok(())
}

fn signal(signal: Signal) {
    for pid in emulators() {
        // In each group only the leader's process id is also the group's.
        let _ = killpg(Pid::from_raw(pid), signal);
    }
}

/// Keeps the host busy while `test` runs.
fn under_load<T>(test: impl FnOnce() -> T) -> T {
    let done = AtomicBool::new(false);
    thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                while !done.load(Ordering::Relaxed) {
                    std::hint::spin_loop();
                }
            });
        }
        let outcome = test();
        done.store(true, Ordering::Relaxed);
        outcome
    })
}

/// Returns everything that a test can observe of a board, with the times.
fn observations(board: &VirtualTarget) -> Result<Vec<String>> {
    let uart = board.uart();
    let mut observations = Vec::new();
    let greeting = uart.expect_line("Hello from").wait()?;
    observations.push(format!("{:?} {greeting:?}", greeting.time()));
    uart.expect("> ").wait()?;
    uart.send_line("sleep 1500").wait()?;
    uart.expect_line(r"re:slept (\d+) ms").wait()?;
    uart.expect("> ").wait()?;
    observations.push(format!("{:?}", now(board)?));
    uart.send_paced("ping\n", millis(7)).wait()?;
    uart.expect(r"re:p[o]n").wait()?;
    observations.push(format!(
        "{:?}",
        board.metrics().wait()?.total_instructions()
    ));
    uart.send_line("flood 50").wait()?;
    uart.expect_any(["nothing", "flood done"]).wait()?;
    observations.push(now(board)?.as_nanos().to_string());
    observations.extend(board.transcript()?.iter().map(ToString::to_string));
    Ok(observations)
}

on_renode! {
    fn the_board_runs_only_during_a_wait() -> Result<()> {
        let board = shell()?;
        assert_eq!(now(&board)?, Duration::ZERO, "nothing has run yet");
        assert_eq!(board.uart().transcript()?, b"");
        board.uart().expect("> ").wait()?;
        let before = now(&board)?;
        board.uart().send_line("ping").wait()?;
        thread::sleep(millis(50));
        assert_eq!(now(&board)?, before, "it stands still");
        assert_eq!(board.uart().transcript()?, GREETING.as_bytes());
        board.uart().expect_line("pong").wait()?;
        board.shutdown().wait()
    }

    fn every_wait_ends_at_its_exact_byte() -> Result<()> {
        let board = shell()?;
        let said = |wait: fn(&Uart) -> Result<()>| output_during(&board, wait);
        assert_eq!(said(|uart| uart.expect("Hel").wait().map(drop))?, "Hel");
        assert_eq!(said(|uart| uart.expect(r"re:sh[a-z]+l").wait().map(drop))?, "Hello from shel");
        assert_eq!(said(|uart| uart.expect(r"re:\d").wait().map(drop))?, "Hello from shell on stm3");
        let regex = regex::Regex::new("(?i)FROM ").unwrap();
        board.reset().wait()?;
        board.uart().expect(&regex).wait()?;
        assert!(board.uart().transcript()?.ends_with(b"Hello from "));
        let closure = |text: &[u8]| text.ends_with(b"o f").then_some(0..text.len());
        assert_eq!(output_during(&board, |uart| uart.expect(closure).wait().map(drop))?, "Hello f");
        assert_eq!(said(|uart| uart.expect_line("Hello").wait().map(drop))?, "Hello from shell on stm32f4\r");
        assert_eq!(said(|uart| uart.read_line().wait().map(drop))?, "Hello from shell on stm32f4\r");
        assert_eq!(said(|uart| uart.expect_bytes(b"\r\n").wait().map(drop))?, "Hello from shell on stm32f4\r\n");
        assert_eq!(said(|uart| uart.expect_any(["on", "sh"]).wait().map(drop))?, "Hello from sh");
        assert_eq!(said(|uart| uart.expect_all(["shell", "Hello"]).wait().map(drop))?, "Hello from shell");
        assert_eq!(said(|uart| uart.read_exact(7).wait().map(drop))?, "Hello f");
        assert_eq!(said(|uart| fails(uart.expect_none("from", secs(1))))?, "Hello from");
        assert_eq!(said(|uart| fails(uart.expect_silence(secs(1))))?, "H");
        assert_eq!(said(|uart| uart.expect("> ").wait().map(drop))?, GREETING);
        Ok(())
    }

    fn a_guard_records_the_rest_and_pauses_the_board_at_an_exact_time() -> Result<()> {
        let told = || {
            let board = target("forbid: ['re:sh[e]l']")?.firmware(sample("shell.elf")).boot().wait()?;
            let error = board.uart().expect_line("never").wait().unwrap_err();
            let message = error.to_string();
            assert!(message.contains("the forbidden pattern \"re:sh[e]l\" appeared"), "{message}");
            assert!(message.contains("\n  | Hello from shell on stm32f4"), "{message}");
            assert_eq!(board.uart().transcript()?, GREETING.as_bytes());
            let at = now(&board)?;
            // A later operation does not wait again.
            let again = board.uart().expect("never").wait().unwrap_err();
            assert_eq!(now(&board)?, at);
            board.shutdown().wait()?;
            drop(again);
            Ok::<_, virtual_target::Error>(at)
        };
        assert_eq!(told()?, told()?);
        Ok(())
    }

    fn a_guest_whose_time_hardly_passes_is_told_from_a_hanging_emulator() -> Result<()> {
        let directory = tempfile::tempdir().unwrap();
        // A loop of two instructions: Renode skips one that is a single jump.
        let mut words = vec![0x2001_0000];
        words.resize(16, images::FLASH + 0x41);
        words.push(0xe7fd_bf00); // nop; b to nop
        let bytes: Vec<u8> = words.into_iter().flat_map(u32::to_le_bytes).collect();
        let image = images::write(directory.path(), "spins.elf", images::elf(&bytes));
        let slow = "timeouts: {command: 10s}\nextra_commands: ['sysbus.cpu PerformanceInMips 40000000']";
        let board = target(slow)?.firmware(image).boot().wait()?;
        let error = board.uart().expect("never").within(secs(3600)).wait().unwrap_err();
        let ErrorKind::Uart(uart) = error.kind() else { panic!("{error}") };
        let UartErrorKind::Watchdog { on_host, had: Some(had), why: Stalled::Slow, .. } = uart.kind() else {
            panic!("{error}");
        };
        assert!(*had < *on_host / 1000 && *on_host < secs(120), "{error}");
        Ok(())
    }

    fn a_time_limit_is_exact() -> Result<()> {
        let board = ready()?;
        let before = now(&board)?;
        let since = Instant::now();
        let error = board.uart().expect("never").wait().unwrap_err().to_string();
        assert!(error.contains(r#"expect("never") timed out after 10s"#), "{error}");
        assert_eq!(now(&board)? - before, secs(10));
        let took = since.elapsed();
        assert!(took < secs(5), "ten idle seconds took {took:?}");
        board.uart().expect_silence(Duration::from_nanos(1_234_567_890)).wait()?;
        assert_eq!(now(&board)? - before, Duration::from_nanos(11_234_567_890));
        board.run_for(Duration::from_micros(3)).wait()?;
        assert_eq!(now(&board)? - before, Duration::from_nanos(11_234_570_890));
        // Output at the end of the limit counts; later output does not.
        board.uart().send_line("sleep 100").wait()?;
        assert!(board.uart().expect("slept").within(millis(99)).wait().is_err());
        board.uart().expect("slept").within(millis(3)).wait()?;
        Ok(())
    }

    fn a_busy_host_changes_neither_output_nor_times() -> Result<()> {
        let first = observations(&shell()?)?;
        let second = under_load(|| observations(&shell()?))?;
        assert_eq!(first, second);
        assert!(first.len() > 50, "{first:?}");
        Ok(())
    }

    fn output_is_the_same_if_ironpython_takes_each_byte() -> Result<()> {
        let directory = tempfile::tempdir().unwrap();
        let observe = |more: &str| {
            let script = format!(
                "mach create\nmachine LoadPlatformDescription @platforms/boards/stm32f4_discovery-kit.repl\n{more}"
            );
            images::write(directory.path(), "board.resc", &script);
            let text = "script: board.resc\nuart: sysbus.usart2\nclock: virtual\n";
            let config = TargetConfig::from_yaml_str(text, directory.path())?;
            let board = VirtualTarget::from_config(config).firmware(sample("shell.elf")).boot().wait()?;
            let mut observations = observations(&board)?;
            board.uart().send_line("bytes").wait()?;
            board.run_for(secs(1)).wait()?;
            observations.extend(board.transcript()?.iter().map(ToString::to_string));
            Ok::<_, virtual_target::Error>((observations, board.uart().transcript()?))
        };
        assert_eq!(observe("python \"Expression = None\"\n")?, observe("")?);
        Ok(())
    }

    fn a_dropped_wait_keeps_the_cursor_and_stops_the_clock() -> Result<()> {
        let board = ready()?;
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let cut = runtime.block_on(async {
            tokio::time::timeout(millis(30), board.uart().expect("never").within(secs(1_000_000))).await
        });
        assert!(cut.is_err(), "{cut:?}");
        let paused_at = now(&board)?;
        assert!(paused_at > Duration::ZERO);
        thread::sleep(millis(50));
        assert_eq!(now(&board)?, paused_at);
        board.uart().send_line("ping").wait()?;
        board.uart().expect_line("pong").wait()?;
        // Reading the time also stops the board; reading the output does not.
        board.uart().send_line("flood 100000").wait()?;
        let cut = runtime.block_on(async {
            tokio::time::timeout(millis(30), board.uart().expect("never").within(secs(1_000_000))).await
        });
        assert!(cut.is_err(), "{cut:?}");
        thread::sleep(millis(500)); // more than enough to pause
        let said = board.uart().transcript()?.len();
        thread::sleep(millis(200));
        assert_eq!(board.uart().transcript()?.len(), said, "it runs on");
        Ok(())
    }

    fn a_printing_guest_is_paused_at_any_time() -> Result<()> {
        let board = ready()?;
        let uart = board.uart();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        uart.send_line("flood 100000").wait()?;
        for round in 0..150u64 {
            // The closure is called for each byte; sends and dropped waits pause the board anywhere.
            let closure = |_: &[u8]| None;
            runtime.block_on(async {
                let moment = Duration::from_micros(200 + round * 37 % 3000);
                let wait = uart.expect(closure).within(secs(10));
                assert!(tokio::time::timeout(moment, wait).await.is_err());
                let (wait, send) = (uart.read_exact(1 + round as usize % 7), uart.send("x"));
                futures::try_join!(wait, send)
            })?;
            if round % 10 == 0 {
                now(&board)?;
            }
        }
        Ok(())
    }

    fn an_unpolled_wait_does_not_block_another() -> Result<()> {
        let board = ready()?;
        let uart = board.uart().clone();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let mut later = uart.expect_line("never").within(secs(1000));
            assert!(futures::poll!(&mut later).is_pending());
            board.uart().send_line("ping").await?;
            board.uart().expect_line("pong").await?;
            board.uart().send_line("echo never").await?;
            later.await.map(drop)
        })
    }

    fn parallel_waits_each_end_at_their_byte() -> Result<()> {
        let board = shell()?;
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let [mut a, mut b] = [board.uart().clone(), board.uart().clone()];
        let (a, b) = (&mut a, &mut b);
        let said = |uart: &Uart| uart.transcript_text();
        runtime.block_on(async {
            let first = async { a.expect("from").await?; said(a) };
            let second = async { b.expect_line("Hello").await?; said(b) };
            let (first, second) = futures::try_join!(first, second)?;
            assert_eq!(first, "Hello from");
            assert_eq!(second, "Hello from shell on stm32f4\r");
            Ok(())
        })
    }

    fn input_arrives_at_the_speed_of_the_line() -> Result<()> {
        let board = ready()?;
        let before = now(&board)?;
        board.uart().send_paced("ping\n", millis(10)).wait()?;
        assert_eq!(now(&board)? - before, millis(50));
        board.uart().expect_line("pong").wait()?;
        board.uart().expect("> ").wait()?;
        // A large send takes its time, and loses nothing.
        board.uart().send_line("sink 20000").wait()?;
        board.uart().expect("sink 20000\r\n").wait()?;
        let before = now(&board)?;
        board.uart().send([b'x'; 20_000]).wait()?;
        let took = now(&board)? - before;
        assert!(took.abs_diff(BYTE * (20_000 - 256)) <= BYTE, "{took:?}");
        let sink = board.uart().expect_line("re:sink 20000 crc32 ([0-9a-f]{8})").wait()?;
        assert_eq!(sink.get(1).as_deref(), Some("41654703"), "the checksum of 20000 times x");
        let took = now(&board)? - before;
        assert!(took >= BYTE * 19_999 && took < BYTE * 20_100, "{took:?}");
        board.uart().send_line("overruns").wait()?;
        board.uart().expect_line("overruns 0").wait()?;
        // It does not finish in less time.
        let error = board.uart().send([b'x'; 20_000]).within(millis(100)).wait().unwrap_err().to_string();
        assert!(error.contains("send of 20000 bytes timed out after 100ms"), "{error}");
        Ok(())
    }

    fn the_time_limit_of_a_send_counts_board_time_only() -> Result<()> {
        let board = ready()?;
        let uart = board.uart();
        let before = now(&board)?;
        let error = uart.send_paced("ping\n", millis(10)).within(millis(25)).wait().unwrap_err().to_string();
        assert!(error.contains("send_paced of 5 bytes timed out after 25ms; 3 bytes have been sent"), "{error}");
        assert_eq!(now(&board)? - before, millis(25));
        uart.send_line("").wait()?;
        uart.expect("> ").wait()?;
        let observations = || -> Result<Duration> {
            let board = target("prompt: '> '")?.firmware(sample("shell.elf")).boot().wait()?;
            board.uart().expect("> ").wait()?;
            let before = now(&board)?;
            let run = board.uart().run("sleep 1000").within(millis(20));
            let error = run.wait().unwrap_err().to_string();
            assert!(error.contains(" timed out after 20ms"), "{error}");
            Ok(now(&board)? - before)
        };
        assert_eq!(observations()?, millis(20));
        assert_eq!(under_load(observations)?, millis(20));
        Ok(())
    }

    fn the_watchdog_ends_a_send_to_a_stopped_emulator() -> Result<()> {
        let board = target("timeouts: {command: 3s}")?.firmware(sample("shell.elf")).boot().wait()?;
        let uart = board.uart();
        uart.expect("> ").wait()?;
        signal(Signal::SIGSTOP);
        for error in [
            uart.send([b'x'; 2000]).within(millis(10)).wait().unwrap_err(),
            uart.send_paced("ping\n", millis(1)).within(millis(10)).wait().unwrap_err(),
        ] {
            let error = error.to_string();
            for part in ["was ended by the host's watchdog after ", "of its 10ms of virtual time", "stopped by a signal"] {
                assert!(error.contains(part), "no {part:?} in: {error}");
            }
        }
        signal(Signal::SIGCONT);
        Ok(())
    }

    fn a_wait_survives_a_short_stop_of_the_emulator_and_reports_a_long_one() -> Result<()> {
        let board = target("timeouts: {command: 10s}")?.firmware(sample("shell.elf")).boot().wait()?;
        board.uart().expect("> ").wait()?;
        signal(Signal::SIGSTOP);
        let resume = thread::spawn(|| {
            thread::sleep(secs(1));
            signal(Signal::SIGCONT);
        });
        let before = Instant::now();
        let error = board.uart().expect("never").within(millis(10)).wait().unwrap_err().to_string();
        assert!(before.elapsed() >= millis(900), "it was not stopped");
        assert!(error.contains("timed out after 10ms"), "{error}");
        resume.join().unwrap();
        signal(Signal::SIGSTOP);
        let error = board.uart().expect("never").within(millis(10)).wait().unwrap_err().to_string();
        for part in ["was ended by the host's watchdog after ", "of its 10ms of virtual time", "stopped by a signal"] {
            assert!(error.contains(part), "no {part:?} in: {error}");
        }
        signal(Signal::SIGCONT);
        board.uart().send_line("ping").wait()?;
        board.uart().expect_line("pong").wait()?;
        Ok(())
    }

    fn every_byte_takes_its_time_on_the_line() -> Result<()> {
        const BYTE: Duration = Duration::from_nanos(86_806);
        let board = ready()?;
        // Also a byte that is sent when the line has just become free.
        for pause in [Duration::ZERO, BYTE, BYTE / 2, Duration::ZERO, 3 * BYTE] {
            board.run_for(pause).wait()?;
            board.uart().send("x").wait()?;
            board.uart().expect_silence(BYTE - Duration::from_micros(2)).wait()?;
            board.uart().expect("x").within(BYTE / 2).wait()?;
        }
        Ok(())
    }

    fn a_killed_emulator_is_reported_at_once() -> Result<()> {
        let board = ready()?;
        let killer = thread::spawn(|| {
            thread::sleep(millis(200));
            signal(Signal::SIGKILL);
        });
        let since = Instant::now();
        let error = board.uart().expect("never").within(secs(1_000_000)).wait().unwrap_err().to_string();
        assert!(error.contains("was killed by SIGKILL"), "{error}");
        assert!(since.elapsed() < secs(30));
        killer.join().unwrap();
        board.power_on().wait()?;
        assert_eq!(now(&board)?, Duration::ZERO, "its time begins anew");
        board.uart().expect("> ").wait().map(drop)
    }

    fn a_processor_that_halts_or_locks_up_is_reported_at_once() -> Result<()> {
        // The stack pointer, the entry point, `ldr r0, [pc]; bx r0`, and the jump's target: no memory.
        let nowhere = vec![0x2000_1000u32, 0x0800_0009, 0x4700_4800, 0xf000_0001];
        let (reset, handler) = (0x0800_001d, 0x0800_001f);
        // The vectors, then `udf #0` and, as the handler, `udf #1`.
        let locked_up = vec![0x2000_1000u32, reset, handler, handler, handler, handler, handler, 0xde01_de00];
        let directory = tempfile::tempdir().unwrap();
        let lock_up = "processor cpu locked up at PC=0x0800001e: a UsageFault that it cannot take";
        for (image, limit, expected) in [
            (nowhere, secs(600), "has halted: cpu: CPU abort [PC=0xF0000000]: "),
            (locked_up.clone(), secs(600), lock_up),
            // Its time may pass before a timer of the host's looks at it.
            (locked_up, Duration::from_micros(20), lock_up),
        ] {
            let file = directory.path().join("image.bin");
            let image: Vec<u8> = image.into_iter().flat_map(u32::to_le_bytes).collect();
            std::fs::write(&file, image).unwrap();
            let board = target("load_address: 0x08000000\n")?;
            let board = board.firmware(&file).boot().wait()?;
            for _ in 0..2 {
                let since = Instant::now();
                let error = board.uart().expect("never").within(limit).wait().unwrap_err().to_string();
                assert!(error.contains(expected), "{error}");
                assert!(since.elapsed() < secs(10), "after {:?}", since.elapsed());
                board.reset().wait()?;
            }
            // It can still be powered on again.
            board.power_cycle().wait()?;
            board.power_off().wait()?;
        }
        Ok(())
    }

    fn power_cycle_with_wait_takes_board_time_only() -> Result<()> {
        let board = target("")?.firmware(sample("hello.elf")).boot().wait()?;
        board.uart().expect_line("Hello from").wait()?;
        let began = Instant::now();
        board.power_cycle_with_wait(secs(3600)).wait()?;
        board.uart().expect_line("Hello from").wait()?;
        assert!(began.elapsed() < secs(3600));
        let times: Vec<Duration> = board.transcript()?.iter().map(|line| line.at).collect();
        assert!(times[0] < secs(1) && *times.last().unwrap() >= secs(3600), "{times:?}");
        Ok(())
    }

    fn several_uarts_and_scripts_and_telnet() -> Result<()> {
        let config = TargetConfig::from_yaml_str(
            "platform: platforms/boards/stm32f4_discovery-kit.repl\n\
             uarts: {console: sysbus.usart2, link: sysbus.usart3}\nclock: virtual\ncontrol: telnet\n\
             firmware: firmware-samples/prebuilt/stm32f4/bridge.elf\n",
            root(),
        )?;
        assert_eq!(config.control(), Control::Telnet { port: None });
        let board = VirtualTarget::from_config(config).backend(BackendKind::Renode).boot().wait()?;
        let (console, link) = (board.uart(), board.uart_named("link")?);
        console.expect_line("Hello from bridge").wait()?;
        console.send("to the link").wait()?;
        assert_eq!(link.read_exact(11).wait()?, b"to the link");
        link.send("and back").wait()?;
        console.expect("back").wait()?;
        let directory = tempfile::tempdir().unwrap();
        let script = directory.path().join("board.resc");
        std::fs::write(&script, "mach create\nmachine LoadPlatformDescription @platforms/boards/stm32f4_discovery-kit.repl\n").unwrap();
        let config = TargetConfig::from_yaml_str(
            &format!("script: {script:?}\nuart: sysbus.usart2\nclock: virtual\n"),
            root(),
        )?;
        let board = VirtualTarget::from_config(config).backend(BackendKind::Renode);
        let board = board.firmware(sample("shell.elf")).boot().wait()?;
        board.uart().expect("> ").wait()?;
        Ok(())
    }

    fn several_machines_share_one_clock() -> Result<()> {
        let observations = || -> Result<Vec<TranscriptLine>> {
            let node = |name: &str| format!(
                "\x20 {name}:\n\x20   platform: platforms/boards/stm32f4_discovery-kit.repl\n\
                 \x20   uart: sysbus.usart2\n\x20   firmware: firmware-samples/prebuilt/stm32f4/bridge.elf\n"
            );
            let text = format!(
                "clock: virtual\nmachines:\n{}{}uart_hubs: {{line: [a.sysbus.usart3, b.sysbus.usart3]}}\n",
                node("a"), node("b"),
            );
            let config = TargetConfig::from_yaml_str(&text, root())?;
            let board = VirtualTarget::from_config(config).boot().wait()?;
            let (a, b) = (board.machine("a")?.uart(), board.machine("b")?.uart());
            a.expect_line("Hello").wait()?;
            b.expect_line("Hello").wait()?;
            for (from, to) in [(a, b), (b, a), (a, b)] {
                from.send("a word or two\n").wait()?;
                to.expect_line("two").wait()?;
            }
            let before = now(&board)?;
            board.run_for(secs(1)).wait()?;
            let passed = now(&board)? - before;
            assert!(passed.abs_diff(secs(1)) <= millis(1), "{passed:?}");
            board.machine("b")?.reset().wait()?;
            b.expect_line("Hello").wait()?;
            board.transcript()
        };
        let (first, second) = (observations()?, under_load(observations)?);
        assert_eq!(first.len(), second.len());
        for (first, second) in first.iter().zip(&second) {
            assert_eq!((&first.uart, &first.text), (&second.uart, &second.text));
            // Each pause of one machine may cost or save another one a step.
            assert!(first.at.abs_diff(second.at) < millis(20), "{first} and {second}");
        }
        Ok(())
    }

    fn reset_of_one_machine_keeps_the_input_of_another() -> Result<()> {
        let node = |name: &str| format!(
            "\x20 {name}:\n\x20   platform: platforms/boards/stm32f4_discovery-kit.repl\n\
             \x20   uart: sysbus.usart2\n\x20   firmware: firmware-samples/prebuilt/stm32f4/shell.elf\n"
        );
        let text = format!("clock: virtual\nmachines:\n{}{}", node("a"), node("b"));
        let config = TargetConfig::from_yaml_str(&text, root())?;
        let board = VirtualTarget::from_config(config).boot().wait()?;
        let (a, b) = (board.machine("a")?.uart(), board.machine("b")?.uart());
        for (reset, other) in [("a", b), ("b", a)] {
            a.expect("> ").wait()?;
            b.expect("> ").wait()?;
            a.send_line("echo one").wait()?;
            b.send_line("echo one").wait()?;
            let before = board.machine(reset)?.uart().transcript()?.len();
            board.machine(reset)?.reset().wait()?;
            other.expect_line("one").wait()?;
            board.run_for(millis(100)).wait()?;
            let said = board.machine(reset)?.uart().transcript()?.split_off(before);
            assert_eq!(String::from_utf8_lossy(&said), GREETING, "{reset} has lost what it was sent");
        }
        Ok(())
    }

    fn monitor_commands_may_run_the_board() -> Result<()> {
        let board = target("allow_raw_monitor: true")?.firmware(sample("shell.elf")).boot().wait()?;
        board.monitor("emulation RunFor \"0.5\"").wait()?;
        assert_eq!(now(&board)?, millis(500));
        assert_eq!(board.uart().expect("> ").wait()?.range().end, GREETING.len() as u64);
        board.uart().expect_silence(secs(1)).wait()?;
        assert_eq!(now(&board)?, millis(1500));
        board.uart().send_line("ping").wait()?;
        board.uart().expect_line("pong").wait()?;
        let before = now(&board)?;
        board.monitor("emulation RunFor \"20\"").wait()?; // beyond the limit of the wait
        assert_eq!(now(&board)? - before, secs(20));
        board.run_for(secs(1)).wait()?;
        assert_eq!(now(&board)? - before, secs(21));
        // Also during a wait, whose limit includes this time.
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let before = now(&board)?;
        let (waited, ran) = runtime.block_on(async {
            futures::join!(
                board.uart().expect("never").within(secs(5)),
                board.monitor("emulation RunFor \"20\""),
            )
        });
        let error = waited.unwrap_err().to_string();
        assert!(error.contains("timed out after "), "{error}");
        ran?;
        assert!(now(&board)? - before >= secs(20));
        board.run_for(secs(1)).wait()?;
        board.monitor("start").wait()?;
        let error = board.uart().expect("never").wait().unwrap_err().to_string();
        let why = "Renode was ended: driving its clock failed: error: something else has started";
        assert!(error.contains(why) && !error.contains("SIGKILL"), "{error}");
        Ok(())
    }
}

#[test]
fn other_engines_refuse_a_virtual_clock_before_anything_starts() {
    let refused = |yaml: &str, backend: BackendKind| {
        let config = TargetConfig::from_yaml_str(yaml, root());
        let built = config.map_err(Into::into).and_then(|config| {
            let target = VirtualTarget::from_config(config).backend(backend);
            target.firmware(sample("shell.elf")).build()
        });
        built.unwrap_err().kind().to_string()
    };
    let why = "clock: only Renode has a virtual clock, and the target is to run on another engine: \
               install Renode and use `backend: renode`, or write `clock: realtime`";
    let yaml = format!("{SHELL}qemu: {{machine: netduinoplus2}}\nserial: {{port: /dev/null}}\n");
    if cfg!(qemu) {
        assert_eq!(
            refused(&yaml, BackendKind::Qemu),
            format!("<yaml>:3:1: {why}")
        );
    }
    assert_eq!(
        refused(&yaml, BackendKind::Serial),
        format!("<yaml>:3:1: {why}")
    );
    let yaml = "backend: qemu\nqemu: {machine: netduinoplus2}\nclock: virtual\n";
    assert_eq!(
        refused(yaml, BackendKind::Qemu),
        format!("<yaml>:3:1: {why}")
    );
    for transport in ["socket", "pty"] {
        assert_eq!(
            refused(
                &format!("{SHELL}uart_transport: {transport}\n"),
                BackendKind::Renode
            ),
            "<yaml>:5:1: uart_transport: with `clock: virtual` the UARTs are connected without \
             pseudo-terminals or sockets: remove it"
        );
    }
    assert_eq!(
        refused(
            "platform: platforms/x.repl\nuart: sysbus.u\nclock: fast\n",
            BackendKind::Renode
        ),
        "<yaml>:3:1: clock: unknown value \"fast\" (known: realtime, virtual)"
    );
}
