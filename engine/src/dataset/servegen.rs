//! Client classes of ServeGen (Xiang et al., "ServeGen: Workload Characterization and Generation of Large Language
//! Model Serving in Production", 2025): of each client how its requests arrived, in windows of some minutes, and how
//! long they and their responses were. Requests are drawn from them.
//!
//! A client is two files. `chunk-1-trace.csv` has a line a window: `SECONDS,RATE,CV,Gamma|Weibull,SHAPE,SCALE`, without
//! a pattern where nothing arrived. `chunk-1-dataset.json` has the shares of lengths from a second on: `{"21600":
//! {"input_tokens": "{143: 0.25, 148: 0.75}", "output_tokens": "{18: 1.0}"}}`.
//!
//! In each window a client sends as many requests as its rate makes, whose gaps have the shape of its pattern and fill
//! the window; the lengths of a prompt and of its output are drawn apart from each other.

use super::fields::tokens;
use super::{Content, Read, Row, Spec, Turn};
use crate::clock::{Nanos, SECOND};
use crate::error::{Error, Result};
use crate::plan::{ClientClasses, LeftOut, Remarks, Timing};
use crate::random::{ItemRng, Stream, derive};
use crate::setting::Setting::{ClientsRate, ScheduleFrom, ScheduleUntil};
use rand_distr::{Distribution, Gamma, Weibull};
use serde_json::{Map, Value};

pub(super) const SPEC: Spec = Spec {
    what: "a folder of clients, of each chunk-N-trace.csv (0,1.5,1.1,Gamma,0.9,0.7) and chunk-N-dataset.json",
    looks_like: |_| false,
    fields: &[],
    read: Read::Whole(|_, _, _| {
        Err(Error::usage(
            "client classes are a folder",
            "name the folder that holds chunk-N-trace.csv and chunk-N-dataset.json",
        ))
    }),
};

/// A client.
#[derive(Clone, Debug, PartialEq)]
pub struct Client {
    windows: Vec<Window>,
    lengths: Vec<Lengths>,
}

/// A time in which arrivals have one pattern.
#[derive(Clone, Debug, PartialEq)]
struct Window {
    from: f64,
    until: f64,
    /// Requests per second.
    rate: f64,
    gaps: Gaps,
}

/// Gaps between arrivals, but for their mean.
#[derive(Clone, Debug, PartialEq)]
enum Gaps {
    Gamma(Gamma<f64>),
    Weibull(Weibull<f64>),
}

/// Shares of lengths, from a second on.
#[derive(Clone, Debug, PartialEq)]
struct Lengths {
    from: f64,
    input: Shares,
    output: Shares,
}

/// Lengths in tokens, each with the share of those up to it.
#[derive(Clone, Debug, PartialEq)]
struct Shares(Vec<(u32, f64)>);

impl Client {
    /// Reads the two files of a client: of each its name and its text.
    ///
    /// # Errors
    /// [`crate::Blame::Usage`] with the file, and the line or the key, that is wrong.
    pub fn read(trace: (&str, &str), lengths: (&str, &str)) -> Result<Self> {
        Ok(Self {
            windows: windows(trace.1).map_err(|e| e.within(trace.0))?,
            lengths: all_lengths(lengths.1).map_err(|e| e.within(lengths.0))?,
        })
    }

    /// The shares that hold at a second: the last that have begun.
    fn lengths_at(&self, second: f64) -> Option<&Lengths> {
        self.lengths.iter().rev().find(|lengths| lengths.from <= second)
    }
}

/// Draws the requests of clients in the part of their time that is asked for, in the order of their times.
///
/// # Errors
/// [`crate::Blame::Usage`] where there are none, or too many to send.
pub fn draw(clients: &[Client], timing: &Timing, classes: ClientClasses, remarks: &mut Remarks) -> Result<Vec<Row>> {
    let seconds = |at: Nanos| at as f64 / SECOND as f64;
    let part = (timing.from.map_or(0.0, seconds), timing.until.map_or(f64::INFINITY, seconds));
    let cut = |window: &Window| {
        let (from, until) = (window.from.max(part.0), window.until.min(part.1));
        (from < until).then_some((from, until))
    };
    let windows = || clients.iter().flat_map(|client| &client.windows);
    let asked: f64 = windows().filter_map(|w| cut(w).map(|(from, until)| w.rate * (until - from))).sum();
    let ends = windows().filter_map(cut).reduce(|all, one| (all.0.min(one.0), all.1.max(one.1)));
    let Some((first, last)) = ends.filter(|_| asked > 0.0) else {
        return Err(Error::usage(
            "no client sends anything in that part of its time",
            format!("widen {ScheduleFrom} and {ScheduleUntil} (milliseconds)"),
        ));
    };
    let factor = classes.rate.map_or(1.0, |rate| rate * (last - first) / asked);
    let expected = asked * factor;
    if expected > MOST as f64 {
        return Err(Error::usage(
            format!("its clients send {expected:.0} requests in {:.0} s, and at most {MOST} are drawn", last - first),
            format!(
                "take a part of it with {ScheduleFrom} and {ScheduleUntil} (milliseconds), or fewer with {ClientsRate}"
            ),
        ));
    }
    let mut rows = Vec::with_capacity(expected as usize);
    for (c, client) in clients.iter().enumerate() {
        for (w, window) in client.windows.iter().enumerate() {
            let Some((from, until)) = cut(window) else { continue };
            let mut rng = ItemRng::new(derive(classes.seed, c as u64), Stream::Clients, w as u64);
            let wanted = window.rate * factor * (until - from);
            let n = wanted as usize + usize::from(share(&mut rng) < wanted.fract());
            remarks.rows += n as u64;
            let Some(lengths) = client.lengths_at(window.from) else {
                (0..n).for_each(|_| remarks.leave_out(LeftOut::Failed));
                continue;
            };
            for at in arrivals(&window.gaps, (from, until), n, &mut rng) {
                rows.push(Row::single(Turn {
                    at: Some((at * SECOND as f64) as Nanos),
                    content: Content::Length { isl: lengths.input.draw(&mut rng), hash_ids: Vec::new() },
                    osl: Some(lengths.output.draw(&mut rng)),
                    ..Turn::default()
                }));
            }
        }
    }
    rows.sort_by_key(|row| row.turn.at);
    Ok(rows)
}

/// Instants of so many requests in a window: gaps of one shape that fill it.
fn arrivals(gaps: &Gaps, (from, until): (f64, f64), n: usize, rng: &mut ItemRng) -> Vec<f64> {
    let mut sum = 0.0;
    let mut sums: Vec<f64> = (0..=n)
        .map(|_| {
            sum += match gaps {
                Gaps::Gamma(gaps) => gaps.sample(rng),
                Gaps::Weibull(gaps) => gaps.sample(rng),
            };
            sum
        })
        .collect();
    sums.pop();
    let scale = if sum > 0.0 { (until - from) / sum } else { 0.0 };
    sums.into_iter().map(|sum| from + sum * scale).collect()
}

impl Shares {
    fn draw(&self, rng: &mut ItemRng) -> u32 {
        let all = self.0.last().map_or(0.0, |last| last.1);
        let drawn = share(rng) * all;
        let place = self.0.partition_point(|(_, up_to)| *up_to <= drawn);
        self.0.get(place).or(self.0.last()).map_or(1, |(tokens, _)| *tokens).max(1)
    }
}

/// A number from 0 to under 1.
fn share(rng: &mut ItemRng) -> f64 {
    (rng.next_bits() >> 11) as f64 / (1_u64 << 53) as f64
}

/// The windows in which something arrives.
fn windows(text: &str) -> Result<Vec<Window>> {
    let shape =
        "write SECONDS,RATE,CV,Gamma,SHAPE,SCALE, with Gamma, Weibull or nothing, as in 600,1.5,1.1,Gamma,0.9,0.7";
    let mut starts = Vec::new();
    let mut windows: Vec<(usize, Window)> = Vec::new();
    for (n, line) in text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty()) {
        let place = |e: Error| e.within(format!("line {}", n + 1));
        let bad = |what: String| place(Error::usage(what, shape));
        let cells: Vec<&str> = line.split(',').map(str::trim).collect();
        let [from, rate, _cv, pattern, form, _scale] = cells[..] else {
            return Err(bad(format!("it has {} cells, not 6", cells.len())));
        };
        let number = |name: &str, cell: &str| {
            let number = cell.parse::<f64>().ok().filter(|n| n.is_finite() && *n >= 0.0);
            number.ok_or_else(|| bad(format!("{name} `{cell}` is not a number from 0")))
        };
        let (from, rate) = (number("SECONDS", from)?, number("RATE", rate)?);
        if from > LATEST || starts.last().is_some_and(|last| *last >= from) {
            return Err(bad(format!("SECONDS {from} is not after the line before, or over {LATEST:.0}")));
        }
        starts.push(from);
        if pattern.is_empty() || rate == 0.0 {
            continue;
        }
        let form = number("SHAPE", form)?;
        let unfit = || bad(format!("SHAPE {form} is no shape of {pattern}"));
        if !(1e-3..=1e6).contains(&form) {
            return Err(unfit());
        }
        let gaps = match pattern {
            "Gamma" => Gaps::Gamma(Gamma::new(form, 1.0).map_err(|_| unfit())?),
            "Weibull" => Gaps::Weibull(Weibull::new(1.0, form).map_err(|_| unfit())?),
            other => return Err(bad(format!("`{other}` is no pattern of arrivals"))),
        };
        windows.push((starts.len() - 1, Window { from, until: from, rate, gaps }));
    }
    // The last window is as long as the one before.
    let usual = starts.windows(2).last().map_or(ALONE, |pair| pair[1] - pair[0]);
    let end = |place: usize| starts.get(place + 1).copied().unwrap_or(starts[place] + usual);
    Ok(windows.into_iter().map(|(place, window)| Window { until: end(place), ..window }).collect())
}

fn all_lengths(text: &str) -> Result<Vec<Lengths>> {
    let unfit = |e: serde_json::Error| {
        Error::usage(e.to_string(), r#"write {"0": {"input_tokens": "{143: 1.0}", "output_tokens": "{18: 1.0}"}}"#)
    };
    let all: Map<String, Value> = serde_json::from_str(text).map_err(unfit)?;
    let mut lengths = Vec::new();
    for (key, fields) in &all {
        let within = |e: Error| e.within(format!("key {key}"));
        let from = key.trim().parse::<f64>().ok().filter(|from| from.is_finite());
        let from =
            from.ok_or_else(|| within(Error::usage("it is no time", "write the seconds from which the shares hold")))?;
        if let Some(media) =
            fields.as_object().and_then(|fields| fields.keys().find(|key| MEDIA.contains(&key.as_str())))
        {
            return Err(within(Error::usage(
                format!("it has {media}: requests with images, audio and video are not drawn"),
                "take clients of texts alone (ServeGen's language and reason)",
            )));
        }
        let shares = |name: &str| shares(&fields[name]).map_err(|e| within(e.within(name)));
        // A time in which nothing was seen has no shares.
        if let (Some(input), Some(output)) = (shares("input_tokens")?, shares("output_tokens")?) {
            lengths.push(Lengths { from, input, output });
        }
    }
    lengths.sort_by(|a, b| a.from.total_cmp(&b.from));
    Ok(lengths)
}

/// Shares as a mapping, or as Python prints one; none where it is empty.
fn shares(value: &Value) -> Result<Option<Shares>> {
    let bad =
        |what: &str| Error::usage(format!("`{what}` is no length with its share"), "write {143: 0.25, 148: 0.75}");
    let mut pairs: Vec<(u32, f64)> = Vec::new();
    let mut add = |length: &str, share: &str| -> Result<()> {
        let length = length.trim().parse::<u64>().map_err(|_| bad(length))?;
        let share = share.trim().parse::<f64>().ok().filter(|share| share.is_finite() && *share >= 0.0);
        pairs.push((tokens("a length", length.max(1))?, share.ok_or_else(|| bad(&length.to_string()))?));
        Ok(())
    };
    match value {
        Value::Object(map) => map.iter().try_for_each(|(length, share)| add(length, &share.to_string()))?,
        Value::String(text) => {
            let inner =
                text.trim().strip_prefix('{').and_then(|text| text.strip_suffix('}')).ok_or_else(|| bad(text))?;
            for pair in inner.split(',').filter(|pair| !pair.trim().is_empty()) {
                let (length, share) = pair.split_once(':').ok_or_else(|| bad(pair))?;
                add(length, share)?;
            }
        }
        other => return Err(bad(&other.to_string())),
    }
    pairs.sort_by_key(|pair| pair.0);
    let mut sum = 0.0;
    for (_, share) in &mut pairs {
        sum += *share;
        *share = sum;
    }
    match pairs.is_empty() {
        true => Ok(None),
        false if (sum - 1.0).abs() > 0.01 => {
            Err(Error::usage(format!("its shares sum up to {sum:.3}"), "write shares of 1"))
        }
        false => Ok(Some(Shares(pairs))),
    }
}

/// Most requests that are drawn.
const MOST: usize = 5_000_000;
/// Seconds of a window that is alone.
const ALONE: f64 = 600.0;
/// The latest begin of a window, in seconds: some 30 years.
const LATEST: f64 = 1e9;
/// Fields of requests that are more than texts.
const MEDIA: [&str; 6] = ["image_tokens", "audio_tokens", "video_tokens", "image_count", "audio_count", "video_count"];

#[cfg(test)]
mod tests {
    use super::*;

    const LENGTHS: &str = r#"{"0": {"input_tokens": "{}", "output_tokens": "{}"},
        "600": {"input_tokens": "{10: 0.25, 20: 0.75}", "output_tokens": {"5": 1.0}}}"#;

    fn timing(from: u64, until: u64) -> Timing {
        Timing { from: Some(from * SECOND), until: Some(until * SECOND), ..Timing::default() }
    }

    fn drawn(trace: &str, timing: &Timing, rate: Option<f64>) -> (Vec<Row>, Remarks) {
        let mut remarks = Remarks::default();
        let client = Client::read(("a.csv", trace), ("a.json", LENGTHS)).unwrap();
        let rows = draw(&[client], timing, ClientClasses { seed: 7, rate }, &mut remarks).unwrap();
        (rows, remarks)
    }

    #[test]
    fn a_client_sends_by_its_rate_shape_and_lengths() {
        let trace = "0,0,0,,0,0\n600,5,1.0,Gamma,1.0,0.2\n1200,20,3.0,Weibull,0.4,0.01\n1800,0,0,,0,0\n";
        let (rows, remarks) = drawn(trace, &Timing::default(), None);
        let within = |from: u64, until: u64| {
            let times: Vec<f64> =
                rows.iter().filter_map(|row| row.turn.at).map(|at| at as f64 / SECOND as f64).collect();
            times.into_iter().filter(|at| (from as f64..until as f64).contains(at)).collect::<Vec<_>>()
        };
        let (calm, bursts) = (within(600, 1200), within(1200, 1800));
        assert_eq!((calm.len(), bursts.len(), rows.len()), (3_000, 12_000, 15_000));
        assert_eq!((remarks.rows, remarks.left_out.len()), (15_000, 0));
        let variation = |times: &[f64]| {
            let gaps: Vec<f64> = times.windows(2).map(|pair| pair[1] - pair[0]).collect();
            let mean = gaps.iter().sum::<f64>() / gaps.len() as f64;
            (gaps.iter().map(|gap| (gap - mean).powi(2)).sum::<f64>() / gaps.len() as f64).sqrt() / mean
        };
        // Exponential gaps have 1; those of a Weibull of shape 0.4 have 3.14.
        assert!((0.95..1.05).contains(&variation(&calm)), "{}", variation(&calm));
        assert!((2.8..3.5).contains(&variation(&bursts)), "{}", variation(&bursts));
        let long = rows.iter().filter(|row| matches!(row.turn.content, Content::Length { isl: 20, .. })).count();
        assert!((0.73..0.77).contains(&(long as f64 / rows.len() as f64)), "{long}");
        assert!(rows.iter().all(|row| row.turn.osl == Some(5)));
        assert_eq!(rows, drawn(trace, &Timing::default(), None).0);
    }

    #[test]
    fn a_part_is_scaled_to_the_rate_that_is_asked_for() {
        let trace = "600,5,1.0,Gamma,1.0,0.2\n1200,15,1.0,Gamma,1.0,0.2\n1800,0,0,,0,0\n";
        let (rows, _) = drawn(trace, &timing(900, 1500), Some(2.0));
        assert_eq!(rows.len(), 1_200);
        let early = rows.iter().filter(|row| row.turn.at.unwrap() < 1200 * SECOND).count();
        assert_eq!(early, 300, "a quarter of them, as recorded");
        assert!(rows.iter().all(|row| (900 * SECOND..1500 * SECOND).contains(&row.turn.at.unwrap())));
        // A fraction of a request is one in so many windows.
        let rare = drawn("600,0.0025,1.0,Gamma,1.0,0.2\n1200,0,0,,0,0\n", &Timing::default(), None).0.len();
        assert!((1..=2).contains(&rare));
    }

    #[test]
    fn what_has_no_lengths_is_left_out_and_what_is_wrong_is_said() {
        let (rows, remarks) = drawn("0,1,1.0,Gamma,1.0,0.2\n600,1,1.0,Gamma,1.0,0.2\n", &Timing::default(), None);
        assert_eq!((rows.len(), remarks.left_out[&LeftOut::Failed]), (600, 600));
        let client =
            |trace: &str, lengths: &str| Client::read(("a.csv", trace), ("a.json", lengths)).unwrap_err().to_string();
        for (trace, said) in [
            ("0,1,1.0,Gamma,1.0\n", "5 cells"),
            ("0,1,1.0,Pareto,1.0,1\n", "`Pareto`"),
            ("600,1,1,Gamma,1,1\n0,1,1,Gamma,1,1\n", "line 2"),
            ("0,x,1,Gamma,1,1\n", "RATE `x`"),
            ("0,1,1,Gamma,0,1\n", "SHAPE 0"),
        ] {
            let error = client(trace, LENGTHS);
            assert!(error.contains(said) && error.contains("write"), "{trace}: {error}");
        }
        for (lengths, said) in [
            (r#"{"0": {"input_tokens": "{1: 0.5}", "output_tokens": "{1: 1}"}}"#, "sum up to 0.500"),
            (r#"{"0": {"text_tokens": "{1: 1}", "image_tokens": "{1: 1}"}}"#, "image_tokens"),
            (r#"{"0": {"output_tokens": "{1: 1}"}}"#, "input_tokens"),
            (r#"{"x": {}}"#, "key x"),
            ("[]", "expected a map"),
        ] {
            let error = client("0,1,1.0,Gamma,1.0,1\n", lengths);
            assert!(error.contains(said), "{lengths}: {error}");
        }
        let mut remarks = Remarks::default();
        let many = [Client::read(("", "0,90000,1.0,Gamma,1.0,0.2\n"), ("", LENGTHS)).unwrap()];
        let classes = ClientClasses { seed: 1, rate: None };
        let error = draw(&many, &Timing::default(), classes, &mut remarks).unwrap_err().to_string();
        assert!(error.contains("54000000 requests"), "{error}");
        assert!(draw(&many, &timing(9_000, 9_600), classes, &mut remarks).is_err());
    }
}
