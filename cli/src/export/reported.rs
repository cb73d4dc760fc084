//! What a run wrote of its server and GPUs into its report: its log does not have it.

use super::kinds::Kind;
use crate::result::telemetry::Reported;
use ringload_engine::files;
use serde::de::DeserializeOwned;
use serde_json::Value;
use std::io::Read;
use std::path::Path;

/// What the run of this identity wrote into the report that it left in a folder; `None` where there is no report of
/// that run, or it tells of neither.
pub(crate) fn reported(dir: &Path, prefix: Option<&str>, benchmark_id: &str) -> Option<Reported> {
    let mut text = Vec::new();
    let file = files::regular(&dir.join(Kind::Report.name(prefix)), true).ok()?;
    file.take(MOST_BYTES).read_to_end(&mut text).ok()?;
    let report: Value = serde_json::from_slice(&text).ok()?;
    if report["benchmark_id"] != benchmark_id {
        return None;
    }
    let (server, gpu) = (part(&report, "server"), part(&report, "gpu"));
    (server.is_some() || gpu.is_some()).then_some(Reported { server, gpu })
}

fn part<T: DeserializeOwned>(report: &Value, name: &str) -> Option<T> {
    serde_json::from_value(report.get("summary")?.get(name)?.clone()).ok()
}

/// A longer report is none of ours: one of 2 000 slices and 64 endpoints has some 10 MB.
const MOST_BYTES: u64 = 256 << 20;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::export::report;
    use crate::testing::sample::outcome;

    #[test]
    fn what_a_run_wrote_of_its_server_is_read_back_and_of_another_run_nothing_is() {
        let dir = tempfile::tempdir().unwrap();
        let written = outcome();
        let mut text = Vec::new();
        report::write(&written, &mut text).unwrap();
        std::fs::write(dir.path().join("ringload_report.json"), text).unwrap();
        let id = &written.identity.benchmark_id;
        let found = reported(dir.path(), None, id).expect("the sample has a server");
        assert_eq!(found.server, written.summary.server);
        assert!(found.gpu.is_none());
        assert!(reported(dir.path(), None, "another").is_none());
        assert!(reported(dir.path(), Some("other"), id).is_none());
    }
}
