//! OpenAI's video generation: a request is answered with a job, and the job is asked for until the video is there. No
//! tokens come out.

use super::pictures::prompt;
use super::rules::{Node, Rule, SURE, response};
use super::{Dialect, Extras, Path, Reading, StreamField};
use crate::plan::EndpointKind;
use serde::Deserialize;

pub(super) const GENERATION: Dialect = Dialect {
    kind: EndpointKind::VideoGeneration,
    path: Path::Under("/v1/videos"),
    headers: &[],
    names_model: true,
    stream: StreamField::Absent,
    extras: Extras::Body,
    fill: |body, _, content| prompt(body, content),
    turns: None,
    reading: Reading::Rules { event: &VIDEO, body: &VIDEO },
};

/// A job that is done: its identity is what there is of the video.
static VIDEO: Node = response![("status", Rule::ErrorName), ("id", Rule::Given),];

/// A job that is not done.
#[derive(Debug, PartialEq, Eq)]
pub struct Job {
    /// Its name, below the path of requests.
    pub name: String,
}

/// The job that a body names, where the dialect has jobs and it is neither done nor failed.
#[must_use]
pub fn unfinished_job(kind: EndpointKind, body: &[u8]) -> Option<Job> {
    #[derive(Deserialize)]
    struct Body<'a> {
        id: String,
        status: &'a str,
    }
    if !kind.answers_with_jobs() {
        return None;
    }
    let Body { id, status } = serde_json::from_slice(body).ok()?;
    let plain = |b: u8| b.is_ascii_alphanumeric() || b"-_.~".contains(&b);
    let fits = !id.is_empty() && id.len() <= LONGEST_NAME && id.bytes().all(plain) && !id.starts_with('.');
    (fits && WAITING.contains(&status)).then_some(Job { name: id })
}

/// What a job is while it is waited for: OpenAI's words and SGLang's.
const WAITING: [&str; 5] = ["queued", "in_progress", "pending", "processing", "running"];
/// Most bytes of a job's name: it becomes part of a request line.
const LONGEST_NAME: usize = 256;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_job_that_is_not_done_is_asked_for_again() {
        let of = |body: &str| unfinished_job(EndpointKind::VideoGeneration, body.as_bytes()).map(|job| job.name);
        assert_eq!(of(r#"{"id":"v-1","object":"video","status":"queued","progress":0}"#).as_deref(), Some("v-1"));
        assert_eq!(of(r#"{"status":"in_progress","id":"v"}"#).as_deref(), Some("v"));
        for body in [
            r#"{"id":"v","status":"completed"}"#,
            r#"{"id":"v","status":"failed"}"#,
            r#"{"id":"a/../b","status":"queued"}"#,
            r#"{"id":"..","status":"queued"}"#,
            r#"{"id":"","status":"queued"}"#,
            r#"{"id":"v"}"#,
            "",
        ] {
            assert_eq!(of(body), None, "{body}");
        }
        assert_eq!(unfinished_job(EndpointKind::Chat, br#"{"id":"v","status":"queued"}"#), None);
    }
}
