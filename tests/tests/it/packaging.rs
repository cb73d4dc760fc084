//! The scripts that make packages, with the binary under test: what a wheel and a Debian package hold.

use ringload_tests::binary;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use tempfile::TempDir;

/// A small file that is the binary under test to whoever runs it: packing the real one takes a minute.
fn small_binary(dir: &Path) -> PathBuf {
    let path = dir.join("ringload");
    fs::write(&path, format!("#!/bin/sh\nexec '{}' \"$@\"\n", binary::ringload().display())).expect("a script");
    fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).expect("a mode");
    path
}

fn packaging(script: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../packaging").join(script)
}

/// What a command prints; `None` where there is no such program.
fn output(command: &mut Command) -> Option<String> {
    let output = match command.output() {
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => return None,
        output => output.expect("a process"),
    };
    let said = String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}");
    Some(said)
}

/// Where a script says what it has made: its notes stand before or after.
fn last_line(said: &str) -> &str {
    said.lines().find(|line| line.ends_with(".whl") || line.ends_with(".deb")).expect("the file that was made")
}

/// Runs the demo with an installed binary.
fn plays_the_demo(program: &Path, dir: &Path) {
    let results = dir.join("results");
    let mut command = Command::new(program);
    command.args(["profile", "--demo", "--request-count", "4", "--allow-invalid", "--quiet", "--artifact-dir"]);
    output(command.arg(&results)).expect("the binary");
    assert!(results.join("profile_export_aiperf.json").is_file(), "{}", results.display());
}

#[test]
fn a_wheel_installs_into_an_empty_environment_and_runs() {
    let dir = TempDir::new().expect("a folder");
    let venv = dir.path().join("venv");
    let made = Command::new("python3").args(["-m", "venv"]).arg(&venv).output();
    if !made.is_ok_and(|made| made.status.success()) {
        eprintln!("left out: there is no python3 that makes virtual environments");
        return;
    }
    let tag = format!("linux_{}", std::env::consts::ARCH);
    let mut command = Command::new("python3");
    command.arg(packaging("wheel.py")).arg(small_binary(dir.path())).args(["1.2.3", &tag]).arg(dir.path());
    let said = output(&mut command).expect("python3");
    let mut install = Command::new(venv.join("bin/pip"));
    output(install.args(["install", "--quiet", "--no-index", "--disable-pip-version-check", last_line(&said)]));
    let share = venv.join("share");
    for file in [
        "man/man1/ringload.1.gz",
        "man/man1/ringload-profile.1.gz",
        "bash-completion/completions/ringload",
        "zsh/site-functions/_ringload",
        "fish/vendor_completions.d/ringload.fish",
    ] {
        assert!(share.join(file).is_file(), "{file}");
    }
    plays_the_demo(&venv.join("bin/ringload"), dir.path());
}

#[test]
fn a_wheel_holds_the_binary_and_its_record_holds_all_of_it() {
    let dir = TempDir::new().expect("a folder");
    let tags = "manylinux_2_17_x86_64.musllinux_1_1_x86_64";
    let script = packaging("wheel.py");
    let make = |out: &str| {
        let mut command = Command::new("python3");
        command.arg(&script).arg(small_binary(dir.path())).args(["1.2.3", tags]).arg(dir.path().join(out));
        output(command.env_remove("SOURCE_DATE_EPOCH"))
    };
    let Some(said) = make("a") else {
        eprintln!("left out: there is no python3");
        return;
    };
    let path = last_line(&said);
    assert!(path.ends_with(&format!("a/ringload-1.2.3-py3-none-{tags}.whl")), "{path}");
    let again = make("b").expect("python3");
    let again = last_line(&again);
    assert_eq!(fs::read(path.trim()).expect("a wheel"), fs::read(again.trim()).expect("a wheel"), "the same bytes");
    let check = r"
import base64, hashlib, sys, zipfile
wheel = zipfile.ZipFile(sys.argv[1])
info = 'ringload-1.2.3.dist-info/'
rows = [row.split(',') for row in wheel.read(info + 'RECORD').decode().split()]
assert sorted(row[0] for row in rows) == sorted(wheel.namelist()), rows
for name, digest, size in rows:
    if name.endswith('RECORD'): continue
    data = wheel.read(name)
    made = base64.urlsafe_b64encode(hashlib.sha256(data).digest()).rstrip(b'=').decode()
    assert digest == 'sha256=' + made and int(size) == len(data), name
program = wheel.getinfo('ringload-1.2.3.data/scripts/ringload')
assert program.external_attr >> 16 == 0o100755, oct(program.external_attr >> 16)
tags = [line for line in wheel.read(info + 'WHEEL').decode().split('\n') if line.startswith('Tag: ')]
print(*tags, wheel.read(info + 'METADATA').decode().split('\n')[1:3])
";
    let said = output(Command::new("python3").args(["-c", check, path.trim()])).expect("python3");
    let expected =
        "Tag: py3-none-manylinux_2_17_x86_64 Tag: py3-none-musllinux_1_1_x86_64 ['Name: ringload', 'Version: 1.2.3']";
    assert_eq!(said.trim(), expected);
}

#[test]
fn a_debian_package_holds_the_binary_its_pages_and_its_completions() {
    let dir = TempDir::new().expect("a folder");
    let mut command = Command::new(packaging("deb.sh"));
    command.arg(small_binary(dir.path())).args(["1.2.3", "amd64"]).arg(dir.path());
    if output(Command::new("dpkg-deb").arg("--version")).is_none() {
        eprintln!("left out: there is no dpkg-deb");
        return;
    }
    let path = output(&mut command).expect("bash");
    let root = dir.path().join("root");
    output(Command::new("dpkg-deb").arg("--extract").arg(path.trim()).arg(&root)).expect("dpkg-deb");
    let said = output(Command::new(root.join("usr/bin/ringload")).arg("--version")).expect("the binary");
    assert!(said.starts_with("ringload "), "{said}");
    plays_the_demo(&root.join("usr/bin/ringload"), dir.path());
    for file in ["man/man1/ringload.1.gz", "man/man1/ringload-profile.1.gz", "doc/ringload/copyright"] {
        assert!(root.join("usr/share").join(file).is_file(), "{file}");
    }
    for file in [
        "bash-completion/completions/ringload",
        "zsh/vendor-completions/_ringload",
        "fish/vendor_completions.d/ringload.fish",
    ] {
        let script = fs::read_to_string(root.join("usr/share").join(file)).expect(file);
        assert!(script.contains("goodput"), "{file}");
    }
    let control = output(Command::new("dpkg-deb").arg("--field").arg(path.trim())).expect("dpkg-deb");
    assert!(control.contains("Version: 1.2.3\n") && control.contains("Architecture: amd64\n"), "{control}");
}
