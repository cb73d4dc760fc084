//! Preparation with the built-in vocabulary and with a tokenizer of a directory.

use super::{plan, prompt_of, tiny_dir};
use crate::plan::{EndpointKind, Length, Plan, TokenizerSource, Turns};
use crate::workload::Workload;
use std::collections::HashSet;

fn bodies(plan: &Plan) -> Vec<Vec<u8>> {
    let entries = Workload::prepare(plan).unwrap().entries;
    entries.into_iter().map(|entry| entry.body.in_memory().to_vec()).collect()
}

fn assert_exact(workload: &Workload) {
    assert_eq!(workload.inexact_prompts, 0);
    for (i, entry) in workload.entries.iter().enumerate() {
        let tokens = workload.count_tokens(&prompt_of(entry.body.in_memory()));
        assert_eq!(tokens, entry.isl, "entry {i}");
    }
}

#[test]
fn every_length_is_exact_on_both_endpoints_and_tokenizers() {
    let tiny = TokenizerSource::Named { name: tiny_dir().to_str().unwrap().into(), revision: "main".into() };
    let lengths = (1..=20).chain([64, 127, 550, 1_999, 2_000]);
    for isl in lengths {
        for tokenizer in [TokenizerSource::Builtin, tiny.clone()] {
            for endpoint in [EndpointKind::Chat, EndpointKind::Completions] {
                let mut plan = plan(18, f64::from(isl), 0.0);
                plan.endpoint = endpoint;
                plan.prompts.tokenizer = tokenizer.clone();
                plan.seed = u64::from(isl);
                let workload = Workload::prepare(&plan).unwrap();
                assert!(workload.entries.iter().all(|entry| entry.isl == isl));
                assert_exact(&workload);
            }
        }
    }
}

#[test]
fn drawn_lengths_are_exact_for_each_entry() {
    let workload = Workload::prepare(&plan(400, 120.0, 60.0)).unwrap();
    assert_exact(&workload);
    let distinct: HashSet<u32> = workload.entries.iter().map(|entry| entry.isl).collect();
    assert!(distinct.len() > 100);
}

#[test]
fn a_seed_gives_the_same_bytes_and_another_seed_others() {
    let mut plan = plan(50, 80.0, 20.0);
    let first = bodies(&plan);
    assert_eq!(first, bodies(&plan));
    plan.seed += 1;
    assert!(first.iter().zip(&bodies(&plan)).all(|(a, b)| a != b));
}

#[test]
fn few_entries_are_the_first_of_many() {
    // 200 000 tokens are made by several threads, ten prompts by one.
    let many = bodies(&plan(400, 550.0, 30.0));
    assert_eq!(bodies(&plan(10, 550.0, 30.0)), many[..10]);
}

#[test]
fn prompts_differ_from_their_first_word_on() {
    let workload = Workload::prepare(&plan(300, 16.0, 0.0)).unwrap();
    let prompts = workload.entries.iter().map(|entry| prompt_of(entry.body.in_memory()));
    let first: HashSet<String> = prompts.map(|prompt| prompt.split(' ').next().unwrap().to_owned()).collect();
    assert_eq!(first.len(), 300);
}

#[test]
fn thousands_of_prompts_differ_in_their_first_two_words() {
    let workload = Workload::prepare(&plan(20_000, 2.0, 0.0)).unwrap();
    let distinct: HashSet<&[u8]> = workload.entries.iter().map(|entry| entry.body.in_memory()).collect();
    assert_eq!(distinct.len(), 20_000);
}

#[test]
fn models_and_sessions_go_by_the_index_of_the_entry() {
    let mut plan = plan(3, 5.0, 0.0);
    plan.models = vec!["a".into(), "b".into()];
    let workload = Workload::prepare(&plan).unwrap();
    let models: Vec<String> = workload
        .entries
        .iter()
        .map(|entry| serde_json::from_slice::<serde_json::Value>(entry.body.in_memory()).unwrap())
        .map(|body| body["model"].as_str().unwrap().to_owned())
        .collect();
    assert_eq!(models, ["a", "b", "a"]);
    assert_eq!(workload.session_id(2), "session_000002");
}

#[test]
fn output_lengths_are_asked_for_per_entry_when_set() {
    let mut plan = plan(200, 5.0, 0.0);
    assert!(Workload::prepare(&plan).unwrap().entries[0].osl.is_none());
    plan.prompts.osl = Some(Length { mean: 100.0, stddev: 10.0 });
    let workload = Workload::prepare(&plan).unwrap();
    let asked: Vec<u32> = workload.entries.iter().filter_map(|e| e.osl).collect();
    assert_eq!(asked.len(), 200);
    let mean = f64::from(asked.iter().sum::<u32>()) / 200.0;
    assert!((mean - 100.0).abs() < 4.0, "{mean}");
    let body: serde_json::Value = serde_json::from_slice(workload.entries[7].body.in_memory()).unwrap();
    assert!(body.to_string().contains(&format!("{}", asked[7])));
}

#[test]
fn a_plan_without_models_or_entries_does_not_panic() {
    let mut empty = plan(0, 5.0, 0.0);
    assert!(Workload::prepare(&empty).unwrap().entries.is_empty());
    empty.models.clear();
    assert!(Workload::prepare(&empty).is_err());
}

#[test]
fn inputs_json_holds_the_bodies_that_are_sent() {
    let workload = Workload::prepare(&plan(4, 9.0, 0.0)).unwrap();
    let mut out = Vec::new();
    workload.write_inputs(&mut out).unwrap();
    let file: serde_json::Value = serde_json::from_slice(&out).unwrap();
    for (i, entry) in workload.entries.iter().enumerate() {
        let session = &file["data"][i];
        assert_eq!(session["session_id"], workload.session_id(i as u32));
        let sent: serde_json::Value = serde_json::from_slice(entry.body.in_memory()).unwrap();
        assert_eq!(session["payloads"], serde_json::json!([sent]));
    }
}

#[test]
fn a_workload_is_shared_by_threads() {
    fn assert_shared<T: Send + Sync>() {}
    assert_shared::<Workload>();
}

#[test]
fn a_conversation_has_turns_and_each_counts_what_was_said_before() {
    let mut plan = plan(30, 20.0, 4.0);
    plan.prompts.turns = Turns { count: Length { mean: 3.0, stddev: 1.0 }, delay_mean_ms: 5.0, ..Turns::ONE };
    let workload = Workload::prepare(&plan).unwrap();
    assert!(workload.has_turns());
    assert_eq!(workload.conversations.len(), 30);
    let mut next = 0;
    for (i, conversation) in workload.conversations.iter().enumerate() {
        assert_eq!(conversation.id, format!("session_{i:06}"));
        assert_eq!(conversation.turns.start, next);
        next = conversation.turns.end;
        let mut said = 0;
        for (turn, at) in conversation.turns.clone().enumerate() {
            let entry = &workload.entries[at as usize];
            assert_eq!((entry.conversation, entry.turn), (i as u32, turn as u32));
            said += workload.count_tokens(&prompt_of(entry.body.in_memory()));
            assert_eq!(entry.isl, said);
            assert_eq!(entry.delay > 0, turn > 0);
        }
    }
    assert_eq!(next as usize, workload.entries.len());
    assert_eq!(workload.session_name(0, 29), "session_000000");
    assert_eq!(workload.session_name(0, 30), "session_000000.30");
    plan.endpoint = EndpointKind::Completions;
    let apart = Workload::prepare(&plan).unwrap();
    assert!(apart.entries.iter().all(|entry| entry.isl < 60));
}
