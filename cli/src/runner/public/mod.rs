//! Public datasets: found where they were kept, in the cache of the hub's own library, or in a file of the user's; else
//! had from the hub, once, and kept. What a run reads is a dataset file like any other.

mod rows;
mod spans;

use crate::flags::{ProfileArgs, PublicDataset, PublicRow, PublicSource};
use crate::live::signals;
use crate::terminal::eprint_line;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ringload_engine::plan::Format;
use ringload_engine::resolve::SystemResolver;
use ringload_engine::workload::Hub;
use ringload_engine::{Error, Result, files};
use serde_json::Value;
use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;
use tempfile::{NamedTempFile, TempPath};
use ureq::unversioned::transport::DefaultConnector;

/// A file that was made for this run alone; it is removed at the end.
#[derive(Default)]
pub(crate) struct Made(#[allow(dead_code, reason = "it is there to be dropped")] Option<TempPath>);

/// Puts the file of a public dataset in the place of its name.
///
/// # Errors
/// [`ringload_engine::Blame::Usage`] where its flags contradict others; [`ringload_engine::Blame::Environment`] where
/// it is nowhere to be had.
pub(crate) fn resolve(args: &mut ProfileArgs) -> anyhow::Result<Made> {
    let Some(dataset) = args.public.public_dataset.take() else {
        return Ok(Made::default());
    };
    if args.trace.custom_dataset_type.is_some() {
        return Err(Error::usage(
            format!("--custom-dataset-type with --public-dataset {}: its format is known", dataset.name),
            "drop one of them",
        )
        .into());
    }
    let asked = args.conversation.num_conversations.or(args.load.request_count).unwrap_or(USUAL).min(MOST_ROWS);
    let place = Place {
        hub: Hub::from_env(),
        dataset,
        repo: args.public.hf_weka_dataset.take(),
        subset: args.public.hf_subset.take(),
        filters: std::mem::take(&mut args.public.dataset_filter),
        quiet: args.output.quiet,
    };
    place.check()?;
    let given = args.trace.input_file.clone();
    let found = signals::unless_stopped(move || place.file(given.as_deref(), asked as usize))??;
    args.trace.custom_dataset_type = Some(match dataset.row {
        PublicRow::ShareGpt => Format::ShareGpt,
        PublicRow::Turns(_) => Format::MultiTurn,
        PublicRow::CodingSession => Format::Weka,
        PublicRow::CallSpans => Format::Mooncake,
        _ => Format::SingleTurn,
    });
    args.trace.input_file = Some(found.path);
    // Its calls have times all the same: they are replayed where that is asked for.
    if dataset.row == PublicRow::CallSpans && !args.trace.fixed_schedule {
        args.trace.no_fixed_schedule = true;
    }
    let (file, format) = (args.trace.input_file.clone(), args.trace.custom_dataset_type);
    for point in &mut args.points {
        point.args.public.public_dataset = None;
        point.args.trace.input_file.clone_from(&file);
        point.args.trace.custom_dataset_type = format;
    }
    Ok(Made(found.made))
}

/// Where a dataset is looked for.
struct Place {
    hub: Hub,
    dataset: &'static PublicDataset,
    /// Another repository than the dataset's own.
    repo: Option<String>,
    subset: Option<String>,
    /// Columns and the values that they have to have.
    filters: Vec<(String, String)>,
    quiet: bool,
}

/// A file that a run can read.
struct Found {
    path: PathBuf,
    made: Option<TempPath>,
}

impl Place {
    /// Holds the repository that is named against the dataset.
    fn check(&self) -> Result<()> {
        let unnamed = matches!(self.dataset.source, PublicSource::Rows { repo: "", .. });
        let name = self.dataset.name;
        match (unnamed, &self.repo) {
            (true, None) => Err(Error::usage(
                format!("--public-dataset {name} without --hf-weka-dataset"),
                "name a repository of the hub, as in --hf-weka-dataset semianalysisai/cc-traces-weka-061326",
            )),
            (false, Some(_)) => Err(Error::usage(
                format!("--hf-weka-dataset with --public-dataset {name}, whose repository is known"),
                "write --public-dataset weka_hf, or drop --hf-weka-dataset",
            )),
            _ => Ok(()),
        }
    }

    fn file(&self, given: Option<&Path>, asked: usize) -> Result<Found> {
        let kept = |path: PathBuf| Found { path, made: None };
        if let Some(path) = given {
            return if self.dataset.row == PublicRow::ShareGpt {
                Ok(kept(path.to_owned()))
            } else {
                self.converted(path)
            };
        }
        match self.dataset.source {
            PublicSource::File { repo, file } => {
                let cached = self.in_cache_of_hub(repo, file).map(Ok).unwrap_or_else(|| {
                    let url =
                        format!("{}/datasets/{repo}/resolve/main/{file}", self.hub.endpoint.trim_end_matches('/'));
                    self.downloaded(&url)
                })?;
                if self.dataset.row == PublicRow::ShareGpt { Ok(kept(cached)) } else { self.converted(&cached) }
            }
            PublicSource::Url(url) => self.converted(&self.downloaded(url)?),
            PublicSource::Rows { repo, subset, split } => {
                let repo = self.repo.as_deref().unwrap_or(repo);
                self.rows(repo, self.subset.as_deref().unwrap_or(subset), split, asked).map(kept)
            }
        }
    }

    /// The lines of a file of rows, or of a JSON array of them, as a run sends them.
    fn converted(&self, path: &Path) -> Result<Found> {
        let unread = |e: std::io::Error| {
            Error::environment(format!("{}: {e}", path.display()), "name a file of rows that this user may read")
        };
        let mut from = BufReader::new(files::regular(path, true).map_err(unread)?);
        let mut to = NamedTempFile::new().map_err(unread)?;
        let mut lines = 0;
        let is_list = from.fill_buf().map_err(unread)?.first() == Some(&b'[');
        let mut put = |fields: &Value| -> Result<()> {
            if rows::matches(fields, &self.filters) {
                for line in rows::lines(&self.dataset.row, fields) {
                    lines += 1;
                    writeln!(to, "{line}").map_err(unread)?;
                }
            }
            Ok(())
        };
        let no_row = |n: usize, e: serde_json::Error| {
            Error::usage(format!("{}, row {n}: no JSON ({e})", path.display()), "write a JSON object a line")
        };
        if is_list {
            let all: Vec<Value> = serde_json::from_reader(from).map_err(|e| no_row(e.line(), e))?;
            all.iter().try_for_each(&mut put)?;
        } else {
            for (n, line) in from.lines().enumerate() {
                let line = line.map_err(unread)?;
                if !line.trim().is_empty() {
                    put(&serde_json::from_str(&line).map_err(|e| no_row(n + 1, e))?)?;
                }
            }
        }
        to.flush().map_err(unread)?;
        if lines == 0 {
            return Err(Error::usage(
                format!("{}: no row of it has what {} has", path.display(), self.dataset.name),
                format!("its rows are {:?}", self.dataset.row),
            ));
        }
        let made = to.into_temp_path();
        Ok(Found { path: made.to_path_buf(), made: Some(made) })
    }

    /// A file in the cache of the hub's library: `datasets--ORG--NAME/snapshots/COMMIT/FILE`, the newest.
    fn in_cache_of_hub(&self, repo: &str, file: &str) -> Option<PathBuf> {
        let snapshots = self.hub.cache.join(format!("datasets--{}", repo.replace('/', "--"))).join("snapshots");
        let mut found: Vec<_> = fs::read_dir(snapshots)
            .ok()?
            .filter_map(|commit| {
                let path = commit.ok()?.path().join(file);
                Some((path.metadata().ok()?.modified().ok()?, path))
            })
            .collect();
        found.sort();
        found.pop().map(|(_, path)| path)
    }

    /// Where what was had is kept.
    fn kept(&self, ending: &str) -> PathBuf {
        let filters = self.filters.iter().map(|(column, value)| format!("{column}={value}"));
        let parts = self.repo.iter().chain(&self.subset).cloned().chain(filters);
        let parts: String = parts.map(|part| format!("@{}", part.replace(['/', '.'], "_"))).collect();
        let name = format!("{}{parts}.{ending}", self.dataset.name);
        self.hub.downloads.join("datasets").join(name)
    }

    /// A file at a URL, kept once it is there.
    fn downloaded(&self, url: &str) -> Result<PathBuf> {
        let path = self.kept(url.rsplit('.').next().unwrap_or("json"));
        if path.is_file() {
            return Ok(path);
        }
        self.may_ask(&path)?;
        self.tell(url);
        let mut response = self.get(url)?;
        let mut body = response.body_mut().as_reader().take(MOST_BYTES + 1);
        self.keep(&path, |to| std::io::copy(&mut body, to).map(drop))?;
        Ok(path)
    }

    /// So many rows as lines of a run's file, kept for the next; those that are kept where they are enough, or where no
    /// more can be had.
    fn rows(&self, repo: &str, subset: &str, split: &str, asked: usize) -> Result<PathBuf> {
        let path = self.kept("jsonl");
        let kept = fs::read_to_string(&path).map(|text| text.lines().count()).unwrap_or(0);
        if kept >= asked || kept > 0 && self.hub.offline {
            return Ok(path);
        }
        self.may_ask(&path)?;
        let server = std::env::var("HF_DATASETS_SERVER").unwrap_or_else(|_| SERVER.to_owned());
        self.tell(&format!("{repo} ({subset}, {split}) at {server}"));
        let mut lines = Vec::new();
        let (mut from, mut had) = (0, 0);
        while had < asked && from < MOST_ROWS as usize {
            let all = if self.filters.is_empty() { asked - had } else { PAGE };
            let page = self.dataset.row.page().min(all);
            let query =
                [("dataset", repo), ("config", subset), ("split", split)].map(|(k, v)| format!("{k}={}", escaped(v)));
            let url = format!("{server}/rows?{}&offset={from}&length={page}", query.join("&"));
            let answer = self.get(&url)?.body_mut().with_config().limit(MOST_BYTES).read_to_vec();
            let answer = answer.map_err(|e| self.absent(&e.to_string()))?;
            let answer: Value = serde_json::from_slice(&answer)
                .map_err(|e| self.absent(&format!("what {server} sent is no JSON ({e})")))?;
            let found = answer["rows"].as_array().cloned().unwrap_or_default();
            if found.is_empty() {
                break;
            }
            if found.iter().any(|row| row["truncated_cells"].as_array().is_some_and(|cells| !cells.is_empty())) {
                return Err(self.absent("its rows are cut there, for their size"));
            }
            let before = lines.len();
            for row in found.iter().map(|row| &row["row"]).filter(|row| rows::matches(row, &self.filters)) {
                let ours = rows::lines(&self.dataset.row, row).into_iter().map(|line| self.with_media(line));
                let ours: Vec<Value> = ours.collect::<Result<_>>()?;
                had += usize::from(!ours.is_empty());
                lines.extend(ours);
            }
            if lines.len() == before && self.filters.is_empty() {
                return Err(self.absent("its rows have other columns than they had"));
            }
            from += found.len();
            if found.len() < page {
                break;
            }
        }
        if lines.is_empty() {
            let what =
                if self.filters.is_empty() { "it has no rows there" } else { "no row is as --dataset-filter says" };
            return Err(self.absent(what));
        }
        self.keep(&path, |to| lines.iter().try_for_each(|line| writeln!(to, "{line}")))?;
        Ok(path)
    }

    /// A line whose image or audio stands in it: addresses of the hub hold for an hour, and a server may not reach
    /// them. Videos stay where they are.
    fn with_media(&self, mut line: Value) -> Result<Value> {
        for field in ["image", "audio"] {
            let Some(url) = line[field].as_str().filter(|url| url.starts_with("http")).map(str::to_owned) else {
                continue;
            };
            let mut response = self.get(&url)?;
            let kind = response.headers().get("content-type").and_then(|kind| kind.to_str().ok());
            let kind = kind.filter(|kind| kind.starts_with(field)).unwrap_or(if field == "audio" {
                "audio/wav"
            } else {
                "image/jpeg"
            });
            let kind = kind.replace("x-wav", "wav").replace("mpeg", "mp3");
            let bytes = response.body_mut().with_config().limit(MOST_BYTES).read_to_vec();
            let bytes = bytes.map_err(|e| self.absent(&e.to_string()))?;
            line[field] = format!("data:{kind};base64,{}", STANDARD.encode(bytes)).into();
        }
        Ok(line)
    }

    fn get(&self, url: &str) -> Result<ureq::http::Response<ureq::Body>> {
        let config = ureq::Agent::config_builder()
            .timeout_global(Some(PATIENCE))
            .http_status_as_error(false)
            .user_agent(concat!("ringload/", env!("CARGO_PKG_VERSION")))
            .build();
        let agent = ureq::Agent::with_parts(config, DefaultConnector::default(), SystemResolver);
        let mut request = agent.get(url);
        // A token goes to the hub alone, and in the clear nowhere.
        let to_hub = url.starts_with("https://huggingface.co/") || url.starts_with(SERVER);
        if let Some(token) = self.hub.token.as_ref().filter(|_| to_hub) {
            request = request.header("authorization", format!("Bearer {token}"));
        }
        let response = request.call().map_err(|e| self.absent(&e.to_string()))?;
        match response.status().as_u16() {
            200 => Ok(response),
            401 | 403 => Err(self.absent("it wants a token that may read it: set HF_TOKEN")),
            status => Err(self.absent(&format!("status {status}"))),
        }
    }

    /// Refuses to ask the network where that is forbidden.
    fn may_ask(&self, path: &Path) -> Result<()> {
        match self.hub.offline {
            false => Ok(()),
            true => {
                Err(self.absent(&format!("HF_HUB_OFFLINE forbids a download, and {} is not there", path.display())))
            }
        }
    }

    fn absent(&self, why: &str) -> Error {
        let name = self.dataset.name;
        Error::environment(
            format!("--public-dataset {name} could not be had: {why}"),
            format!(
                "try again with the network, or give its rows: --public-dataset {name} --input-file rows.jsonl (a JSON object a line)"
            ),
        )
    }

    fn tell(&self, what: &str) {
        if !self.quiet {
            eprint_line(format_args!("note: --public-dataset {}: {what} …", self.dataset.name));
        }
    }

    /// Writes a file so that it is there whole or not at all.
    fn keep(&self, path: &Path, write: impl FnOnce(&mut fs::File) -> std::io::Result<()>) -> Result<()> {
        let folder = path.parent().unwrap_or(path);
        let kept = fs::create_dir_all(folder).and_then(|()| {
            let mut file = NamedTempFile::new_in(folder)?;
            write(file.as_file_mut())?;
            file.persist(path)?;
            Ok(())
        });
        kept.map_err(|e| {
            Error::environment(
                format!("{}: {e}", path.display()),
                "set HF_HOME to a folder that this user may write to",
            )
        })
    }
}

/// A value of a query (RFC 3986).
fn escaped(value: &str) -> String {
    let plain = |b: u8| b.is_ascii_alphanumeric() || b"-._~".contains(&b);
    value.bytes().map(|b| if plain(b) { char::from(b).to_string() } else { format!("%{b:02X}") }).collect()
}

/// What shows rows of the hub's datasets as JSON.
const SERVER: &str = "https://datasets-server.huggingface.co";
/// Rows that are looked at together where only some of them are wanted.
const PAGE: usize = 100;
/// Rows where no number of requests is asked for, and at most.
const USUAL: u64 = 100;
const MOST_ROWS: u64 = 10_000;
/// Bytes of an answer, and of a file: ShareGPT's has 673 MB.
const MOST_BYTES: u64 = 2 << 30;
/// For one answer.
const PATIENCE: Duration = Duration::from_secs(600);
