//! The file of `--request-rate-series` → a rate over time.
//!
//! Either CSV, a line `offset_s,rate` for each point (an optional header of these names, empty lines, and comments
//! after `#` are skipped), or AIPerf's JSON, `{"points": [{"time_s": 0, "qps": 5}, …]}`. Offsets never go back; two
//! points at one offset are a jump. Before the first point the rate is the first one's, after the last point the last
//! one's.

use crate::flags::Interpolation;
use ringload_engine::clock::{Nanos, SECOND};
use ringload_engine::plan::{Piece, Rate};
use serde::Deserialize;

/// What is wrong, with the line, and what to write.
type Fault = (String, String);

/// Reads a series.
pub(crate) fn parse(text: &str, how: Interpolation) -> Result<Rate, Fault> {
    let points = if text.trim_start().starts_with('{') { json(text)? } else { csv(text)? };
    if points.is_empty() {
        return Err(("it has no points".into(), SHAPE.into()));
    }
    check(&points)?;
    Ok(rate(&points, how))
}

/// A point, and where it is written.
struct Point {
    place: String,
    offset_s: f64,
    rate: f64,
}

fn csv(text: &str) -> Result<Vec<Point>, Fault> {
    let mut points = Vec::new();
    for (i, line) in text.trim_start_matches('\u{feff}').lines().enumerate() {
        let place = format!("line {}", i + 1);
        let line = line.split('#').next().unwrap_or("").trim();
        if line.is_empty() || points.is_empty() && is_header(line) {
            continue;
        }
        let fields: Vec<&str> = line.split(',').map(str::trim).collect();
        let [offset, rate] = fields[..] else {
            let n = fields.len();
            return Err((format!("{place} has {n} fields instead of two"), SHAPE.into()));
        };
        let number = |what: &str, text: &str| {
            text.parse::<f64>().map_err(|_| {
                let what = format!("{place}: the {what} `{text}` is not a number");
                (what, SHAPE.to_owned())
            })
        };
        points.push(Point { offset_s: number("offset", offset)?, rate: number("rate", rate)?, place });
    }
    Ok(points)
}

fn is_header(line: &str) -> bool {
    let names = line.to_ascii_lowercase().replace([' ', '"'], "");
    names == "offset_s,rate"
}

fn json(text: &str) -> Result<Vec<Point>, Fault> {
    #[derive(Deserialize)]
    struct File {
        points: Vec<Written>,
    }
    #[derive(Deserialize)]
    struct Written {
        time_s: f64,
        qps: f64,
    }
    let file: File = serde_json::from_str(text).map_err(|e| {
        (e.to_string(), r#"write {"points": [{"time_s": 0, "qps": 5}, …]}, or CSV lines offset_s,rate"#.into())
    })?;
    let point = |(i, p): (usize, Written)| Point { place: format!("point {}", i + 1), offset_s: p.time_s, rate: p.qps };
    Ok(file.points.into_iter().enumerate().map(point).collect())
}

fn check(points: &[Point]) -> Result<(), Fault> {
    let mut last = 0.0;
    for Point { place, offset_s, rate } in points {
        if !(0.0..=LONGEST_S).contains(offset_s) {
            return Err((
                format!("{place}: the offset {offset_s} is not a time"),
                "write seconds since the start, from 0".into(),
            ));
        }
        if *offset_s < last {
            return Err((
                format!("{place}: the offset {offset_s} is before the one above it"),
                "sort the points by their offset".into(),
            ));
        }
        if !rate.is_finite() || *rate < 0.0 {
            return Err((format!("{place}: the rate {rate} is not one"), "write arrivals per second, from 0".into()));
        }
        last = *offset_s;
    }
    if points.iter().all(|p| p.rate == 0.0) {
        return Err((
            "no rate is above 0, so that nothing would ever be sent".into(),
            "write arrivals per second".into(),
        ));
    }
    Ok(())
}

fn rate(points: &[Point], how: Interpolation) -> Rate {
    let at = |p: &Point| (p.offset_s * SECOND as f64).round() as Nanos;
    let mut pieces = Vec::new();
    if let Some(first) = points.first().filter(|p| at(p) > 0) {
        pieces.push(Piece::steady(first.rate, at(first)));
    }
    for pair in points.windows(2) {
        let lasting = at(&pair[1]) - at(&pair[0]);
        let to = match how {
            Interpolation::Linear => pair[1].rate,
            Interpolation::Step => pair[0].rate,
        };
        if lasting > 0 {
            pieces.push(Piece::linear(pair[0].rate, to, lasting));
        }
    }
    Rate::new(pieces, points.last().map_or(0.0, |p| p.rate))
}

const SHAPE: &str = "write a line offset_s,rate for each point, as in 60,12.5";
const LONGEST_S: f64 = 3e9;

#[cfg(test)]
mod tests {
    use super::*;
    use rand::{RngExt as _, SeedableRng as _};

    fn made(text: &str, how: Interpolation) -> Rate {
        parse(text, how).unwrap_or_else(|e| panic!("{text}: {e:?}"))
    }

    #[test]
    fn lines_between_points_are_straight_or_stay() {
        let text = "offset_s,rate\n0,5\n\n60, 7 # noon\n120,40\n";
        assert_eq!(
            made(text, Interpolation::Linear),
            Rate::new(vec![Piece::linear(5.0, 7.0, 60 * SECOND), Piece::linear(7.0, 40.0, 60 * SECOND)], 40.0)
        );
        assert_eq!(
            made(text, Interpolation::Step),
            Rate::new(vec![Piece::steady(5.0, 60 * SECOND), Piece::steady(7.0, 60 * SECOND)], 40.0)
        );
    }

    #[test]
    fn the_points_of_aiperf_are_the_same_series() {
        let json = r#" {"points":[{"time_s":0,"qps":1},{"time_s":1.5,"qps":7}]}"#;
        for how in [Interpolation::Linear, Interpolation::Step] {
            assert_eq!(made(json, how), made("0,1\n1.5,7", how));
        }
    }

    #[test]
    fn two_points_at_one_offset_are_a_jump_and_a_late_first_one_holds_before_it() {
        assert_eq!(
            made("1,2\n2,2\n2,8\n3,8", Interpolation::Linear),
            Rate::new(vec![Piece::steady(2.0, SECOND), Piece::steady(2.0, SECOND), Piece::steady(8.0, SECOND)], 8.0)
        );
    }

    #[test]
    fn what_is_no_series_is_told_by_its_line() {
        for (text, what) in [
            ("", "no points"),
            ("# nothing\n", "no points"),
            ("0,5\n60", "line 2 has 1 fields"),
            ("0,5\n\n60,5,6", "line 3 has 3 fields"),
            ("0,5\n60,fast", "line 2: the rate `fast`"),
            ("0,5\noffset_s,rate", "line 2: the offset `offset_s`"),
            ("0,5\n60,6\n30,7", "line 3: the offset 30 is before"),
            ("0,5\n60,-6", "line 2: the rate -6"),
            ("0,5\n60,nan", "line 2: the rate NaN"),
            ("-1,5", "line 1: the offset -1"),
            ("0,0\n60,0", "no rate is above 0"),
            ("{\"points\": 3}", "invalid type"),
            ("{\"points\": [{\"time_s\": 0, \"qps\": -1}]}", "point 1: the rate -1"),
        ] {
            let (e, remedy) = parse(text, Interpolation::Linear).unwrap_err();
            assert!(e.contains(what), "{text}: {e}");
            assert!(remedy.contains("write") || remedy.contains("sort"));
        }
    }

    #[test]
    fn whatever_is_written_makes_a_series_or_an_error_that_names_its_place() {
        const PIECES: [&str; 18] = [
            "0,5\n",
            "60,7 # noon\n",
            "offset_s,rate\n",
            "\r\n",
            "1e9,1e300\n",
            "3e9,0.1",
            "-0,0\n",
            "inf,1\n",
            "1,NaN\n",
            ",",
            "#",
            "\u{feff}",
            "{\"points\":[",
            "{\"time_s\":1,\"qps\":2}",
            "{\"time_s\":-1e400",
            "]}",
            "\0",
            "9",
        ];
        let mut random = rand::rngs::Xoshiro256PlusPlus::seed_from_u64(7);
        let (mut series, mut errors) = (0, 0);
        for _ in 0..20_000 {
            let pieces = random.random_range(0..8);
            let text: String = (0..pieces).map(|_| PIECES[random.random_range(0..PIECES.len())]).collect();
            for how in [Interpolation::Linear, Interpolation::Step] {
                match parse(&text, how) {
                    Ok(_) => series += 1,
                    Err((what, remedy)) => {
                        let places = ["line ", "point ", "no points", "no rate is above 0"];
                        let named = places.iter().any(|place| what.contains(place));
                        assert!(named && !remedy.is_empty(), "{text:?}: {what}");
                        errors += 1;
                    }
                }
            }
        }
        assert!(series > 500 && errors > 500, "{series} and {errors}");
    }
}
