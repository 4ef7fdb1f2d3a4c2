//! Waiting: with every runtime and without one, cancelled, several operations at once.

use std::future::Future;
use std::io::{Read, Write};
use std::pin::pin;
use std::task::{Context, Waker};

use crate::common::panics::Panics;
use crate::common::{uart, uart_error};
use futures::StreamExt;
use virtual_target::uart::{Uart, UartErrorKind};
use virtual_target::{Result, millis, secs};

/// Returns a UART whose board echoes all input, in another thread.
fn echoing() -> Uart {
    let (uart, mut board) = uart();
    std::thread::spawn(move || {
        let mut bytes = [0; 64];
        while let Ok(count @ 1..) = board.read(&mut bytes) {
            board.write_all(&bytes[..count]).unwrap();
        }
    });
    uart
}

async fn exchange(uart: &Uart) -> Result<()> {
    uart.send_line("ping").await?;
    assert_eq!(uart.expect_line("ping").await?.line(), "ping");
    uart.send_line("pong").wait()?;
    uart.expect("pong").wait()?;
    let late = uart.expect("never").within(millis(5)).await;
    assert!(matches!(
        uart_error(late.unwrap_err()).kind(),
        UartErrorKind::Timeout { .. }
    ));
    Ok(())
}

#[test]
fn operations_work_in_a_plain_test() {
    let uart = echoing();
    uart.send_line("ping").wait().unwrap();
    uart.expect_line("ping").wait().unwrap();
}

#[test]
fn operations_work_under_block_on() {
    futures::executor::block_on(exchange(&echoing())).unwrap();
}

/// Runs more operations than a tokio task may complete before it has to yield to its runtime.
async fn many_waits(uart: Uart) {
    for number in 0..300 {
        uart.send_line("ping").wait().unwrap();
        uart.expect_line("ping").wait().unwrap();
        let late = uart.expect("never").within(millis(1)).wait();
        let error = uart_error(late.unwrap_err());
        assert!(
            matches!(error.kind(), UartErrorKind::Timeout { .. }),
            "{number}: {error}"
        );
    }
}

/// Runs `many_waits` in a task of `runtime`, on a new thread, because a wait that hangs cannot be
/// cancelled.
fn in_a_task_of(runtime: &mut tokio::runtime::Builder) {
    let runtime = runtime.enable_all().build().unwrap();
    let (done, ended) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        let uart = echoing();
        let waits = runtime.block_on(async { tokio::spawn(many_waits(uart)).await });
        done.send(waits).unwrap();
    });
    ended.recv_timeout(secs(120)).unwrap().unwrap();
}

#[test]
fn many_waits_in_one_tokio_task_end() {
    in_a_task_of(&mut tokio::runtime::Builder::new_current_thread());
    in_a_task_of(tokio::runtime::Builder::new_multi_thread().worker_threads(1));
}

/// The waiting thread may also be parked for a reason of its own.
#[test]
fn wait_keeps_an_unpark_of_its_thread() {
    let (uart, mut board) = uart();
    std::thread::current().unpark();
    assert!(uart.expect("never").within(millis(1)).wait().is_err());
    std::thread::spawn(move || {
        std::thread::sleep(millis(20));
        board.write_all(b"ready").unwrap();
    });
    uart.expect("ready").wait().unwrap();
    let parked = std::time::Instant::now();
    std::thread::park_timeout(secs(60));
    assert!(parked.elapsed() < secs(60), "the unpark is lost");
}

/// After tokio's thread-local data is destroyed a wait cannot begin any more.
#[test]
fn a_wait_in_the_destructor_of_a_thread_local_is_an_error() {
    struct Last(Uart, std::sync::mpsc::Sender<(String, String)>);
    impl Drop for Last {
        fn drop(&mut self) {
            let found = self.0.expect("again").wait().unwrap().text().into_owned();
            let error = self.0.expect("never").within(millis(1)).wait();
            self.1
                .send((found, error.unwrap_err().to_string()))
                .unwrap();
        }
    }
    thread_local!(static LAST: std::cell::OnceCell<Last> = const { std::cell::OnceCell::new() });
    let (uart, mut board) = uart();
    board.write_all(b"ready again").unwrap();
    uart.expect("ready").wait().unwrap();
    let (last, ended) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        LAST.with(|slot| assert!(slot.set(Last(uart.clone(), last)).is_ok()));
        // Tokio's thread-local data is initialised later and destroyed earlier.
        assert!(uart.expect("never").within(millis(1)).wait().is_err());
    });
    let (found, error) = ended.recv_timeout(secs(120)).unwrap();
    assert_eq!(found, "again");
    assert!(error.contains("the thread is ending"), "{error}");
}

#[tokio::test]
async fn operations_work_in_a_current_thread_runtime() {
    exchange(&echoing()).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn operations_work_in_a_multi_thread_runtime() {
    exchange(&echoing()).await.unwrap();
}

#[tokio::test]
async fn select_moves_the_cursor_only_for_the_winner() {
    let (uart, mut board) = uart();
    board.write_all(b"ERROR 5\n").unwrap();
    let won = tokio::select! {
        found = uart.expect("OK") => found.map(|_| "OK"),
        found = uart.expect("ERROR") => found.map(|_| "ERROR"),
    };
    assert_eq!(won.unwrap(), "ERROR");
    assert_eq!(uart.read_line().await.unwrap(), " 5");
}

#[tokio::test]
async fn a_dropped_wait_does_not_move_the_cursor() {
    let (uart, mut board) = uart();
    board.write_all(b"one two").unwrap();
    let waiting = tokio::time::timeout(millis(20), uart.expect("three").within(secs(60)));
    assert!(waiting.await.is_err());
    assert_eq!(uart.expect("one").await.unwrap().range(), 0..3);
}

#[test]
fn operations_at_the_same_time_start_at_the_same_cursor() {
    let (uart, mut board) = uart();
    let (mut second, mut first) = (uart.expect("second"), uart.expect("first"));
    let mut cx = Context::from_waker(Waker::noop());
    assert!(pin!(&mut second).poll(&mut cx).is_pending());
    assert!(pin!(&mut first).poll(&mut cx).is_pending());
    board.write_all(b"first second third").unwrap();
    second.wait().unwrap();
    first.wait().unwrap();
    assert_eq!(uart.expect("third").wait().unwrap().before().unwrap(), " ");
}

#[test]
fn a_clone_has_its_own_cursor() {
    let (uart, mut board) = uart();
    board.write_all(b"one two ").unwrap();
    uart.expect("one").wait().unwrap();
    let other = uart.clone();
    other.expect("two").wait().unwrap();
    uart.expect("two").wait().unwrap();
}

#[test]
fn a_send_that_is_polled_once_and_dropped_sends_everything() {
    let (uart, mut board) = uart();
    let mut cx = Context::from_waker(Waker::noop());
    drop(uart.send("never polled"));
    let _ = pin!(uart.send("polled")).poll(&mut cx);
    uart.send("!").wait().unwrap();
    let mut bytes = [0; 7];
    board.read_exact(&mut bytes).unwrap();
    assert_eq!(&bytes, b"polled!");
}

#[test]
fn a_mebibyte_of_every_byte_passes_both_ways() {
    let uart = echoing();
    let bytes: Vec<u8> = (0..=255).cycle().take(1 << 20).collect();
    uart.send(&bytes).within(secs(60)).wait().unwrap();
    let back = uart
        .read_exact(bytes.len())
        .within(secs(60))
        .wait()
        .unwrap();
    assert!(back == bytes);
}

#[test]
fn send_times_out_when_nothing_reads() {
    let (uart, _board) = uart();
    let error = uart
        .send(vec![0; 8 << 20])
        .within(millis(20))
        .wait()
        .unwrap_err();
    let text = error.to_string();
    assert!(matches!(
        uart_error(error).kind(),
        UartErrorKind::Timeout { .. }
    ));
    assert!(text.contains("send of 8388608 bytes timed out"), "{text}");
}

#[tokio::test]
async fn lines_are_a_stream_and_an_iterator() {
    let (uart, mut board) = uart();
    board
        .write_all(b"one\r\ntwo\r\nthree\r\nunfinished")
        .unwrap();
    drop(board);
    let mut lines = uart.lines();
    assert_eq!(lines.next().await.unwrap().unwrap(), "one");
    assert_eq!(lines.next().await.unwrap().unwrap(), "two");
    let rest: Result<Vec<_>> = lines.into_iter().collect();
    assert_eq!(rest.unwrap(), ["three"]);
    assert_eq!(uart.read_exact(10).await.unwrap(), b"unfinished");
}

#[test]
fn a_panicking_stream_fails_every_wait() {
    let assert_contains = |error: virtual_target::Error, message: &str| {
        let text = error.to_string();
        assert!(text.contains(message), "{text}");
    };
    let uart = Uart::over(Panics { reading: true }).unwrap();
    let error = uart.expect("never").within(secs(3600)).wait();
    assert_contains(
        error.unwrap_err(),
        "the UART's stream panicked: no such register",
    );
    let error = uart.send("four").within(secs(3600)).wait();
    assert_contains(
        error.unwrap_err(),
        "the UART's stream panicked: no such register",
    );

    let uart = Uart::over(Panics { reading: false }).unwrap();
    let waiting = uart.clone();
    let waiting = std::thread::spawn(move || waiting.expect("never").within(secs(3600)).wait());
    let error = uart.send("four").within(secs(3600)).wait();
    assert_contains(
        error.unwrap_err(),
        "the UART's stream panicked: no room for 4 bytes",
    );
    let error = waiting.join().unwrap();
    assert_contains(
        error.unwrap_err(),
        "the UART's stream panicked: no room for 4 bytes",
    );
}
