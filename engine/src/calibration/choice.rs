//! Which of the kept calibrations a run is compared with.

use super::{Calibration, Machine, Shape};
use std::fmt;

/// The reason why no calibration fits.
#[derive(Clone, Debug, PartialEq)]
pub enum Unfit {
    /// There is none.
    None,
    /// They are all of another machine or kernel.
    Machine,
    /// They are all of another version of ringload: the one that is nearest.
    Version(String),
    /// They are all of another kind of load: in what the newest one differs.
    Kind(String),
    /// Streams on a core and tokens of a prompt, of the nearest one and of the run.
    Far([f64; 2], [f64; 2]),
}

impl fmt::Display for Unfit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::None => write!(f, "no calibration is kept"),
            Self::Machine => write!(f, "what is kept is of another machine or kernel"),
            Self::Version(version) => write!(f, "what is kept is of ringload {version}"),
            Self::Kind(difference) => write!(f, "what is kept is of {difference}"),
            Self::Far(kept, run) => write!(
                f,
                "what is kept is of {:.0} in flight on each core and {:.0} tokens in, too far from this run's {:.0} and {:.0}",
                kept[0], kept[1], run[0], run[1]
            ),
        }
    }
}

/// The calibration that fits a run best: of the same machine, version and kind of load, and within a factor of four of
/// its streams on a core and of its prompts; the nearest, and of equals the newest (the last).
///
/// # Errors
/// Why there is none.
pub fn choose<'a>(
    kept: &'a [Calibration],
    machine: &Machine,
    version: &str,
    shape: &Shape,
) -> Result<&'a Calibration, Unfit> {
    if kept.is_empty() {
        return Err(Unfit::None);
    }
    let here: Vec<&Calibration> = kept.iter().filter(|c| c.machine == *machine).collect();
    if here.is_empty() {
        return Err(Unfit::Machine);
    }
    let current = here.iter().filter(|c| c.ringload_version == version);
    let current: Vec<&Calibration> = current.copied().collect();
    if current.is_empty() {
        let last = here.last().map(|c| c.ringload_version.clone());
        return Err(Unfit::Version(last.unwrap_or_default()));
    }
    let alike = current.iter().copied().filter(|c| c.shape.other_kind(shape).is_none());
    // Of equally near ones the first is taken: newest first.
    let nearest = alike.rev().min_by(|a, b| {
        let away = |c: &Calibration| {
            let (streams, tokens) = c.shape.distance(shape);
            streams + tokens
        };
        away(a).total_cmp(&away(b))
    });
    let Some(nearest) = nearest else {
        let last = current.last().and_then(|c| c.shape.other_kind(shape)).unwrap_or_default();
        return Err(Unfit::Kind(last));
    };
    let (streams, tokens) = nearest.shape.distance(shape);
    if streams > MOST_OCTAVES || tokens > MOST_OCTAVES {
        let figures = |of: &Shape| [of.streams_per_core, of.input_tokens];
        return Err(Unfit::Far(figures(&nearest.shape), figures(shape)));
    }
    Ok(nearest)
}

/// A factor of four, in octaves.
const MOST_OCTAVES: f64 = 2.0;
