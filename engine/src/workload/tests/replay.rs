//! What a file says is what is sent.

use super::plan;
use crate::clock::MILLI;
use crate::plan::{ClientClasses, Plan, Replay, Sampling, Timing};
use crate::plan::{Format, Synthesis};
use crate::workload::{Survey, Tokenizer, Workload, detect};
use serde_json::{Value, json};
use std::path::{Path, PathBuf};

/// A file of a folder that is there as long as the first part.
fn file(name: &str, text: &str) -> (tempfile::TempDir, PathBuf) {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join(name);
    std::fs::write(&path, text).unwrap();
    (dir, path)
}

fn plan_of(path: &Path) -> Plan {
    let mut plan = plan(0, 9.0, 0.0);
    plan.prompts.replay = Some(Replay::of(path.to_owned(), detect(path).unwrap()));
    plan
}

fn replay(plan: &mut Plan) -> &mut Replay {
    plan.prompts.replay.as_mut().unwrap()
}

fn body(workload: &Workload, entry: usize) -> Value {
    let mut out = Vec::new();
    workload.write_body(entry as u32, &[], &mut out).unwrap();
    serde_json::from_slice(&out).unwrap()
}

fn prompts(workload: &Workload) -> Vec<String> {
    let of =
        |i| body(workload, i)["messages"].as_array().unwrap().last().unwrap()["content"].as_str().unwrap().to_owned();
    (0..workload.entries.len()).map(of).collect()
}

#[test]
fn hash_ids_are_shared_beginnings_of_exact_lengths() {
    let (_dir, path) = file(
        "t.jsonl",
        r#"{"timestamp": 0, "input_length": 40, "output_length": 5, "hash_ids": [1, 2, 3]}
{"timestamp": 10, "input_length": 44, "output_length": 6, "hash_ids": [1, 2, 4]}
{"timestamp": 20, "input_length": 50}"#,
    );
    let mut plan = plan_of(&path);
    replay(&mut plan).block = 16;
    let workload = Workload::prepare(&plan).unwrap();
    let said = prompts(&workload);
    let lengths: Vec<u32> = workload.entries.iter().map(|e| e.isl).collect();
    assert_eq!(lengths, [40, 44, 50]);
    for (text, n) in said.iter().zip(lengths) {
        assert_eq!(workload.count_tokens(text), n);
    }
    let common = said[0].bytes().zip(said[1].bytes()).take_while(|(a, b)| a == b).count();
    let shared = workload.count_tokens(&said[0][..common]);
    assert!((32..=33).contains(&shared), "{shared}");
    assert_eq!(workload.entries[1].osl, Some(6));
    assert_eq!(workload.inexact_prompts, 0);
    assert_eq!(body(&workload, 0)["max_completion_tokens"], 5);
}

#[test]
fn a_fixed_schedule_orders_sessions_and_times_their_turns() {
    let (_dir, path) = file(
        "t.jsonl",
        r#"{"timestamp": 900, "input_length": 5, "session_id": "late"}
{"timestamp": 100, "input_length": 5, "session_id": "early"}
{"timestamp": 5100, "input_length": 6, "session_id": "early"}
{"delay": 70, "input_length": 7, "session_id": "early"}"#,
    );
    let mut plan = plan_of(&path);
    let survey = |plan: &Plan| Survey::read(plan.prompts.replay.as_ref().unwrap(), 1).unwrap();
    assert_eq!((survey(&plan).conversations(), survey(&plan).turns()), (2, 4));
    assert_eq!(survey(&plan).untimed(), None);
    replay(&mut plan).timing = Timing { fixed: true, from_first: true, speedup: 2.0, ..Timing::default() };
    let timing = replay(&mut plan).timing;
    assert_eq!(survey(&plan).starts(&timing), [0, 400 * MILLI]);
    let workload = Workload::prepare(&plan).unwrap();
    let ids: Vec<&str> = workload.conversations.iter().map(|c| c.id.as_str()).collect();
    assert_eq!(ids, ["early", "late"]);
    let times: Vec<_> = workload.entries.iter().map(|e| (e.turn, e.at, e.delay, e.isl)).collect();
    let ms = |n| Some(n * MILLI);
    assert_eq!(times, [(0, ms(0), 0, 5), (1, ms(2_500), 0, 11), (2, None, 35 * MILLI, 18), (0, ms(400), 0, 5)]);

    replay(&mut plan).timing.gap_cap = Some(200 * MILLI);
    let timing = replay(&mut plan).timing;
    assert_eq!(survey(&plan).starts(&timing), [0, 200 * MILLI]);
    assert_eq!(Workload::prepare(&plan).unwrap().entries[1].at, ms(400));
    replay(&mut plan).timing = Timing { ignored: true, ..Timing::default() };
    assert!(Workload::prepare(&plan).unwrap().entries.iter().all(|e| e.at.is_none() && e.delay == 0));
}

#[test]
fn spans_count_from_the_first_start_wherever_it_stands() {
    let span = |start_s: u64| {
        let tokens = json!({"key": "gen_ai.usage.input_tokens", "value": {"intValue": "5"}});
        let span =
            json!({"startTimeUnixNano": format!("{}000000000", 1_700_000_000 + start_s), "attributes": [tokens]});
        format!("{}\n", json!({"resourceSpans": [{"scopeSpans": [{"spans": [span]}]}]}))
    };
    // What ends first is written first.
    let (_dir, path) = file("t.jsonl", &[10, 2, 3].map(span).concat());
    let mut plan = plan_of(&path);
    replay(&mut plan).timing = Timing { fixed: true, ..Timing::default() };
    let timing = replay(&mut plan).timing;
    let survey = Survey::read(plan.prompts.replay.as_ref().unwrap(), 1).unwrap();
    assert_eq!(survey.remarks(&timing).first_due_s, None);
    assert_eq!(survey.starts(&timing), [0, 1_000 * MILLI, 8_000 * MILLI]);
}

#[test]
fn clients_of_a_folder_are_drawn_alike_by_survey_and_workload() {
    let dir = tempfile::tempdir().unwrap();
    let lengths = r#"{"0": {"input_tokens": "{12: 1.0}", "output_tokens": "{3: 0.5, 4: 0.5}"}}"#;
    for (n, rate) in [(0, 0.05), (11, 0.15)] {
        let trace = format!("0,0,0,,0,0\n600,{rate},1.0,Weibull,0.5,1.0\n1200,0,0,,0,0\n");
        std::fs::write(dir.path().join(format!("chunk-{n}-trace.csv")), trace).unwrap();
        std::fs::write(dir.path().join(format!("chunk-{n}-dataset.json")), lengths).unwrap();
    }
    let mut plan = plan_of(dir.path());
    assert_eq!(replay(&mut plan).format.name(), "servegen");
    let classes = ClientClasses { seed: 3, rate: Some(0.1) };
    replay(&mut plan).clients = classes;
    replay(&mut plan).timing = Timing { fixed: true, from: Some(600_000 * MILLI), ..Timing::default() };
    let timing = replay(&mut plan).timing;
    let starts = Survey::read(plan.prompts.replay.as_ref().unwrap(), 0).unwrap().starts(&timing);
    assert_eq!(starts.len(), 60, "a tenth of a request a second for 600 s");
    let workload = Workload::prepare(&plan).unwrap();
    assert_eq!(workload.entries.iter().map(|e| e.at.unwrap()).collect::<Vec<_>>(), starts);
    assert!(starts.is_sorted() && *starts.last().unwrap() < 600_000 * MILLI);
    assert!(workload.entries.iter().all(|e| e.isl == 12 && matches!(e.osl, Some(3 | 4))));
    replay(&mut plan).clients = ClientClasses { seed: 4, ..classes };
    let others = Survey::read(plan.prompts.replay.as_ref().unwrap(), 0).unwrap().starts(&timing);
    assert_ne!(others, starts);
    std::fs::write(dir.path().join("chunk-11-trace.csv"), "0,1\n").unwrap();
    let error = Survey::read(plan.prompts.replay.as_ref().unwrap(), 0).unwrap_err().to_string();
    assert!(error.contains("chunk-11-trace.csv") && error.contains("line 1"), "{error}");
}

#[test]
fn a_format_is_found_by_a_first_row_of_any_length() {
    for length in [100, 300_000, 1_000_000] {
        let row = format!("{{\"text\": \"{}\"}}\n", "x".repeat(length));
        let (_dir, path) = file("long.jsonl", &row.repeat(2));
        assert_eq!(detect(&path).unwrap().name(), "single_turn", "{length}");
    }
}

#[test]
fn tables_of_columns_are_refused_with_how_to_write_lines() {
    let (_dir, path) = file("t.parquet", "PAR1\u{0}\u{1}");
    let error = detect(&path).unwrap_err().to_string();
    assert!(error.contains("Parquet") && error.contains("to_json"), "{error}");
    let named = Replay::of(path, Format::named("baseten_trace").unwrap());
    assert!(Survey::read(&named, 0).unwrap_err().to_string().contains("Parquet"));
}

#[test]
fn a_log_whose_conversations_begin_each_other_in_a_circle_is_damaged() {
    let text = ["a", "b", "c"].map(|id| {
        let begins = if id == "a" { json!(["b", "c"]) } else { json!([]) };
        let turn = json!({"messages": [{"role": "user", "content": id}], "spawns": begins});
        format!("{}\n", json!({"session_id": id, "turns": [turn]}))
    });
    let (_dir, path) = file("t.jsonl", &text.concat());
    let plan = plan_of(&path);
    let workload = Workload::prepare(&plan).unwrap();
    assert_eq!([0, 1, 2].map(|entry| workload.depth(entry)), [0, 1, 1]);
    assert_eq!(workload.turns_of(0), 3);
    let read = |edit: &dyn Fn(&mut Value)| {
        let mut shape = serde_json::to_value(workload.shape()).unwrap();
        edit(&mut shape);
        Workload::of_shape(&plan, serde_json::from_value(shape).unwrap(), 3)
    };
    let again = read(&|_| ()).unwrap();
    assert_eq!(([0, 1, 2].map(|entry| again.depth(entry)), again.turns_of(0)), ([0, 1, 1], 3));
    for (branch, after, child) in [(0, 0, 0), (0, 1, 1), (1, 1, 0)] {
        let circle = read(&|shape| {
            shape["branches"][branch]["after"] = after.into();
            shape["branches"][branch]["child"] = child.into();
        });
        let error = circle.map(|_| ()).unwrap_err().to_string();
        assert!(error.contains("in a circle"), "{error}");
    }
}

#[test]
fn no_row_makes_a_prompt_over_the_limit() {
    let short = "{\"timestamp\": 1, \"input_length\": 5}\n".repeat(200);
    let (_dir, path) = file("t.jsonl", &format!("{short}{{\"timestamp\": 9, \"input_length\": 4000000000}}\n"));
    let e = Workload::prepare(&plan_of(&path)).map(|_| ()).unwrap_err();
    assert!(e.what.contains("4000000000 input tokens"), "{e}");
}

#[test]
fn windows_and_filters_say_when_nothing_is_left() {
    let (_dir, path) =
        file("t.jsonl", "{\"timestamp\": 1, \"input_length\": 5}\n{\"timestamp\": 9, \"input_length\": 50}\n");
    let mut plan = plan_of(&path);
    replay(&mut plan).synthesis = Synthesis { max_isl: Some(10), ..Synthesis::default() };
    assert_eq!(Workload::prepare(&plan).unwrap().entries.len(), 1);
    replay(&mut plan).timing.from = Some(5 * MILLI);
    let e = Workload::prepare(&plan).map(|_| ()).unwrap_err();
    assert!(e.what.contains("no request of it is left"), "{e}");
}

#[test]
fn conversations_thread_their_turns_and_lines_of_a_session_do_not() {
    let (_dir, path) = file(
        "m.jsonl",
        r#"{"session_id": "a", "turns": [{"role": "system", "text": "be kind"}, {"text": "hello"}, {"text": "again", "delay": 12}]}"#,
    );
    let workload = Workload::prepare(&plan_of(&path)).unwrap();
    let turn = &workload.entries[1];
    assert!(turn.body.own.is_some());
    assert_eq!((turn.turn, turn.delay), (1, 12 * MILLI));
    assert_eq!(
        body(&workload, 1)["messages"],
        json!([{"role": "system", "content": "be kind"}, {"role": "user", "content": "again"}])
    );
    let counted = ["be kind", "hello", "again"].map(|t| workload.count_tokens(t));
    assert_eq!(workload.entries[0].isl, counted[0] + counted[1]);
    assert_eq!(turn.isl, counted.iter().sum::<u32>());

    let (_dir, path) = file(
        "s.jsonl",
        "{\"session_id\": \"a\", \"text\": \"x\"}\n{\"text\": \"y\"}\n{\"session_id\": \"a\", \"text\": \"z\"}\n",
    );
    let workload = Workload::prepare(&plan_of(&path)).unwrap();
    assert_eq!(prompts(&workload), ["x", "z", "y"]);
    assert!(workload.entries.iter().all(|e| e.body.own.is_none()));
    assert!(workload.has_turns());
}

#[test]
fn our_own_inputs_json_replays_to_the_byte() {
    let mut first = plan(3, 12.0, 4.0);
    first.extra_inputs = serde_json::from_str(r#"{"temperature": 0.1, "stop": ["\n", "ü"]}"#).unwrap();
    let sent = Workload::prepare(&first).unwrap();
    let mut text = Vec::new();
    sent.write_inputs(&mut text).unwrap();
    let (_dir, path) = file("inputs.json", std::str::from_utf8(&text).unwrap());
    let again = Workload::prepare(&plan_of(&path)).unwrap();
    for i in 0..3 {
        assert_eq!(again.entries[i].body.in_memory(), sent.entries[i].body.in_memory());
        assert_eq!(again.session_id(i as u32), sent.session_id(i as u32));
        assert_eq!(again.entries[i].isl, sent.entries[i].isl);
    }
}

#[test]
fn bodies_beyond_the_memory_budget_are_the_same() {
    let lines: String = (0..300)
        .map(|i| {
            format!(
                "{{\"session_id\": \"s{}\", \"turns\": [{{\"text\": \"one {i}\"}}, {{\"text\": \"two {i}\"}}]}}\n",
                i % 200
            )
        })
        .collect();
    let (_dir, path) = file("m.jsonl", &lines);
    let plan = plan_of(&path);
    let of = |budget| Workload::within(&plan, Tokenizer::builtin().unwrap(), budget).unwrap();
    let (memory, spilled) = (of(u64::MAX), of(2_000));
    assert_eq!(memory.spilled_bytes(), 0);
    assert!(spilled.spilled_bytes() > 30_000);
    for i in 0..memory.entries.len() as u32 {
        let full = |w: &Workload| {
            let mut out = Vec::new();
            w.write_body(i, b"{\"earlier\":1},", &mut out).unwrap();
            w.own_messages(i, &mut out).unwrap();
            assert_eq!(w.body_len(i, b"12345"), w.body_len(i, &[]) + 5);
            out
        };
        assert_eq!(full(&memory), full(&spilled));
    }
    assert_eq!(memory.entries.len(), 600);
    assert_eq!(memory.conversations.len(), 200);
    let inputs = |w: &Workload| {
        let mut out = Vec::new();
        w.write_inputs(&mut out).unwrap();
        out
    };
    assert_eq!(inputs(&memory), inputs(&spilled));
}

#[test]
fn a_pool_is_drawn_from_by_the_seed_and_a_folder_has_a_pool_a_file() {
    let dir = tempfile::tempdir().unwrap();
    let lines = |what: &str| -> String { (0..9).map(|i| format!("{{\"texts\": [\"{what}{i}\"]}}\n")).collect() };
    std::fs::write(dir.path().join("a.jsonl"), lines("a")).unwrap();
    std::fs::write(dir.path().join("b.jsonl"), lines("b")).unwrap();
    let mut plan = plan_of(dir.path());
    assert_eq!(replay(&mut plan).format, Format::named("random_pool").unwrap());
    replay(&mut plan).draws = 40;
    let workload = Workload::prepare(&plan).unwrap();
    assert_eq!(workload.conversations.len(), 40);
    let again = Workload::prepare(&plan).unwrap();
    assert_eq!(body(&workload, 7), body(&again, 7));
    let text = body(&workload, 7).to_string();
    assert!(text.contains("a") && text.contains("b"), "{text}");
    plan.seed += 1;
    let other = Workload::prepare(&plan).unwrap();
    assert!((0..40).any(|i| body(&other, i) != body(&workload, i)));
}

#[test]
fn a_folder_of_bodies_has_a_session_a_file() {
    let dir = tempfile::tempdir().unwrap();
    for (name, n) in [("b", 1), ("a", 2)] {
        let line =
            format!("{{\"model\": \"{name}\", \"messages\": [{{\"role\": \"user\", \"content\": \"hi there\"}}]}}\n");
        std::fs::write(dir.path().join(format!("{name}.jsonl")), line.repeat(n)).unwrap();
    }
    let workload = Workload::prepare(&plan_of(dir.path())).unwrap();
    let ids: Vec<_> = workload.conversations.iter().map(|c| (c.id.as_str(), c.turns.len())).collect();
    assert_eq!(ids, [("a", 2), ("b", 1)]);
    assert_eq!(workload.entries[0].isl, workload.count_tokens("hi there"));
    assert_eq!(body(&workload, 2)["model"], "b");
}

#[test]
fn a_batch_must_fit_the_endpoint_and_errors_name_file_and_line() {
    let line = |url: &str| {
        format!("{{\"custom_id\": \"1\", \"url\": \"{url}\", \"body\": {{\"model\": \"m\", \"prompt\": \"x\"}}}}\n")
    };
    let (_dir, path) = file("b.jsonl", &line("/v1/completions"));
    let e = Workload::prepare(&plan_of(&path)).map(|_| ()).unwrap_err();
    assert!(e.what.contains("/v1/completions") && e.remedy.contains("`plan.endpoint`"), "{e}");
    let mut fits = plan_of(&path);
    fits.endpoint = crate::plan::EndpointKind::Completions;
    assert_eq!(Workload::prepare(&fits).unwrap().entries.len(), 1);
    let (_dir, path) = file("s.jsonl", "{\"text\": \"a\"}\n{\"text\": 5}\n");
    let e = Workload::prepare(&plan_of(&path)).map(|_| ()).unwrap_err();
    assert!(e.what.contains("s.jsonl: line 2: "), "{e}");
    let (_dir, path) = file("n.jsonl", "nothing\n");
    assert!(detect(&path).unwrap_err().remedy.contains("`plan.prompts.replay.format`"));
}

#[test]
fn sessions_pick_conversations_by_the_plans_sampling() {
    let mut plan = plan(10, 3.0, 0.0);
    plan.prompts.sampling = Sampling::Shuffle;
    let workload = Workload::prepare(&plan).unwrap();
    let mut first: Vec<usize> = (0..10).map(|k| workload.pick(k)).collect();
    assert_ne!(first, (0..10).collect::<Vec<_>>());
    first.sort_unstable();
    assert_eq!(first, (0..10).collect::<Vec<_>>());
}

#[test]
fn sharegpt_asks_for_answers_as_long_as_those_it_has() {
    let (_dir, path) = file(
        "g.json",
        r#"[{"conversations": [{"from": "human", "value": "hello"}, {"from": "gpt", "value": "the terms of the work"}]}]"#,
    );
    let workload = Workload::prepare(&plan_of(&path)).unwrap();
    assert_eq!(workload.entries[0].osl, Some(workload.count_tokens("the terms of the work")));
}
