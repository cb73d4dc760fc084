//! Configurations → the plans that the same flags make.

use super::variations;
use crate::flags::testing::{Scratch, args, made, parsed, planned, refused};
use ringload_engine::plan::Load;

/// The command lines of a configuration, without `ringload profile`.
fn lines(text: &str) -> Vec<String> {
    let all = variations(text, &|name| (name == "RINGLOAD_TEST_HOST").then(|| "h:9".to_owned()))
        .unwrap_or_else(|e| panic!("{e}"));
    all.iter().map(|one| one.command_line()["ringload profile".len()..].trim().to_owned()).collect()
}

fn error(text: &str) -> String {
    variations(text, &|_| None).map(|_| String::new()).unwrap_or_else(|e| e)
}

/// The notes of the one run of a configuration of these parts.
fn notes(dataset: &str, phases: &str) -> (String, Vec<String>) {
    let text = format!(
        "benchmark:\n  model: m\n  endpoint: {{url: \"http://h:1\", streaming: true}}\n  dataset: {dataset}\n  phases: {phases}\n\
         \x20 artifacts: {{userFiles: [{{path: a.json, content: {{at: \"{{{{ epoch }}}}\"}}}}]}}\n"
    );
    let all = variations(&text, &|_| None).unwrap_or_else(|e| panic!("{e}"));
    let line = all[0].command_line()["ringload profile".len()..].trim().to_owned();
    let notes = all[0].words.notes.clone();
    (line, notes)
}

#[test]
fn what_aiperfs_own_templates_say_is_taken() {
    let measured = "{name: profiling, type: concurrency, concurrency: 2, requests: 4}";
    let warmed = |warmup: &str| format!("[{warmup}, {measured}]");
    for (dataset, phases, flags, said) in [
        (
            "{isl: 8, osl: 2}",
            warmed("{name: warmup, type: concurrency, sessions: 3, concurrency: 2}"),
            "--num-warmup-sessions 3",
            "user_files",
        ),
        (
            "{isl: 8, osl: 2}",
            warmed("{name: warmup, type: user_centric, users: 4, rate: 2, duration: 1}"),
            "--warmup-request-rate 2",
            "a warm-up has no users",
        ),
        (
            "{isl: {peaks: [{mean: 8, median: 7, weight: 1}]}, osl: {mean: 4, median: 3}}",
            format!("[{measured}]"),
            "--seq-dist",
            "drawn as a normal length",
        ),
        (
            "{type: public, dataset: sharegpt, entries: 10}",
            format!("[{measured}]"),
            "--public-dataset sharegpt",
            "as many rows",
        ),
        (
            "{isl: 8, osl: 2}",
            "[{name: profiling, type: poisson, rate: 5, requests: 4, prefillRamp: 30s}]".to_owned(),
            "--request-rate 5",
            "no prefill_concurrency",
        ),
    ] {
        let (line, notes) = notes(dataset, &phases);
        assert!(line.contains(flags), "{line}");
        assert!(notes.iter().any(|note| note.contains(said)), "{said}: {notes:?}");
        parsed(&line.replace('\'', "\"")).unwrap_or_else(|e| panic!("{line}: {e}"));
    }
}

const FULL: &str = r#"
schemaVersion: "2.0"
randomSeed: 7
variables: {n: 4, name: base}
benchmark:
  model: m
  endpoint:
    url: "http://${RINGLOAD_TEST_HOST:localhost:8000}/v1"
    type: chat
    streaming: true
    timeout: 2m
    headers: {X-Team: perf}
    extra: {temperature: 0, stop: ["x"]}
  dataset:
    entries: 10
    isl: {mean: 64, stddev: 5}
    osl: 8
    prefixPrompts: {poolSize: 2, length: 16}
  phases:
    - {name: warmup, type: concurrency, concurrency: 2, requests: 3}
    - name: profiling
      type: gamma
      rate: 20
      smoothness: 2
      concurrency: "{{ n * 2 }}"
      duration: 30s
      gracePeriod: 5
      rateRamp: {duration: 10, strategy: exponential}
      cancellation: {rate: 10, delay: 0.5}
  slos: {time_to_first_token: 200, inter_token_latency: 50}
  tokenizer: builtin
  serverMetrics: {enabled: false}
  artifacts: {dir: "out/{{ name }}", records: false, sliceDuration: 1}
multiRun: {numRuns: 3, cooldownSeconds: 1}
ringload: {fail_if: ["request_latency.p99>1000ms"], max_errors: 5}
"#;

#[test]
fn a_configuration_is_the_plan_of_its_flags() {
    let file = Scratch::new("full.yaml", FULL);
    let flags =
        "--model m --url http://localhost:8000/v1 --endpoint-type chat --streaming --request-timeout-seconds 120
        --header X-Team:perf --extra-inputs temperature:0 --num-dataset-entries 10 --isl 64 --isl-stddev 5 --osl 8
        --num-prefix-prompts 2 --prefix-prompt-length 16 --warmup-request-count 3 --warmup-concurrency 2
        --warmup-arrival-pattern concurrency_burst --request-rate 20 --arrival-pattern gamma --arrival-smoothness 2
        --concurrency 8 --benchmark-duration 30 --benchmark-grace-period 5 --request-rate-ramp-duration 10
        --ramp-shape exponential --request-cancellation-rate 10 --request-cancellation-delay 0.5
        --goodput time_to_first_token:200 inter_token_latency:50 --tokenizer builtin --slice-duration 1 --random-seed 7
        --fail-if request_latency.p99>1000ms --max-errors 5";
    let of_file = planned(&format!("--config {}", file.0.display())).unwrap().plan;
    let json = |plan: &_| serde_json::to_value(plan).unwrap();
    let (mut ours, mut theirs) = (json(&of_file), json(&made(flags)));
    assert_eq!(ours["extra_inputs"]["stop"], serde_json::json!(["x"]));
    for plan in [&mut ours, &mut theirs] {
        plan["extra_inputs"] = serde_json::Value::Null;
    }
    assert_eq!(ours, theirs);
    let given = args(&format!("--config {}", file.0.display()));
    assert_eq!(given.campaign.num_profile_runs, 3);
    assert_eq!(given.output.artifact_dir.unwrap().to_str(), Some("out/base"));
    assert!(given.telemetry.no_server_metrics);
}

#[test]
fn flags_of_the_line_replace_what_the_file_says() {
    let file = Scratch::new("over.yaml", FULL);
    let plan = made(&format!("--config {} --request-rate 5 --isl 9 -m other", file.0.display()));
    assert_eq!((plan.models.as_slice(), plan.prompts.isl.mean), (["other".to_owned()].as_slice(), 9.0));
    let Load::Open { rate, .. } = &plan.profiling.load else { panic!() };
    assert_eq!(rate.highest(), 5.0);
    let swept = args(&format!("--config {} --concurrency 1,2", file.0.display()));
    assert_eq!(swept.points.len(), 2);
}

#[test]
fn phases_and_datasets_have_short_forms() {
    let long = lines(
        "benchmark: {model: m, endpoint: {url: u}, dataset: {prompts: {isl: 5}}, phases: [{name: profiling, type: concurrency, requests: 4}]}",
    );
    for short in [
        "benchmark: {models: [m], endpoint: {urls: [u]}, datasets: [{name: x, isl: 5}], profiling: {type: concurrency, requests: 4}}",
        "model: m\nendpoint: {url: u}\ndataset: {isl: 5}\nphases: {type: concurrency, requests: 4}\n",
    ] {
        assert_eq!(lines(short), long, "{short}");
    }
    assert_eq!(long, ["--model m --url u --isl 5 --request-count 4 --concurrency 1"]);
    let warm = lines(
        "benchmark: {model: m, warmup: {type: poisson, rate: 3, duration: 5}, profiling: {type: user_centric, rate: 2, users: 4, sessions: 9}}",
    );
    assert_eq!(
        warm,
        [
            "--model m --warmup-grace-period inf --warmup-duration 5 --warmup-request-rate 3 --warmup-arrival-pattern poisson \
          --num-conversations 9 --user-centric-rate 2 --num-users 4"
        ]
    );
}

#[test]
fn sweeps_are_lines_in_the_order_of_their_paths() {
    let base = "benchmark: {model: m, endpoint: {url: \"http://${RINGLOAD_TEST_HOST}\"}, dataset: {isl: 5}, phases: [{name: main, kind: profiling, type: concurrency, requests: 4, concurrency: 1}]}\n";
    let of = |sweep: &str| {
        let all = variations(&format!("{base}{sweep}"), &|_| Some("h".into())).unwrap_or_else(|e| panic!("{e}"));
        all.into_iter().map(|one| (one.name, one.values)).collect::<Vec<_>>()
    };
    let grid =
        of("sweep: {type: grid, parameters: {phases.main.concurrency: [1, 2], datasets.default.prompts.isl: [8, 16]}}");
    let pair = |isl: &str, c: &str| vec![("isl".to_owned(), isl.to_owned()), ("concurrency".to_owned(), c.to_owned())];
    let values: Vec<_> = grid.iter().map(|(_, values)| values.clone()).collect();
    assert_eq!(values, [pair("8", "1"), pair("8", "2"), pair("16", "1"), pair("16", "2")]);
    assert_eq!(of("sweep: {type: zip, parameters: {concurrency: [1, 2], requests: [3, 6]}}").len(), 2);
    let named = of(
        "sweep: {type: scenarios, runs: [{name: light}, {name: heavy, benchmark: {phases: [{name: main, concurrency: 9}]}}]}",
    );
    assert_eq!(named[1].0.as_deref(), Some("heavy"));
    let heavy = lines(&format!(
        "{base}sweep: {{type: scenarios, runs: [{{name: heavy, benchmark: {{phases: [{{name: main, concurrency: 9}}]}}}}]}}"
    ));
    assert!(heavy[0].contains("--concurrency 9") && heavy[0].contains("--url http://h:9"), "{heavy:?}");
    let list = lines(&base.replace("concurrency: 1}", "concurrency: [1, 4]}"));
    assert!(list.len() == 2 && list[1].contains("--concurrency 4"), "{list:?}");
    let variable = lines(
        "variables: {n: 1}\nbenchmark: {model: m, profiling: {type: concurrency, requests: \"{{ n * 3 }}\"}}\nsweep: {parameters: {variables.n: [1, 2]}}\n",
    );
    assert!(variable[1].contains("--request-count 6"), "{variable:?}");
}

#[test]
fn searches_are_the_flags_of_searches() {
    let of = |sweep: &str| {
        lines(&format!(
            "benchmark: {{model: m, dataset: {{isl: 5}}, phases: [{{name: profiling, type: concurrency, requests: 4, concurrency: 8}}]}}\nsweep: {{type: adaptive_search, {sweep}}}"
        ))
        .remove(0)
    };
    let searched = of(
        "planner: monotonic_sla, search_space: [{path: phases.profiling.concurrency, lo: 1, hi: 64, kind: int}], objectives: [{metric: request_throughput, stat: avg, direction: MAXIMIZE}], \
         max_iterations: 9, sla_filters: [{metric_tag: time_to_first_token, stat: p95, op: lt, threshold: 200}], plateau_window: 4",
    );
    assert_eq!(
        searched,
        "--model m --isl 5 --request-count 4 --search-space phases.profiling.concurrency:1,64:int --search-metric request_throughput \
         --search-stat avg --search-direction maximize --search-planner monotonic_sla --search-max-iterations 9 \
         --search-sla time_to_first_token:p95:lt:200"
    );
    let tiers = of(
        "search_space: [{path: datasets.default.prompts.isl.mean, lo: 16, hi: 512}], sla_tiers: [{label: gold, filters: [{metric_tag: request_latency, stat: p99, op: le, threshold: 5}]}]",
    );
    assert!(tiers.contains("--search-sla-tier gold:request_latency:p99:le:5") && !tiers.contains("--isl "), "{tiers}");
    let scaled = lines(
        "benchmark: {model: m, phases: [{name: profiling, type: concurrency, duration: 600, concurrency: 400, adaptiveScale: {control: {variable: concurrency, min: 2, max: 400}, \
         strategy: {type: ramp_until_fail}, assessmentPeriod: 1m, sustain_duration: 5m, sla: {request_latency: {p95: {le: 30000}}}}}]}",
    );
    let scale = "--adaptive-scale --adaptive-scale-control concurrency:2,400 --adaptive-scale-assessment-period 60 \
                 --adaptive-sustain-duration 300 --adaptive-scale-sla request_latency:p95:le:30000";
    assert!(scaled[0].contains(scale), "{scaled:?}");
}

#[test]
fn what_is_wrong_is_said_with_its_place() {
    let with = |phase: &str| format!("benchmark: {{model: m, phases: [{{name: profiling, {phase}}}]}}");
    for (text, said) in [
        (
            with("type: concurrency, requets: 3, requests: 4"),
            "benchmark.phases.profiling.requets: no such key; did you mean `requests`?",
        ),
        ("benchmark: {modle: m}".into(), "benchmark.phases: is missing"),
        (
            "benchmark: {modle: m, profiling: {type: concurrency, requests: 1}}".into(),
            "benchmark.modle: no such key; did you mean `model`?",
        ),
        ("schemaVersion: 3\nbenchmark: {}".into(), "write \"2.0\""),
        (
            "schemaVersoin: \"2.0\"\nbenchmark: {model: m, profiling: {type: concurrency, requests: 1}}".into(),
            "did you mean `schema_version`?",
        ),
        (with("type: concurrency"), "write requests, duration or sessions"),
        (with("type: concurrency, requests: 3, rate: 4"), "goes with type: poisson"),
        (with("type: poisson, requests: 3"), "rate: is missing"),
        (with("type: concurrency, requests: 3, grace_period: 4"), "without duration"),
        (with("type: concurrency, requests: 3, exclude_from_results: true"), "always does"),
        (with("type: concurrency, requests: 3, sla: {}"), "ringload capacity"),
        (with("type: concurrency, requests: 3, adaptive_scale: {controls: {}}"), "did you mean `control`?"),
        (with("type: concurrency, requests: 3, adaptive_scale: {sla: {ttft: 5}}"), "write METRIC"),
        (
            format!(
                "{}\nsweep: {{type: adaptive_search, search_space: [{{path: isl, lo: 1}}]}}",
                with("type: concurrency, requests: 1")
            ),
            "sweep.search_space[0].hi: is missing",
        ),
        ("benchmark: {model: m, warmup: {type: concurrency, requests: 1}}".into(), "a warm-up alone"),
        ("benchmark: {model: m, endpoint: {url: \"${NOWHERE}\"}}".into(), "no NOWHERE"),
        ("- 1\n".into(), "config init"),
        (
            format!("{}\nsweep: {{type: sobol}}", with("type: concurrency, requests: 1")),
            "grid, zip, scenarios or adaptive_search",
        ),
        (
            format!("{}\nsweep: {{parameters: {{phases.nobody.rate: [1]}}}}", with("type: concurrency, requests: 1")),
            "no `nobody`",
        ),
    ] {
        let error = error(&text);
        assert!(error.contains(said), "{text}: {error}");
    }
}

#[test]
fn the_template_runs_and_records_of_a_file_are_sent() {
    let file = Scratch::new("template.yaml", super::TEMPLATE);
    let plan = made(&format!("--config {}", file.0.display()));
    assert_eq!((plan.profiling.requests, plan.slos.len(), plan.seed), (Some(500), 2, 42));
    let records = lines(
        "benchmark: {model: m, dataset: {type: file, format: single_turn, records: [{text: a}, {text: b}]}, profiling: {type: concurrency, requests: 2}}",
    );
    let path = records[0].split("--input-file ").nth(1).and_then(|rest| rest.split(' ').next()).unwrap().to_owned();
    assert_eq!(std::fs::read_to_string(&path).unwrap(), "{\"text\":\"a\"}\n{\"text\":\"b\"}\n");
    super::files::remove();
    assert!(!std::path::Path::new(&path).exists());
}

#[test]
fn a_plan_of_a_report_is_run_again_with_flags_that_fit_it() {
    let mut plan = serde_json::to_value(made("-m x --concurrency 3 --random-seed 5 --header X-Key:abcdefgh")).unwrap();
    plan["headers"][0]["value"] = "v".into();
    let file = Scratch::new("report.json", &serde_json::json!({"plan": plan}).to_string());
    let again = planned(&format!("--config {} --artifact-dir out", file.0.display())).unwrap().plan;
    assert_eq!((again.seed, again.profiling.load.most_in_flight()), (5, Some(3)));
    assert!(refused(&format!("--config {} --concurrency 4", file.0.display())).contains("--concurrency"));
    assert!(parsed("--config /nowhere.yaml").unwrap_err().contains("/nowhere.yaml"));
    assert!(parsed("--config").unwrap_err().contains("missing"));
}
