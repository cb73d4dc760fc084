//! What stands before synthetic prompts.

use super::plan;
use crate::plan::{Context, Length, Marker, Plan, Turns};
use crate::workload::Workload;
use serde_json::Value;
use std::collections::HashSet;

fn plan_with(context: Context) -> Plan {
    let mut plan = plan(60, 20.0, 0.0);
    plan.prompts.context = context;
    plan
}

/// The messages of each entry.
fn messages(workload: &Workload) -> Vec<Vec<(String, String)>> {
    let of = |body: &[u8]| {
        let tree: Value = serde_json::from_slice(body).unwrap();
        let text = |v: &Value| v.as_str().unwrap().to_owned();
        tree["messages"].as_array().unwrap().iter().map(|m| (text(&m["role"]), text(&m["content"]))).collect()
    };
    workload.entries.iter().map(|e| of(e.body.in_memory())).collect()
}

#[test]
fn prefixes_come_from_a_pool_and_add_to_the_length() {
    let plan = plan_with(Context { prefixes: 3, prefix_tokens: 30, ..Context::default() });
    let workload = Workload::prepare(&plan).unwrap();
    assert_eq!(workload.inexact_prompts, 0);
    let texts: Vec<String> = messages(&workload).into_iter().map(|m| m[0].1.clone()).collect();
    let head = |text: &String| text.split(' ').take(30).collect::<Vec<_>>().join(" ");
    let heads: HashSet<String> = texts.iter().map(head).collect();
    assert_eq!(heads.len(), 3);
    for (text, entry) in texts.iter().zip(&workload.entries) {
        assert_eq!((workload.count_tokens(text), entry.isl), (50, 50));
    }
    assert_eq!(texts.iter().collect::<HashSet<_>>().len(), 60);
}

#[test]
fn a_shared_system_prompt_and_a_context_of_each_user_stand_first() {
    let mut plan = plan_with(Context { system_tokens: Some(25), user_tokens: Some(15), ..Context::default() });
    plan.prompts.turns = Turns { count: Length { mean: 2.0, stddev: 0.0 }, ..Turns::ONE };
    let workload = Workload::prepare(&plan).unwrap();
    let all = messages(&workload);
    let roles: Vec<&str> = all[0].iter().map(|m| m.0.as_str()).collect();
    assert_eq!(roles, ["system", "user", "user"]);
    assert_eq!(all[1].len(), 2, "a later turn has its system prompt and its own message");
    assert!(all.iter().all(|m| m[0] == all[0][0]));
    assert_eq!(workload.count_tokens(&all[0][0].1), 25);
    let contexts: HashSet<&str> = all.iter().filter(|m| m.len() == 3).map(|m| m[1].1.as_str()).collect();
    assert_eq!(contexts.len(), 60);
    assert!(contexts.iter().all(|text| workload.count_tokens(text) == 15));
    assert_eq!((workload.entries[0].isl, workload.entries[1].isl), (25 + 15 + 20, 25 + 15 + 20 + 20));
}

#[test]
fn a_system_prompt_is_sent_as_it_is_written() {
    let plan = plan_with(Context { system: Some("Be \"kind\".\n".into()), ..Context::default() });
    let workload = Workload::prepare(&plan).unwrap();
    assert!(messages(&workload).iter().all(|m| m[0] == ("system".into(), "Be \"kind\".\n".into())));
    assert_eq!(workload.entries[0].isl, 20 + workload.count_tokens("Be \"kind\".\n"));
}

#[test]
fn marks_keep_conversations_apart_where_they_are_asked_for() {
    for (marker, message, before) in [
        (Marker::SystemPrefix, 0, true),
        (Marker::SystemSuffix, 0, false),
        (Marker::FirstTurnPrefix, 1, true),
        (Marker::FirstTurnSuffix, 1, false),
    ] {
        let plan =
            plan_with(Context { system: Some("be kind".into()), cache_bust: Some(marker), ..Context::default() });
        let workload = Workload::prepare(&plan).unwrap();
        let mut marks = HashSet::new();
        for (said, entry) in messages(&workload).into_iter().zip(&workload.entries) {
            let text = &said[message].1;
            let mark = if before { text.split("\n\n").next() } else { text.rsplit("\n\n").next() };
            let mark = mark.unwrap();
            assert!(mark.starts_with("[rid:") && mark.len() == 18, "{marker:?} {text}");
            marks.insert(mark.to_owned());
            let counted: u32 = said.iter().map(|m| workload.count_tokens(&m.1)).sum();
            assert_eq!(entry.isl, counted);
        }
        assert_eq!(marks.len(), 60);
        assert_eq!(messages(&Workload::prepare(&plan).unwrap()), messages(&workload));
    }
    let lone = plan_with(Context { cache_bust: Some(Marker::SystemPrefix), ..Context::default() });
    let workload = Workload::prepare(&lone).unwrap();
    assert!(messages(&workload)[0][0].1.starts_with("[rid:"), "without a system prompt the first turn has the mark");
}
