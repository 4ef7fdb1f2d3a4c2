//! The boards that the tests run on, as rstest fixtures.
//!
//! A board is a file in `boards`. Tests name the boards that they run on; see `tests`.

use std::path::{Path, PathBuf};

use rstest::fixture;
use virtual_target::VirtualTarget;

/// Returns the description file of a board.
pub fn described(name: &str) -> PathBuf {
    let boards = Path::new(env!("CARGO_MANIFEST_DIR")).join("boards");
    boards.join(name).with_extension("yaml")
}

/// Returns a board that has just been turned on.
#[fixture]
pub async fn board(#[default("stm32f4-discovery")] name: &str) -> VirtualTarget {
    let board = VirtualTarget::from_yaml(described(name)).boot().await;
    board.expect("the board boots")
}

/// Returns a board whose shell waits for a command.
#[fixture]
pub async fn shell(
    #[default("stm32f4-discovery")] _name: &str,
    #[with(_name)]
    #[future(awt)]
    board: VirtualTarget,
) -> VirtualTarget {
    let prompt = board.uart().expect("> ").await;
    prompt.expect("the shell is ready");
    board
}
