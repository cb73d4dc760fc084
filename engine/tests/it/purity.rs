//! Pure modules read no clock, no file, no environment and no socket, and start nothing: what the lints cannot list is
//! looked for here.

use std::fs;
use std::path::Path;

const PURE: [&str; 14] = [
    "../driver/src/arrival.rs",
    "plan",
    "schedule",
    "dataset",
    "api",
    "../wire/src",
    "exchange",
    "measure",
    "calibration",
    "campaign",
    "capacity",
    "statistics",
    "verdict",
    "verdict.rs",
];

const IMPURE: [&str; 14] = [
    "std::fs",
    "File::open",
    "std::env::",
    "env::var",
    "std::thread",
    "thread::spawn",
    "thread::scope",
    "std::process",
    "TcpStream",
    "UdpSocket",
    "clock::monotonic",
    "clock::realtime",
    "Instant::now",
    "SystemTime::now",
];

#[test]
fn pure_modules_name_nothing_impure() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut seen = 0;
    for module in PURE {
        assert!(root.join(module).exists(), "{module} is not there");
        walk(&root.join(module), &mut |path, text| {
            seen += 1;
            for word in IMPURE {
                assert!(!text.contains(word), "{} names {word}", path.display());
            }
        });
    }
    assert!(seen > 40, "only {seen} files were looked at");
}

fn walk(path: &Path, on: &mut dyn FnMut(&Path, &str)) {
    if path.is_dir() {
        for entry in fs::read_dir(path).unwrap() {
            walk(&entry.unwrap().path(), on);
        }
    } else if path.extension().is_some_and(|e| e == "rs")
        && !path.file_name().is_some_and(|n| n.to_string_lossy().contains("test"))
    {
        on(path, &fs::read_to_string(path).unwrap());
    }
}
