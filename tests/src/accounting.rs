//! The request accounting of a run: what must hold of its counts, however it ended.

use crate::profile::Ended;
use crate::schema::follows;
use serde_json::{Value, json};

/// Asserts that no request was made up and none went missing, in either phase, and that the report, the records and the
/// summary say the same of them: `issued = succeeded + failed + cancelled + in flight at the end`,
/// `planned = issued + never due + dropped`.
///
/// # Panics
/// When something does not hold.
pub fn check(ended: &Ended) {
    let report = ended.report();
    follows("ringload_report", &report);
    for phase in ["counts", "warmup_counts"] {
        let counts = &report["summary"][phase];
        let n = |name: &str| counts[name].as_u64().unwrap_or_else(|| panic!("{name} of {counts}"));
        let failed = counts["failed"].as_object().expect("failures by cause");
        let failed: u64 = failed.values().filter_map(Value::as_u64).sum();
        let ends = n("succeeded") + failed + n("cancelled") + n("in_flight_at_end");
        assert_eq!(n("issued"), ends, "{phase}: {counts}");
        if let Some(planned) = counts["planned"].as_u64() {
            let met = n("issued") + n("never_due") + n("dropped");
            assert_eq!(planned, met, "{phase}: {counts}");
        }
    }
    assert_eq!(report["summary"]["violations"], json!([]));
    let lost = report["summary"]["client"]["records_lost"] != 0;
    let has = |name: &str| ended.artifacts().join(name).is_file();
    if lost || !has("profile_export.jsonl") || !has("profile_export_aiperf.json") {
        return;
    }
    let records = ended.records();
    let with = |holds: &dyn Fn(&Value) -> bool| records.iter().filter(|r| holds(r)).count() as u64;
    assert_eq!(records.len() as u64, ended.count("issued"));
    assert_eq!(with(&|r| r.get("error").is_none() && r["metadata"]["was_cancelled"] != true), ended.count("succeeded"));
    assert_eq!(
        with(&|r| r["metadata"]["was_cancelled"] == true),
        ended.count("in_flight_at_end") + ended.count("cancelled")
    );
    for (cause, n) in ended.failures() {
        assert_eq!(with(&|r| r["error"]["type"] == cause.as_str()), n, "{cause}");
    }
    let errors = ended.summary()["error_summary"].as_array().cloned();
    let of = |e: &Value| e["count"].as_u64().expect("a count");
    let sum: u64 = errors.unwrap_or_default().iter().map(of).sum();
    // AIPerf counts a planned cancellation as an error, so its files do.
    let failed = ended.failures().values().sum::<u64>() + ended.count("cancelled");
    assert_eq!((sum, &ended.summary()["error_request_count"]["avg"]), (failed, &count_of(failed)));
}

/// A metric that counts requests: absent without any.
fn count_of(n: u64) -> Value {
    if n == 0 { Value::Null } else { json!(n as f64) }
}
