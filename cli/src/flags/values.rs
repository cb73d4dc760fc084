//! Text of one argument → a value, or what to write instead.

use super::aiperf;
use super::spelling::is_same;
use ringload_engine::campaign::STATISTICS;
use ringload_engine::clock::{Nanos, SECOND};
use ringload_engine::plan::metric;
use ringload_engine::plan::{Cores, EndpointKind, Format, Reuse, Threshold};
use ringload_engine::setting::Setting;

/// How long to wait for responses after the last issue; `None` waits for all.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Grace(pub(crate) Option<f64>);

pub(crate) fn endpoint_type(text: &str) -> Result<EndpointKind, String> {
    if let Some(kind) = EndpointKind::ALL.into_iter().find(|kind| is_same(kind.name(), text)) {
        return Ok(kind);
    }
    let names = EndpointKind::ALL.map(EndpointKind::name);
    let known = if aiperf::ENDPOINT_TYPES.iter().any(|kind| is_same(kind, text)) {
        "known to AIPerf, not supported by ringload yet; "
    } else {
        ""
    };
    let likeness = |name: &&str| strsim::jaro_winkler(name, text);
    let nearest = names
        .iter()
        .max_by(|a, b| likeness(a).total_cmp(&likeness(b)))
        .filter(|name| likeness(name) > 0.8)
        .map_or_else(String::new, |name| format!("did you mean `{name}`? "));
    Err(format!("{known}{nearest}write one of {}", names.join(", ")))
}

/// A format of `--input-file`.
pub(crate) fn dataset_format(text: &str) -> Result<Format, String> {
    Format::named(&choice(text)).ok_or_else(|| {
        let names: Vec<&str> = Format::all().map(Format::name).collect();
        format!("`{text}` is not supported by ringload yet; write {}", names.join(", "))
    })
}

/// A choice as the tables of choices write it: in small letters, with `_` between words.
pub(crate) fn choice(text: &str) -> String {
    text.trim().to_ascii_lowercase().replace('-', "_")
}

/// Bits of a sample.
pub(crate) fn depth(text: &str) -> Result<u16, String> {
    text.parse().ok().filter(|bits| matches!(bits, 8 | 16 | 24 | 32)).ok_or_else(|| "write 8, 16, 24 or 32".into())
}

/// Samples a second, of kHz; what is over 96 is Hz, as AIPerf has it.
pub(crate) fn sample_rate(text: &str) -> Result<u32, String> {
    let rate = number(text)?;
    let hertz = if rate > 96.0 { rate } else { rate * 1e3 };
    if (1_000.0..=96_000.0).contains(&hertz) {
        Ok(hertz.round() as u32)
    } else {
        Err("write kHz from 1 to 96, such as 16 or 44.1".into())
    }
}

/// The name of a header field.
pub(crate) fn header_name(text: &str) -> Result<String, String> {
    let token = |b: u8| b.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&b);
    if text.is_empty() || !text.bytes().all(token) {
        return Err("write the name of a header, with letters, digits and dashes".into());
    }
    Ok(text.to_owned())
}

pub(crate) fn reuse(text: &str) -> Result<Reuse, String> {
    match choice(text).as_str() {
        "pooled" => Ok(Reuse::Pooled),
        "never" => Ok(Reuse::Never),
        "sticky_user_sessions" => Ok(Reuse::StickySessions),
        _ => Err("write pooled, never or sticky-user-sessions".into()),
    }
}

/// `auto`; `4` is a count; `0-3,6` and `3,` are lists.
pub(crate) fn cores(text: &str) -> Result<Cores, String> {
    let bad = || "write auto, a count (4) or a list (0-3,6; core 3 alone: 3,)".to_owned();
    if text.trim() == "auto" {
        return Ok(Cores::Auto);
    }
    if !text.contains([',', '-']) {
        return match text.trim().parse::<usize>() {
            Ok(n) if n > 0 => Ok(Cores::Count(n)),
            _ => Err(bad()),
        };
    }
    let mut list = Vec::new();
    for part in text.split(',').map(str::trim).filter(|p| !p.is_empty()) {
        let (first, last) = part.split_once('-').unwrap_or((part, part));
        let first: usize = first.trim().parse().map_err(|_| bad())?;
        let last: usize = last.trim().parse().map_err(|_| bad())?;
        if first > last || last > MOST_CORES {
            return Err(bad());
        }
        list.extend(first..=last);
    }
    list.sort_unstable();
    list.dedup();
    if list.is_empty() { Err(bad()) } else { Ok(Cores::List(list)) }
}

/// A condition under which the run has failed.
pub(crate) fn threshold(text: &str) -> Result<Threshold, String> {
    Threshold::parse(text).map_err(|e| {
        // The flag and the value stand in front of it already.
        let prefix = format!("{} {text}: ", Setting::Thresholds);
        format!("{}: {}", e.what.strip_prefix(&prefix).unwrap_or(&e.what), e.remedy)
    })
}

/// Milliseconds, from 0.
pub(crate) fn milliseconds(text: &str) -> Result<f64, String> {
    let ms = not_negative(text)?;
    short_enough(ms / 1e3).map(|_| ms)
}

/// A number that may be none.
pub(crate) fn count_or_none(text: &str) -> Result<u32, String> {
    one(text)?.parse::<u32>().map_err(|_| "write a whole number, or 0 for none".into())
}

pub(crate) fn one_count(text: &str) -> Result<u32, String> {
    one(text)?.parse::<u32>().ok().filter(|n| *n > 0).ok_or_else(|| "write a whole number from 1".into())
}

pub(crate) fn one_total(text: &str) -> Result<u64, String> {
    one(text)?.parse::<u64>().ok().filter(|n| *n > 0).ok_or_else(|| "write a whole number from 1".into())
}

pub(crate) fn seed(text: &str) -> Result<u64, String> {
    text.parse().map_err(|_| "write a whole number from 0 to 18446744073709551615".into())
}

pub(crate) fn entries(text: &str) -> Result<usize, String> {
    text.parse::<usize>()
        .ok()
        .filter(|n| (1..=10_000_000).contains(n))
        .ok_or_else(|| "write a whole number from 1 to 10000000".into())
}

pub(crate) fn one_rate(text: &str) -> Result<f64, String> {
    positive(one(text)?)
}

pub(crate) fn one_seconds(text: &str) -> Result<f64, String> {
    seconds(one(text)?)
}

/// A time in seconds, above 0 and below a hundred years.
pub(crate) fn seconds(text: &str) -> Result<f64, String> {
    positive(text).and_then(short_enough)
}

/// The length of a slice.
pub(crate) fn slice(text: &str) -> Result<f64, String> {
    if text.trim().parse().is_ok_and(f64::is_infinite) {
        return Err("a slice has an end: write seconds, as in 10, or leave it out for none".into());
    }
    seconds(text)
}

/// Seconds under load of a calibration: so few that it is over in twenty, set-up and all.
pub(crate) fn calibration(text: &str) -> Result<f64, String> {
    number(text).ok().filter(|s| (1.0..=18.0).contains(s)).ok_or_else(|| "write seconds from 1 to 18".into())
}

/// A number of units of `scale` seconds, as nanoseconds.
pub(crate) fn nanoseconds(text: &str, scale: f64) -> Result<Nanos, String> {
    let seconds = short_enough(positive(text)? * scale)?;
    match (seconds * SECOND as f64).round() as Nanos {
        0 => Err("write at least a nanosecond".into()),
        nanos => Ok(nanos),
    }
}

fn short_enough(seconds: f64) -> Result<f64, String> {
    if seconds <= LONGEST_S { Ok(seconds) } else { Err(format!("write at most {LONGEST_S} seconds")) }
}

pub(crate) fn grace(text: &str) -> Result<Grace, String> {
    if matches!(text.to_ascii_lowercase().as_str(), "inf" | "infinity") {
        return Ok(Grace(None));
    }
    not_negative(text)
        .ok()
        .filter(|s| *s <= LONGEST_S)
        .map(|s| Grace(Some(s)))
        .ok_or_else(|| "write seconds from 0, or inf".into())
}

pub(crate) fn mean_tokens(text: &str) -> Result<f64, String> {
    let mean = number(one(text)?)?;
    if (1.0..=MOST_TOKENS).contains(&mean) { Ok(mean) } else { Err("write a number of tokens from 1".into()) }
}

pub(crate) fn stddev_tokens(text: &str) -> Result<f64, String> {
    let stddev = number(one(text)?)?;
    if (0.0..=MOST_TOKENS).contains(&stddev) { Ok(stddev) } else { Err("write a number of tokens from 0".into()) }
}

pub(crate) fn mean_turns(text: &str) -> Result<f64, String> {
    number(one(text)?)
        .ok()
        .filter(|n| (1.0..=10_000.0).contains(n))
        .ok_or_else(|| "write a number of turns from 1 to 10000".into())
}

pub(crate) fn one_not_negative(text: &str) -> Result<f64, String> {
    not_negative(one(text)?)
}

pub(crate) fn one_milliseconds(text: &str) -> Result<f64, String> {
    milliseconds(one(text)?)
}

pub(crate) fn positive(text: &str) -> Result<f64, String> {
    number(text).and_then(|n| if n > 0.0 { Ok(n) } else { Err("write a number above 0".into()) })
}

/// Per cent, over 0.
pub(crate) fn percent(text: &str) -> Result<f64, String> {
    number(text)
        .ok()
        .filter(|n| *n > 0.0 && *n <= 100.0)
        .ok_or_else(|| "write per cent, above 0 and up to 100, as in 10".into())
}

/// A share, its ends included.
pub(crate) fn share(text: &str) -> Result<f64, String> {
    number(text)
        .ok()
        .filter(|n| (0.0..=1.0).contains(n))
        .ok_or_else(|| "write a share from 0 to 1, as in 0.1 for a tenth".into())
}

/// Seconds from 0.
pub(crate) fn delay(text: &str) -> Result<f64, String> {
    not_negative(text).and_then(short_enough)
}

pub(crate) fn not_negative(text: &str) -> Result<f64, String> {
    number(text).and_then(|n| if n >= 0.0 { Ok(n) } else { Err("write a number from 0".into()) })
}

pub(crate) fn bytes(text: &str) -> Result<usize, String> {
    sized(text, 1 << 10, 1 << 30).ok_or_else(|| "write bytes from 1k to 1G, as in 4M".into())
}

/// Bytes of the memory of a whole run.
pub(crate) fn memory(text: &str) -> Result<usize, String> {
    sized(text, 1 << 20, 1 << 44).ok_or_else(|| "write bytes from 1M to 16384G, as in 4G".into())
}

fn sized(text: &str, least: usize, most: usize) -> Option<usize> {
    let text = text.trim();
    let (digits, shift) = match text.as_bytes().last() {
        Some(b'k' | b'K') => (&text[..text.len() - 1], 10),
        Some(b'm' | b'M') => (&text[..text.len() - 1], 20),
        Some(b'g' | b'G') => (&text[..text.len() - 1], 30),
        _ => (text, 0),
    };
    let n = digits.parse::<usize>().ok()?.checked_mul(1 << shift)?;
    (least..=most).contains(&n).then_some(n)
}

/// Repeats of a run.
pub(crate) fn repeats(text: &str) -> Result<u32, String> {
    text.trim()
        .parse::<u32>()
        .ok()
        .filter(|n| (1..=MOST_REPEATS).contains(n))
        .ok_or_else(|| format!("write a whole number from 1 to {MOST_REPEATS}"))
}

/// A share as in `95%` or `0.95`.
pub(crate) fn target(text: &str) -> Result<f64, String> {
    let text = text.trim();
    let share = match text.strip_suffix('%') {
        Some(percent) => number(percent)? / 100.0,
        None => number(text)?,
    };
    if share > 0.0 && share < 1.0 { Ok(share) } else { Err("write a share between 0 and 1, as in 95% or 0.95".into()) }
}

/// A share strictly between 0 and 1.
pub(crate) fn open_share(text: &str) -> Result<f64, String> {
    number(text)
        .ok()
        .filter(|n| *n > 0.0 && *n < 1.0)
        .ok_or_else(|| "write a number between 0 and 1, as in 0.95".into())
}

/// The tag of a metric.
pub(crate) fn metric(text: &str) -> Result<&'static str, String> {
    metric::find(text.trim()).map(|info| info.tag).ok_or_else(|| {
        "not a metric; write a tag as in the files, such as time_to_first_token or request_throughput".into()
    })
}

/// A statistic of a metric.
pub(crate) fn statistic(text: &str) -> Result<&'static str, String> {
    STATISTICS.into_iter().find(|s| *s == text.trim()).ok_or_else(|| format!("write one of {}", STATISTICS.join(", ")))
}

fn number(text: &str) -> Result<f64, String> {
    match text.trim().parse::<f64>() {
        Ok(n) if n.is_finite() => Ok(n),
        Ok(_) => Err("write a finite number".into()),
        Err(_) => Err("write a number".into()),
    }
}

fn one(text: &str) -> Result<&str, String> {
    if text.contains(',') {
        return Err(
            "a comma list sweeps --concurrency, --request-rate, --request-count, --benchmark-duration, --isl or --osl of `ringload profile`; write one value here"
                .into(),
        );
    }
    Ok(text.trim())
}

const MOST_REPEATS: u32 = 100;
const MOST_CORES: usize = 4095;
const MOST_TOKENS: f64 = 10_000_000.0;
const LONGEST_S: f64 = 3_000_000_000.0;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bare_number_of_cores_is_a_count_and_the_rest_a_list() {
        assert_eq!(cores("auto"), Ok(Cores::Auto));
        assert_eq!(cores("4"), Ok(Cores::Count(4)));
        assert_eq!(cores("0-3,6"), Ok(Cores::List(vec![0, 1, 2, 3, 6])));
        assert_eq!(cores("3,"), Ok(Cores::List(vec![3])));
        assert_eq!(cores("6,0-1,1"), Ok(Cores::List(vec![0, 1, 6])));
        for bad in ["0", "x", "3-1", ",", "-2", "1-99999999"] {
            assert!(cores(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn sizes_take_suffixes() {
        assert_eq!(bytes("64k"), Ok(65_536));
        assert_eq!(bytes("4M"), Ok(4 << 20));
        assert!(bytes("5").is_err() && bytes("9G").is_err() && bytes("é").is_err());
        assert_eq!(memory("64G"), Ok(64 << 30));
        assert!(memory("512k").is_err());
    }

    #[test]
    fn lists_are_refused_with_the_way_round() {
        let e = one_count("1,4,8").unwrap_err();
        assert!(e.contains("sweeps") && e.contains("one value"), "{e}");
    }

    #[test]
    fn a_slice_has_an_end() {
        assert_eq!(slice("0.5"), Ok(0.5));
        for endless in ["inf", "Infinity", "1e999"] {
            let e = slice(endless).unwrap_err();
            assert!(e.contains("leave it out"), "{e}");
        }
        assert_eq!(slice("x"), Err("write a number".into()));
        assert_eq!(seconds("inf"), Err("write a finite number".into()));
    }

    #[test]
    fn grace_may_be_endless() {
        assert_eq!(grace("inf"), Ok(Grace(None)));
        assert_eq!(grace("0"), Ok(Grace(Some(0.0))));
        assert!(grace("-1").is_err() && grace("nan").is_err());
    }
}
