//! Where the `ringload` under test is.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Mutex, OnceLock, PoisonError};
use std::time::SystemTime;

/// The binary of the same profile as the running test. It is built, once, when it is absent or older than its sources:
/// another package's binary is nothing that Cargo builds for a test.
///
/// # Panics
/// When it cannot be built.
pub fn ringload() -> &'static Path {
    static PATH: OnceLock<PathBuf> = OnceLock::new();
    PATH.get_or_init(|| {
        let path = profile_dir().join("ringload");
        if !is_fresh(&path) {
            build(&path, &["--bins", "--tests"]);
        }
        path
    })
}

/// An example of the library, of the same profile as the running test: `cargo test --workspace` builds them.
///
/// # Panics
/// When it cannot be built.
#[must_use]
pub fn example(name: &str) -> PathBuf {
    static BUILDING: Mutex<()> = Mutex::new(());
    let _building = BUILDING.lock().unwrap_or_else(PoisonError::into_inner);
    let path = profile_dir().join("examples").join(name);
    if !is_fresh(&path) {
        build(&path, &["--examples"]);
    }
    path
}

/// `target/PROFILE`: the test runs in its `deps`.
fn profile_dir() -> PathBuf {
    let me = std::env::current_exe().expect("the test knows its own path");
    let dir = me.parent().and_then(Path::parent);
    dir.expect("the test runs in target/PROFILE/deps").to_owned()
}

/// Whether the binary is there and no older than any of the sources that Cargo lists beside it.
fn is_fresh(binary: &Path) -> bool {
    let changed = |path: &Path| -> Option<SystemTime> { fs::metadata(path).ok()?.modified().ok() };
    let (Some(built), Ok(list)) = (changed(binary), fs::read_to_string(binary.with_extension("d"))) else {
        return false;
    };
    list.split_whitespace().skip(1).all(|source| changed(Path::new(source)).is_some_and(|at| at <= built))
}

fn build(binary: &Path, what: &[&str]) {
    let dir = profile_dir();
    let profile = match dir.file_name().and_then(|name| name.to_str()) {
        Some("debug") | None => "dev",
        Some(name) => name,
    };
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let built = Command::new(cargo)
        // With the features of the whole workspace, so that the dependencies of the tests serve.
        .args(["build", "--quiet", "--workspace"])
        .args(what)
        .args(["--profile", profile])
        .arg("--target-dir")
        .arg(dir.parent().expect("a profile's folder is in a target's"))
        .current_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/.."))
        .status();
    let built = built.is_ok_and(|status| status.success());
    assert!(
        built && binary.exists(),
        "{} is not there and could not be built: run `cargo build --workspace {} --profile {profile}`, and look at what it says",
        binary.display(),
        what.join(" ")
    );
}
