//! Flags on the endpoint → what is planned, and the refusals with their remedies.

use crate::flags::artifact_dir;
use crate::flags::testing::{made, refused};
use ringload_engine::clock::SECOND;
use ringload_engine::plan::{EndpointKind, ModelChoice, Reuse};
use std::path::Path;

#[test]
fn no_error_repeats_a_header_value() {
    for line in ["-m x --header secretvalue", "-m x --header Host\u{7f}:secretvalue", "-m x --header te:secretvalue"] {
        assert!(!refused(line).contains("secretvalue"), "{line}");
    }
}

#[test]
fn keys_become_a_header_that_is_never_shown() {
    let p = made("-m x --api-key sk-topsecret -H X-A:b:c");
    let shown: Vec<(&str, &str)> = p.headers.iter().map(|h| (h.name.as_str(), h.value.as_str())).collect();
    assert_eq!(shown, [("X-A", "b:c"), ("Authorization", "Bearer sk-topsecret")]);
    assert!(!format!("{p:?}{}", serde_json::to_string(&p).unwrap()).contains("topsecret"));
}

#[test]
fn sessions_may_keep_a_connection_and_sockets_have_paths() {
    let p = made("-m x --connection-reuse-strategy sticky-user-sessions --url unix:/run/s.sock");
    assert_eq!(p.reuse, Reuse::StickySessions);
    assert_eq!(p.targets[0].unix.as_deref(), Some(Path::new("/run/s.sock")));
    made("-m x --http-trace-metrics --export-http-trace");
    made("-m x --show-trace-timing");
}

#[test]
fn what_ends_requests_and_runs_early_is_planned() {
    let p = made(
        "-m x --streaming --request-cancellation-rate 12.5 --request-cancellation-delay 0.5 --failed-request-threshold 0.1 \
         --ttft-timeout-seconds 5 --inter-token-timeout-seconds 1.5",
    );
    let cancellation = p.cancellation.unwrap();
    assert_eq!((cancellation.share, cancellation.delay), (0.125, SECOND / 2));
    assert_eq!(p.failed_request_threshold, Some(0.1));
    assert_eq!((p.timeouts.ttft, p.timeouts.inter_token), (Some(5 * SECOND), Some(3 * SECOND / 2)));
    assert_eq!(made("-m x --read-rate-limit 16k").network.read_rate, Some(16 << 10));
    // Without a delay: send it, and go.
    let p = made("-m x --request-cancellation-rate 100");
    assert_eq!(p.cancellation.map(|c| (c.share, c.delay)), Some((1.0, 0)));
    let p = made("-m x");
    assert_eq!((p.cancellation, p.failed_request_threshold), (None, None));
    assert_eq!((p.timeouts.ttft, p.timeouts.inter_token), (None, None));
    for (line, remedy) in [
        ("--request-cancellation-rate 0", "above 0 and up to 100"),
        ("--request-cancellation-rate 101", "above 0 and up to 100"),
        ("--request-cancellation-delay 1", "add --request-cancellation-rate"),
        ("--request-cancellation-rate 5 --request-cancellation-delay -1", "from 0"),
        ("--failed-request-threshold 10", "from 0 to 1"),
        ("--read-rate-limit 5", "bytes"),
        ("--ttft-timeout-seconds 1", "add --streaming"),
        ("--inter-token-timeout-seconds 1", "add --streaming"),
        ("--streaming --ttft-timeout-seconds 0", "above 0"),
    ] {
        let text = refused(&format!("-m x {line}"));
        assert!(text.contains(remedy), "{line}: {text}");
    }
}

#[test]
fn models_and_sessions_go_by_their_flags() {
    let p = made("--model a,b --model-selection-strategy random --session-header X-Session");
    assert_eq!(p.payload.models, ModelChoice::Random);
    assert_eq!(p.session_header.as_deref(), Some("X-Session"));
    assert!(refused("--model m --session-header a:b").contains("name of a header"));
}

#[test]
fn every_endpoint_type_is_taken_and_named_in_help_and_folder() {
    let help = crate::flags::command();
    let profile = help.find_subcommand("profile").unwrap();
    let flag = profile.get_arguments().find(|a| a.get_long() == Some("endpoint-type")).unwrap();
    let text = flag.get_help().unwrap().to_string();
    for kind in EndpointKind::ALL {
        assert!(text.contains(kind.name()), "{}", kind.name());
        let extra = match kind {
            EndpointKind::Template => "--extra-inputs payload_template:nv-embedqa",
            _ => "",
        };
        let p = made(&format!("--model m --endpoint-type {} {extra}", kind.name()));
        let folder = artifact_dir(None, &p);
        assert!(folder.to_string_lossy().contains(kind.name()), "{folder:?}");
    }
}
