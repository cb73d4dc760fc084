//! Modules that `docs/ARCHITECTURE.md` marks PURE read no clock, no file, no environment and no socket, and start
//! nothing: what the lints cannot list is looked for here.

use super::docs::tree;
use super::source::{is_test, rust};
use std::path::Path;

/// What a pure file does all the same: columns are made and sorted on threads that end with the call, and their number
/// changes no value.
const EXCEPT: [(&str, &str); 2] =
    [("engine/src/measure/threads.rs", "std::thread"), ("engine/src/measure/threads.rs", "thread::scope")];

/// Pure beside what the architecture marks, in a crate that is not.
const ALSO: &str = "engine/driver/src/arrival.rs";

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
    let mut marked: Vec<String> = vec![ALSO.to_owned()];
    for module in tree("engine/").into_iter().filter(|module| module.is_pure) {
        marked.extend(["", ".rs"].map(|end| format!("engine/src/{}{end}", module.name)));
    }
    marked.extend(tree("").into_iter().filter(|module| module.is_pure).map(|of| format!("{}/src", of.name)));
    let mut seen = 0;
    for (path, text) in marked.iter().flat_map(|place| rust(place)).filter(|(path, _)| !is_test(path)) {
        // Tests that lie in the file read files of the tree.
        let code = text.split("#[cfg(test)]\nmod ").next().unwrap_or_default();
        seen += 1;
        let excepted = |word: &str| EXCEPT.iter().any(|(file, what)| path == Path::new(file) && *what == word);
        for word in IMPURE.into_iter().filter(|word| !excepted(word)) {
            assert!(!code.contains(word), "{} names {word}", path.display());
        }
    }
    assert!(seen > 150, "only {seen} files were looked at");
}
