//! `tokenizer.json` of a name on the Hugging Face hub: from the local cache, else downloaded into it.

use super::tokenizer::FILE_NAME;
use crate::error::{Error, Result};
use hf_hub::api::sync::{ApiBuilder, ApiError};
use hf_hub::{Cache, Repo, RepoType};
use std::env;
use std::path::{Path, PathBuf};

/// Where hub files are looked for.
#[derive(Clone, Debug)]
pub struct Hub {
    /// Directory with `models--ORG--NAME` folders.
    pub cache: PathBuf,
    /// Base URL of the hub.
    pub endpoint: String,
    /// Access token, if any.
    pub token: Option<String>,
    /// Never use the network.
    pub offline: bool,
}

impl Hub {
    /// The public hub, with a given cache directory and no token.
    #[must_use]
    pub fn at(cache: &Path) -> Self {
        Self {
            cache: cache.to_owned(),
            endpoint: "https://huggingface.co".into(),
            token: None,
            offline: false,
        }
    }

    #[allow(
        clippy::disallowed_methods,
        reason = "the one place where the engine reads the environment"
    )]
    /// What the environment says, by the rules of the `huggingface_hub` library: `HF_HUB_CACHE`, `HF_HOME`, `XDG_CACHE_HOME`,
    /// `HF_ENDPOINT`, `HF_TOKEN`, `HF_TOKEN_PATH`, `HF_HUB_OFFLINE`.
    #[must_use]
    pub fn from_env() -> Self {
        Self::from_vars(|name| env::var(name).ok().filter(|value| !value.is_empty()))
    }

    /// As [`Self::from_env`], with the variables given.
    fn from_vars(var: impl Fn(&str) -> Option<String>) -> Self {
        let path = |name: &str| var(name).map(PathBuf::from);
        let home = path("HF_HOME").unwrap_or_else(|| {
            path("XDG_CACHE_HOME")
                .or_else(|| path("HOME").map(|home| home.join(".cache")))
                .unwrap_or_default()
                .join("huggingface")
        });
        let token_file = path("HF_TOKEN_PATH").unwrap_or_else(|| home.join("token"));
        let mut hub = Self::at(&path("HF_HUB_CACHE").unwrap_or_else(|| home.join("hub")));
        hub.token = var("HF_TOKEN")
            .or_else(|| std::fs::read_to_string(token_file).ok())
            .map(|token| token.trim().to_owned())
            .filter(|token| !token.is_empty());
        if let Some(endpoint) = var("HF_ENDPOINT") {
            hub.endpoint = endpoint.trim_end_matches('/').to_owned();
        }
        hub.offline = var("HF_HUB_OFFLINE").is_some_and(|value| is_true(&value));
        hub
    }

    /// The local path of a repository's `tokenizer.json` at a revision.
    ///
    /// # Errors
    /// When the name is no hub name, or the file is neither in the cache nor to be had.
    pub(super) fn tokenizer_file(&self, name: &str, revision: &str) -> Result<PathBuf> {
        if !is_repo_name(name) {
            return Err(Error::environment(
                format!("tokenizer {name}: no such file or directory, and not a hub name either"),
                "pass the path of a tokenizer.json, a directory that has one, or a hub name like org/model",
            ));
        }
        if !is_revision(revision) {
            return Err(Error::usage(
                format!("--tokenizer-revision: `{revision}` is not a revision"),
                "write a branch, a tag or a full commit hash",
            ));
        }
        if let Some(path) = self.cached(name, revision, FILE_NAME) {
            return Ok(path);
        }
        if self.offline {
            return Err(self.absent(name, revision, "HF_HUB_OFFLINE forbids a download"));
        }
        self.download(name, revision)
    }

    /// Brings another file of the repository into the cache, beside `tokenizer.json`, where the repository has it.
    pub(super) fn fetch_beside(&self, name: &str, revision: &str, file: &str) {
        if !self.offline && self.cached(name, revision, file).is_none() {
            // A repository without it answers 404: it is for the reader of the file to say that it is lacking.
            let _ = self.fetch(name, revision, file);
        }
    }

    fn cached(&self, name: &str, revision: &str, file: &str) -> Option<PathBuf> {
        let repo = Cache::new(self.cache.clone()).repo(repo(name, revision));
        // A full commit hash names its snapshot directly, without an entry under refs/.
        let by_hash = repo.pointer_path(revision).join(file);
        repo.get(file)
            .or_else(|| by_hash.is_file().then_some(by_hash))
    }

    fn fetch(
        &self,
        name: &str,
        revision: &str,
        file: &str,
    ) -> std::result::Result<PathBuf, ApiError> {
        ApiBuilder::from_cache(Cache::new(self.cache.clone()))
            .with_endpoint(self.endpoint.clone())
            .with_token(self.token.clone())
            .with_progress(false)
            .build()
            .and_then(|api| api.repo(repo(name, revision)).download(file))
    }

    fn download(&self, name: &str, revision: &str) -> Result<PathBuf> {
        self.fetch(name, revision, FILE_NAME)
            .map_err(|e| {
                let why = e.to_string();
                if ["status: 401", "status: 403"].iter().any(|s| why.contains(s)) {
                    let mut e = self.absent(name, revision, &why);
                    e.remedy = format!("check the name and, for a gated model, set HF_TOKEN to a token that may read it; or {}", e.remedy);
                    e
                } else {
                    self.absent(name, revision, &why)
                }
            })
    }

    fn absent(&self, name: &str, revision: &str, why: &str) -> Error {
        Error::environment(
            format!(
                "tokenizer {name}: no such file or directory here, {FILE_NAME} of revision {revision} is not in the cache {}, and it \
                 could not be had from {}: {why}",
                self.cache.display(),
                self.endpoint
            ),
            format!(
                "pass a local path, or pre-download with `hf download {name} {FILE_NAME} --revision {revision}`, or count approximately \
                 with --tokenizer builtin"
            ),
        )
    }
}

fn repo(name: &str, revision: &str) -> Repo {
    Repo::with_revision(name.into(), RepoType::Model, revision.into())
}

/// `model` or `org/model`, of letters, digits, `-`, `_` and `.`, as the hub has them: nothing that could leave the cache directory.
fn is_repo_name(name: &str) -> bool {
    let parts: Vec<_> = name.split('/').collect();
    parts.len() <= 2 && parts.iter().all(|part| is_segment(part))
}

fn is_revision(revision: &str) -> bool {
    revision.split('/').all(is_segment)
}

fn is_segment(part: &str) -> bool {
    !part.is_empty()
        && !part.starts_with(['.', '-'])
        && !part.contains("..")
        && part
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || b"-_.".contains(&b))
}

fn is_true(value: &str) -> bool {
    ["1", "true", "yes", "on"].contains(&value.to_ascii_lowercase().as_str())
}

#[cfg(test)]
#[path = "hub_tests.rs"]
mod tests;
