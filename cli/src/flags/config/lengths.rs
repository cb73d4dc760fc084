//! Lengths of a configuration: numbers, distributions, and pairs → the flags that draw them.

use super::reader::Reader;
use super::words::Words;
use serde_json::Value;

/// A length of tokens or turns.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Distribution {
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

pub(super) fn distribution(value: Value, path: &str) -> Result<Distribution, String> {
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
            let skewed = field("median").and_then(|median| lognormal_deviation(center, median));
            Some((center, field("stddev").or(skewed).unwrap_or(0.0), field("weight").unwrap_or(1.0)))
        };
        list.iter()
            .map(|item| one(item).ok_or_else(|| format!("{path}: write value or mean of each, and its weight")))
            .collect()
    };
    let several = [weighed(reader.take("peaks"))?, weighed(reader.take("points"))?].concat();
    reader.finish()?;
    match (mean.or(value), median, several.is_empty()) {
        (Some(mean), Some(median), true) if lognormal_deviation(mean, median).is_some() => {
            Ok(Distribution::Lognormal { mean, stddev: lognormal_deviation(mean, median).unwrap_or_default() })
        }
        (Some(mean), None, true) => Ok(Distribution::Normal { mean, stddev: stddev.unwrap_or(0.0) }),
        (None, None, false) => Ok(Distribution::Several(several)),
        _ => Err(format!("{path}: write a number, mean with stddev or median, peaks, or points")),
    }
}

/// The deviation of a log-normal distribution of this mean and median; none where the median is over the mean.
fn lognormal_deviation(mean: f64, median: f64) -> Option<f64> {
    // mean / median = exp(σ² / 2).
    let variance = (median > 0.0 && median <= mean).then(|| 2.0 * (mean / median).ln())?;
    Some(mean * (variance.exp() - 1.0).max(0.0).sqrt())
}

pub(super) fn lengths(dataset: &mut Reader, words: &mut Words) -> Result<(), String> {
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
    let skewed = taken.iter().flatten().any(|value| value.to_string().contains("\"median\""));
    let [isl, osl] = taken;
    let one = |value: Option<Value>, path: &str| value.map(|value| distribution(value, path)).transpose();
    let (isl, osl) = (one(isl, &paths[0])?, one(osl, &paths[1])?);
    if let (Some(Distribution::Several(_)), _) | (_, Some(Distribution::Several(_))) = (&isl, &osl) {
        words.flag("seq-dist", product(isl, osl, &paths[1])?);
        if skewed {
            let at = &paths[0];
            words.notes.push(format!(
                "{at}: beside peaks or points a mean with a median is drawn as a normal length of the same deviation"
            ));
        }
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
        Some(Distribution::Normal { mean, stddev } | Distribution::Lognormal { mean, stddev }) => {
            Ok(vec![(mean, stddev, 1.0)])
        }
        None => Err(format!("{path}: peaks and points need both isl and osl here")),
    };
    let (isl, osl) = (several(isl)?, several(osl)?);
    let pair = |i: &(f64, f64, f64), o: &(f64, f64, f64)| ((i.0, i.1), (o.0, o.1), i.2 * o.2);
    Ok(shares(&isl.iter().flat_map(|i| osl.iter().map(move |o| pair(i, o))).collect::<Vec<_>>()))
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
        let skewed = of(json!({"peaks": [{"mean": 200, "median": 100, "weight": 1}]}));
        let Distribution::Several(peaks) = skewed else { panic!() };
        assert_eq!((peaks[0].0, peaks[0].1.round()), (200.0, 346.0));
    }
}
