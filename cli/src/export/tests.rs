//! The files of the hand-made outcome, to the byte; `UPDATE_GOLDENS=1` rewrites them.

mod agreement;

use super::{RecordWriter, csv, json, report, timeslices};
use crate::redact::Secrets;
use crate::testing::sample::{SECRET, outcome, plan, records, summary};
use serde_json::{Value, json};
use std::io::{self, Write};
use std::path::PathBuf;

#[test]
fn the_summary_is_as_aiperf_writes_it() {
    golden("profile_export_aiperf.json", &written(|to| json::write(&outcome(), to)));
}

#[test]
fn the_table_is_as_aiperf_writes_it() {
    let text = written(|to| csv::write(&summary(), &[], to));
    assert!(text.lines().count() > 3 && text.split("\r\n").count() == text.split('\n').count(), "CRLF everywhere");
    golden("profile_export_aiperf.csv", &text);
}

#[test]
fn the_slices_are_as_aiperf_writes_them() {
    golden("profile_export_aiperf_timeslices.json", &written(|to| timeslices::json(&outcome(), to)));
    let table = written(|to| timeslices::csv(&outcome(), to));
    assert!(table.lines().all(|l| l.split(',').count() == 7), "{table}");
    golden("profile_export_aiperf_timeslices.csv", &table);
}

#[test]
fn the_records_are_as_aiperf_writes_them() {
    golden("profile_export.jsonl", &record_lines());
}

#[test]
fn the_report_is_whole() {
    golden("ringload_report.json", &written(|to| report::write(&outcome(), to)));
}

#[test]
fn no_file_holds_a_secret_or_a_null_of_ours() {
    for text in [
        written(|to| json::write(&outcome(), to)),
        written(|to| report::write(&outcome(), to)),
        written(|to| csv::write(&summary(), &[], to)),
        written(|to| timeslices::json(&outcome(), to)),
        written(|to| timeslices::csv(&outcome(), to)),
        record_lines(),
    ] {
        assert!(!text.contains(SECRET), "{text}");
        let nulls = text.matches("null").count();
        assert!(nulls == 0 || (nulls == 1 && text.contains("\"stop\": null")), "{text}");
    }
}

#[test]
fn the_report_follows_its_schema_and_the_schema_names_every_field() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/schema/ringload_report.schema.json");
    let mut schema: Value = serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
    assert!(jsonschema::meta::is_valid(&schema));
    let mut reports = vec![report::document(&outcome()).unwrap()];
    let mut bare = outcome();
    (bare.summary.goodput, bare.summary.rate, bare.plan.warmup) = (None, None, None);
    (bare.summary.slices, bare.plan.slice) = (None, None);
    (bare.summary.steady, bare.summary.confidence) = (None, None);
    (bare.summary.client.receive_lag, bare.summary.client.driver_note) = (None, None);
    reports.push(report::document(&bare).unwrap());
    // Readers must bear with new fields; this test does not, so that none is added without a word in the schema.
    close(&mut schema);
    let validator = jsonschema::validator_for(&schema).unwrap();
    for report in &reports {
        let faults: Vec<String> =
            validator.iter_errors(report).map(|e| format!("{}: {e}", e.instance_path())).collect();
        assert!(faults.is_empty(), "{faults:#?}");
    }
}

pub(crate) fn close(schema: &mut Value) {
    match schema {
        Value::Object(object) => {
            if object.contains_key("properties") && !object.contains_key("additionalProperties") {
                object.insert("additionalProperties".into(), json!(false));
            }
            object.values_mut().for_each(close);
        }
        Value::Array(items) => items.iter_mut().for_each(close),
        _ => {}
    }
}

fn record_lines() -> String {
    let (wall, sessions) = (|at: u64| 1_785_304_900_000_000_000 + at, |entry: u32| Some(format!("session_{entry:06}")));
    let secrets = Secrets::of(&plan());
    let mut writer = RecordWriter::new(&wall, &sessions, &secrets, false);
    written(|to| records().iter().try_for_each(|(record, metrics)| writer.write(record, metrics, to)))
}

fn written(write: impl FnOnce(&mut dyn Write) -> io::Result<()>) -> String {
    let mut bytes = Vec::new();
    write(&mut bytes).unwrap();
    String::from_utf8(bytes).unwrap()
}

/// Compares with `cli/tests/goldens/NAME`.
pub(crate) fn golden(name: &str, text: &str) {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/goldens").join(name);
    if std::env::var_os("UPDATE_GOLDENS").is_some() {
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, text).unwrap();
    }
    let kept = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(kept == text, "{} differs (UPDATE_GOLDENS=1 rewrites it):\n{text}", path.display());
}
