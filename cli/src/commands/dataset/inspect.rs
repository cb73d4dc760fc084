//! `ringload dataset inspect`

use super::layout;
use crate::flags::FileArgs;
use crate::terminal::print;
use ringload_engine::dataset::Spread;
use ringload_engine::plan::Timing;
use ringload_engine::workload::{Entry, Survey, Workload};
use std::fmt::Write as _;

/// Prints what a file is, and the first of what would be sent.
///
/// # Errors
/// When it cannot be read or used.
pub(super) fn inspect(args: &FileArgs, show: usize) -> anyhow::Result<()> {
    let plan = args.plan()?;
    let Some(replay) = &plan.prompts.replay else {
        return Ok(());
    };
    let workload = Workload::prepare(&plan)?;
    let mut text = format!("{}: {}\n", replay.file.display(), replay.format.name());
    let (entries, conversations) = (&workload.entries, &workload.conversations);
    let turns = conversations.iter().map(|c| c.turns.len() as f64).collect();
    let _ = writeln!(text, "{} conversations, {} turns", conversations.len(), entries.len());
    let timing = Timing { fixed: true, ..replay.timing };
    text.push_str(&layout::remarks(&Survey::read(replay, plan.seed)?.remarks(&timing).sentences()));
    let (tokenizer, approximate) = workload.tokenizer();
    let _ = writeln!(text, "tokenizer {tokenizer}{}", if approximate { ", approximate" } else { "" });
    let of = |value: fn(&Entry) -> Option<f64>| Spread::of(entries.iter().filter_map(value).collect());
    let bytes = entries.iter().map(|e| e.body.len() as f64).collect();
    let rows = [
        ("turns", Spread::of(turns)),
        ("input tokens", of(|e| Some(f64::from(e.isl)))),
        ("output tokens", of(|e| e.osl.map(f64::from))),
        ("body bytes", Spread::of(bytes)),
        ("delay, s", of(|e| (e.delay > 0).then(|| e.delay as f64 / 1e9))),
    ];
    text.push_str(&layout::table(&rows));
    if workload.inexact_prompts > 0 {
        let _ = writeln!(
            text,
            "{} prompts are not of the length asked for: the tokenizer has no text of it",
            workload.inexact_prompts
        );
    }
    if workload.spilled_bytes() > 0 {
        let _ = writeln!(text, "{} MiB of bodies in a temporary file", workload.spilled_bytes() >> 20);
    }
    print(&text)?;
    for (index, entry) in entries.iter().take(show).enumerate() {
        let index = index as u32;
        let mut body = format!("\n{} turn {}\n", workload.session_id(index), entry.turn).into_bytes();
        workload.write_body(index, &[], &mut body)?;
        body.push(b'\n');
        print(&String::from_utf8_lossy(&body))?;
    }
    Ok(())
}
