//! The rows of a file or a folder, as a stream.

use crate::dataset::servegen::{Client, draw};
use crate::dataset::{Consistency, Content, Row, Session};
use crate::error::{Error, Result};
use crate::files::{regular, small_text, stream};
use crate::plan::{Format, Remarks, Replay};
use crate::random::{ItemRng, Stream};
use crate::setting::Setting::DatasetFormat;
use std::io::{BufRead as _, BufReader, Read};
use std::path::{Path, PathBuf};

/// Finds the format of a file or a folder by its beginning.
///
/// # Errors
/// [`crate::Blame::Usage`] when it is not there, or of no format that is known.
pub fn detect(path: &Path) -> Result<Format> {
    let folder = path.is_dir();
    if folder && !clients(path)?.is_empty() {
        return Ok(Format::ServeGen);
    }
    let endings = ["jsonl", "json"].map(|ending| files(path, ending));
    let mut first = None;
    for found in endings {
        first = first.or(found?.into_iter().next());
    }
    let Some((_, first)) = first else { return Err(empty_folder(path)) };
    let mut head = Vec::new();
    let mut file = BufReader::new(regular(&first, true).map_err(|e| unseen(&first, &e))?);
    file.by_ref().take(HEAD).read_to_end(&mut head).map_err(|e| unreadable(&first, &e))?;
    columnar(&first, &head)?;
    let mut found = Format::detect(&String::from_utf8_lossy(&head));
    if found.is_none() && !head.contains(&b'\n') {
        // The first row, one prompt of it perhaps, is longer.
        file.take(FIRST_ROW).read_until(b'\n', &mut head).map_err(|e| unreadable(&first, &e))?;
        found = Format::detect(&String::from_utf8_lossy(&head));
    }
    match found {
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
    if folder && replay.format == Format::ServeGen {
        return drawn_from_clients(replay, each);
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
        columnar(&path, input.fill_buf().map_err(|e| unreadable(&path, &e))?)?;
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

/// Hands on requests that are drawn from the clients of a folder.
fn drawn_from_clients(replay: &Replay, each: &mut dyn FnMut(Row) -> Result<()>) -> Result<Remarks> {
    let all = clients(&replay.file)?;
    if all.is_empty() {
        return Err(Error::usage(
            format!("the folder {} has no clients", replay.file.display()),
            "put chunk-1-trace.csv and chunk-1-dataset.json of each client into it",
        ));
    }
    let text = |path: &Path| small_text(path, MOST_OF_CLIENT).map_err(|e| unreadable(path, &e));
    let mut read = Vec::with_capacity(all.len());
    for (trace, lengths) in all {
        let names = [&trace, &lengths].map(|path| path.display().to_string());
        read.push(Client::read((&names[0], &text(&trace)?), (&names[1], &text(&lengths)?))?);
    }
    let mut remarks = Remarks { block: replay.block, ..Remarks::default() };
    let drawn = draw(&read, &replay.timing, replay.clients, &mut remarks);
    drawn.map_err(|e| e.within(replay.file.display()))?.into_iter().try_for_each(each)?;
    Ok(remarks)
}

/// The two files of each client of a folder, in the order of their names.
fn clients(path: &Path) -> Result<Vec<(PathBuf, PathBuf)>> {
    let both = |(stem, trace): (String, PathBuf)| {
        let lengths = trace.with_file_name(format!("{}-dataset.json", stem.strip_suffix("-trace")?));
        lengths.is_file().then_some((trace, lengths))
    };
    Ok(files(path, "csv")?.into_iter().filter_map(both).collect())
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

/// Refuses a table of columns.
fn columnar(path: &Path, head: &[u8]) -> Result<()> {
    let kinds = [("Parquet", &b"PAR1"[..]), ("Arrow", &b"ARROW1"[..])];
    match kinds.into_iter().find(|(_, begin)| head.starts_with(begin)) {
        None => Ok(()),
        Some((kind, _)) => Err(Error::usage(
            format!("{}: it is {kind}, and files of requests are read as lines", path.display()),
            "write its rows as JSON lines first, as with duckdb -c \"COPY (FROM 'trace.parquet') TO 'trace.jsonl'\", or pandas.read_parquet(…).to_json(…, orient='records', lines=True)",
        )),
    }
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

/// Most bytes of a file of a client.
const MOST_OF_CLIENT: u64 = 64 << 20;
/// Bytes by which a format is found.
const HEAD: u64 = 256 << 10;
/// Most bytes of a first row that is longer than that.
const FIRST_ROW: u64 = 64 << 20;
