//! `profile_export_aiperf_timeslices.json` and `.csv`: a slice after the other, as AIPerf writes them. Slices in which
//! no request was issued or in flight, and nothing arrived, are left out; a slice in which all requests waited is
//! there, with no output.

use super::csv::{NoteColumn, cell, escaped};
use super::input_config;
use super::numbers::{metric, percentiles, without_nulls};
use crate::result::run::Outcome;
use ringload_engine::measure::{Metric, SliceFigures};
use serde_json::{Map, Value, json};
use std::io::{self, Write};

/// Writes the JSON file.
pub(crate) fn json(outcome: &Outcome, to: &mut dyn Write) -> io::Result<()> {
    let slices: Vec<Value> = slices_with_requests(outcome)
        .map(|slice| {
            let mut object = Map::new();
            object.insert("start_ns".into(), slice.start_ns.into());
            object.insert("end_ns".into(), slice.end_ns.into());
            if !slice.is_complete {
                object.insert("is_complete".into(), false.into());
            }
            object.extend(slice.metrics.iter().map(|m| (m.info.tag.to_owned(), metric(m))));
            Value::Object(object)
        })
        .collect();
    let config = input_config::of(&outcome.plan, &outcome.identity.secrets);
    let notes = outcome.notes();
    let notes = if notes.is_empty() { Value::Null } else { notes.into() };
    let file = without_nulls(json!({"timeslices": slices, "input_config": config, "ringload_notes": notes}));
    serde_json::to_writer_pretty(&mut *to, &file)?;
    to.write_all(b"\n")
}

/// Writes the table: a line for each slice, metric and statistic; metrics sorted by tag, CRLF, two decimals.
pub(crate) fn csv(outcome: &Outcome, to: &mut dyn Write) -> io::Result<()> {
    let notes = NoteColumn::of(&outcome.notes());
    write!(to, "Timeslice,Start_NS,End_NS,Metric,Unit,Stat,Value{}\r\n", notes.name())?;
    for slice in slices_with_requests(outcome) {
        let mut sorted: Vec<&Metric> = slice.metrics.iter().collect();
        sorted.sort_by_key(|m| m.info.tag);
        for metric in sorted {
            let place = format!("{},{},{}", slice.index, slice.start_ns, slice.end_ns);
            let name = format!("{},{}", escaped(metric.info.header), metric.info.unit);
            for (stat, value) in statistics(metric) {
                if value.is_finite() {
                    write!(to, "{place},{name},{stat},{}{}\r\n", cell(value), notes.cell())?;
                }
            }
        }
    }
    Ok(())
}

fn slices_with_requests(outcome: &Outcome) -> impl Iterator<Item = &SliceFigures> {
    let slices = outcome.summary.slices.iter().flat_map(|s| &s.slices);
    slices.filter(|s| {
        let issued = s.succeeded + s.failed + s.cancelled + s.in_flight_at_end;
        issued + s.output_events > 0 || s.in_flight_mean.is_some_and(|n| n > 0.0)
    })
}

/// AIPerf's statistics in the order of its tables.
fn statistics(metric: &Metric) -> Vec<(&'static str, f64)> {
    let mut all = vec![("avg", metric.avg)];
    if let Some(s) = &metric.stats {
        all.extend([("min", s.min), ("max", s.max), ("sum", s.sum)]);
        all.extend(percentiles(s));
        all.push(("std", s.std));
    }
    if !metric.exact {
        all.push(("approximate", 1.0));
    }
    all
}
