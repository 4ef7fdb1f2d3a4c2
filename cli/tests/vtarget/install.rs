//! `vtarget install` runs `scripts/install-renode`, which has tests of its own.

use super::{text, vtarget};

#[test]
fn install_passes_its_options_to_the_script() {
    let cache = tempfile::tempdir().unwrap();
    let install = |arguments: &[&str]| {
        let mut command = vtarget();
        command.env("XDG_CACHE_HOME", cache.path()).arg("install");
        command.args(arguments).output().unwrap()
    };
    assert_eq!(install(&["--installed"]).status.code(), Some(1));
    let refused = install(&["--from", "no such file"]);
    assert_eq!(refused.status.code(), Some(1));
    assert_eq!(
        text(&refused.stderr),
        "install-renode: there is no file 'no such file'\n"
    );
    let refused = install(&["--version", "1/2", "--sha256", "0"]);
    assert_eq!(
        text(&refused.stderr),
        "install-renode: '1/2' is no version\n"
    );
    assert_eq!(install(&["--version", "1.17.0"]).status.code(), Some(2));
}
