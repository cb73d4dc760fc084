//! Whether responses under load are those that the same prompts had one at a time: batches that change what is decoded,
//! and what is damaged under load, show in no latency.

use crate::export::{EarlierFiles, OutputLocation, uuid, write_output_check};
use crate::flags::ProfileArgs;
use crate::flags::check_output::comparable;
use crate::live::signals;
use crate::result::output_check::{Difference, OutputCheck};
use crate::result::run::{Identity, RunOutput};
use crate::runner::prepared::Prepared;
use crate::runner::run::{self, Observers};
use ringload_engine::measure::RequestMetrics;
use ringload_engine::plan::{Phase, Plan};
use ringload_engine::record::{Outcome, Record};
use std::collections::BTreeMap;

/// Sends some prompts one at a time, and again, then the load of a plan, and compares its responses with the first
/// ones.
///
/// # Errors
/// What stands in the way, with a remedy.
pub(crate) fn run(plan: Plan, args: &ProfileArgs, prompts: u32) -> anyhow::Result<(RunOutput, OutputCheck)> {
    comparable(&plan)?;
    let plan = deterministic(plan, prompts);
    let output = &args.output;
    let (dir, prefix) = (output.folder(&plan), output.base_name());
    let mut prepared = Prepared::on(args, None);
    let mut answers = Answers::default();
    for (folder, times) in ALONE {
        let alone = one_at_a_time(&plan, prompts);
        let alone_dir = dir.join(folder);
        let earlier = EarlierFiles::of_run(&alone_dir, prefix, output.overwrite).quietly(output.quiet);
        let location = OutputLocation { dir: &alone_dir, prefix, earlier: &earlier };
        let place = Some(format!("before the load: one request at a time, {times}"));
        let mut observe = |record: &Record, _: &RequestMetrics| answers.keep(record);
        let observers = Observers { on_record: Some(&mut observe), place, live: None };
        let identity = Identity::of(&alone);
        run::run(alone, &mut prepared, &location, output, identity, observers)?;
        signals::check()?;
    }
    let mut found = answers.check();
    let earlier = EarlierFiles::of_run(&dir, prefix, output.overwrite).quietly(output.quiet);
    let location = OutputLocation { dir: &dir, prefix, earlier: &earlier };
    let mut observe = |record: &Record, _: &RequestMetrics| answers.compare(record, &mut found);
    let observers = Observers { on_record: Some(&mut observe), ..Observers::default() };
    let identity = Identity::of(&plan);
    let done = run::run(plan, &mut prepared, &location, output, identity, observers)?;
    found.different_prompts = found.prompts_that_differed.len();
    write_output_check(&dir, &found)?;
    Ok((done, found))
}

/// The plan with so many prompts, sent again and again, whose responses leave nothing to chance.
fn deterministic(mut plan: Plan, prompts: u32) -> Plan {
    plan.keep_text = true;
    for (field, value) in [("temperature", 0_u64), ("seed", plan.seed & u64::from(u32::MAX >> 1))] {
        plan.extra_inputs.entry(field).or_insert_with(|| value.into());
    }
    if plan.prompts.replay.is_none() {
        plan.prompts.entries = plan.prompts.entries.min(prompts as usize);
        plan.prompts.shared = true;
    }
    plan
}

/// The same prompts one at a time.
fn one_at_a_time(plan: &Plan, prompts: u32) -> Plan {
    let all = u64::from(prompts).min(plan.prompts.entries as u64);
    let mut alone = plan.clone();
    alone.profiling = Phase::closed(1, all);
    alone.warmup = None;
    alone.thresholds.clear();
    alone.slice = None;
    alone
}

/// The responses to prompts one at a time, by their entries.
#[derive(Default)]
struct Answers {
    first: BTreeMap<u32, String>,
    /// Prompts that had two responses, and whether these were alike.
    again: BTreeMap<u32, bool>,
}

impl Answers {
    fn keep(&mut self, record: &Record) {
        let Some(text) = answer(record) else { return };
        match self.first.get(&record.entry) {
            None => {
                self.first.insert(record.entry, text.to_owned());
            }
            Some(first) => {
                self.again.insert(record.entry, first == text);
            }
        }
    }

    /// What is known before the load.
    fn check(&self) -> OutputCheck {
        OutputCheck {
            prompts: self.first.len(),
            prompts_sent_twice: self.again.len(),
            unstable_prompts: self.again.values().filter(|alike| !**alike).count(),
            ..OutputCheck::default()
        }
    }

    fn compare(&self, record: &Record, found: &mut OutputCheck) {
        let Some(text) = answer(record) else { return };
        let Some(alone) = self.first.get(&record.entry) else { return };
        found.compared += 1;
        if alone == text {
            return;
        }
        found.different += 1;
        found.prompts_that_differed.insert(record.entry);
        if found.examples.len() < EXAMPLES {
            found.examples.push(difference(record, alone, text));
        }
    }
}

/// The text of a response to a prompt that depends on no other response.
fn answer(record: &Record) -> Option<&str> {
    record.text.as_deref().filter(|_| record.outcome == Outcome::Succeeded && record.turn == 0)
}

/// Where two responses differ.
fn difference(record: &Record, alone: &str, under_load: &str) -> Difference {
    let alike = alone.chars().zip(under_load.chars()).take_while(|(a, b)| a == b).count();
    let behind = |text: &str| text.chars().skip(alike).take(SHOWN).collect();
    Difference {
        x_request_id: uuid(record.request_id),
        first_different_character: alike,
        alone: behind(alone),
        under_load: behind(under_load),
    }
}

/// The folders of the requests one at a time, and what the screen calls them.
const ALONE: [(&str, &str); 2] = [("one_at_a_time", "for the first time"), ("one_at_a_time_again", "once more")];
/// Responses that differ of which the file shows where.
const EXAMPLES: usize = 20;
/// Characters that are shown of each.
const SHOWN: usize = 60;

#[cfg(test)]
mod tests {
    use super::*;

    fn record(entry: u32, text: &str) -> Record {
        let [(good, _), _] = crate::testing::sample::records();
        Record { entry, outcome: Outcome::Succeeded, text: Some(text.into()), ..good }
    }

    #[test]
    fn responses_are_compared_with_those_of_one_request_at_a_time() {
        let mut answers = Answers::default();
        for (entry, text) in [(0, "yes"), (1, "no"), (0, "yes"), (1, "not")] {
            answers.keep(&record(entry, text));
        }
        let mut found = answers.check();
        assert_eq!((found.prompts, found.prompts_sent_twice, found.unstable_prompts), (2, 2, 1));
        for (entry, text) in [(0, "yes"), (0, "yés"), (0, "ye"), (1, "no"), (7, "unknown")] {
            answers.compare(&record(entry, text), &mut found);
        }
        assert_eq!((found.compared, found.different, found.prompts_that_differed.len()), (4, 2, 1));
        let shown = &found.examples[0];
        assert_eq!((shown.first_different_character, &*shown.alone, &*shown.under_load), (1, "es", "és"));
    }
}
