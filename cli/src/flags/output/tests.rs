//! Flags on files → folder, names and slices.

use crate::flags::testing::made;
use crate::flags::{artifact_dir, check_prefix};
use std::path::Path;

#[test]
fn folders_are_named_as_aiperf_names_them() {
    let name = |line: &str| artifact_dir(None, &made(line)).display().to_string();
    assert_eq!(name("-m meta/llama --concurrency 10"), "artifacts/meta_llama-openai-chat-concurrency10");
    assert_eq!(
        name("-m a,b --endpoint-type completions --request-rate 5"),
        "artifacts/a_multi-openai-completions-request_rate5.0"
    );
    assert_eq!(name("-m a --request-rate 2.5 --concurrency 4"), "artifacts/a-openai-chat-concurrency4-request_rate2.5");
    assert_eq!(artifact_dir(Some(Path::new("/r")), &made("-m a")), Path::new("/r"));
}

#[test]
fn a_prefix_is_a_name() {
    assert_eq!(check_prefix(Some("foo.json")).unwrap().as_deref(), Some("foo"));
    assert_eq!(check_prefix(None).unwrap(), None);
    for bad in ["a/b", "../x", ".json", ""] {
        assert!(check_prefix(Some(bad)).is_err(), "{bad}");
    }
}
