//! The rows of a file or a folder, as a stream.

use crate::dataset::{Consistency, Content, Row, Session};
use crate::error::{Error, Result};
use crate::files::{regular, stream};
use crate::plan::{Format, Remarks, Replay};
use crate::random::{ItemRng, Stream};
use crate::setting::Setting::DatasetFormat;
use std::io::{BufReader, Read};
use std::path::{Path, PathBuf};

/// Finds the format of a file or a folder by its beginning.
///
/// # Errors
/// [`crate::Blame::Usage`] when it is not there, or of no format that is known.
pub fn detect(path: &Path) -> Result<Format> {
    let folder = path.is_dir();
    let endings = ["jsonl", "json"].map(|ending| files(path, ending));
    let mut first = None;
    for found in endings {
        first = first.or(found?.into_iter().next());
    }
    let Some((_, first)) = first else { return Err(empty_folder(path)) };
    let mut head = Vec::new();
    regular(&first, true)
        .map_err(|e| unseen(&first, &e))?
        .take(HEAD)
        .read_to_end(&mut head)
        .map_err(|e| unreadable(&first, &e))?;
    let text = String::from_utf8_lossy(&head);
    match Format::detect(&text) {
        Some(format) if !folder || format.is_folder() => Ok(format),
        // A folder of lines to draw from looks like single turns.
        Some(_) if folder => Format::named("random_pool").ok_or_else(|| unknown(path)),
        _ => Err(unknown(path)),
    }
}

/// Hands on the rows of a file, in its order, or those drawn from it. Returns what of it is not handed on, or does not
/// go together.
///
/// # Errors
/// When it cannot be read, or says something wrong: with its name and the line.
pub fn rows(replay: &Replay, seed: u64, each: &mut dyn FnMut(Row) -> Result<()>) -> Result<Remarks> {
    let folder = replay.file.is_dir();
    if folder && !replay.format.is_folder() {
        return Err(Error::usage(
            format!("{} is a folder, and {} is a file", replay.file.display(), replay.format.name()),
            "name the file itself",
        ));
    }
    let all = files(&replay.file, replay.format.ending())?;
    if all.is_empty() {
        return Err(empty_folder(&replay.file));
    }
    let mut pools = Vec::new();
    let mut captured = Vec::new();
    let (mut remarks, mut check) = (Remarks::default(), Consistency::new(replay.block));
    for (stem, path) in all {
        let mut pool = Vec::new();
        let mut take = |mut row: Row| {
            if replay.format.is_captured() {
                captured.push(row);
                return Ok(());
            }
            check.see(&row);
            if replay.format.is_pool() {
                pool.push(row);
                return Ok(());
            }
            if folder && replay.format.is_conversation() {
                row.session = Session::Named(stem.clone());
            }
            each(row)
        };
        let mut input = BufReader::with_capacity(1 << 20, open(&path, folder)?);
        let read = replay.format.read_with(&mut input, &mut remarks, &mut take);
        read.map_err(|e| e.within(path.display()))?;
        pools.push(pool);
    }
    if replay.format.is_pool() {
        for k in 0..replay.draws {
            each(drawn(&pools, seed, k))?;
        }
    }
    // Times of a calendar count from the first, whichever file it is in.
    captured.sort_by_key(|row| row.turn.at);
    let zero = captured.first().and_then(|row| row.turn.at).unwrap_or(0);
    for mut row in captured {
        row.turn.at = row.turn.at.map(|at| at - zero);
        check.see(&row);
        each(row)?;
    }
    check.finish(&mut remarks);
    Ok(remarks)
}

/// A row of each pool, made into one.
fn drawn(pools: &[Vec<Row>], seed: u64, k: usize) -> Row {
    let mut rows = pools.iter().enumerate().map(|(p, pool)| {
        let mut rng = ItemRng::new(seed, Stream::Pool, (k * pools.len() + p) as u64);
        pool[rng.below(pool.len())].clone()
    });
    // A format without rows is an error, and a pool is one of them.
    let Some(mut first) = rows.next() else { unreachable!("a folder without files has been refused") };
    for row in rows {
        if let (Content::Messages(ours), Content::Messages(theirs)) = (&mut first.turn.content, row.turn.content) {
            for (our, their) in ours.iter_mut().zip(theirs) {
                our.texts.extend(their.texts);
                our.images.extend(their.images);
                our.audios.extend(their.audios);
                our.videos.extend(their.videos);
            }
        }
        first.turn.osl = first.turn.osl.or(row.turn.osl);
        if let Some(extra) = row.turn.extra {
            first.turn.extra.get_or_insert_default().extend(extra);
        }
    }
    first
}

/// A file, or the files of a folder by name, each with its name without the ending.
fn files(path: &Path, ending: &str) -> Result<Vec<(String, PathBuf)>> {
    let stem = |path: &Path| path.file_stem().map(|s| s.to_string_lossy().into_owned()).unwrap_or_default();
    if !path.is_dir() {
        return Ok(vec![(stem(path), path.to_owned())]);
    }
    let mut all = Vec::new();
    for entry in path.read_dir().map_err(|e| unreadable(path, &e))? {
        let file = entry.map_err(|e| unreadable(path, &e))?.path();
        if file.extension().is_some_and(|e| e == ending) {
            all.push((stem(&file), file));
        }
    }
    all.sort();
    Ok(all)
}

/// A file that was named may be a FIFO (`<(command)`); what lies in a folder is a regular file.
fn open(path: &Path, in_folder: bool) -> Result<Box<dyn Read>> {
    let opened: std::io::Result<Box<dyn Read>> = match in_folder {
        true => regular(path, true).map(|file| Box::new(file) as _),
        false => stream(path).map(|file| Box::new(file) as _),
    };
    opened.map_err(|e| unreadable(path, &e))
}

fn unreadable(path: &Path, e: &std::io::Error) -> Error {
    Error::usage(format!("{}: {e}", path.display()), "write the path of a file of requests that this user may read")
}

fn unseen(path: &Path, e: &std::io::Error) -> Error {
    if path.metadata().is_ok_and(|facts| !facts.is_file()) {
        return Error::usage(
            format!("{}: {e}, so that its format cannot be found", path.display()),
            "name its format, or write it to a file first",
        );
    }
    unreadable(path, e)
}

fn empty_folder(path: &Path) -> Error {
    Error::usage(
        format!("the folder {} has no .jsonl files, nor .json files of sessions", path.display()),
        "put files of one request a line into it, or name a file",
    )
}

fn unknown(path: &Path) -> Error {
    let names: Vec<&str> = Format::all().map(Format::name).collect();
    Error::usage(
        format!("{}: it begins like no format that ringload knows", path.display()),
        format!(
            "name its format with {DatasetFormat} ({}); docs/WORKLOADS.md has an example of each",
            names.join(", ")
        ),
    )
}

/// Bytes by which a format is found.
const HEAD: u64 = 256 << 10;
