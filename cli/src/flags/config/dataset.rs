//! `benchmark.dataset` and `benchmark.datasets` → flags.

use super::files;
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

/// A length of tokens or turns.
#[derive(Clone, Debug, PartialEq)]
enum Distribution {
    Normal {
        mean: f64,
        stddev: f64,
    },
    Lognormal {
        mean: f64,
        stddev: f64,
    },
    /// Values, each with a deviation and a weight.
    Several(Vec<(f64, f64, f64)>),
}

fn distribution(value: Value, path: &str) -> Result<Distribution, String> {
    if let Some(mean) = value.as_f64() {
        return Ok(Distribution::Normal { mean, stddev: 0.0 });
    }
    let mut reader = Reader::new(value, path)?;
    let number = |reader: &mut Reader, key: &'static str| {
        let value = reader.take(key);
        value.map(|v| v.as_f64().ok_or_else(|| format!("{path}.{key}: write a number"))).transpose()
    };
    let _ = reader.take("type");
    for key in ["min", "max"] {
        if reader.take(key).is_some() {
            return Err(format!("{path}.{key}: lengths have no bounds here: leave it out"));
        }
    }
    let (mean, stddev, median) =
        (number(&mut reader, "mean")?, number(&mut reader, "stddev")?, number(&mut reader, "median")?);
    let value = number(&mut reader, "value")?;
    let weighed = |list: Option<Value>| -> Result<Vec<(f64, f64, f64)>, String> {
        let Some(list) = list else { return Ok(Vec::new()) };
        let list = list.as_array().ok_or_else(|| format!("{path}: write a list"))?;
        let one = |item: &Value| {
            let field = |key: &str| item.get(key).and_then(Value::as_f64);
            let center = field("value").or_else(|| field("mean")).or_else(|| item.as_f64())?;
            Some((center, field("stddev").unwrap_or(0.0), field("weight").unwrap_or(1.0)))
        };
        list.iter()
            .map(|item| one(item).ok_or_else(|| format!("{path}: write value or mean of each, and its weight")))
            .collect()
    };
    let several = [weighed(reader.take("peaks"))?, weighed(reader.take("points"))?].concat();
    reader.finish()?;
    match (mean.or(value), median, several.is_empty()) {
        (Some(mean), Some(median), true) if median > 0.0 && median <= mean => {
            // Of a log-normal distribution, mean / median = exp(σ² / 2).
            let variance = 2.0 * (mean / median).ln();
            Ok(Distribution::Lognormal { mean, stddev: mean * (variance.exp() - 1.0).max(0.0).sqrt() })
        }
        (Some(mean), None, true) => Ok(Distribution::Normal { mean, stddev: stddev.unwrap_or(0.0) }),
        (None, None, false) => Ok(Distribution::Several(several)),
        _ => Err(format!("{path}: write a number, mean with stddev or median, peaks, or points")),
    }
}

fn lengths(dataset: &mut Reader, words: &mut Words) -> Result<(), String> {
    let mut taken = [dataset.take("isl"), dataset.take("osl")];
    let paths = [dataset.at("isl"), dataset.at("osl")];
    let mut pairs = None;
    if let Some(mut prompts) = dataset.inner("prompts")? {
        for (slot, key) in taken.iter_mut().zip(["isl", "osl"]) {
            if let Some(value) = prompts.take(key)
                && slot.replace(value).is_some()
            {
                return Err(format!("{}: stands beside the same of the dataset", prompts.at(key)));
            }
        }
        pairs = prompts.take("sequence_distribution");
        words.maybe("prompt-batch-size", prompts.word("batch_size")?);
        words.maybe("isl-block-size", prompts.word("block_size")?);
        words.maybe("random-range-ratio", prompts.take("random_range_ratio").map(|value| value.to_string()));
        if prompts.take("corpus").is_some() {
            words.note(&prompts.at("corpus"), "synthetic texts are words of the vocabulary");
        }
        if let Some(mut bust) = prompts.inner("cache_bust")? {
            words.maybe("cache-bust", bust.word("target")?);
            bust.finish()?;
        }
        prompts.finish()?;
    }
    if let Some(pairs) = pairs {
        words.flag("seq-dist", self::pairs(&pairs, &paths[0])?);
    }
    let [isl, osl] = taken;
    let one = |value: Option<Value>, path: &str| value.map(|value| distribution(value, path)).transpose();
    let (isl, osl) = (one(isl, &paths[0])?, one(osl, &paths[1])?);
    if let (Some(Distribution::Several(_)), _) | (_, Some(Distribution::Several(_))) = (&isl, &osl) {
        words.flag("seq-dist", product(isl, osl, &paths[1])?);
        return Ok(());
    }
    let mut lognormal = false;
    for (given, mean_flag, stddev_flag) in [(isl, "isl", "isl-stddev"), (osl, "osl", "osl-stddev")] {
        let (mean, stddev) = match given {
            Some(Distribution::Normal { mean, stddev }) => (mean, stddev),
            Some(Distribution::Lognormal { mean, stddev }) => {
                lognormal = true;
                (mean, stddev)
            }
            _ => continue,
        };
        words.flag(mean_flag, mean.to_string());
        if stddev > 0.0 {
            words.flag(stddev_flag, stddev.to_string());
        }
    }
    words.maybe("length-distribution", lognormal.then(|| "lognormal".into()));
    Ok(())
}

/// AIPerf's list of pairs, in the form of `--seq-dist`; shares of 1 or of 100.
fn pairs(list: &Value, path: &str) -> Result<String, String> {
    let bad = || format!("{path}: write a list of isl, osl and probability");
    let list = list.as_array().ok_or_else(bad)?;
    let field = |item: &Value, key: &str| {
        let map = item.as_object()?;
        map.iter().find(|(k, _)| super::reader::snake(k) == key)?.1.as_f64()
    };
    let one = |item: &Value| {
        let length = |key: &str| {
            let stddev = field(item, &format!("{key}_stddev")).unwrap_or(0.0);
            Some((field(item, key)?, stddev))
        };
        Some((length("isl")?, length("osl")?, field(item, "probability")?))
    };
    let all: Vec<_> = list.iter().map(one).collect::<Option<_>>().ok_or_else(bad)?;
    Ok(shares(&all))
}

type Shape = ((f64, f64), (f64, f64), f64);

fn shares(all: &[Shape]) -> String {
    let sum: f64 = all.iter().map(|(.., share)| share).sum();
    let text = |((isl, isl_sd), (osl, osl_sd), share): &Shape| {
        format!("{isl}|{isl_sd},{osl}|{osl_sd}:{}", share * 100.0 / sum.max(f64::MIN_POSITIVE))
    };
    all.iter().map(text).collect::<Vec<_>>().join(";")
}

/// Every input length with every output length.
fn product(isl: Option<Distribution>, osl: Option<Distribution>, path: &str) -> Result<String, String> {
    let several = |given: Option<Distribution>| match given {
        Some(Distribution::Several(list)) => Ok(list),
        Some(Distribution::Normal { mean, stddev }) => Ok(vec![(mean, stddev, 1.0)]),
        Some(Distribution::Lognormal { .. }) => {
            Err(format!("{path}: peaks, points and median do not go together here"))
        }
        None => Err(format!("{path}: peaks and points need both isl and osl here")),
    };
    let (isl, osl) = (several(isl)?, several(osl)?);
    let pair = |i: &(f64, f64, f64), o: &(f64, f64, f64)| ((i.0, i.1), (o.0, o.1), i.2 * o.2);
    Ok(shares(&isl.iter().flat_map(|i| osl.iter().map(move |o| pair(i, o))).collect::<Vec<_>>()))
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

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn the_kind_of_a_distribution_follows_from_its_keys() {
        let of = |value: Value| distribution(value, "isl").unwrap();
        assert_eq!(of(json!(128)), Distribution::Normal { mean: 128.0, stddev: 0.0 });
        assert_eq!(of(json!({"mean": 128, "stddev": 9})), Distribution::Normal { mean: 128.0, stddev: 9.0 });
        let Distribution::Lognormal { mean, stddev } = of(json!({"mean": 200, "median": 100})) else { panic!() };
        assert_eq!((mean, stddev.round()), (200.0, 346.0), "200 · √(exp(2 ln 2) − 1)");
        let several = of(json!({"points": [{"value": 1, "weight": 3}, {"value": 2}]}));
        assert_eq!(several, Distribution::Several(vec![(1.0, 0.0, 3.0), (2.0, 0.0, 1.0)]));
        for (bad, said) in [(json!({"mean": 1, "max": 3}), "no bounds"), (json!({"median": 3}), "write a number")] {
            assert!(distribution(bad, "isl").unwrap_err().contains(said));
        }
        let osl = Distribution::Normal { mean: 8.0, stddev: 0.0 };
        assert_eq!(product(Some(several), Some(osl), "osl").unwrap(), "1|0,8|0:75;2|0,8|0:25");
    }
}
