//! Workloads that were others than were asked for, by so much.

use super::super::testing::{Run, found, judged, of};
use super::super::{Effect, Finding, Scope, Status, Verdict};
use crate::clock::MILLI;
use crate::measure::testing::plan;
use crate::plan::{Format, ImageFormat, Images, LeftOut, Length, Plan, Remarks, Replay, Slo, Statistic, Turns};
use crate::record::{FinishReason, Observed, PhaseKind, Record, Usage};

/// A run of 1 000 responses of 11 tokens, each changed.
fn run(change: impl Fn(u64, &mut Record)) -> Run {
    let mut run = Run::new(plan(), 1_000);
    (0..).zip(&mut run.records).for_each(|(k, record)| change(k, record));
    run
}

fn judge_run(change: impl Fn(u64, &mut Record)) -> Verdict {
    judged(run(change))
}

/// Of the mean, where there are several statistics.
#[track_caller]
fn share_of(finding: &Finding, tag: &str) -> f64 {
    let effect: Option<&Effect> =
        finding.effects.iter().find(|e| e.tag == tag && matches!(e.statistic, Statistic::Avg | Statistic::Value));
    effect.unwrap_or_else(|| panic!("{finding:?}")).share.unwrap()
}

fn usage(record: &mut Record) -> &mut Usage {
    record.usage.get_or_insert_default()
}

#[test]
fn output_of_another_length_is_suspect_and_says_what_it_did_to_the_latency() {
    for (asked, expected) in [(11, None), (12, None), (5, Some(0.3)), (100, Some(4.45))] {
        let verdict = judge_run(|_, r| r.requested_osl = Some(asked));
        let Some(share) = expected else {
            assert_eq!(found(&verdict, "output_length"), None, "{asked}");
            continue;
        };
        let finding = of(&verdict, "output_length").unwrap();
        assert_eq!((finding.status, finding.scope), (Status::Suspect, Scope::Workload));
        // All responses are off; those of twice the length by more than all.
        assert_eq!(finding.value, Some(if asked == 5 { 1.2 } else { 1.0 }));
        let got = share_of(finding, "request_latency");
        assert!((got / share - 1.0).abs() < 0.02, "{got} {share}");
    }
}

#[test]
fn a_mean_that_fits_hides_no_lengths_that_do_not() {
    // Half of the responses have twice what was asked for, half of them half of it: the mean fits.
    let verdict = judge_run(|k, r| r.requested_osl = Some(if k % 2 == 0 { 6 } else { 16 }));
    let finding = of(&verdict, "output_length").unwrap();
    assert_eq!(finding.value, Some(1.0));
    assert!(finding.evidence.contains("1000 of 1000 responses"), "{}", finding.evidence);
    // One in twenty is the end of a text now and then.
    let few = judge_run(|k, r| r.requested_osl = Some(if k % 20 == 0 { 22 } else { 11 }));
    assert_eq!(found(&few, "output_length"), None);
}

#[test]
fn the_remedy_for_short_output_names_what_keeps_a_model_going() {
    let short = |_, r: &mut Record| {
        r.requested_osl = Some(100);
        r.observed.reason = Some(FinishReason::Stop);
    };
    let verdict = judge_run(short);
    let finding = of(&verdict, "output_length").unwrap();
    assert!(finding.evidence.contains("they stopped by stop 1000"), "{}", finding.evidence);
    for part in ["ignore_eos:true", "min_tokens"] {
        assert!(finding.remedy.contains(part), "{}", finding.remedy);
    }
    let mut told = run(short);
    told.plan.extra_inputs.insert("ignore_eos".into(), true.into());
    let verdict = judged(told);
    assert!(of(&verdict, "output_length").unwrap().remedy.contains("took no notice of ignore_eos"));
    let verdict = judge_run(|_, r| r.requested_osl = Some(2));
    assert!(of(&verdict, "output_length").unwrap().remedy.contains("use_legacy_max_tokens"));
}

#[test]
fn prompts_of_another_length_are_told_with_who_counted_them() {
    for (isl, counted, expected) in [(100, 140, false), (100, 109, false), (1_000, 1_090, false), (1_000, 1_250, true)]
    {
        let verdict = judge_run(|_, r| {
            r.isl = isl;
            usage(r).prompt = Some(counted);
        });
        assert_eq!(found(&verdict, "input_length").is_some(), expected, "{isl} {counted}");
        if let Some(finding) = of(&verdict, "input_length") {
            assert_eq!((finding.status, finding.scope), (Status::Suspect, Scope::Workload));
            assert!((share_of(finding, "time_to_first_token") - 0.2).abs() < 1e-9, "{finding:?}");
            assert!(finding.evidence.contains("the tokenizer exact"), "{}", finding.evidence);
        }
    }
}

#[test]
fn what_the_server_alone_can_count_of_a_prompt_is_told_and_not_judged() {
    let counted = |prompt: u32, change: fn(&mut Plan)| {
        let mut run = run(|_, r| {
            r.isl = 500;
            usage(r).prompt = Some(prompt);
        });
        change(&mut run.plan);
        let verdict = judged(run);
        of(&verdict, "input_length").map(|f| (f.status, f.effects.len(), f.evidence.clone()))
    };
    let images = |plan: &mut Plan| {
        let side = Length { mean: 512.0, stddev: 0.0 };
        plan.payload.images = Some(Images { count: 1, width: side, height: side, format: ImageFormat::Png });
    };
    let file = |plan: &mut Plan| {
        plan.prompts.isl.mean = 0.0;
        plan.prompts.replay = Some(Replay::of("t.jsonl".into(), Format::named("single_turn").unwrap()));
    };
    for (change, says) in [(images as fn(&mut Plan), "images or audio"), (file, "a file's")] {
        let (status, effects, evidence) = counted(1_105, change).unwrap();
        assert_eq!((status, effects), (Status::Valid, 0), "{evidence}");
        assert!(evidence.contains(says) && evidence.contains("1105.0") && evidence.contains("500.0"), "{evidence}");
    }
    // No image has fewer tokens than none.
    assert_eq!(counted(250, images).unwrap().0, Status::Suspect);
    // A file that says lengths asks for them.
    let lengths = |plan: &mut Plan| {
        plan.prompts.replay = Some(Replay::of("t.jsonl".into(), Format::named("mooncake_trace").unwrap()))
    };
    assert_eq!(counted(1_105, lengths).unwrap().0, Status::Suspect);
}

#[test]
fn a_usage_that_counts_characters_is_named_as_such() {
    let mut characters = run(|k, r| {
        r.isl = 100 + k as u32 % 7;
        usage(r).prompt = Some(r.isl * 5);
    });
    characters.facts.characters_per_token = Some(5.2);
    let verdict = judged(characters);
    assert_eq!(found(&verdict, "usage_counts_characters"), Some((Status::Valid, Scope::Workload)));
    assert_eq!(found(&verdict, "input_length"), None, "the prompts are what was asked for");
}

#[test]
fn prompt_tokens_that_grow_are_told() {
    let verdict = judge_run(|k, r| r.observed.prompt_growth = if k < 3 { 40 } else { 0 });
    let finding = of(&verdict, "prompt_growth").unwrap();
    assert_eq!((finding.status, finding.value), (Status::Valid, Some(3.0)));
    assert!(finding.evidence.contains("3 of 1000") && finding.evidence.contains("40.0 tokens"), "{}", finding.evidence);
}

#[test]
fn fewer_tokens_than_events_lower_the_rates() {
    // 11 events, 5 tokens.
    let verdict = judge_run(|_, r| usage(r).completion = Some(5));
    let finding = of(&verdict, "fewer_tokens_than_events").unwrap();
    assert_eq!((finding.status, finding.scope), (Status::Suspect, Scope::Workload));
    assert!((share_of(finding, "output_token_throughput") - 6.0 / 5.0).abs() < 1e-9, "{finding:?}");
    assert_eq!(found(&judge_run(|_, _| {}), "fewer_tokens_than_events"), None);
}

#[test]
fn hidden_reasoning_makes_the_time_between_tokens_no_tokens() {
    // 11 events 20 ms apart; 100 tokens more that nobody saw.
    let hidden =
        |_, r: &mut Record| *usage(r) = Usage { completion: Some(111), reasoning: Some(100), ..Usage::default() };
    let mut run = run(hidden);
    run.plan.slos = Slo::parse_all(&["inter_token_latency:5".into()]).unwrap();
    let verdict = judged(run);
    let finding = of(&verdict, "unseen_tokens").unwrap();
    assert_eq!((finding.status, finding.scope, verdict.status), (Status::Suspect, Scope::Workload, Status::Suspect));
    // 200 ms over 110 gaps are 1.82 ms; over the ten that came, 20.
    assert!((share_of(finding, "inter_token_latency") - 10.0).abs() < 1e-6, "{finding:?}");
    assert!(finding.effects.iter().any(|effect| effect.decides), "past its objective");
    assert!(finding.evidence.contains("20.00 ms (inter_chunk_latency p50)"), "{}", finding.evidence);
    let shown = judge_run(|k, r| {
        hidden(k, r);
        r.observed.reasoned = true;
    });
    assert_eq!(found(&shown, "unseen_tokens"), None);
}

#[test]
fn a_first_event_of_many_tokens_is_told_with_their_number() {
    let verdict = judge_run(|_, r| {
        usage(r).completion = Some(101);
        r.observed = Observed { first_tokens: Some(91), ..r.observed };
    });
    let finding = of(&verdict, "unseen_tokens").unwrap();
    assert!(finding.evidence.contains("holds 91.0 tokens"), "{}", finding.evidence);
    assert!((share_of(finding, "inter_token_latency") - 9.0).abs() < 1e-6, "{finding:?}");
}

#[test]
fn reasoning_that_was_seen_is_believed_before_a_usage_that_denies_it() {
    let verdict = judge_run(|k, r| {
        usage(r).reasoning = Some(0);
        r.observed.reasoned = k < 10;
    });
    let finding = of(&verdict, "uncounted_reasoning").unwrap();
    assert_eq!((finding.status, finding.value), (Status::Valid, Some(10.0)));
}

#[test]
fn cached_tokens_that_nobody_asked_for_shorten_the_time_to_first_token() {
    let cached = |tokens: u32| {
        move |_, r: &mut Record| {
            let usage = usage(r);
            (usage.prompt, usage.cached) = (Some(550), Some(tokens));
            r.isl = 550;
        }
    };
    assert_eq!(found(&judge_run(cached(16)), "cached_prompts"), None, "a template");
    let verdict = judge_run(cached(275));
    let finding = of(&verdict, "cached_prompts").unwrap();
    assert_eq!((finding.status, finding.scope), (Status::Suspect, Scope::Workload));
    assert!((share_of(finding, "time_to_first_token") - 1.0).abs() < 1e-9, "{finding:?}");
    let asked: [fn(&mut Plan); 2] = [
        |plan| (plan.prompts.context.prefixes, plan.prompts.context.prefix_tokens) = (1, 550),
        |plan| plan.prompts.turns = Turns { count: Length { mean: 3.0, stddev: 0.0 }, ..Turns::ONE },
    ];
    for ask in asked {
        let mut run = run(cached(275));
        ask(&mut run.plan);
        assert_eq!(found(&judged(run), "cached_prompts"), None);
    }
}

/// 200 prompts, each sent five times; the first sending takes 200 ms, later ones `later`.
fn repeated(later_ms: u64) -> Run {
    run(|k, r| {
        r.entry = k as u32 % 200;
        if k >= 200 {
            let early = 200 * MILLI - later_ms * MILLI;
            let at = &mut r.instants;
            at.first_token = at.first_token.map(|t| t - early);
            at.last_token = at.last_token.map(|t| t - early);
        }
    })
}

#[test]
fn prompts_that_are_sent_again_are_told_with_what_that_did() {
    let same = judged(repeated(200));
    let finding = of(&same, "repeated_prompts").unwrap();
    assert_eq!((finding.status, finding.value), (Status::Valid, Some(0.8)));
    assert!(finding.effects.is_empty());
    let verdict = judged(repeated(50));
    let finding = of(&verdict, "repeated_prompts").unwrap();
    assert_eq!((finding.status, finding.scope), (Status::Suspect, Scope::Workload));
    // 80 ms on average, 200 for the first.
    assert!((share_of(finding, "time_to_first_token") - 1.5).abs() < 1e-6, "{finding:?}");
    for part in ["800 of 1000", "200 distinct", "p50 is 200.", "50."] {
        assert!(finding.evidence.contains(part), "{part}: {}", finding.evidence);
    }
}

#[test]
fn a_start_that_was_slow_for_some_is_no_cache() {
    // A tenth of the first sendings took two seconds more, and later ones are a tenth faster.
    let mut run = repeated(180);
    for record in run.records[..200].iter_mut().step_by(10) {
        let at = &mut record.instants;
        at.first_token = at.first_token.map(|t| t + 2_000 * MILLI);
        at.last_token = at.last_token.map(|t| t + 2_000 * MILLI);
        at.end += 2_000 * MILLI;
    }
    let finding = of(&judged(run), "repeated_prompts").cloned().unwrap();
    assert_eq!((finding.status, finding.effects.len()), (Status::Valid, 0), "{finding:?}");
}

#[test]
fn prompts_of_the_warm_up_and_of_earlier_runs_are_told() {
    let mut run = Run::new(plan(), 100);
    let warmup: Vec<Record> = run.records.iter().map(|r| Record { phase: PhaseKind::Warmup, ..r.clone() }).collect();
    run.records.splice(0..0, warmup);
    let verdict = judged(run);
    let finding = of(&verdict, "repeated_prompts").unwrap();
    assert!(finding.evidence.contains("100 of them by the warm-up"), "{}", finding.evidence);
    let mut second = Run::new(plan(), 100);
    second.plan.prompts.runs_before = Some(2);
    let verdict = judged(second);
    assert_eq!(of(&verdict, "repeated_prompts").unwrap().value, Some(2.0));
}

#[test]
fn a_file_that_is_not_sent_as_it_is_is_told_with_its_counts() {
    let replayed = |remarks: Remarks| {
        let mut run = Run::new(plan(), 100);
        run.plan.prompts.isl.mean = 0.0;
        let format = Format::named("mooncake_trace").unwrap();
        run.plan.prompts.replay = Some(Replay { remarks, ..Replay::of("t.jsonl".into(), format) });
        judged(run)
    };
    assert_eq!(found(&replayed(Remarks { rows: 5, ..Remarks::default() }), "dataset"), None);
    let mut failed = Remarks { rows: 5, ..Remarks::default() };
    (0..2).for_each(|_| failed.leave_out(LeftOut::Failed));
    let verdict = replayed(failed);
    let finding = of(&verdict, "dataset").unwrap();
    assert_eq!((finding.status, finding.value), (Status::Valid, Some(0.4)));
    assert!(finding.evidence.contains("2 of 5 rows are left out"), "{}", finding.evidence);
    let unfit = Remarks { rows: 2, with_blocks: 2, unfit_blocks: 2, block: 512, ..Remarks::default() };
    assert_eq!(found(&replayed(unfit), "dataset"), Some((Status::Suspect, Scope::Workload)));
}
