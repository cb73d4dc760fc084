//! `ringload profile` as a child process, and what it left.
//!
//! One file: the process and what it left share their folder, their pipes and how long is waited for them.

use crate::hardship::Quota;
use crate::{Io, PATIENCE, accounting, binary};
use serde_json::Value;
use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::fs;
use std::io::Read;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// A command line that is being put together. What is not said has a default here: streamed chat with small prompts and
/// a fixed seed, files in a folder of its own, no live view.
pub struct Profile {
    command: Command,
    args: Vec<OsString>,
    defaults: &'static [&'static [&'static str]],
    /// Whether it leaves files.
    files: bool,
    dir: TempDir,
}

impl Profile {
    /// Against one server.
    #[must_use]
    pub fn of(server: SocketAddr) -> Self {
        let bare = Self::bare().args(["--url", &format!("http://{server}")]);
        Self { defaults: DEFAULTS, ..bare }
    }

    /// `ringload profile` with nothing but a folder for the files.
    ///
    /// # Panics
    /// When no temporary folder can be made.
    #[must_use]
    pub fn bare() -> Self {
        Self::named("profile")
    }

    /// `ringload capacity` against one server.
    #[must_use]
    pub fn capacity(server: SocketAddr) -> Self {
        let bare = Self::named("capacity").args(["--url", &format!("http://{server}")]);
        Self { defaults: DEFAULTS, ..bare }
    }

    /// `ringload calibrate` with nothing said.
    ///
    /// # Panics
    /// When no temporary folder can be made.
    #[must_use]
    pub fn calibrate() -> Self {
        Self::named("calibrate")
    }

    /// `ringload selftest` with nothing said.
    ///
    /// # Panics
    /// When no temporary folder can be made.
    #[must_use]
    pub fn selftest() -> Self {
        Self::named("selftest")
    }

    /// `ringload report` of what is in a folder.
    ///
    /// # Panics
    /// When no temporary folder can be made.
    #[must_use]
    pub fn report(dir: &Path) -> Self {
        Self::named("report").args([dir])
    }

    /// `ringload compare` of two folders.
    ///
    /// # Panics
    /// When no temporary folder can be made.
    #[must_use]
    pub fn compare(base: &Path, new: &Path) -> Self {
        Self { files: false, ..Self::named("compare").args([base, new]) }
    }

    /// `ringload mock` on a port of the kernel's choice.
    ///
    /// # Panics
    /// When no temporary folder can be made.
    #[must_use]
    pub fn mock_server() -> Self {
        let bare = Self::named("mock").args(["--port", "0"]);
        Self { files: false, ..bare }
    }

    fn named(subcommand: &str) -> Self {
        let dir = tempfile::tempdir().expect("a folder for the files");
        let mut command = Command::new(binary::ringload());
        for proxy in ["http_proxy", "https_proxy", "all_proxy", "no_proxy"] {
            command.env_remove(proxy).env_remove(proxy.to_uppercase());
        }
        command
            .arg(subcommand)
            .env_remove("RINGLOAD_API_KEY")
            .env("RINGLOAD_CALIBRATION", dir.path().join("calibration.json"))
            .current_dir(dir.path());
        // A server under test counts its requests: what is asked before the load is a test of its own.
        let loads = matches!(subcommand, "profile" | "capacity");
        let quiet = ["--no-probe", "--no-server-metrics", "--no-gpu-telemetry"];
        let args = if loads { quiet.map(OsString::from).into() } else { Vec::new() };
        Self { command, args, defaults: &[], files: true, dir }
    }

    /// With the request before the load that the other tests do without.
    #[must_use]
    pub fn probing(mut self) -> Self {
        self.args.retain(|arg| arg != "--no-probe");
        self
    }

    /// With the scrapes of the server's metrics, and of GPUs, that the other tests do without.
    #[must_use]
    pub fn scraping(mut self) -> Self {
        self.args.retain(|arg| arg != "--no-server-metrics" && arg != "--no-gpu-telemetry");
        self
    }

    /// With `--io`.
    #[must_use]
    pub fn on(self, io: Io) -> Self {
        self.args(["--io", io.flag()])
    }

    /// With more flags.
    #[must_use]
    pub fn args(mut self, args: impl IntoIterator<Item = impl AsRef<OsStr>>) -> Self {
        self.args.extend(args.into_iter().map(|arg| arg.as_ref().to_owned()));
        self
    }

    /// With a wish that the mock reads in the body of every request.
    #[must_use]
    pub fn mock(self, wish: &Value) -> Self {
        let extra = serde_json::json!({ "mock": wish }).to_string();
        self.args(["--extra-inputs", &extra])
    }

    /// With a variable in its environment.
    #[must_use]
    pub fn env(mut self, name: &str, value: &str) -> Self {
        self.command.env(name, value);
        self
    }

    /// In a control group, from its first instruction on.
    #[must_use]
    pub fn under(self, quota: &Quota) -> Self {
        let enter = "echo $$ > \"$0\" && exec \"$@\"";
        self.through(["sh", "-c", enter].map(OsStr::new).into_iter().chain([quota.members().as_os_str()]))
    }

    /// Through a program that changes its environment and then becomes it: the words before its own command line.
    ///
    /// # Panics
    /// Without a word.
    #[must_use]
    pub fn through(mut self, words: impl IntoIterator<Item = impl AsRef<OsStr>>) -> Self {
        let mut words = words.into_iter();
        let mut command = Command::new(words.next().expect("a program"));
        command.args(words).arg(self.command.get_program()).args(self.command.get_args()).current_dir(self.dir.path());
        for (name, value) in self.command.get_envs() {
            match value {
                Some(value) => command.env(name, value),
                None => command.env_remove(name),
            };
        }
        self.command = command;
        self
    }

    /// Where its files go unless `--artifact-dir` says otherwise.
    #[must_use]
    pub fn artifacts(&self) -> PathBuf {
        self.dir.path().join("artifacts")
    }

    /// Starts it.
    ///
    /// # Panics
    /// When it cannot be started.
    #[must_use]
    pub fn start(mut self) -> Running {
        let artifacts = self.dir.path().join("artifacts");
        let said = |flag: &str| self.args.iter().any(|arg| arg == flag);
        for words in self.defaults.iter().filter(|words| !said(words[0])) {
            self.command.args(*words);
        }
        if self.files && !said("--artifact-dir") {
            self.command.arg("--artifact-dir").arg(&artifacts);
        }
        let mut child = self
            .command
            .args(&self.args)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("ringload starts");
        let output = [Heard::of(child.stdout.take().expect("a pipe")), Heard::of(child.stderr.take().expect("a pipe"))];
        Running { child, output, dir: Some((self.dir, artifacts)) }
    }

    /// Starts it and waits for its end.
    #[must_use]
    pub fn run(self) -> Ended {
        self.start().end()
    }
}

/// A run under way; dropping it kills it.
pub struct Running {
    child: Child,
    /// stdout, stderr.
    output: [Heard; 2],
    dir: Option<(TempDir, PathBuf)>,
}

impl Running {
    /// Sends a signal, named as `kill` names it.
    ///
    /// # Panics
    /// When it is not delivered.
    pub fn signal(&self, name: &str) {
        let line = format!("kill -{name} {}", self.child.id());
        let sent = Command::new("sh").args(["-c", &line]).status();
        assert!(sent.expect("a shell").success(), "{line}");
    }

    /// Its process id.
    #[must_use]
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Whether a thread of it has this name now.
    #[must_use]
    pub fn has_thread(&self, name: &str) -> bool {
        let tasks = fs::read_dir(format!("/proc/{}/task", self.child.id()));
        let named = |task: fs::DirEntry| {
            let comm = fs::read_to_string(task.path().join("comm"));
            comm.is_ok_and(|comm| comm.trim_end() == name)
        };
        tasks.is_ok_and(|mut tasks| tasks.any(|task| task.is_ok_and(named)))
    }

    /// Ends it with SIGKILL; where its files are.
    #[must_use]
    pub fn kill(mut self) -> (TempDir, PathBuf) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        self.dir.take().expect("not yet ended")
    }

    /// What stderr says so far.
    #[must_use]
    pub fn stderr(&self) -> String {
        self.output[1].text()
    }

    /// Waits until its stdout holds these words.
    ///
    /// # Panics
    /// When they do not come.
    pub fn heard(&self, words: &str) {
        let since = Instant::now();
        while !self.output[0].text().contains(words) {
            assert!(since.elapsed() < PATIENCE, "{words}: {}", self.output[0].text());
            std::thread::sleep(Duration::from_millis(1));
        }
    }

    /// Waits for the end.
    ///
    /// # Panics
    /// When it does not come, with what ringload says about it; when it left a report whose [accounting] does not add
    /// up, or when it panicked.
    #[must_use]
    pub fn end(mut self) -> Ended {
        let mut status = self.ends_within(PATIENCE);
        let in_time = status.is_some();
        // It may still report what it waits for: the first signal asks it to stop, the second to stop now.
        for _ in 0..2 {
            if status.is_none() {
                self.signal("INT");
                status = self.ends_within(PATIENCE / 20);
            }
        }
        if !in_time {
            let [stdout, stderr] = self.output.each_ref().map(Heard::text);
            panic!("ringload did not end ({status:?})\n{stdout}\n{stderr}");
        }
        let status: ExitStatus = status.expect("it has ended");
        let [stdout, stderr] = self.output.each_mut().map(Heard::all);
        let (dir, artifacts) = self.dir.take().expect("not yet ended");
        assert!(!stderr.contains("panicked"), "{stderr}");
        let ended = Ended { code: status.code(), stdout, stderr, artifacts, _dir: dir };
        if ended.artifacts.join("ringload_report.json").is_file() {
            accounting::check(&ended);
        }
        ended
    }
}

impl Running {
    fn ends_within(&mut self, patience: Duration) -> Option<ExitStatus> {
        let since = Instant::now();
        loop {
            let status = self.child.try_wait().expect("a child");
            if status.is_some() || since.elapsed() > patience {
                return status;
            }
            std::thread::sleep(Duration::from_millis(1));
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // Both fail when it has ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// One of its streams, read as it is written, so that it never blocks.
struct Heard {
    text: Arc<Mutex<Vec<u8>>>,
    reader: Option<JoinHandle<()>>,
}

impl Heard {
    fn of(mut stream: impl Read + Send + 'static) -> Self {
        let text = Arc::new(Mutex::new(Vec::new()));
        let heard = text.clone();
        let reader = std::thread::spawn(move || {
            let mut bytes = [0; 4096];
            while let Ok(n @ 1..) = stream.read(&mut bytes) {
                let mut heard = heard.lock().unwrap_or_else(PoisonError::into_inner);
                heard.extend_from_slice(&bytes[..n]);
            }
        });
        Self { text, reader: Some(reader) }
    }

    fn text(&self) -> String {
        let text = self.text.lock().unwrap_or_else(PoisonError::into_inner);
        String::from_utf8_lossy(&text).into_owned()
    }

    fn all(&mut self) -> String {
        if let Some(reader) = self.reader.take() {
            reader.join().expect("the reader ends with the stream");
        }
        self.text()
    }
}

/// A run that has ended: its status, its words and its files.
pub struct Ended {
    /// Exit status; `None` when a signal ended it.
    pub code: Option<i32>,
    /// What it printed.
    pub stdout: String,
    /// What it said beside that.
    pub stderr: String,
    artifacts: PathBuf,
    _dir: TempDir,
}

impl Ended {
    /// Itself, with this exit status.
    ///
    /// # Panics
    /// When it has another.
    #[must_use]
    #[track_caller]
    pub fn exits(self, code: i32) -> Self {
        assert_eq!(self.code, Some(code), "stdout:\n{}\nstderr:\n{}", self.stdout, self.stderr);
        self
    }

    /// Itself, with exit status 0 and no failed request.
    ///
    /// # Panics
    /// When a request failed.
    #[must_use]
    #[track_caller]
    pub fn all_well(self) -> Self {
        let this = self.exits(0);
        assert_eq!(this.failures(), BTreeMap::new(), "{}", this.stdout);
        this
    }

    /// Names of the files in its folder, sorted, temporary ones included; none without a folder.
    #[must_use]
    pub fn files(&self) -> Vec<String> {
        let Ok(entries) = fs::read_dir(&self.artifacts) else {
            return Vec::new();
        };
        let name = |entry: std::io::Result<fs::DirEntry>| entry.ok()?.file_name().into_string().ok();
        let mut names: Vec<String> = entries.filter_map(name).collect();
        names.sort();
        names
    }

    /// The folder.
    #[must_use]
    pub fn artifacts(&self) -> &Path {
        &self.artifacts
    }

    /// The text of a file.
    ///
    /// # Panics
    /// When it cannot be read.
    #[must_use]
    #[track_caller]
    pub fn text(&self, name: &str) -> String {
        let read = fs::read_to_string(self.artifacts.join(name));
        read.unwrap_or_else(|e| panic!("{name}: {e}\n{}{}", self.stdout, self.stderr))
    }

    /// `report.txt` on one line: the whole report, without its line breaks.
    ///
    /// # Panics
    /// When it cannot be read.
    #[must_use]
    #[track_caller]
    pub fn words(&self) -> String {
        self.text("report.txt").split_whitespace().collect::<Vec<_>>().join(" ")
    }

    /// `ringload_report.json`
    #[must_use]
    #[track_caller]
    pub fn report(&self) -> Value {
        json(&self.text("ringload_report.json"))
    }

    /// `profile_export_aiperf.json`
    #[must_use]
    #[track_caller]
    pub fn summary(&self) -> Value {
        json(&self.text("profile_export_aiperf.json"))
    }

    /// `profile_export.jsonl`, in the order of `session_num`.
    #[must_use]
    #[track_caller]
    pub fn records(&self) -> Vec<Value> {
        let mut records: Vec<Value> = self.text("profile_export.jsonl").lines().map(json).collect();
        records.sort_by_key(|record| record["metadata"]["session_num"].as_u64());
        records
    }

    /// A count of the measured phase, as `issued`, `succeeded`, `queued`.
    #[must_use]
    #[track_caller]
    pub fn count(&self, name: &str) -> u64 {
        number(&self.report()["summary"]["counts"][name])
    }

    /// Failures of the measured phase by cause.
    #[must_use]
    #[track_caller]
    pub fn failures(&self) -> BTreeMap<String, u64> {
        let report = self.report();
        let failed = report["summary"]["counts"]["failed"].as_object().cloned();
        failed.expect("failures by cause").into_iter().map(|(cause, n)| (cause, number(&n))).collect()
    }

    /// A figure of a metric, as `p50` of `inter_token_latency`.
    #[must_use]
    #[track_caller]
    pub fn metric(&self, tag: &str, figure: &str) -> f64 {
        let value = &self.summary()[tag][figure];
        value.as_f64().unwrap_or_else(|| panic!("no {figure} of {tag}\n{}", self.stdout))
    }

    /// A percentile of the engine's own `receive_lag` or `dispatch_lag`, in milliseconds.
    #[must_use]
    #[track_caller]
    pub fn lag(&self, which: &str, percentile: &str) -> f64 {
        let report = self.report();
        let lag = &report["summary"]["client"][which];
        let percentiles = lag["percentiles"].as_array().expect("a distribution");
        let found = percentiles.iter().find(|p| p["name"] == percentile);
        found.and_then(|p| p["ms"].as_f64()).expect("the percentile")
    }

    /// The findings of a status, by gate: `FAILED`, `INVALID`, `SUSPECT`, `VALID` (notes).
    #[must_use]
    #[track_caller]
    pub fn findings(&self, status: &str) -> Vec<String> {
        let report = self.report();
        let findings = report["verdict"]["findings"].as_array().cloned();
        findings
            .expect("findings")
            .iter()
            .filter(|finding| finding["status"] == status)
            .map(|finding| finding["gate"].as_str().unwrap_or_default().to_owned())
            .collect()
    }

    /// `VALID`, `SUSPECT`, `INVALID` or `FAILED`.
    #[must_use]
    #[track_caller]
    pub fn verdict(&self) -> String {
        let report = self.report();
        let status = report["verdict"]["status"].as_str();
        status.expect("a verdict").to_owned()
    }
}

#[track_caller]
fn json(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or_else(|e| panic!("{e} in {text}"))
}

#[track_caller]
fn number(value: &Value) -> u64 {
    value.as_u64().unwrap_or_else(|| panic!("{value}"))
}

const DEFAULTS: &[&[&str]] =
    &[&["--model", "mock"], &["--streaming"], &["--isl", "16"], &["--random-seed", "7"], &["--ui", "none"]];
