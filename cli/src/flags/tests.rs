//! Flags → plan: the commands that must run, the defaults, and the refusals with their remedies.

use super::plan::{Environment, Planned, plan};
use super::{artifact_dir, check_prefix};
use crate::flags::{Command, ProfileArgs, try_parse};
use ringload_engine::Blame;
use ringload_engine::clock::SECOND;
use ringload_engine::plan::{
    Arrival, Cap, CapPolicy, Dns, EndpointKind, Family, HttpVersion, ImageFormat, LengthDistribution, Load, Marker,
    ModelChoice, Network, Phase, Piece, Plan, Prefill, Ramp, Rate, Reuse, Sampling, Shape, Stamps, TokenizerSource,
};
use ringload_engine::workload::Workload;
use std::path::Path;

/// Splits as a shell does, double quotes only.
fn words(line: &str) -> Vec<String> {
    let mut words = vec![String::new()];
    let mut quoted = false;
    for c in line.chars() {
        match c {
            '"' => quoted = !quoted,
            c if c.is_whitespace() && !quoted => words.push(String::new()),
            c => words.last_mut().unwrap().push(c),
        }
    }
    words.retain(|w| !w.is_empty());
    words
}

fn parsed(line: &str) -> Result<ProfileArgs, String> {
    let cli =
        try_parse(words(&format!("ringload profile {line}")).into_iter().map(Into::into)).map_err(|r| r.text())?;
    match cli.command {
        Command::Profile(args) => Ok(*args),
        other => panic!("{other:?}"),
    }
}

fn args(line: &str) -> ProfileArgs {
    parsed(line).unwrap_or_else(|e| panic!("{line}: {e}"))
}

fn planned(line: &str) -> Result<Planned, String> {
    let args = parsed(line)?;
    plan(&args, &Environment { api_key: None, fresh_seed: 7, ..Environment::default() }).map_err(|e| {
        assert_eq!(e.blame, Blame::Usage);
        e.to_string()
    })
}

fn made(line: &str) -> Plan {
    let plan = planned(line).unwrap_or_else(|e| panic!("{line}: {e}")).plan;
    comes_back(line, &plan);
    plan
}

/// A record log has the plan of its run as JSON: what is written of a plan can be read, and is written the same again.
fn comes_back(line: &str, plan: &Plan) {
    let written = serde_json::to_string(plan).unwrap();
    let back: Plan = serde_json::from_str(&written).unwrap_or_else(|e| panic!("{line}: {e}"));
    assert_eq!(serde_json::to_string(&back).unwrap(), written, "{line}");
}

fn refused(line: &str) -> String {
    match planned(line) {
        Ok(p) => panic!("{line} was taken: {:?}", p.plan),
        Err(text) => text,
    }
}

const SEED: &str = "--model llama3-8b --streaming --endpoint-type chat --url http://vllm-server:8000";

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
        let said = refused(flags);
        assert!(said.contains(word), "{flags}: {said}");
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
        ("-m x --endpoint-type image_generation", "not supported by ringload yet; "),
        ("-m x --custom-endpoint http://h/x", "--url"),
        ("-m x --url ftp://h", "http://"),
        ("-m x --connection-reuse-strategy nonsense", "sticky-user-sessions"),
        ("-m x --export-http-trace --export-level summary", "--export-level records"),
        ("-m x --header Content-Length:3", "leave it out"),
        ("-m x --header nonsense", "Name:Value"),
        ("-m x --api-key abcdefgh --header Authorization:zz", "drop one"),
        ("-m x --public-dataset p", "known to AIPerf, not supported by ringload yet"),
        ("-m x --config f.yaml", "--dry-run"),
        ("-m x --fixed-schedul", "--fixed-schedule"),
        ("-m x --accuracy-benchmar", "AIPerf has --accuracy-benchmark"),
        ("-m x --concurency 3", "--concurrency"),
        ("-m x --export-level raw", "records"),
    ] {
        let text = refused(line);
        assert!(text.contains(remedy), "{line}: {text}");
    }
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

/// A file that goes with its owner.
struct Scratch(std::path::PathBuf);

impl Scratch {
    fn new(name: &str, text: &str) -> Self {
        let name = format!("ringload-{}-{name}", std::process::id());
        let path = std::env::temp_dir().join(name);
        std::fs::write(&path, text).unwrap();
        Self(path)
    }

    fn write(&self, text: &str) {
        std::fs::write(&self.0, text).unwrap();
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}

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
fn lengths_prefixes_and_samplers_are_planned() {
    let p = made(
        "-m x --seq-dist 128,64:25;512,128:75 --num-prefix-prompts 4 --prefix-prompt-length 100 --dataset-sampling-strategy shuffle",
    );
    assert!(matches!(&p.prompts.distribution, LengthDistribution::Pairs(pairs) if pairs.len() == 2));
    assert_eq!((p.prompts.context.prefixes, p.prompts.context.prefix_tokens), (4, 100));
    assert_eq!(p.prompts.sampling, Sampling::Shuffle);
    let p = made(
        "-m x --random-range-ratio 0.3 --isl 100 --osl 50 --cache-bust system_prefix --shared-system-prompt-length 9",
    );
    assert_eq!(p.prompts.distribution, LengthDistribution::Ratio { isl: 0.3, osl: 0.3 });
    assert_eq!(p.prompts.context.cache_bust, Some(Marker::SystemPrefix));
    let file = Scratch::new("system.txt", "Be kind.\n");
    let p =
        made(&format!("-m x --system-prompt-file {} --length-distribution lognormal --isl-stddev 5", file.0.display()));
    assert_eq!(p.prompts.context.system.as_deref(), Some("Be kind.\n"));
    assert_eq!(p.prompts.distribution, LengthDistribution::Lognormal);
    for (flags, remedy) in [
        ("--num-prefix-prompts 4", "--prefix-prompt-length"),
        ("--prefix-prompt-length 4", "--num-prefix-prompts"),
        ("--seq-dist 1,2:50", "add up to 50"),
        ("--seq-dist 1,2:100 --random-range-ratio 0.5", "drop one"),
        ("--random-range-ratio 0.5 --isl-stddev 3", "drop --isl-stddev"),
        ("--system-prompt-file /nowhere/s", "/nowhere/s"),
        ("--cache-bust warmup_isolation_system", "first_turn_prefix"),
        ("--synthesis-max-isl 4", "--input-file"),
        ("--replay-speedup 4", "--input-file"),
    ] {
        let text = refused(&format!("-m x {flags}"));
        assert!(text.contains(remedy), "{flags}: {text}");
    }
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
        ("--streaming --prefill-concurrency 5 --concurrency 4", "--prefill-concurrency 4 or less"),
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
fn a_batch_wait_is_only_taken_where_it_cannot_be_seen() {
    assert_eq!(made("-m x").batch_wait, 200_000);
    let user = made("-m x --stamps user");
    assert_eq!((user.stamps, user.batch_wait), (Stamps::User, 0));
}

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

#[test]
fn the_network_is_the_plans_default_unless_flags_say_more() {
    let shown = |network: &Network| serde_json::to_string(network).unwrap();
    assert_eq!(shown(&made("-m x").network), shown(&Network::default()));
    let n = made(
        "-m x --concurrency 9 --url https://h:1 --http2 --streams-per-connection 7 --h2-window 1M --dns ttl --dns-servers 10.0.0.53,[::1]:5353 -4 \
         --resolve h:1:10.0.0.1,10.0.0.2 --source-ip 10.9.0.1-10.9.0.3 --prewarm 9 --tcp-send-buffer 64k --tcp-receive-buffer 128k \
         --tcp-keepalive 0 --tcp-user-timeout 1.5 --cacert ca --cert c --key k --no-tls-resumption --server-name s --tls-max 1.2",
    )
    .network;
    assert_eq!((n.http, n.streams_per_connection), (HttpVersion::Http2, 7));
    assert_eq!((n.h2_window, n.dns, n.family), (1 << 20, Dns::Ttl, Family::V4));
    assert_eq!(n.dns_servers[1].to_string(), "[::1]:5353");
    assert_eq!((n.resolve[0].addrs.len(), n.source_ips.len()), (2, 3));
    assert_eq!((n.prewarm, n.tcp.send_buffer, n.tcp.receive_buffer), (9, Some(65_536), Some(131_072)));
    assert_eq!((n.tcp.keepalive, n.tcp.user_timeout), (None, Some(1_500_000_000)));
    assert_eq!(n.tls.ca.as_deref(), Some(Path::new("ca")));
    assert_eq!(n.tls.client, Some(("c".into(), "k".into())));
    assert_eq!(n.tls.server_name.as_deref(), Some("s"));
    assert!(n.tls.max_1_2 && !n.tls.min_1_3 && !n.tls.resumption && !n.tls.insecure);
    let n = made("-m x --url https://h --http1.1 --dns always --ipv6 --tls-min 1.3").network;
    assert_eq!((n.http, n.dns, n.family), (HttpVersion::Http1, Dns::Always, Family::V6));
    assert!(n.tls.min_1_3 && n.tls.resumption);
}

#[test]
fn a_family_may_follow_a_list() {
    for line in ["-m x --url http://h -4", "--url http://h -m x -4", "-4 -m x"] {
        assert_eq!(made(line).network.family, Family::V4, "{line}");
    }
    assert_eq!(made("-m x -6").network.family, Family::V6);
}

#[test]
fn insecure_is_said_aloud() {
    for flag in ["-k", "--insecure"] {
        let p = planned(&format!("-m x --url https://h {flag}")).unwrap();
        assert!(p.plan.network.tls.insecure);
        assert!(p.notes.iter().any(|n| n.contains("NOT checked")), "{:?}", p.notes);
    }
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
fn networks_that_cannot_be_are_refused_with_what_to_write() {
    for (line, remedy) in [
        ("--http1.1 --http2", "--http1.1"),
        ("--http1.1 --streams-per-connection 2", "write --http2"),
        ("--http1.1 --h2-window 1M", "write --http2"),
        ("--streams-per-connection 2", "add --http2"),
        ("--streams-per-connection 0 --http2", "from 1"),
        ("--h2-window 3 --http2", "bytes"),
        ("--dns never", "once"),
        ("--dns-servers dns.test", "10.0.0.53"),
        ("-4 -6", "--ipv6"),
        ("--resolve h:80", "HOST:PORT:ADDR"),
        ("--resolve h:80:10.0.0.1", "as in --url"),
        ("--url http://h -6 --resolve h:80:10.0.0.1", "of that family"),
        ("--source-ip nonsense", "10.0.0.0/24"),
        ("--source-ip 10.0.0.1 -6", "of that family"),
        ("--source-ip fd00::1 -4", "of that family"),
        ("--source-ip fd00::1 --url http://127.0.0.1", "add one of that family"),
        ("--source-ip 10.0.0.1 --url unix:/s", "drop one"),
        ("--prewarm 2", "--prewarm 1"),
        ("--prewarm 9 --concurrency 8", "--prewarm 8"),
        ("--prewarm 9 --request-rate 5 --concurrency 8", "--prewarm 8"),
        ("--prewarm 1 --connection-reuse-strategy never", "drop one"),
        ("--tcp-send-buffer 1", "bytes"),
        ("--tcp-receive-buffer x", "bytes"),
        ("--tcp-keepalive -1", "0 to turn it off"),
        ("--tcp-user-timeout x", "leave it to the kernel"),
        ("--cacert ca", "https://"),
        ("--cert c --key k", "https://"),
        ("--key k", "https://"),
        ("--insecure", "https://"),
        ("--no-tls-resumption", "https://"),
        ("--server-name s", "https://"),
        ("--tls-max 1.2", "https://"),
        ("--tls-min 1.2", "https://"),
        ("--url https://h --cert c", "add --key"),
        ("--url https://h --key k", "add --cert"),
        ("--url https://h --insecure --cacert ca", "drop one"),
        ("--url https://h --tls-min 1.3 --tls-max 1.2", "drop one"),
        ("--url https://h --tls-max 1.1", "1.2"),
    ] {
        let text = refused(&format!("-m x {line}"));
        assert!(text.contains(remedy), "{line}: {text}");
    }
}

#[test]
fn any_flag_of_images_or_sounds_asks_for_them_with_aiperfs_defaults() {
    let plain = made("--model m");
    assert!(plain.payload.is_plain());
    let images = made("--model m --image-width-mean 640").payload.images.unwrap();
    assert_eq!(
        (images.count, images.width.mean, images.height.mean, images.format),
        (1, 640.0, 512.0, ImageFormat::Png)
    );
    let audio = made("--model m --audio-depths 8,24 --audio-sample-rates 8,44100").payload.audio.unwrap();
    assert_eq!((audio.seconds_mean, audio.channels), (10.0, 1));
    assert_eq!((audio.depths, audio.rates), (vec![8, 24], vec![8_000, 44_100]));
    assert!(made("--model m --image-batch-size 0 --image-width-mean 5").payload.images.is_none());
    let e = refused("--model m --endpoint-type completions --image-format png");
    assert!(e.contains("takes no images") && e.contains("chat"), "{e}");
    let e = refused("--model m --endpoint-type messages --audio-length-mean 1");
    assert!(e.contains("takes no audio"), "{e}");
    assert!(refused("--model m --audio-depths 12").contains("8, 16, 24 or 32"));
}

#[test]
fn a_rankings_query_and_passages_have_lengths_of_their_own() {
    let p = made("--model m --endpoint-type nim_rankings --rankings-passages-mean 3 --isl 900");
    assert_eq!((p.prompts.isl.mean, p.payload.passages.count.mean), (32.0, 3.0));
    assert_eq!(p.payload.passages.tokens.mean, 128.0);
    let e = refused("--model m --rankings-passages-mean 3");
    assert!(e.contains("cohere_rankings"), "{e}");
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
fn a_template_is_a_name_a_file_or_the_text_itself() {
    let template = |source: &str| {
        let line = format!("--model m --endpoint-type template --extra-inputs payload_template:{source} top_k:1");
        let plan = made(&line);
        assert_eq!(plan.extra_inputs.keys().collect::<Vec<_>>(), ["top_k"]);
        plan.payload.template.unwrap().source().to_owned()
    };
    assert!(template("nv-embedqa").contains("texts|tojson"));
    let mut file = tempfile::NamedTempFile::new().unwrap();
    std::io::Write::write_all(&mut file, b"{\"a\": {{ text|tojson }}}").unwrap();
    assert_eq!(template(file.path().to_str().unwrap()), "{\"a\": {{ text|tojson }}}");
    assert_eq!(template("{{texts|tojson}}"), "{{texts|tojson}}");
    let e = refused("--model m --endpoint-type template");
    assert!(e.contains("payload_template"), "{e}");
    let e = refused("--model m --endpoint-type template --extra-inputs payload_template:/no/such/file");
    assert!(e.contains("/no/such/file"), "{e}");
    let e = refused("--model m --endpoint-type raw --extra-inputs response_field:a[*]");
    assert!(e.contains("JSON pointer"), "{e}");
}

#[test]
fn several_choices_are_said_to_be_one_request() {
    let notes = |n: u32| planned(&format!("--model m --extra-inputs n:{n}")).unwrap().notes;
    assert!(notes(2).iter().any(|note| note.contains("all choices")));
    assert!(!notes(1).iter().any(|note| note.contains("all choices")));
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
    let said = flag.get_help().unwrap().to_string();
    for kind in EndpointKind::ALL {
        assert!(said.contains(kind.name()), "{}", kind.name());
        let extra = match kind {
            EndpointKind::Template => "--extra-inputs payload_template:nv-embedqa",
            _ => "",
        };
        let p = made(&format!("--model m --endpoint-type {} {extra}", kind.name()));
        let folder = artifact_dir(None, &p);
        assert!(folder.to_string_lossy().contains(kind.name()), "{folder:?}");
    }
}
