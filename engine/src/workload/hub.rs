//! Files of a tokenizer by its name on the Hugging Face hub: from the local caches, else downloaded.
//!
//! The cache of Hugging Face's own libraries is read and never written. What ringload downloads lies in a folder of its
//! own, under names made of the endpoint, the repository and the revision that the user wrote: nothing that a hub
//! responses becomes a path or chooses where the token goes.
//!
//! Without the feature `hub` only the caches are read: `no_fetch.rs` stands for `fetch.rs`.

mod failure;
#[cfg_attr(not(feature = "hub"), path = "hub/no_fetch.rs")]
mod fetch;

use super::tokenizer::FILE_NAME;
use crate::error::{Error, Result};
use crate::files::regular;
use crate::setting::Setting::{self, TokenizerRevision};
use failure::Failure;
use fetch::Limits;
use std::fmt;
use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::{env, fs, io};
use url::Url;

/// Where hub files are looked for.
#[derive(Clone)]
pub struct Hub {
    /// Directory with `models--ORG--NAME` folders, as Hugging Face's libraries lay it out; only read.
    pub cache: PathBuf,
    /// Directory of what ringload has downloaded.
    pub downloads: PathBuf,
    /// Base URL of the hub.
    pub endpoint: String,
    /// Access token, if any.
    pub token: Option<String>,
    /// Never use the network.
    pub offline: bool,
    /// Most bytes and redirects of a download.
    pub(in crate::workload) limits: Limits,
}

impl fmt::Debug for Hub {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Hub")
            .field("cache", &self.cache)
            .field("downloads", &self.downloads)
            .field("endpoint", &self.endpoint)
            .field("token", &self.token.as_ref().map(|_| crate::plan::HIDDEN))
            .field("offline", &self.offline)
            .finish_non_exhaustive()
    }
}

impl Hub {
    /// The public hub, with a given cache directory, downloads beside it, and no token.
    #[must_use]
    pub fn at(cache: &Path) -> Self {
        Self {
            cache: cache.to_owned(),
            downloads: cache.with_file_name(DOWNLOADS),
            endpoint: "https://huggingface.co".into(),
            token: None,
            offline: false,
            limits: Limits::DEFAULT,
        }
    }

    #[allow(clippy::disallowed_methods, reason = "the one place where the engine reads the environment")]
    /// What the environment says, by the rules of the `huggingface_hub` library: `HF_HUB_CACHE`, `HF_HOME`,
    /// `XDG_CACHE_HOME`, `HF_ENDPOINT`, `HF_TOKEN`, `HF_TOKEN_PATH`, `HF_HUB_OFFLINE`.
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
        hub.downloads = home.join(DOWNLOADS);
        hub.token = var("HF_TOKEN")
            .or_else(|| read_text(&token_file).ok())
            .map(|token| token.trim().to_owned())
            .filter(|token| !token.is_empty());
        if let Some(endpoint) = var("HF_ENDPOINT") {
            hub.endpoint = endpoint;
        }
        hub.offline = var("HF_HUB_OFFLINE").is_some_and(|value| is_true(&value));
        hub
    }

    /// The local path of a repository's `tokenizer.json` at a revision.
    ///
    /// # Errors
    /// When the name is no hub name, or the file is neither in a cache nor to be had.
    pub(super) fn tokenizer_file(&self, name: &str, revision: &str) -> Result<PathBuf> {
        match self.file(name, revision, FILE_NAME)? {
            Some(path) => Ok(path),
            None if self.offline => Err(self.absent(name, revision, "HF_HUB_OFFLINE forbids a download", "")),
            None => Err(self.absent(
                name,
                revision,
                "the hub has no such repository, revision or file (status 404)",
                &format!("check {} and {TokenizerRevision}; or ", Setting::Tokenizer),
            )),
        }
    }

    /// The local path of a file of a repository, downloaded where it has to be; none where the hub has no such file, or
    /// may not be asked.
    ///
    /// # Errors
    /// When the name is no hub name, or the hub did not say whether it has the file.
    pub(super) fn file(&self, name: &str, revision: &str, file: &'static str) -> Result<Option<PathBuf>> {
        if !is_repo_name(name) {
            return Err(Error::environment(
                format!("tokenizer {name}: no such file or directory, and not a hub name either"),
                "pass the path of a tokenizer.json, a directory that has one, or a hub name like org/model",
            ));
        }
        if !is_revision(revision) {
            return Err(Error::usage(
                format!("{TokenizerRevision}: `{revision}` is not a revision"),
                "write a branch, a tag or a full commit hash",
            ));
        }
        let endpoint = self.endpoint()?;
        let ours = self.place(&endpoint, name, revision, file);
        let known = self.cached(name, revision, file).or_else(|| ours.is_file().then(|| ours.clone()));
        if known.is_some() || self.offline {
            return Ok(known);
        }
        let failed = |what: &str, hint: &str| self.absent(name, revision, what, hint);
        let token = self.token.as_deref();
        if token.is_some_and(|token| !token.bytes().all(|b| b.is_ascii_graphic())) {
            return Err(failed(
                "the token holds a blank or another character that no token has",
                "write HF_TOKEN, or the token file, anew; or ",
            ));
        }
        match fetch::get(&address(&endpoint, name, revision, file), token, self.limits) {
            Ok(bytes) => {
                checked(&bytes, file).map_err(|what| failed(&what, "try again; or "))?;
                keep(&ours, &bytes).map_err(|e| {
                    Error::environment(
                        format!("tokenizer {name}: {} cannot be written: {e}", ours.display()),
                        "set HF_HOME to a folder that this user may write to",
                    )
                })?;
                Ok(Some(ours))
            }
            Err(Failure::Absent) => Ok(None),
            Err(Failure::Forbidden { withheld: None }) => Err(failed(
                "it wants a token that may read the model (status 401 or 403)",
                "check the name and, for a gated model, set HF_TOKEN to a token that may read it; or ",
            )),
            Err(Failure::Forbidden { withheld: Some(why) }) => {
                Err(failed(&format!("it wants a token (status 401 or 403), and {why}"), ""))
            }
            Err(Failure::Other(what)) => Err(failed(&what, "")),
        }
    }

    /// The endpoint, without a query and with a path that ends in a slash.
    fn endpoint(&self) -> Result<Url> {
        let url = Url::parse(&self.endpoint).ok().filter(|url| {
            matches!(url.scheme(), "http" | "https")
                && url.has_host()
                && url.query().is_none()
                && url.fragment().is_none()
        });
        url.ok_or_else(|| {
            Error::environment(
                "HF_ENDPOINT is not the URL of a hub",
                "set it to https://HOST, or unset it for https://huggingface.co",
            )
        })
    }

    /// Where a downloaded file is kept: under names of the user's alone.
    fn place(&self, endpoint: &Url, name: &str, revision: &str, file: &str) -> PathBuf {
        let endpoint = shown(endpoint);
        let plain = |c: char| {
            if c.is_ascii_alphanumeric() || c == '.' || c == '-' { c } else { '_' }
        };
        let endpoint: String = endpoint.trim_end_matches('/').chars().map(plain).collect();
        // Neither a repository nor a revision holds two dashes in place of a slash that another would.
        let folder = format!("{}@{}", name.replace('/', "+"), revision.replace('/', "+"));
        self.downloads.join(endpoint).join(folder).join(file)
    }

    /// A file in the cache of Hugging Face's libraries: `refs/REVISION` names a commit, `snapshots/COMMIT` has its
    /// files.
    fn cached(&self, name: &str, revision: &str, file: &str) -> Option<PathBuf> {
        let repo = self.cache.join(format!("models--{}", name.replace('/', "--")));
        let commit = read_text(&repo.join("refs").join(revision)).ok();
        // A full commit hash names its snapshot directly, without an entry under refs/.
        let commits = [commit.as_deref().map(str::trim), Some(revision)];
        let mut paths = commits.into_iter().flatten().filter(|commit| is_segment(commit));
        paths.find_map(|commit| {
            let path = repo.join("snapshots").join(commit).join(file);
            path.is_file().then_some(path)
        })
    }

    fn absent(&self, name: &str, revision: &str, why: &str, hint: &str) -> Error {
        let endpoint = self.endpoint().map_or_else(|_| String::new(), |url| shown(&url));
        Error::environment(
            format!(
                "tokenizer {name}: no such file or directory here, {FILE_NAME} of revision {revision} is not in the caches {} and {}, and \
                 it could not be had from {}: {why}",
                self.cache.display(),
                self.downloads.display(),
                endpoint.trim_end_matches('/')
            ),
            format!(
                "{hint}pass a local path, or pre-download with `hf download {name} {FILE_NAME} --revision {revision}`, or count \
                 approximately with {} builtin",
                Setting::Tokenizer
            ),
        )
    }
}

/// The hub's address of a file: `/ORG/NAME/resolve/REVISION/FILE`, with the slashes of a revision escaped.
fn address(endpoint: &Url, name: &str, revision: &str, file: &str) -> Url {
    let mut url = endpoint.clone();
    // An http or https URL has a path to add to.
    if let Ok(mut path) = url.path_segments_mut() {
        path.pop_if_empty().extend(name.split('/')).extend(["resolve", revision, file]);
    }
    url
}

/// A URL without credentials and query, which may hold a signature.
fn shown(url: &Url) -> String {
    let mut bare = url.clone();
    bare.set_query(None);
    bare.set_fragment(None);
    // Neither can fail where there is a host.
    let _ = bare.set_username("");
    let _ = bare.set_password(None);
    bare.to_string()
}

/// Refuses what is no JSON under a name that ends so: a page of a proxy, or a file that broke off.
fn checked(bytes: &[u8], file: &str) -> std::result::Result<(), String> {
    if !file.ends_with(".json") {
        return match std::str::from_utf8(bytes) {
            Ok(_) => Ok(()),
            Err(e) => Err(format!("{file} is not text: {e}")),
        };
    }
    let read: std::result::Result<serde::de::IgnoredAny, _> = serde_json::from_slice(bytes);
    read.map(|_| ()).map_err(|e| format!("what came as {file} is not JSON: {e}"))
}

/// Writes a file so that it is there whole or not at all.
fn keep(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let folder = path.parent().unwrap_or(path);
    fs::create_dir_all(folder)?;
    let mut file = tempfile::NamedTempFile::new_in(folder)?;
    file.write_all(bytes)?;
    file.persist(path)?;
    Ok(())
}

/// A small text.
fn read_text(path: &Path) -> io::Result<String> {
    let mut text = String::new();
    regular(path, true)?.take(LONGEST_TEXT).read_to_string(&mut text)?;
    Ok(text)
}

/// `model` or `org/model`, of letters, digits, `-`, `_` and `.`, as the hub has them: nothing that could leave the
/// cache directory.
fn is_repo_name(name: &str) -> bool {
    let parts: Vec<_> = name.split('/').collect();
    parts.len() <= 2 && parts.iter().all(|part| is_segment(part))
}

fn is_revision(revision: &str) -> bool {
    revision.len() <= LONGEST_NAME && revision.split('/').all(is_segment)
}

fn is_segment(part: &str) -> bool {
    !part.is_empty()
        && part.len() <= LONGEST_NAME
        && !part.starts_with(['.', '-'])
        && !part.contains("..")
        && part.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_.".contains(&b))
}

fn is_true(value: &str) -> bool {
    ["1", "true", "yes", "on"].contains(&value.to_ascii_lowercase().as_str())
}

/// The folder of downloads, in `HF_HOME`.
const DOWNLOADS: &str = "ringload";
/// Most bytes of a part of a repository's name, and of a revision: two of them and more fit into the name of a folder.
const LONGEST_NAME: usize = 80;
/// Most bytes that are read of a token's file and of an entry under `refs/`.
const LONGEST_TEXT: u64 = 4096;

#[cfg(test)]
mod tests;
