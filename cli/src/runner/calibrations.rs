//! The file in which calibrations are kept, one for each shape of load.

use crate::dashboard::{Ceiling, Load};
use crate::result::run::CeilingUsage;
use ringload_engine::calibration::{Calibration, Machine, Shape, choose, used};
use ringload_engine::host::HostFacts;
use ringload_engine::measure::Summary;
use ringload_engine::plan::{HttpVersion, Io, Plan, Reuse, Stamps};
use ringload_engine::{Error, Result, files};
use serde::{Deserialize, Serialize};
use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use tempfile::NamedTempFile;

/// What is kept, for runs to be held against. Whatever stands in the way of reading it is a remark, never a failure.
#[derive(Debug, Default)]
pub(crate) struct StoredCalibrations {
    calibrations: Vec<Calibration>,
    problem: Option<String>,
}

/// What is kept, to be added to.
#[derive(Debug)]
pub(crate) struct CalibrationStore {
    path: PathBuf,
    calibrations: Vec<Calibration>,
}

/// The file.
#[derive(Debug, Serialize, Deserialize)]
struct Document {
    schema_version: String,
    /// Oldest first.
    calibrations: Vec<Calibration>,
}

impl StoredCalibrations {
    /// Reads what is kept: in the file that was named, else that of the environment, else the user's own.
    pub(crate) fn read(named: Option<&Path>) -> Self {
        let Some(path) = place(named) else {
            return Self {
                problem: Some("no calibration is kept: there is no home folder; run `ringload calibrate` and this run with one --calibration-file".into()),
                ..Self::default()
            };
        };
        match read(&path) {
            Ok(calibrations) => Self { calibrations, problem: None },
            Err(why) => Self {
                problem: Some(format!(
                    "{} {why}: name another with --calibration-file, or delete it and run `ringload calibrate`",
                    path.display()
                )),
                ..Self::default()
            },
        }
    }

    /// What share of the ceiling of so many cores a load of this plan is; `None` where nothing is kept of this machine.
    pub(crate) fn ceiling(&self, plan: &Plan, cores: usize, host: &HostFacts) -> Option<Ceiling> {
        let machine = Machine::of(host);
        let kept: Vec<Calibration> = self.calibrations.iter().filter(|c| c.machine == machine).cloned().collect();
        if kept.is_empty() {
            return None;
        }
        let shapes = planned_shapes(plan);
        let cores = cores.max(1) as f64;
        Some(Box::new(move |load: Load| {
            let fits = |shape: &Shape| {
                let shape = Shape { streams_per_core: load.in_flight / cores, ..shape.clone() };
                choose(&kept, &machine, VERSION, &shape).ok()
            };
            let chosen = shapes.iter().find_map(fits)?;
            Some(chosen.share(load.requests_per_s, load.events_per_s) / cores)
        }))
    }

    /// How a run stands to its machine's ceiling.
    pub(crate) fn ceiling_usage(&self, plan: &Plan, summary: &Summary, host: &HostFacts) -> CeilingUsage {
        if let Some(problem) = &self.problem {
            return CeilingUsage::Unknown(problem.clone());
        }
        let Some(shape) = Shape::of(plan, summary) else {
            return CeilingUsage::Unknown(
                "the servers do not all speak the same HTTP, and a calibration is of one; profile them apart".into(),
            );
        };
        match choose(&self.calibrations, &Machine::of(host), VERSION, &shape) {
            Ok(calibration) => CeilingUsage::Known(used(calibration, summary)),
            Err(unfit) => CeilingUsage::Unknown(format!("{unfit}; run `ringload calibrate` with this run's flags")),
        }
    }
}

impl CalibrationStore {
    /// Opens the file and makes sure that it can be written, before anything is measured.
    ///
    /// # Errors
    /// When there is no place for it, when it cannot be written, or when it is something else.
    pub(crate) fn open(named: Option<&Path>) -> Result<Self> {
        let path = place(named).ok_or_else(|| {
            Error::environment(
                "there is no home folder to keep a calibration in",
                "name a file with --calibration-file, or in RINGLOAD_CALIBRATION",
            )
        })?;
        let calibrations = read(&path).map_err(|why| {
            Error::usage(
                format!("{} {why}, and is not overwritten", path.display()),
                "delete it, or name another file with --calibration-file",
            )
        })?;
        let store = Self { path, calibrations };
        temporary(&store.path).map_err(|e| unwritable(&store.path, &e))?;
        Ok(store)
    }

    /// Keeps one more. Those of the same machine and shape that it replaces are dropped, and the oldest where there are
    /// too many.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub(crate) fn keep(mut self, calibration: Calibration) -> Result<PathBuf> {
        self.calibrations.retain(|old| !replaces(&calibration, old));
        self.calibrations.push(calibration);
        let surplus = self.calibrations.len().saturating_sub(MOST_KEPT);
        self.calibrations.drain(..surplus);
        let document = Document { schema_version: SCHEMA_VERSION.into(), calibrations: self.calibrations };
        write(&self.path, &document).map_err(|e| unwritable(&self.path, &e))?;
        Ok(self.path)
    }
}

/// The shapes that a run of this plan may have, the likeliest first, but for how much is in flight: what drives it and
/// what its server speaks may be left to the machine and the server.
fn planned_shapes(plan: &Plan) -> Vec<Shape> {
    let drivers: &[&str] = match plan.io {
        Io::Uring => &["io_uring"],
        Io::Epoll => &["epoll"],
        Io::Auto => &["io_uring", "epoll"],
    };
    let tls = plan.targets.first().is_some_and(|target| target.tls);
    let https: &[&str] = match plan.network.http {
        HttpVersion::Http1 => &["1.1"],
        HttpVersion::Http2 => &["2"],
        HttpVersion::Auto if tls => &["2", "1.1"],
        HttpVersion::Auto => &["1.1"],
    };
    let shape = |driver: &str, http: &str| Shape {
        driver: driver.into(),
        http: http.into(),
        tls,
        stamps: match plan.stamps {
            Stamps::Kernel => "kernel".into(),
            Stamps::Packet => "packet".into(),
            Stamps::User => "user".into(),
        },
        batch_wait_us: plan.batch_wait / 1_000,
        streaming: plan.streaming,
        kept_connections: plan.reuse == Reuse::Pooled,
        streams_per_core: 1.0,
        input_tokens: plan.prompts.isl.mean,
    };
    drivers.iter().flat_map(|driver| https.iter().map(|http| shape(driver, http))).collect()
}

/// Whether a new calibration is of the same machine and of a shape so near that an old one adds nothing; other versions
/// of ringload are never asked for again.
fn replaces(new: &Calibration, old: &Calibration) -> bool {
    let near = |a: f64, b: f64| (a.max(1.0) / b.max(1.0)).log2().abs() < 0.5;
    let like = Shape {
        streams_per_core: new.shape.streams_per_core,
        input_tokens: new.shape.input_tokens,
        ..old.shape.clone()
    };
    let same_shape = like == new.shape
        && near(new.shape.streams_per_core, old.shape.streams_per_core)
        && near(new.shape.input_tokens, old.shape.input_tokens);
    new.machine == old.machine && (same_shape || new.ringload_version != old.ringload_version)
}

fn place(named: Option<&Path>) -> Option<PathBuf> {
    let set = |name: &str| std::env::var_os(name).filter(|v| !v.is_empty());
    let cache = || {
        set("XDG_CACHE_HOME")
            .map(PathBuf::from)
            .filter(|path| path.is_absolute())
            .or_else(|| set("HOME").map(|home| PathBuf::from(home).join(".cache")))
            .map(|cache| cache.join("ringload").join("calibration.json"))
    };
    named.map(Path::to_path_buf).or_else(|| set("RINGLOAD_CALIBRATION").map(PathBuf::from)).or_else(cache)
}

/// What a file holds; nothing where there is none. The error continues a sentence that begins with the file's name.
fn read(path: &Path) -> std::result::Result<Vec<Calibration>, String> {
    let text = match files::small_text(path, MOST_BYTES) {
        Ok(text) => text,
        Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(e) if e.kind() == io::ErrorKind::FileTooLarge => return Err("is too large for calibrations".into()),
        Err(e) => return Err(format!("cannot be read ({e})")),
    };
    let foreign = |e: serde_json::Error| format!("holds no calibrations of ringload ({e})");
    let value: serde_json::Value = serde_json::from_str(&text).map_err(foreign)?;
    match value["schema_version"].as_str() {
        Some(SCHEMA_VERSION) => {}
        Some(other) => return Err(format!("is of schema {other}, not {SCHEMA_VERSION}")),
        None => return Err("holds no calibrations of ringload".into()),
    }
    let document: Document = serde_json::from_value(value).map_err(foreign)?;
    let sound = |c: &Calibration| {
        let costs = [c.request.user_ns, c.request.system_ns];
        let event = c.event.map_or([0.0; 2], |e| [e.user_ns, e.system_ns]);
        costs.iter().chain(&event).all(|ns| *ns >= 0.0)
    };
    if !document.calibrations.iter().all(sound) {
        return Err("holds a cost below nothing".into());
    }
    Ok(document.calibrations)
}

fn write(path: &Path, document: &Document) -> io::Result<()> {
    let mut file = temporary(path)?;
    serde_json::to_writer_pretty(&mut file, document)?;
    file.write_all(b"\n")?;
    file.persist(path).map_err(|e| e.error)?;
    Ok(())
}

/// A file beside it; its folder is made where there is none.
fn temporary(path: &Path) -> io::Result<NamedTempFile> {
    let parent = path.parent().filter(|p| !p.as_os_str().is_empty());
    let dir = parent.unwrap_or(Path::new("."));
    fs::create_dir_all(dir)?;
    tempfile::Builder::new().prefix(".ringload-").tempfile_in(dir)
}

fn unwritable(path: &Path, e: &io::Error) -> Error {
    Error::environment(
        format!("{} could not be written: {e}", path.display()),
        "name a file that can be written with --calibration-file, or in RINGLOAD_CALIBRATION",
    )
}

const VERSION: &str = env!("CARGO_PKG_VERSION");
const SCHEMA_VERSION: &str = "1.0";
const MOST_KEPT: usize = 64;
/// Far over what so many take.
const MOST_BYTES: u64 = 1 << 20;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::sample::outcome;
    use crate::testing::sample_machine::calibration;

    fn file(text: &str) -> (tempfile::TempDir, PathBuf) {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("c.json");
        fs::write(&path, text).unwrap();
        (dir, path)
    }

    fn host() -> HostFacts {
        let machine = calibration(16.0).machine;
        HostFacts { cpu_model: machine.cpu_model, kernel: machine.kernel, ..HostFacts::default() }
    }

    fn ceiling_usage(kept: &StoredCalibrations) -> CeilingUsage {
        let outcome = outcome();
        kept.ceiling_usage(&outcome.plan, &outcome.summary, &host())
    }

    #[test]
    fn what_is_kept_is_read_again_and_a_run_is_held_against_it() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("new").join("c.json");
        for streams in [1.0, 16.0] {
            let written = CalibrationStore::open(Some(&path)).unwrap().keep(calibration(streams));
            assert_eq!(written.unwrap(), path);
        }
        assert_eq!(read(&path).unwrap(), [calibration(1.0), calibration(16.0)], "two shapes");
        let CeilingUsage::Known(used) = ceiling_usage(&StoredCalibrations::read(Some(&path))) else {
            panic!("no calibration fitted");
        };
        assert!(used.calibrated_for.contains("16 in flight"), "{used:?}");
        let left: Vec<_> = fs::read_dir(path.parent().unwrap()).unwrap().collect();
        assert_eq!(left.len(), 1, "no temporary file is left: {left:?}");
    }

    #[test]
    fn a_load_that_goes_on_is_held_against_what_is_kept_of_its_shape() {
        let mut plan = outcome().plan;
        plan.targets[0].tls = true;
        plan.network.http = HttpVersion::Auto;
        let kept = StoredCalibrations { calibrations: vec![calibration(16.0)], problem: None };
        let ceiling = kept.ceiling(&plan, 2, &host()).unwrap();
        let of = |in_flight| ceiling(Load { in_flight, requests_per_s: 100.0, events_per_s: 10_000.0 });
        let expected = calibration(16.0).share(100.0, 10_000.0) / 2.0;
        assert_eq!((of(32.0), of(3_200.0)), (Some(expected), None));
        assert!(kept.ceiling(&plan, 2, &HostFacts::default()).is_none());
    }

    #[test]
    fn a_new_calibration_replaces_that_of_its_shape_and_those_of_other_versions() {
        let (_dir, path) = file(r#"{"schema_version": "1.0", "calibrations": []}"#);
        let mut old = calibration(64.0);
        old.ringload_version = "0.0.1".into();
        let mut far = calibration(64.0);
        far.machine.kernel = Some("other".into());
        for one in [old, far.clone(), calibration(16.0), calibration(17.0)] {
            CalibrationStore::open(Some(&path)).unwrap().keep(one).unwrap();
        }
        assert_eq!(read(&path).unwrap(), [far, calibration(17.0)]);
        for streams in 0..70 {
            let mut one = calibration(1.0);
            one.machine.kernel = Some(streams.to_string());
            CalibrationStore::open(Some(&path)).unwrap().keep(one).unwrap();
        }
        assert_eq!(read(&path).unwrap().len(), MOST_KEPT);
    }

    #[test]
    fn a_file_that_is_something_else_is_a_remark_for_a_run_and_is_not_overwritten() {
        let negative = serde_json::json!({"schema_version": "1.0", "calibrations": [{
            "request": {"user_ns": -1.0, "system_ns": 1.0, "basis": "measured"}
        }]});
        for text in [
            "",
            "{",
            "[1, 2]",
            "{\"mine\": true}",
            r#"{"schema_version": "9.0", "calibrations": []}"#,
            r#"{"schema_version": "1.0", "calibrations": [{}]}"#,
            &negative.to_string(),
            &" ".repeat(2 << 20),
        ] {
            let (_dir, path) = file(text);
            let CeilingUsage::Unknown(why) = ceiling_usage(&StoredCalibrations::read(Some(&path))) else {
                panic!("{text} was taken for a calibration");
            };
            assert!(why.contains("c.json") && why.contains("--calibration-file"), "{why}");
            let refused = CalibrationStore::open(Some(&path)).unwrap_err();
            assert_eq!(refused.blame, ringload_engine::Blame::Usage);
            assert_eq!(fs::read_to_string(&path).unwrap(), text);
        }
    }

    #[test]
    fn where_nothing_is_kept_or_nothing_fits_the_run_says_what_to_do() {
        let nowhere = StoredCalibrations::read(Some(Path::new("/nowhere/c.json")));
        let (_dir, path) = file("");
        fs::remove_file(&path).unwrap();
        CalibrationStore::open(Some(&path)).unwrap().keep(calibration(500.0)).unwrap();
        for kept in [nowhere, StoredCalibrations::read(Some(&path))] {
            let CeilingUsage::Unknown(why) = ceiling_usage(&kept) else {
                panic!("a calibration fitted");
            };
            assert!(why.contains("run `ringload calibrate`"), "{why}");
        }
    }

    #[test]
    fn a_place_that_cannot_be_written_is_found_before_anything_is_measured() {
        let refused = CalibrationStore::open(Some(Path::new("/proc/nowhere/c.json"))).unwrap_err();
        assert_eq!(refused.blame, ringload_engine::Blame::Environment);
        assert!(refused.to_string().contains("--calibration-file"));
    }
}
