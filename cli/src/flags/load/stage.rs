//! `--stage rate=5,for=60s`.

use crate::flags::values::{nanoseconds, not_negative};
use ringload_engine::clock::Nanos;
use ringload_engine::plan::Piece;

/// A stage: `rate=5,for=60s` keeps a rate, `rate=5,to=20,for=60s` moves it, `rate=0,for=10s` is a pause.
pub(crate) fn stage(text: &str) -> Result<Piece, String> {
    let (mut rate, mut to, mut lasting) = (None, None, None);
    for part in text.split(',') {
        let Some((key, value)) = part.split_once('=') else {
            return Err(format!("`{part}` has no value; {SHAPE}"));
        };
        let value = value.trim();
        let place = match key.trim() {
            "rate" => &mut rate,
            "to" => &mut to,
            "for" => {
                if lasting.replace(time(value)?).is_some() {
                    return Err("`for` is there twice".into());
                }
                continue;
            }
            "concurrency" => {
                return Err(format!(
                    "a stage has a rate, not a concurrency; {SHAPE}, or run once for each --concurrency"
                ));
            }
            other => return Err(format!("`{other}` is no part of a stage; {SHAPE}")),
        };
        let number = not_negative(value).map_err(|e| format!("`{part}`: {e}"))?;
        if place.replace(number).is_some() {
            return Err(format!("`{}` is there twice", key.trim()));
        }
    }
    match (rate, lasting) {
        (Some(from), Some(lasting)) => Ok(Piece::linear(from, to.unwrap_or(from), lasting)),
        (None, _) => Err(format!("no rate; {SHAPE}")),
        (_, None) => Err(format!("no time; {SHAPE}")),
    }
}

/// `90`, `90s`, `1.5m`, `2h` or `500ms`.
fn time(text: &str) -> Result<Nanos, String> {
    let digits = text.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let scale = match &text[digits.len()..] {
        "" | "s" => 1.0,
        "ms" => 1e-3,
        "m" | "min" => 60.0,
        "h" => 3600.0,
        unit => {
            return Err(format!("`{unit}` is no unit of time; write ms, s, m or h, as in for=60s"));
        }
    };
    nanoseconds(digits, scale).map_err(|e| format!("`for={text}`: {e}"))
}

const SHAPE: &str = "write rate=RATE,for=TIME, as in rate=5,for=60s";

#[cfg(test)]
mod tests {
    use super::*;
    use ringload_engine::clock::{MILLI, SECOND};

    #[test]
    fn stages_keep_or_move_a_rate() {
        assert_eq!(stage("rate=5,for=60s"), Ok(Piece::steady(5.0, 60 * SECOND)));
        assert_eq!(stage("for=1.5m, rate=0.5, to=20"), Ok(Piece::linear(0.5, 20.0, 90 * SECOND)));
        assert_eq!(stage("rate=0,for=500ms"), Ok(Piece::steady(0.0, 500 * MILLI)));
        assert_eq!(stage("rate=1,for=2"), Ok(Piece::steady(1.0, 2 * SECOND)));
    }

    #[test]
    fn what_is_no_stage_is_told_what_one_is() {
        for (text, remedy) in [
            ("5", "rate=5,for=60s"),
            ("rate=5", "rate=5,for=60s"),
            ("for=5s", "no rate"),
            ("rate=-1,for=5s", "from 0"),
            ("rate=x,for=5s", "write a number"),
            ("rate=1,for=5d", "ms, s, m or h"),
            ("rate=1,for=0s", "above 0"),
            ("rate=1,for=1e99h", "at most"),
            ("rate=1,rate=2,for=5s", "twice"),
            ("concurrency=4,for=5s", "--concurrency"),
            ("isl=4,for=5s", "`isl`"),
        ] {
            let e = stage(text).unwrap_err();
            assert!(e.contains(remedy), "{text}: {e}");
        }
    }
}
