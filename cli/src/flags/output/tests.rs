//! Flags on files → folder, names and slices.

use super::slice;
use crate::flags::testing::made;
use crate::flags::{BaseName, artifact_dir};
use ringload_engine::clock::SECOND;
use ringload_engine::plan::Phase;
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
    assert_eq!(BaseName::parse("foo.json").unwrap().as_str(), "foo");
    for bad in ["a/b", "../x", ".json", ""] {
        assert!(BaseName::parse(bad).is_err(), "{bad}");
    }
}

fn lasting(seconds: Option<u64>) -> Phase {
    Phase { duration: seconds.map(|s| s * SECOND), ..Phase::closed(1, 1) }
}

#[test]
fn a_slice_fits_into_the_run_and_not_too_often() {
    let of = |seconds, duration| slice(Some(seconds), &lasting(duration));
    assert_eq!(of(10.0, Some(60)).unwrap(), Some(10 * SECOND));
    assert_eq!(of(0.5, None).unwrap(), Some(SECOND / 2));
    assert_eq!(slice(None, &lasting(Some(1))).unwrap(), None);
    let long = of(90.0, Some(60)).unwrap_err();
    assert!(long.remedy.contains("--slice-duration 6"), "{long}");
    let many = of(0.01, Some(60)).unwrap_err();
    assert!(many.what.contains("6000 slices") && many.remedy.contains("0.03"), "{many}");
    assert!(of(0.000_1, None).is_err());
}
