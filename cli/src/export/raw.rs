//! `profile_export_raw.jsonl` (`--export-level raw`): what each request sent and was answered, in AIPerf's shape.

use super::records::RecordWriter;
use crate::redact::Secrets;
use ringload_engine::api;
use ringload_engine::record::Record;
use ringload_engine::workload::Workload;
use serde_json::{Value, json};
use std::io::{self, Write};

/// Writes the lines.
pub(crate) struct RawWriter<'a> {
    workload: &'a Workload,
    secrets: &'a Secrets,
    body: Vec<u8>,
}

impl<'a> RawWriter<'a> {
    /// A writer of what requests of this workload sent, without secrets that stand in its bodies.
    pub(crate) fn new(workload: &'a Workload, secrets: &'a Secrets) -> Self {
        Self { workload, secrets, body: Vec::new() }
    }

    /// Writes one request, described as `records` does.
    ///
    /// # Errors
    /// When its body cannot be read back, or the line cannot be written.
    pub(crate) fn write(
        &mut self,
        records: &RecordWriter<'_>,
        record: &Record,
        mut to: &mut dyn Write,
    ) -> io::Result<()> {
        self.body.clear();
        self.workload.write_body(record.entry, &[], &mut self.body)?;
        let payload: Value = match api::read_form(&self.body) {
            Some(fields) => fields,
            None => serde_json::from_slice(&self.body)?,
        };
        let text = |at: Option<&String>| at.filter(|text| !text.is_empty()).map(|text| Value::from(text.as_str()));
        let (said, thought) = (text(record.text.as_ref()), text(record.reasoning_text.as_ref()));
        let mut answer = json!({"perf_ns": record.instants.last_token, "text": said});
        if let Some(thought) = thought {
            answer["reasoning"] = thought;
        }
        let answers: Vec<Value> = record.instants.first_byte.map(|_| answer).into_iter().collect();
        let line = json!({
            "metadata": records.metadata(record),
            "start_perf_ns": record.instants.issued,
            "payload": payload,
            "status": (record.status != 0).then_some(record.status),
            "responses": answers,
            "error": records.error(record),
        });
        let mut to = self.secrets.scrubber(&mut to);
        serde_json::to_writer(&mut to, &line)?;
        to.write_all(b"\n")?;
        to.end()
    }
}
