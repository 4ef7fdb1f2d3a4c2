//! Two boards and several operations at once: chapter 4 of the guide.

use std::path::{Path, PathBuf};

use virtual_target::{Result, VirtualTarget};

fn file(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<()> {
    let shell = file("firmware-samples/prebuilt/stm32f4/shell.elf");
    let (one, two) = tokio::join!(
        VirtualTarget::from_yaml(file("fixtures/stm32f4.yaml"))
            .firmware(&shell)
            .boot(),
        VirtualTarget::from_yaml(file("fixtures/netduino2.yaml"))
            .firmware(&shell)
            .boot(),
    );
    let (one, two) = (one?, two?);
    let (_, _) = tokio::try_join!(one.uart().expect("> "), two.uart().expect("> "))?;
    println!("both are ready");

    let log = two.uart_from_start(); // another reader, from the very first byte
    two.uart().send_line("sleep 20").await?;
    one.uart().send_line("sleep 20000").await?;
    tokio::select! {
        slept = one.uart().expect_line("slept") => println!("{}: {}", one.machine_name(), slept?.line()),
        slept = two.uart().expect_line("slept") => println!("{}: {}", two.machine_name(), slept?.line()),
    }
    println!(
        "{} began with {:?}",
        two.machine_name(),
        log.read_line().await?
    );

    Ok(())
}
