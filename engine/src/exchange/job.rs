//! Responses that are jobs: the server takes a request, names a job, and is asked for it until that is done. The
//! request's record spans all of it; its phases are those of the first exchange, but for the end.

use super::Exchange;
use crate::api::Job;
use crate::clock::Nanos;

/// The job of a request that is under way.
#[derive(Debug, Default)]
pub(super) struct Polling {
    /// Its name, once the server has named it.
    name: Option<String>,
    /// The server is to be asked for it, and has not been.
    due: bool,
}

impl Polling {
    pub(super) fn begin(&mut self) {
        *self = Self::default();
    }

    /// Whether the request has been sent, and what is sent now asks for its job.
    pub(super) fn is_asking(&self) -> bool {
        self.name.is_some()
    }
}

impl Exchange {
    /// Notes that a body names a job which is not done. What has come is no response yet.
    pub(super) fn note_job(&mut self, job: Job, now: Nanos) {
        self.released = now;
        let Polling { name, due } = &mut self.polling;
        name.get_or_insert(job.name);
        *due = true;
        self.reset_response();
    }

    /// Whether the server is to be asked for the job of the request under way, after a pause; said once for each time.
    pub fn take_due(&mut self) -> bool {
        std::mem::take(&mut self.polling.due)
    }

    /// The job that the next bytes on the wire ask for; `None` where they are the request itself.
    #[must_use]
    pub fn job(&self) -> Option<&str> {
        self.polling.name.as_deref()
    }
}
