//! Where a page of metrics comes from: over HTTP, or from a library of this host.

use super::fetch::{Failure, Fetched, Source as Http};
use super::nvml::Library;
use ringload_engine::clock;
use std::sync::OnceLock;

/// Where metrics may be: the first place that has some is kept.
pub(super) enum Source {
    /// A server or an exporter.
    Http(Http),
    /// NVML, loaded when it is asked for the first time.
    Nvml(OnceLock<Result<Box<Library>, String>>),
}

impl Source {
    /// GPUs of this host by NVML.
    pub(super) fn nvml() -> Self {
        Self::Nvml(OnceLock::new())
    }

    /// The first place.
    pub(super) fn first(&self) -> &str {
        match self {
            Self::Http(http) => http.first(),
            Self::Nvml(_) => NVML,
        }
    }

    /// All places, to be tried in turn; at least one.
    pub(super) fn places(&self) -> Vec<String> {
        match self {
            Self::Http(http) => http.places().to_vec(),
            Self::Nvml(_) => vec![NVML.to_owned()],
        }
    }

    /// Reads a place.
    ///
    /// # Errors
    /// Why it brought nothing.
    pub(super) fn fetch(&self, place: &str) -> Result<Fetched, Failure> {
        match self {
            Self::Http(http) => http.fetch(place),
            Self::Nvml(library) => {
                let library = library.get_or_init(|| Library::load().map(Box::new));
                let library = library.as_ref().map_err(|e| Failure::Silent(e.clone()))?;
                let sent_at = clock::monotonic();
                let body = library.page();
                let ended_at = clock::monotonic();
                Ok(Fetched { body, sent_at, first_byte_at: ended_at, ended_at })
            }
        }
    }
}

/// The name of NVML as a place, as AIPerf writes it.
pub(super) const NVML: &str = "pynvml://localhost";
