//! Flags on a file of requests → what is replayed, and the refusals with their remedies.

use crate::flags::artifact_dir;
use crate::flags::testing::{Scratch, made, planned, refused};
use ringload_engine::plan::Load;
use ringload_engine::workload::Workload;
use std::path::Path;

#[test]
fn a_trace_gives_instants_and_lengths() {
    let file = Scratch::new(
        "trace.jsonl",
        r#"{"timestamp": 3000, "input_length": 30, "output_length": 3}
{"timestamp": 1000, "input_length": 10, "output_length": 1}
{"timestamp": 2000.5, "input_length": 20}
"#,
    );
    let of = |flags: &str| {
        let planned = planned(&format!("-m x --input-file {} {flags}", file.0.display())).unwrap();
        let instants = match &planned.plan.profiling.load {
            Load::Fixed { trace, .. } => trace.0.iter().map(|at| at / 100_000).collect(),
            _ => Vec::new(),
        };
        let workload = Workload::prepare(&planned.plan).unwrap();
        assert_eq!(planned.plan.prompts.entries, workload.conversations.len());
        let lengths: Vec<_> = workload.entries.iter().map(|e| (e.isl, e.osl)).collect();
        (instants, lengths, planned)
    };
    let (instants, lengths, whole) = of("");
    assert_eq!(instants, [10_000, 20_005, 30_000]);
    assert_eq!(lengths, [(10, Some(1)), (20, None), (30, Some(3))]);
    assert!(whole.notes[0].contains("--no-fixed-schedule"), "{:?}", whole.notes);
    assert_eq!(whole.plan.profiling.requests, Some(3));
    assert!((whole.plan.prompts.isl.mean - 20.0).abs() < 1e-9);
    assert_eq!(artifact_dir(None, &whole.plan), Path::new("artifacts/x-openai-chat-fixed_schedule"));
    assert_eq!(of("--fixed-schedule-auto-offset").0, [0, 10_005, 20_000]);
    assert_eq!(of("--fixed-schedule-start-offset 1500").0, [5_005, 15_000]);
    let (instants, lengths, cut) = of("--fixed-schedule --fixed-schedule-end-offset 2500 --concurrency 2");
    assert_eq!(instants, [10_000, 20_005]);
    assert_eq!(lengths, [(10, Some(1)), (20, None)]);
    assert_eq!(cut.plan.profiling.load.cap().unwrap().concurrency, 2);

    // Without its timestamps, in the order of its lines.
    let (_, lengths, closed) = of("--no-fixed-schedule --concurrency 2");
    assert_eq!(closed.plan.profiling.load, Load::closed(2));
    assert_eq!(closed.plan.profiling.requests, Some(3));
    assert_eq!(lengths[0], (30, Some(3)));

    for (flags, remedy) in [
        ("--request-rate 5", "--no-fixed-schedule"),
        ("--user-centric-rate 5 --num-users 2", "--no-fixed-schedule"),
        ("--arrival-pattern constant", "drop --arrival-pattern"),
        ("--fixed-schedule --no-fixed-schedule", "drop one"),
        ("--fixed-schedule-auto-offset --fixed-schedule-start-offset 5", "drop one"),
        ("--fixed-schedule-start-offset 5000", "widen"),
        ("--no-fixed-schedule --fixed-schedule-end-offset 5", "drop --fixed-schedule-end-offset"),
        ("--num-dataset-entries 5", "--request-count"),
        ("--custom-dataset-type parquet", "mooncake_trace"),
        ("--num-prefix-prompts 3", "drop --num-prefix-prompts"),
        ("--dataset-sampling-strategy shuffle", "--no-fixed-schedule"),
    ] {
        let text = refused(&format!("-m x --input-file {} {flags}", file.0.display()));
        assert!(text.contains(remedy), "{flags}: {text}");
    }
    let line = format!("-m x --input-file {}", file.0.display());
    file.write("{\"timestamp\": 0, \"input_length\": 5}\n{\"input_length\": 5}\n");
    assert_eq!(made(&line).profiling.load, Load::closed(1));
    let e = refused(&format!("{line} --fixed-schedule"));
    assert!(e.contains("the conversation `session_000001` of the file has no timestamp"), "{e}");
    file.write("{\"timestamp\": 0, \"input_length\": 5}\n{\"input_length\": []}\n");
    let e = refused(&line);
    assert!(e.contains("--input-file") && e.contains("line 2: "), "{e}");
    file.write("hello\n");
    assert!(refused(&line).contains("--custom-dataset-type"));
    assert!(refused("-m x --fixed-schedule").contains("--input-file FILE"));
    assert!(refused("-m x --input-file /nowhere/t").contains("/nowhere/t"));
}

#[test]
fn clients_are_drawn_with_the_seed_and_at_the_rate_that_is_asked_for() {
    let dir = tempfile::tempdir().unwrap();
    let lengths = r#"{"0": {"input_tokens": "{12: 1.0}", "output_tokens": "{3: 1.0}"}}"#;
    std::fs::write(dir.path().join("chunk-1-trace.csv"), "0,1,1.0,Gamma,1.0,1.0\n10,0,0,,0,0\n").unwrap();
    std::fs::write(dir.path().join("chunk-1-dataset.json"), lengths).unwrap();
    let line = format!("-m x --input-file {} --random-seed 5", dir.path().display());
    let plan = made(&format!("{line} --clients-rate 3"));
    let replay = plan.prompts.replay.as_ref().unwrap();
    assert_eq!((replay.format.name(), replay.clients.seed, replay.clients.rate), ("servegen", 5, Some(3.0)));
    assert!(replay.timing.fixed);
    assert_eq!(plan.profiling.requests, made(&line).profiling.requests.map(|n| n * 3));
    let lines = Scratch::new("t.jsonl", r#"{"text": "a"}"#);
    let error = refused(&format!("-m x --input-file {} --clients-rate 3", lines.0.display()));
    assert!(error.contains("drop --clients-rate"), "{error}");
}
