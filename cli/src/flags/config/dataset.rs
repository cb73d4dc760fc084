//! `benchmark.dataset` and `benchmark.datasets` → flags.

use super::files;
use super::lengths::{Distribution, distribution, lengths};
use super::reader::Reader;
use super::words::Words;
use serde_json::Value;

/// The flags of the one dataset of a run.
///
/// # Errors
/// Several of them; a key or a value that is none, or that no flag can say.
pub(super) fn lower(benchmark: &mut Reader, words: &mut Words) -> Result<(), String> {
    let path = benchmark.at("datasets");
    let dataset = match (benchmark.take("dataset"), benchmark.take("datasets")) {
        (Some(_), Some(_)) => return Err(format!("{path}: stands beside `dataset`: write one of them")),
        (Some(one), None) => one,
        (None, Some(Value::Array(mut list))) if list.len() == 1 => list.remove(0),
        (None, Some(Value::Array(list))) => {
            return Err(format!("{path}: a run has one dataset here, and {} are given", list.len()));
        }
        (None, Some(one)) => one,
        (None, None) => return Ok(()),
    };
    let mut dataset = Reader::new(dataset, &path)?;
    let _ = dataset.take("name");
    let kind = dataset.word("type")?.unwrap_or_else(|| "synthetic".into());
    match kind.as_str() {
        "synthetic" => {
            words.maybe("num-dataset-entries", dataset.word("entries")?);
        }
        "file" => file(&mut dataset, words)?,
        "public" => {
            words.maybe("public-dataset", dataset.word("dataset")?);
            words.maybe("hf-subset", dataset.word("hf_subset")?);
            if dataset.word("entries")?.is_some() {
                words.note(&dataset.at("entries"), "as many rows are had as the phase has requests or sessions");
            }
        }
        other => return Err(format!("{}: {other} is none: write synthetic, file or public", dataset.at("type"))),
    }
    lengths(&mut dataset, words)?;
    context(&mut dataset, words)?;
    synthesis(&mut dataset, words)?;
    media(&mut dataset, words)?;
    if let Some(seed) = dataset.word("random_seed")? {
        words.note(
            &dataset.at("random_seed"),
            &format!("one seed makes schedule and prompts: randomSeed ({seed} here)"),
        );
    }
    dataset.finish()
}

fn file(dataset: &mut Reader, words: &mut Words) -> Result<(), String> {
    let (path, format) = (dataset.word("path")?, dataset.word("format")?);
    let at = dataset.at("records");
    let records = match dataset.take("records") {
        Some(Value::Object(mut map)) if map.len() == 1 => map.remove("pool"),
        other => other,
    };
    let file = match (path, records) {
        (Some(path), None) => path,
        (None, Some(Value::Array(records))) => {
            let lines: Vec<String> = records.iter().map(ToString::to_string).collect();
            files::keep("records", &(lines.join("\n") + "\n"))?
        }
        (None, None) => return Err(format!("{at}: write path, or records as a list")),
        _ => return Err(format!("{at}: stands beside `path`, or is no list: write one of them")),
    };
    words.flag("input-file", file);
    words.flag("custom-dataset-type", format.unwrap_or_else(|| "single_turn".into()));
    if dataset.word("entries")?.is_some() {
        words.note(&dataset.at("entries"), "the file says how many there are; requests of a phase sends fewer");
    }
    Ok(())
}

fn context(dataset: &mut Reader, words: &mut Words) -> Result<(), String> {
    if let Some(mut prefix) = dataset.inner("prefix_prompts")? {
        for (key, flag) in [
            ("pool_size", "num-prefix-prompts"),
            ("length", "prefix-prompt-length"),
            ("shared_system_length", "shared-system-prompt-length"),
            ("user_context_length", "user-context-prompt-length"),
        ] {
            words.maybe(flag, prefix.word(key)?);
        }
        prefix.finish()?;
    }
    words.maybe("system-prompt", dataset.word("system_prompt")?);
    words.maybe("system-prompt-file", dataset.word("system_prompt_file")?);
    words.maybe("dataset-sampling-strategy", dataset.word("sampling")?);
    words.maybe("session-delay-ratio", dataset.word("turn_delay_ratio")?);
    for (key, mean_flag, stddev_flag) in [
        ("turns", "session-turns-mean", "session-turns-stddev"),
        ("turn_delay", "session-turn-delay-mean", "session-turn-delay-stddev"),
    ] {
        let path = dataset.at(key);
        match dataset.take(key).map(|value| distribution(value, &path)).transpose()? {
            None => {}
            Some(Distribution::Normal { mean, stddev }) => {
                words.flag(mean_flag, mean.to_string());
                words.maybe(stddev_flag, (stddev > 0.0).then(|| stddev.to_string()));
            }
            Some(_) => return Err(format!("{path}: write a number, or mean and stddev")),
        }
    }
    Ok(())
}

fn synthesis(dataset: &mut Reader, words: &mut Words) -> Result<(), String> {
    let Some(mut synthesis) = dataset.inner("synthesis")? else {
        return Ok(());
    };
    for (key, flag) in [
        ("speedup_ratio", "synthesis-speedup-ratio"),
        ("prefix_len_multiplier", "synthesis-prefix-len-multiplier"),
        ("prefix_root_multiplier", "synthesis-prefix-root-multiplier"),
        ("prompt_len_multiplier", "synthesis-prompt-len-multiplier"),
        ("output_len_multiplier", "synthesis-output-len-multiplier"),
        ("max_isl", "synthesis-max-isl"),
        ("max_osl", "synthesis-max-osl"),
    ] {
        words.maybe(flag, synthesis.word(key)?);
    }
    synthesis.finish()
}

/// A number, or mean and stddev, as two flags.
fn spread(reader: &mut Reader, key: &'static str, flags: [&str; 2], words: &mut Words) -> Result<(), String> {
    let path = reader.at(key);
    match reader.take(key).map(|value| distribution(value, &path)).transpose()? {
        None => Ok(()),
        Some(Distribution::Normal { mean, stddev }) => {
            words.flag(flags[0], mean.to_string());
            words.maybe(flags[1], (stddev > 0.0).then(|| stddev.to_string()));
            Ok(())
        }
        Some(_) => Err(format!("{path}: write a number, or mean and stddev")),
    }
}

fn media(dataset: &mut Reader, words: &mut Words) -> Result<(), String> {
    if let Some(mut rankings) = dataset.inner("rankings")? {
        for (key, flags) in [
            ("passages", ["rankings-passages-mean", "rankings-passages-stddev"]),
            ("passage_tokens", ["rankings-passages-prompt-token-mean", "rankings-passages-prompt-token-stddev"]),
            ("query_tokens", ["rankings-query-prompt-token-mean", "rankings-query-prompt-token-stddev"]),
        ] {
            spread(&mut rankings, key, flags, words)?;
        }
        rankings.finish()?;
    }
    // In a file nothing is made unless a batch is asked for.
    for (key, take) in [("images", images as Take), ("audio", audio as Take), ("video", video as Take)] {
        if let Some(mut media) = dataset.inner(key)? {
            let batch = media.word("batch_size")?.unwrap_or_else(|| "0".into());
            let mut own = Words::default();
            take(&mut media, &mut own)?;
            media.finish()?;
            if batch != "0" {
                words.flag(
                    if key == "images" {
                        "image-batch-size"
                    } else if key == "audio" {
                        "audio-batch-size"
                    } else {
                        "video-batch-size"
                    },
                    batch,
                );
                words.flags.extend(own.flags);
            }
        }
    }
    Ok(())
}

/// What takes the keys of a kind of media.
type Take = fn(&mut Reader, &mut Words) -> Result<(), String>;

fn images(images: &mut Reader, words: &mut Words) -> Result<(), String> {
    spread(images, "width", ["image-width-mean", "image-width-stddev"], words)?;
    spread(images, "height", ["image-height-mean", "image-height-stddev"], words)?;
    words.flag("image-format", images.word("format")?.unwrap_or_else(|| "jpeg".into()));
    match images.word("source")?.as_deref() {
        None | Some("noise") => Ok(()),
        Some(_) => Err(format!("{}: images are noise here: leave it out", images.at("source"))),
    }
}

fn audio(audio: &mut Reader, words: &mut Words) -> Result<(), String> {
    spread(audio, "length", ["audio-length-mean", "audio-length-stddev"], words)?;
    words.maybe("audio-format", audio.word("format")?);
    words.maybe("audio-num-channels", audio.word("channels")?);
    for (key, flag) in [("sample_rates", "audio-sample-rates"), ("depths", "audio-depths")] {
        for value in audio.words(key)? {
            words.flag(flag, value);
        }
    }
    Ok(())
}

fn video(video: &mut Reader, words: &mut Words) -> Result<(), String> {
    for (key, flag) in [
        ("width", "video-width"),
        ("height", "video-height"),
        ("duration", "video-duration"),
        ("fps", "video-fps"),
        ("synth_type", "video-synth-type"),
        ("format", "video-format"),
        ("codec", "video-codec"),
    ] {
        words.maybe(flag, video.word(key)?);
    }
    if let Some(mut audio) = video.inner("audio")? {
        for (key, flag) in [
            ("channels", "video-audio-num-channels"),
            ("sample_rate", "video-audio-sample-rate"),
            ("codec", "video-audio-codec"),
            ("depth", "video-audio-depth"),
        ] {
            words.maybe(flag, audio.word(key)?);
        }
        audio.finish()?;
    }
    Ok(())
}
