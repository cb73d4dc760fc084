//! Flags → plan: the commands that must run, the defaults, and the refusals with their remedies.

use crate::flags::plan::Planned;
use crate::flags::testing::{SEED, args, made, planned, refused};
use ringload_engine::clock::SECOND;
use ringload_engine::plan::{EndpointKind, Load, TokenizerSource};

#[test]
fn the_articles_goodput_command() {
    let p = made(&format!(
        r#"{SEED} --concurrency 32 --request-count 500 --random-seed 42 --goodput "time_to_first_token:200" --goodput "inter_token_latency:50" --ui simple"#
    ));
    assert_eq!(p.profiling.load, Load::closed(32));
    assert_eq!((p.profiling.requests, p.seed, p.slos.len()), (Some(500), 42, 2));
    assert_eq!((p.endpoint, p.streaming, p.targets[0].port), (EndpointKind::Chat, true, 8000));
    assert_eq!((p.slos[0].tag, p.slos[0].threshold), ("time_to_first_token", 200.0));
}

#[test]
fn the_articles_sweep_command_at_every_step() {
    for c in [1, 4, 8, 16, 32, 64, 128] {
        let p = made(&format!(
            r#"{SEED} --tokenizer meta-llama/Llama-3-8B-Instruct --concurrency {c} --request-count 200 --warmup-request-count 10 --random-seed 42
            --synthetic-input-tokens-mean 550 --output-tokens-mean 256 --goodput "time_to_first_token:200" --goodput "inter_token_latency:50"
            --goodput "request_latency:5000" --ui none --artifact-dir /results/goodput-c{c}"#
        ));
        assert_eq!(p.warmup.unwrap().load, Load::closed(c));
        assert_eq!(p.prompts.osl.unwrap().mean, 256.0);
        assert_eq!(
            p.prompts.tokenizer,
            TokenizerSource::Named { name: "meta-llama/Llama-3-8B-Instruct".into(), revision: "main".into() }
        );
    }
}

#[test]
fn the_articles_tiers_and_network_commands() {
    for tier in [
        r#"--concurrency 32 --request-count 500 --goodput "time_to_first_token:100" --goodput "inter_token_latency:30" --goodput "request_latency:3000""#,
        r#"--concurrency 128 --request-count 1000 --goodput "request_latency:30000""#,
        r#"--concurrency 16 --request-count 300 --output-tokens-mean 1024 --goodput "time_to_first_token:200" --goodput "inter_token_latency:50" --goodput "output_token_throughput_per_user:20""#,
        "--concurrency 16 --request-count 200 --http-trace-metrics --verbose",
        "--concurrency 1 --request-count 20",
    ] {
        made(&format!("{SEED} {tier}"));
    }
}

#[test]
fn the_articles_repeats() {
    let line = format!("{SEED} --multi-run-count 3 --random-seed 42");
    assert_eq!(args(&line).campaign.num_profile_runs, 3);
    assert_eq!(made(&line).seed, 42);
}

#[test]
fn the_articles_slices_and_conditions_are_planned() {
    let p = made(&format!("{SEED} --concurrency 32 --request-count 1000 --timeslice-duration 10 --ui simple"));
    assert_eq!(p.slice, Some(10_000_000_000));
    let p = made(&format!("{SEED} --fail-if ttft.p99>500ms --fail-if error_rate>1%"));
    assert_eq!(p.thresholds.len(), 2);
    for (flags, word) in [
        ("-m x --fail-if ttft.p99>500ms", "without --streaming"),
        ("-m x --streaming --fail-if goodput<5", "add --goodput"),
        ("-m x --streaming --slo-file /nowhere/slos", "/nowhere/slos"),
        ("-m x --benchmark-duration 5 --slice-duration 6", "--slice-duration 0.5"),
    ] {
        let text = refused(flags);
        assert!(text.contains(word), "{flags}: {text}");
    }
}

#[test]
fn defaults_are_aiperfs() {
    let Planned { plan: p, notes } = planned("-m x").unwrap();
    assert_eq!(p.targets[0].url, "http://localhost:8000");
    assert_eq!(p.profiling.load, Load::closed(1));
    assert_eq!((p.profiling.requests, p.profiling.duration, p.profiling.grace), (Some(10), None, None));
    assert_eq!((p.prompts.isl.mean, p.prompts.osl, p.prompts.entries), (550.0, None, 100));
    assert_eq!((p.timeouts.request, p.streaming, p.seed), (21_600 * SECOND, false, 7));
    assert!(
        notes.iter().any(|n| n.contains("--random-seed 7")) && notes.iter().any(|n| n.contains("10 requests")),
        "{notes:?}"
    );
    let p = made("-m x --benchmark-duration 5");
    assert_eq!(
        (p.profiling.requests, p.profiling.duration, p.profiling.grace),
        (None, Some(5 * SECOND), Some(30 * SECOND))
    );
    assert_eq!(made("-m x --benchmark-duration 5 --benchmark-grace-period inf").profiling.grace, None);
    assert_eq!(made("-m x --request-count 40").prompts.entries, 40);
    assert_eq!(made("-m x --concurrency 20").profiling.requests, Some(200));
}

#[test]
fn aliases_mean_the_same() {
    let a = made(
        "--model-names a,b --num-requests 20 --isl 10 --isl-stddev 1 --osl 5 --osl-stddev 2 --num-prompts 3 --num-warmup-requests 4 --endpoint /x",
    );
    let b = made(
        "--model a b --request-count 20 --prompt-input-tokens-mean 10 --prompt-input-tokens-stddev 1 --prompt-output-tokens-mean 5 \
         --prompt-output-tokens-stddev 2 --num-dataset-entries 3 --warmup-request-count 4 --custom-endpoint x",
    );
    assert_eq!(serde_json::to_string(&a).unwrap(), serde_json::to_string(&b).unwrap());
}

#[test]
fn contradictions_are_refused_with_what_to_write() {
    for (line, remedy) in [
        ("", "--model NAME"),
        ("-m x --concurrency 8 --request-count 4", "--request-count 80"),
        ("-m x --warmup-request-count 1,4", "one value"),
        ("-m x --arrival-pattern constant", "--request-rate"),
        ("-m x --request-rate 5 --arrival-pattern poisson --arrival-smoothness 2", "gamma"),
        ("-m x --request-rate 5 --cap-policy drop", "--concurrency"),
        ("-m x --benchmark-grace-period 3", "--benchmark-duration"),
        ("-m x --warmup-concurrency 3", "--warmup-request-count"),
        ("-m x --output-tokens-stddev 3", "--output-tokens-mean"),
        ("-m x --per-chunk-usage", "--streaming"),
        ("-m x --goodput time_to_first_token:1", "--streaming"),
        ("-m x --goodput nonsense", "time_to_first_token:200"),
        ("-m x --stamps user --batch-wait-us 5", "kernel"),
        ("-m x --endpoint-type chat_embeddings", "not supported by ringload yet; "),
        ("-m x --custom-endpoint http://h/x", "--url"),
        ("-m x --url ftp://h", "http://"),
        ("-m x --connection-reuse-strategy nonsense", "sticky-user-sessions"),
        ("-m x --export-http-trace --export-level summary", "--export-level records"),
        ("-m x --header Content-Length:3", "leave it out"),
        ("-m x --header nonsense", "Name:Value"),
        ("-m x --api-key abcdefgh --header Authorization:zz", "drop one"),
        ("-m x --public-dataset p", "sharegpt"),
        ("-m x --open-loop-strict", "known to AIPerf, not supported by ringload yet"),
        ("-m x --video-width 64", "--video-height 480"),
        ("-m x --video-fps 4", "without --video-width"),
        ("-m x --endpoint-type messages --video-width 64 --video-height 48", "takes no videos"),
        ("-m x --video-width 64 --video-height 48 --video-audio-sample-rate 96", "write 48"),
        ("-m x --config /nowhere/f.yaml", "/nowhere/f.yaml"),
        ("-m x --fixed-schedul", "--fixed-schedule"),
        ("-m x --accuracy-benchmar", "AIPerf has --accuracy-benchmark"),
        ("-m x --concurency 3", "--concurrency"),
        ("-m x --export-level all", "records"),
        ("-m x --endpoint-type video_generation --http2", "drop --http2"),
        ("-m x --endpoint-type video_generation --connection-reuse-strategy never", "HTTP/1.1"),
    ] {
        let text = refused(line);
        assert!(text.contains(remedy), "{line}: {text}");
    }
}

#[test]
fn what_endpoints_without_tokens_cannot_have_is_refused() {
    for (flags, remedy) in [
        ("--streaming", "leave --streaming out"),
        ("--osl 5", "leave it out"),
        ("--goodput inter_token_latency:5", "request_latency"),
        ("--fail-if output_token_throughput<5", "request_latency"),
    ] {
        let e = refused(&format!("--model m --endpoint-type embeddings {flags}"));
        assert!(e.contains("embeddings") && e.contains(remedy), "{e}");
    }
    made("--model m --endpoint-type embeddings --goodput request_latency:5");
}

#[test]
fn several_choices_are_said_to_be_one_request() {
    let notes = |n: u32| planned(&format!("--model m --extra-inputs n:{n}")).unwrap().notes;
    assert!(notes(2).iter().any(|note| note.contains("all choices")));
    assert!(!notes(1).iter().any(|note| note.contains("all choices")));
    let warned = |line: &str| {
        let notes = planned(&format!("--model m {line}")).unwrap().notes;
        notes.iter().any(|note| note.contains("responses may end before --osl"))
    };
    assert!(warned("--osl 50") && warned("--osl 50 --extra-inputs ignore_eos:false"));
    for line in
        ["", "--osl 50 --extra-inputs ignore_eos:true", "--osl 50 --extra-inputs min_tokens:50", "--osl 50 --demo"]
    {
        assert!(!warned(line), "{line}");
    }
}
