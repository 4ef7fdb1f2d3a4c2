//! The guide, chapter by chapter. There is nothing here but text.
//!
//! 1. [A first test](first_test)
//! 2. [Patterns](patterns)
//! 3. [Power and flash](power_and_flash)
//! 4. [Several at once](several_at_once)
//! 5. [When a test fails](debugging)
//! 6. [In CI](ci)
//! 7. [Virtual time](virtual_time)
//! 8. [Emulators](emulators)
//! 9. [Physical boards](physical_boards)
//! 10. [At the command line](command_line)
//! 11. [What you can call](calls)
//! 12. [Board files and variables](board_files)
//! 13. [What a failed test leaves](artifacts)
//! 14. [Time: which clock, which limit](time)
//! 15. [Recipes](recipes)
//! 16. [Coverage](coverage)
//!
//! The repository has a runnable example of each, and a project to copy:
//! `examples/firmware-suite`.

#[doc = include_str!("../docs/guide/1-first-test.md")]
pub mod first_test {}
#[doc = include_str!("../docs/guide/2-patterns.md")]
pub mod patterns {}
#[doc = include_str!("../docs/guide/3-power-and-flash.md")]
pub mod power_and_flash {}
#[doc = include_str!("../docs/guide/4-several-at-once.md")]
pub mod several_at_once {}
#[doc = include_str!("../docs/guide/5-debugging.md")]
pub mod debugging {}
#[doc = include_str!("../docs/guide/6-ci.md")]
pub mod ci {}
#[doc = include_str!("../docs/guide/7-virtual-time.md")]
pub mod virtual_time {}
#[doc = include_str!("../docs/guide/8-emulators.md")]
pub mod emulators {}
#[doc = include_str!("../docs/guide/9-physical-boards.md")]
pub mod physical_boards {}
#[doc = include_str!("../docs/guide/10-command-line.md")]
pub mod command_line {}
#[doc = include_str!("../docs/guide/11-calls.md")]
pub mod calls {}
#[doc = include_str!("../docs/guide/12-board-files.md")]
pub mod board_files {}
#[doc = include_str!("../docs/guide/13-artifacts.md")]
pub mod artifacts {}
#[doc = include_str!("../docs/guide/14-time.md")]
pub mod time {}
#[doc = include_str!("../docs/guide/15-recipes.md")]
pub mod recipes {}
#[doc = include_str!("../docs/guide/16-coverage.md")]
pub mod coverage {}
