//! Values that say what is sent.

use crate::flags::values::{choice, not_negative};
use crate::flags::{LengthDistributionArg, Pairs, Ratio};
use ringload_engine::plan::{Length, Pair, Sampling};
use serde::Deserialize;

pub(crate) fn sampling(text: &str) -> Result<Sampling, String> {
    match choice(text).as_str() {
        "sequential" => Ok(Sampling::Sequential),
        "random" => Ok(Sampling::Random),
        "shuffle" => Ok(Sampling::Shuffle),
        _ => Err("write sequential, random or shuffle".into()),
    }
}

pub(crate) fn distribution(text: &str) -> Result<LengthDistributionArg, String> {
    match choice(text).as_str() {
        "normal" => Ok(LengthDistributionArg::Normal),
        "lognormal" => Ok(LengthDistributionArg::Lognormal),
        "uniform" => Ok(LengthDistributionArg::Uniform),
        _ => Err("write normal, lognormal or uniform; --seq-dist takes any pairs of lengths".into()),
    }
}

/// A share of the mean, or one of inputs and one of outputs.
pub(crate) fn range_ratio(text: &str) -> Result<Ratio, String> {
    #[derive(Deserialize)]
    struct Both {
        input: f64,
        output: f64,
    }
    let ratio = if text.trim_start().starts_with('{') {
        let both: Both =
            serde_json::from_str(text).map_err(|e| format!("write {{\"input\": R, \"output\": R}} ({e})"))?;
        Ratio { isl: both.input, osl: both.output }
    } else {
        let r = not_negative(text)?;
        Ratio { isl: r, osl: r }
    };
    if [ratio.isl, ratio.osl].iter().all(|r| (0.0..1.0).contains(r)) {
        Ok(ratio)
    } else {
        Err("write a share of the mean, from 0 to below 1".into())
    }
}

/// Pairs of lengths, in any of AIPerf's three spellings.
pub(crate) fn pairs(text: &str) -> Result<Pairs, String> {
    let text = text.trim();
    let pairs = match (text.starts_with('{'), text.strip_prefix('[').and_then(|t| t.strip_suffix(']'))) {
        (true, _) => json(text)?,
        (false, Some(inner)) => bracketed(inner)?,
        (false, None) => {
            text.split(';').map(str::trim).filter(|p| !p.is_empty()).map(pair).collect::<Result<_, _>>()?
        }
    };
    let sum: f64 = pairs.iter().map(|p: &Pair| p.percent).sum();
    if pairs.is_empty() || (sum - 100.0).abs() > 0.01 {
        return Err(format!("the shares add up to {sum}, not to 100; {SHAPE}"));
    }
    Ok(Pairs(pairs))
}

fn bracketed(inner: &str) -> Result<Vec<Pair>, String> {
    let mut rest = inner.trim();
    let mut all = Vec::new();
    while !rest.is_empty() {
        let (lengths, after) = rest.strip_prefix('(').and_then(|r| r.split_once(')')).ok_or(SHAPE)?;
        let after = after.trim_start().strip_prefix(':').ok_or(SHAPE)?;
        let (share, more) = after.split_once(',').unwrap_or((after, ""));
        all.push(pair(&format!("{lengths}:{share}"))?);
        rest = more.trim_start();
    }
    Ok(all)
}

/// `512|20,128|10:75`
fn pair(text: &str) -> Result<Pair, String> {
    let (lengths, share) = text.split_once(':').ok_or(SHAPE)?;
    let (isl, osl) = lengths.split_once(',').ok_or(SHAPE)?;
    made(length(isl)?, length(osl)?, not_negative(share.trim())?)
}

fn made(isl: Length, osl: Length, percent: f64) -> Result<Pair, String> {
    if isl.mean < 1.0 || osl.mean < 1.0 || percent > 100.0 {
        return Err(SHAPE.into());
    }
    Ok(Pair { isl, osl, percent })
}

fn length(text: &str) -> Result<Length, String> {
    let (mean, stddev) = text.split_once('|').unwrap_or((text, "0"));
    Ok(Length { mean: not_negative(mean.trim())?, stddev: not_negative(stddev.trim())? })
}

fn json(text: &str) -> Result<Vec<Pair>, String> {
    #[derive(Deserialize)]
    struct All {
        pairs: Vec<One>,
    }
    #[derive(Deserialize)]
    struct One {
        isl: f64,
        osl: f64,
        prob: f64,
        #[serde(default)]
        isl_stddev: f64,
        #[serde(default)]
        osl_stddev: f64,
    }
    let all: All = serde_json::from_str(text).map_err(|e| format!("{SHAPE} ({e})"))?;
    let of = |one: &One| {
        let isl = Length { mean: one.isl, stddev: one.isl_stddev };
        made(isl, Length { mean: one.osl, stddev: one.osl_stddev }, one.prob)
    };
    all.pairs.iter().map(of).collect()
}

const SHAPE: &str = "write ISL,OSL:PERCENT;…, as in 128,64:25;512|20,128|10:75";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pairs_are_read_in_three_spellings() {
        let plain = pairs("128,64:25; 512|20,128|10:75").unwrap();
        assert_eq!(plain, pairs("[(128,64):25,(512|20,128|10):75]").unwrap());
        let json = r#"{"pairs": [{"isl": 128, "osl": 64, "prob": 25}, {"isl": 512, "isl_stddev": 20, "osl": 128, "osl_stddev": 10, "prob": 75}]}"#;
        assert_eq!(plain, pairs(json).unwrap());
        assert_eq!(plain.0[1].isl, Length { mean: 512.0, stddev: 20.0 });
        for bad in ["", "128,64", "128,64:50", "0,64:100", "a,b:100", "[(1,2)]", "{}", "128:100"] {
            assert!(pairs(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_ratio_is_one_or_two() {
        assert_eq!(range_ratio("0.3"), Ok(Ratio { isl: 0.3, osl: 0.3 }));
        assert_eq!(range_ratio(r#"{"input": 0.1, "output": 0.5}"#), Ok(Ratio { isl: 0.1, osl: 0.5 }));
        assert!(range_ratio("1").is_err() && range_ratio("-0.1").is_err() && range_ratio("{}").is_err());
    }
}
