//! Flags on load → phases: what is planned, and the refusals with their remedies.

use crate::flags::artifact_dir;
use crate::flags::testing::{Scratch, made, planned, refused};
use ringload_engine::clock::SECOND;
use ringload_engine::plan::{Arrival, Cap, CapPolicy, Load, Phase, Piece, Prefill, Ramp, Rate, Shape};
use std::path::Path;

#[test]
fn open_loops_take_pattern_and_cap() {
    let load = |line: &str| made(&format!("-m x --request-count 5 {line}")).profiling.load;
    let open = |pattern, cap| Load::Open { rate: 10.0.into(), pattern, cap };
    assert_eq!(load("--request-rate 10"), open(Arrival::Poisson, None));
    assert_eq!(load("--request-rate 10 --request-rate-mode constant"), open(Arrival::Constant, None));
    assert_eq!(load("--request-rate 10 --vllm-burstiness 0.5"), open(Arrival::Gamma { smoothness: 0.5 }, None));
    let cap = |policy| Some(Cap { concurrency: 8, policy, ramp: None });
    assert_eq!(load("--request-rate 10 --concurrency 8"), open(Arrival::Poisson, cap(CapPolicy::Queue)));
    assert_eq!(
        load("--request-rate 10 --concurrency 8 --cap-policy drop"),
        open(Arrival::Poisson, cap(CapPolicy::Drop))
    );
}

#[test]
fn a_shape_is_that_of_the_measured_phase_where_the_warm_up_has_another_pattern() {
    let line = "-m x --request-rate 40 --arrival-pattern gamma --arrival-smoothness 0.8 --warmup-duration 1";
    let warmup = |more: &str| made(&format!("{line} {more}")).warmup.unwrap().load;
    let open = |pattern| Load::Open { rate: 40.0.into(), pattern, cap: None };
    assert_eq!(warmup("--warmup-arrival-pattern constant"), open(Arrival::Constant));
    assert_eq!(warmup(""), open(Arrival::Gamma { smoothness: 0.8 }));
    assert_eq!(warmup("--warmup-arrival-pattern gamma"), open(Arrival::Gamma { smoothness: 0.8 }));
}

#[test]
fn rates_that_move_last_as_long_as_they_say() {
    let ramp = |shape| Some(Ramp { lasting: 30 * SECOND, shape });
    let p = made("-m x --request-rate 50 --request-rate-ramp-duration 30");
    let rate = Rate::ramped(50.0, ramp(Shape::Linear).unwrap());
    assert!(matches!(&p.profiling.load, Load::Open { rate: r, .. } if *r == rate));
    assert_eq!((p.profiling.requests, p.profiling.duration), (Some(10), None));

    let line = "-m x --stage rate=5,for=60s --stage rate=0,for=10s --stage rate=5,to=20,for=2m";
    let planned = planned(line).unwrap();
    let phase = &planned.plan.profiling;
    let stages = Rate::new(
        vec![Piece::steady(5.0, 60 * SECOND), Piece::steady(0.0, 10 * SECOND), Piece::linear(5.0, 20.0, 120 * SECOND)],
        0.0,
    );
    assert_eq!(phase.load, Load::Open { rate: stages, pattern: Arrival::Poisson, cap: None });
    assert_eq!((phase.requests, phase.duration, phase.grace), (None, Some(190 * SECOND), Some(30 * SECOND)));
    assert!(planned.notes[0].contains("190 s") && planned.notes[0].contains("1800 requests"), "{:?}", planned.notes);
    let counted = made(&format!("{line} --request-count 7"));
    assert_eq!((counted.profiling.requests, counted.profiling.duration), (Some(7), None));
    let closed = made(
        "-m x --concurrency 8 --concurrency-ramp-duration 30 --ramp-shape exponential --arrival-pattern concurrency_burst",
    );
    assert_eq!(closed.profiling.load, Load::Closed { concurrency: 8, ramp: ramp(Shape::Exponential) });
}

#[test]
fn a_series_comes_from_its_file() {
    let file = Scratch::new("series.csv", "offset_s,rate\n0,1\n10,3\n");
    let line = format!("-m x --request-rate-series {}", file.0.display());
    let linear = made(&line).profiling;
    let step = made(&format!("{line} --rate-interpolation step")).profiling;
    file.write("0,1\n10,many\n");
    let e = refused(&line);
    drop(file);
    let rate = |phase: &Phase| match &phase.load {
        Load::Open { rate, .. } => rate.clone(),
        other => panic!("{other:?}"),
    };
    assert_eq!(rate(&linear), Rate::new(vec![Piece::linear(1.0, 3.0, 10 * SECOND)], 3.0));
    assert_eq!(rate(&step), Rate::new(vec![Piece::steady(1.0, 10 * SECOND)], 3.0));
    assert_eq!(linear.duration, Some(10 * SECOND));
    assert!(e.contains("line 2: the rate `many`"), "{e}");
    assert!(e.contains("--request-rate-series"), "{e}");
    assert!(refused(&line).contains("No such file"));
}

#[test]
fn users_and_prefill_bounds_are_planned() {
    let p = made("-m x --streaming --user-centric-rate 2 --num-users 15 --prefill-concurrency 3");
    assert_eq!(p.profiling.load, Load::Users { rate: 2.0, users: 15 });
    assert_eq!(p.profiling.requests, Some(150));
    assert_eq!(artifact_dir(None, &p), Path::new("artifacts/x-openai-chat-user_centric-users15-qps2.0"));
    let p = made(
        "-m x --streaming --concurrency 8 --prefill-concurrency 3 --prefill-concurrency-ramp-duration 5 --warmup-request-count 4 \
         --warmup-concurrency 2 --warmup-concurrency-ramp-duration 1",
    );
    let ramp = |s: u64| Some(Ramp { lasting: s * SECOND, shape: Shape::Linear });
    let prefill = |ramp| Some(Prefill { concurrency: 3, ramp });
    assert_eq!(p.profiling.prefill, prefill(ramp(5)));
    let warmup = p.warmup.unwrap();
    assert_eq!(warmup.prefill, prefill(None));
    assert_eq!(warmup.load, Load::Closed { concurrency: 2, ramp: ramp(1) });
}

#[test]
fn contradictions_of_a_load_are_refused_with_what_to_write() {
    for (line, remedy) in [
        ("--request-rate 5 --stage rate=5,for=1s", "drop --request-rate or --stage"),
        ("--request-rate-series f --user-centric-rate 3", "drop --request-rate-series"),
        ("--request-rate-ramp-duration 5", "--stage rate=FROM"),
        ("--stage rate=0,for=1s", "rate=5,for=60s"),
        ("--stage concurrency=4,for=1s", "once for each --concurrency"),
        ("--rate-interpolation step", "--request-rate-series FILE"),
        ("--request-rate-series /nowhere/f", "offset_s,rate"),
        ("--ramp-shape linear", "--request-rate-ramp-duration"),
        ("--concurrency-ramp-duration 5", "add --concurrency N"),
        ("--request-rate 5 --concurrency-ramp-duration 5", "add --concurrency N"),
        ("--num-users 5", "--user-centric-rate RATE"),
        ("--user-centric-rate 5", "--num-users N"),
        ("--user-centric-rate 5 --num-users 3 --concurrency 3", "drop --concurrency"),
        ("--user-centric-rate 5 --num-users 3 --arrival-pattern constant", "drop --arrival-pattern"),
        ("--prefill-concurrency 2 --concurrency 4", "--streaming"),
        ("--streaming --prefill-concurrency-ramp-duration 5", "add --prefill-concurrency N"),
        ("--request-rate 5 --arrival-pattern concurrency_burst", "--concurrency N"),
        ("--warmup-concurrency-ramp-duration 5", "--warmup-request-count"),
        ("--warmup-request-count 5 --warmup-concurrency-ramp-duration 5", "--warmup-concurrency N"),
        ("--warmup-request-count 5 --warmup-request-rate-ramp-duration 5", "--warmup-request-rate RATE"),
    ] {
        let text = refused(&format!("-m x {line}"));
        assert!(text.contains(remedy), "{line}: {text}");
    }
}
