//! Comma lists and `--variant` → one command line a sweep point. Each is then parsed like any other command line, so
//! that nothing about a value has to be known twice.

use super::campaign::SweepType;
use std::ffi::{OsStr, OsString};

/// One point of a sweep.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct SweepPointLine {
    /// Its name, where the user gave one.
    pub(crate) name: Option<String>,
    /// Flag (without dashes) and value of each axis, in order.
    pub(crate) values: Vec<(String, String)>,
    /// Its command line.
    pub(crate) argv: Vec<OsString>,
}

/// The points of a command line; one without values where nothing is swept.
///
/// # Errors
/// What is wrong with the lists, and what to write instead.
pub(crate) fn points(
    argv: &[OsString],
    profile: &clap::Command,
    kind: SweepType,
) -> Result<Vec<SweepPointLine>, String> {
    let axes = axes(argv, profile);
    let variants = variants(argv);
    if !axes.is_empty() && !variants.is_empty() {
        return Err(format!(
            "--variant with a comma list in --{}: two ways to say what is swept; put the values into the variants",
            axes[0].flag
        ));
    }
    if !variants.is_empty() {
        let point = |text: &String| variant(text, argv, profile);
        let points: Vec<SweepPointLine> = variants.iter().map(point).collect::<Result<_, _>>()?;
        for (i, point) in points.iter().enumerate() {
            let named = |other: &SweepPointLine| other.name.is_some() && other.name == point.name;
            if let Some(name) = &point.name
                && points[..i].iter().any(named)
            {
                return Err(format!("--variant: two are called `{name}`: give each a name of its own, or none"));
            }
        }
        return bounded(points);
    }
    let choices = match kind {
        SweepType::Grid => grid(&axes)?,
        SweepType::Zip => zip(&axes)?,
    };
    let points = choices.into_iter().map(|choice| {
        let mut argv = argv.to_vec();
        let mut values = Vec::new();
        for (axis, at) in axes.iter().zip(choice) {
            let value = &axis.values[at];
            argv[axis.place] = axis.word(value);
            values.push((axis.flag.clone(), value.clone()));
        }
        SweepPointLine { name: None, values, argv }
    });
    bounded(points.collect())
}

/// How the lists of a command line combine, as far as that is said in order.
pub(crate) fn kind(argv: &[OsString]) -> SweepType {
    let zip = argv.iter().enumerate().any(|(i, word)| {
        word == "--sweep-type=zip" || (word == "--sweep-type" && argv.get(i + 1).is_some_and(|v| v == "zip"))
    });
    if zip { SweepType::Zip } else { SweepType::Grid }
}

fn bounded(points: Vec<SweepPointLine>) -> Result<Vec<SweepPointLine>, String> {
    if points.len() > MOST_POINTS {
        return Err(format!(
            "the sweep has {} points, over {MOST_POINTS}: shorten the lists, or write --sweep-type zip",
            points.len()
        ));
    }
    Ok(points)
}

/// A flag with several values.
struct Axis {
    flag: String,
    /// Where its value stands in the command line.
    place: usize,
    /// `--flag=` where the value stands behind it in the same word.
    before: Option<String>,
    values: Vec<String>,
}

impl Axis {
    fn word(&self, value: &str) -> OsString {
        match &self.before {
            Some(before) => format!("{before}{value}").into(),
            None => value.into(),
        }
    }
}

fn axes(argv: &[OsString], profile: &clap::Command) -> Vec<Axis> {
    let mut found = Vec::new();
    let mut place = 0;
    while place < argv.len() {
        let word = argv[place].to_string_lossy().into_owned();
        place += 1;
        if word == "--" {
            break;
        }
        let Some(name) = word.strip_prefix("--") else {
            continue;
        };
        let (name, inline) = match name.split_once('=') {
            Some((name, value)) => (name, Some(value.to_owned())),
            None => (name, None),
        };
        let Some(flag) = sweepable(name, profile) else {
            continue;
        };
        let (at, text, before) = match inline {
            Some(value) => (place - 1, value, Some(format!("--{name}="))),
            None => match argv.get(place) {
                Some(value) => (place, value.to_string_lossy().into_owned(), None),
                None => continue,
            },
        };
        if text.contains(',') {
            found.push(Axis {
                flag,
                place: at,
                before,
                values: text.split(',').map(|v| v.trim().to_owned()).collect(),
            });
        }
    }
    found
}

/// The first long name of a flag that may be swept.
fn sweepable(name: &str, profile: &clap::Command) -> Option<String> {
    let named = |arg: &&clap::Arg| {
        arg.get_long() == Some(name) || arg.get_all_aliases().is_some_and(|aliases| aliases.contains(&name))
    };
    let arg = profile.get_arguments().find(named)?;
    SWEEPABLE.contains(&arg.get_id().as_str()).then(|| arg.get_long().unwrap_or(name).to_owned())
}

/// The places of all values, every one with every other; the last list turns fastest.
fn grid(axes: &[Axis]) -> Result<Vec<Vec<usize>>, String> {
    let points = axes
        .iter()
        .try_fold(1usize, |n, axis| n.checked_mul(axis.values.len()))
        .filter(|n| *n <= MOST_POINTS)
        .ok_or_else(|| {
            format!("the sweep has more than {MOST_POINTS} points: shorten the lists, or write --sweep-type zip")
        })?;
    Ok((0..points)
        .map(|point| {
            let mut rest = point;
            let mut places: Vec<usize> = axes
                .iter()
                .rev()
                .map(|axis| {
                    let place = rest % axis.values.len();
                    rest /= axis.values.len();
                    place
                })
                .collect();
            places.reverse();
            places
        })
        .collect())
}

fn zip(axes: &[Axis]) -> Result<Vec<Vec<usize>>, String> {
    let Some(first) = axes.first() else {
        return Ok(vec![Vec::new()]);
    };
    match axes.iter().find(|a| a.values.len() != first.values.len()) {
        Some(other) => Err(format!(
            "--sweep-type zip: --{} has {} values, --{} has {}: make them as long as each other, or write --sweep-type grid",
            first.flag,
            first.values.len(),
            other.flag,
            other.values.len()
        )),
        None => Ok((0..first.values.len()).map(|i| vec![i; axes.len()]).collect()),
    }
}

fn variants(argv: &[OsString]) -> Vec<String> {
    let mut found = Vec::new();
    for (i, word) in argv.iter().enumerate() {
        let word = word.to_string_lossy();
        for flag in ["--variant", "--sweep-variant"] {
            if word == flag {
                found.extend(argv.get(i + 1).map(|v| v.to_string_lossy().into_owned()));
            } else if let Some(text) = word.strip_prefix(flag).and_then(|w| w.strip_prefix('=')) {
                found.push(text.to_owned());
            }
        }
    }
    found
}

/// `[NAME:] FLAG=VALUE, FLAG=VALUE`: what the variant says stands for what the command line says.
fn variant(text: &str, argv: &[OsString], profile: &clap::Command) -> Result<SweepPointLine, String> {
    // Only names are repeated: what was given for a flag that cannot be swept may be a key.
    let bad = |what: &str| format!("--variant: {what}; write it as in `light: concurrency=8, request-count=100`");
    let (name, settings) = match text.split_once(':') {
        Some((name, rest)) if !name.contains('=') => (Some(name.trim().to_owned()), rest),
        _ => (None, text),
    };
    let mut argv = argv.to_vec();
    let mut values = Vec::new();
    for setting in settings.split(',').map(str::trim) {
        let (key, value) = setting.split_once('=').ok_or_else(|| bad("a setting is not FLAG=VALUE"))?;
        let key = key.trim().trim_start_matches("--").replace('_', "-");
        let flag = sweepable(&key, profile).ok_or_else(|| bad(&format!("`{key}` is not a flag that can be swept")))?;
        drop_flag(&mut argv, &flag, profile);
        argv.push(format!("--{flag}={}", value.trim()).into());
        values.push((flag, value.trim().to_owned()));
    }
    Ok(SweepPointLine { name, values, argv })
}

/// A command line with another value of a flag that may be swept.
pub(crate) fn replaced(mut argv: Vec<OsString>, flag: &str, value: &str, profile: &clap::Command) -> Vec<OsString> {
    drop_flag(&mut argv, flag, profile);
    argv.push(format!("--{flag}={value}").into());
    argv
}

/// Removes a flag and its value, under any of its names.
fn drop_flag(argv: &mut Vec<OsString>, flag: &str, profile: &clap::Command) {
    let is = |word: &OsStr| {
        let word = word.to_string_lossy();
        let (name, inline) = match word.strip_prefix("--")?.split_once('=') {
            Some((name, _)) => (name.to_owned(), true),
            None => (word.trim_start_matches('-').to_owned(), false),
        };
        (sweepable(&name, profile).as_deref() == Some(flag)).then_some(inline)
    };
    let mut i = 0;
    while i < argv.len() {
        match is(&argv[i]) {
            Some(true) => {
                argv.remove(i);
            }
            Some(false) => {
                argv.drain(i..(i + 2).min(argv.len()));
            }
            None => i += 1,
        }
    }
}

const MOST_POINTS: usize = 1_000;

/// Flags that AIPerf sweeps and that ringload has, by the names of their fields.
const SWEEPABLE: &[&str] = &[
    "concurrency",
    "prefill_concurrency",
    "request_rate",
    "request_count",
    "benchmark_duration",
    "num_users",
    "synthetic_input_tokens_mean",
    "synthetic_input_tokens_stddev",
    "output_tokens_mean",
    "output_tokens_stddev",
    "num_conversations",
    "session_turns_mean",
    "session_turns_stddev",
    "session_turn_delay_mean",
    "session_turn_delay_stddev",
    "session_delay_ratio",
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::flags::profile_command;

    fn of(line: &str, kind: SweepType) -> Result<Vec<SweepPointLine>, String> {
        let argv: Vec<OsString> = line.split_whitespace().map(OsString::from).collect();
        points(&argv, &profile_command(), kind)
    }

    fn values(points: &[SweepPointLine]) -> Vec<String> {
        points
            .iter()
            .map(|c| {
                let all: Vec<String> = c.values.iter().map(|(k, v)| format!("{k}={v}")).collect();
                all.join(" ")
            })
            .collect()
    }

    #[test]
    fn a_line_without_lists_is_one_cell_as_it_stands() {
        let points = of("ringload profile --concurrency 4", SweepType::Grid).unwrap();
        assert_eq!(points.len(), 1);
        assert!(points[0].values.is_empty() && points[0].argv.len() == 4);
    }

    #[test]
    fn lists_combine_as_a_grid_the_last_turning_fastest() {
        let points = of("ringload profile --concurrency 1,8 --osl=16,32 --model m,n", SweepType::Grid).unwrap();
        let osl = &points[0].values[1].0;
        assert_eq!(
            values(&points),
            [
                format!("concurrency=1 {osl}=16"),
                format!("concurrency=1 {osl}=32"),
                format!("concurrency=8 {osl}=16"),
                format!("concurrency=8 {osl}=32"),
            ]
        );
        assert_eq!(points[3].argv[3], "8");
        assert_eq!(points[3].argv[4], "--osl=32");
        assert_eq!(points[3].argv[6], "m,n", "models are a list, not a sweep");
    }

    #[test]
    fn lists_zip_when_they_are_as_long_as_each_other() {
        let points = of("x profile --concurrency 1,8 --isl 10,20", SweepType::Zip).unwrap();
        assert_eq!(points.len(), 2);
        assert_eq!(points[1].values[1].1, "20");
        let error = of("x profile --concurrency 1,8 --isl 1,2,3", SweepType::Zip).unwrap_err();
        assert!(error.contains("2 values") && error.contains("3"), "{error}");
    }

    #[test]
    fn variants_stand_for_what_the_line_says() {
        let argv: Vec<OsString> = [
            "x",
            "profile",
            "--concurrency",
            "4",
            "--variant",
            "light: concurrency=1, request-count=10",
            "--variant",
            "concurrency=64",
        ]
        .map(OsString::from)
        .to_vec();
        let points = points(&argv, &profile_command(), SweepType::Grid).unwrap();
        assert_eq!(points[0].name.as_deref(), Some("light"));
        assert_eq!(values(&points), ["concurrency=1 request-count=10", "concurrency=64"]);
        assert!(!points[0].argv.contains(&OsString::from("4")));
        assert!(points[1].argv.contains(&OsString::from("--concurrency=64")));
    }

    #[test]
    fn variants_have_names_of_their_own() {
        let of = |variants: [&str; 2]| {
            let words = ["x", "profile", "--variant", variants[0], "--variant", variants[1]];
            points(&words.map(OsString::from), &profile_command(), SweepType::Grid)
        };
        let error = of(["a: isl=1", "a: isl=2"]).unwrap_err();
        assert!(error.contains("two are called `a`"), "{error}");
        assert!(of(["a: isl=1", "b: isl=2"]).is_ok() && of(["isl=1", "isl=2"]).is_ok());
    }

    #[test]
    fn sweeps_that_cannot_be_are_refused_with_what_to_write() {
        let many = format!("x profile --concurrency {}", vec!["1"; 1001].join(","));
        assert!(of(&many, SweepType::Grid).unwrap_err().contains("1000 points"));
        let argv = ["x", "profile", "--variant", "tls=1"].map(OsString::from);
        let error = points(&argv, &profile_command(), SweepType::Grid).unwrap_err();
        assert!(error.contains("`tls`"), "{error}");
        let both = ["x", "profile", "--concurrency", "1,2", "--variant", "isl=1"].map(OsString::from);
        assert!(points(&both, &profile_command(), SweepType::Grid).is_err());
    }
}
