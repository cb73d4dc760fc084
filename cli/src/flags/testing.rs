//! Command lines as tests write them.

use crate::flags::environment::Environment;
use crate::flags::plan::{Planned, plan};
use crate::flags::{Command, ProfileArgs, name_settings, try_parse};
use ringload_engine::Blame;
use ringload_engine::plan::Plan;

/// Splits as a shell does, double quotes only.
fn words(line: &str) -> Vec<String> {
    let mut words = vec![String::new()];
    let mut quoted = false;
    for c in line.chars() {
        match c {
            '"' => quoted = !quoted,
            c if c.is_whitespace() && !quoted => words.push(String::new()),
            c => words.last_mut().unwrap().push(c),
        }
    }
    words.retain(|w| !w.is_empty());
    words
}

pub(crate) fn parsed(line: &str) -> Result<ProfileArgs, String> {
    name_settings();
    let cli =
        try_parse(words(&format!("ringload profile {line}")).into_iter().map(Into::into)).map_err(|r| r.text())?;
    match cli.command {
        Command::Profile(args) => Ok(*args),
        other => panic!("{other:?}"),
    }
}

pub(crate) fn args(line: &str) -> ProfileArgs {
    parsed(line).unwrap_or_else(|e| panic!("{line}: {e}"))
}

pub(crate) fn planned(line: &str) -> Result<Planned, String> {
    let args = parsed(line)?;
    plan(&args, &Environment { api_key: None, fresh_seed: 7, ..Environment::default() }).map_err(|e| {
        assert_eq!(e.blame, Blame::Usage);
        e.to_string()
    })
}

pub(crate) fn made(line: &str) -> Plan {
    let plan = planned(line).unwrap_or_else(|e| panic!("{line}: {e}")).plan;
    comes_back(line, &plan);
    plan
}

/// A record log has the plan of its run as JSON: what is written of a plan can be read, and is written the same again.
fn comes_back(line: &str, plan: &Plan) {
    let written = serde_json::to_string(plan).unwrap();
    let back: Plan = serde_json::from_str(&written).unwrap_or_else(|e| panic!("{line}: {e}"));
    assert_eq!(serde_json::to_string(&back).unwrap(), written, "{line}");
}

pub(crate) fn refused(line: &str) -> String {
    match planned(line) {
        Ok(p) => panic!("{line} was taken: {:?}", p.plan),
        Err(text) => text,
    }
}

/// A command line that the articles on AIPerf begin with.
pub(crate) const SEED: &str = "--model llama3-8b --streaming --endpoint-type chat --url http://vllm-server:8000";

/// A file that goes with its owner.
pub(crate) struct Scratch(pub(crate) std::path::PathBuf);

impl Scratch {
    pub(crate) fn new(name: &str, text: &str) -> Self {
        let name = format!("ringload-{}-{name}", std::process::id());
        let path = std::env::temp_dir().join(name);
        std::fs::write(&path, text).unwrap();
        Self(path)
    }

    pub(crate) fn write(&self, text: &str) {
        std::fs::write(&self.0, text).unwrap();
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}
