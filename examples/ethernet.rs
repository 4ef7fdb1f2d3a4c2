//! Two boards that exchange Ethernet frames: chapter 4 of the guide. Needs Renode.

use std::path::Path;

use virtual_target::{Result, VirtualTarget};

fn main() -> Result<()> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let target = VirtualTarget::from_yaml(root.join("fixtures/ethernet.yaml"))
        .boot()
        .wait()?;
    let (a, b) = (target.machine("node-a")?, target.machine("node-b")?);
    for node in [a, b] {
        node.uart().expect_line("Hello from ethernet").wait()?;
    }
    for (from, to) in [(a, b), (b, a)] {
        let text = format!("{} is here", from.name());
        from.uart().send_line(&text).wait()?;
        let frame = to.uart().expect_line(format!("frame: {text}")).wait()?;
        println!("{}: {}", to.name(), frame.line());
    }
    Ok(())
}
