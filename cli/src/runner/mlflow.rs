//! What came of a run, noted at a tracking server of MLflow when its files are written: nothing of it runs beside the
//! load, and nothing of it can end or fail a run.

use super::scrape::agent;
use crate::export::mlflow;
use crate::flags::MlflowArgs;
use crate::live::signals;
use crate::result::run::Outcome;
use crate::terminal::eprint_line;
use serde_json::{Value, json};
use std::time::Duration;

/// Notes a run; a server that does not take it is told in a line.
pub(crate) fn note(outcome: &Outcome, name: &str, args: &MlflowArgs, quiet: bool) {
    let Some(url) = &args.mlflow_tracking_uri else {
        return;
    };
    let server = Server {
        agent: agent(&outcome.plan.network.tls, EXCHANGE),
        base: format!("{url}/api/2.0/mlflow"),
        token: std::env::var("MLFLOW_TRACKING_TOKEN").ok().filter(|token| !token.is_empty()),
    };
    if let Err(why) = server.note(outcome, args.mlflow_run_name.as_deref().unwrap_or(name), args)
        && !quiet
    {
        eprint_line(format_args!("note: not noted at {url}: {why}"));
    }
}

struct Server {
    agent: ureq::Agent,
    base: String,
    token: Option<String>,
}

impl Server {
    fn note(&self, outcome: &Outcome, name: &str, args: &MlflowArgs) -> Result<(), String> {
        let experiment = self.experiment(&args.mlflow_experiment)?;
        let parent = args.mlflow_parent_run_id.as_deref();
        let made = self.post("runs/create", &mlflow::creation(outcome, &experiment, name, &args.mlflow_tag, parent))?;
        let run = made["run"]["info"]["run_id"].as_str().ok_or("it made a run and gave it no id")?;
        for batch in mlflow::batches(outcome, run) {
            self.post("runs/log-batch", &batch)?;
        }
        self.post("runs/update", &mlflow::end(outcome, run)).map(|_| ())
    }

    /// The id of the experiment of a name; one is made where there is none.
    fn experiment(&self, name: &str) -> Result<String, String> {
        let request = self.agent.get(format!("{}/experiments/get-by-name", self.base)).query("experiment_name", name);
        let found = match self.prepared(request).and_then(|request| self.answer(request.call())) {
            Ok(found) => found["experiment"]["experiment_id"].as_str().map(str::to_owned),
            // A server that knows no such experiment answers 404 with a word of its own.
            Err(Unanswered::Status(404)) => None,
            Err(other) => return Err(other.to_string()),
        };
        match found {
            Some(id) => Ok(id),
            None => {
                let made = self.post("experiments/create", &json!({"name": name}))?;
                made["experiment_id"].as_str().map(str::to_owned).ok_or_else(|| "it gave the experiment no id".into())
            }
        }
    }

    fn post(&self, what: &str, body: &Value) -> Result<Value, String> {
        let request = self.agent.post(format!("{}/{what}", self.base)).header("content-type", "application/json");
        let sent = self.prepared(request).and_then(|request| self.answer(request.send(body.to_string())));
        sent.map_err(|why| format!("{what}: {why}"))
    }

    /// A request with the token, and so long as it may last.
    fn prepared<B>(&self, request: ureq::RequestBuilder<B>) -> Result<ureq::RequestBuilder<B>, Unanswered> {
        let left = signals::bounded(EXCHANGE);
        if left.is_zero() {
            return Err(Unanswered::Failed("a signal came, and --shutdown-grace is over".into()));
        }
        let request = request.config().timeout_global(Some(left)).build();
        Ok(match &self.token {
            Some(token) => request.header("authorization", format!("Bearer {token}")),
            None => request,
        })
    }

    fn answer(&self, sent: Result<ureq::http::Response<ureq::Body>, ureq::Error>) -> Result<Value, Unanswered> {
        let mut response = sent.map_err(|e| Unanswered::Failed(e.to_string()))?;
        if !response.status().is_success() {
            return Err(Unanswered::Status(response.status().as_u16()));
        }
        let body = response.body_mut().with_config().limit(MOST_BYTES).read_to_string();
        let body = body.map_err(|e| Unanswered::Failed(e.to_string()))?;
        serde_json::from_str(&body).map_err(|e| Unanswered::Failed(format!("its answer is no JSON ({e})")))
    }
}

enum Unanswered {
    Status(u16),
    Failed(String),
}

impl std::fmt::Display for Unanswered {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Status(status) => write!(f, "it answers with status {status}"),
            Self::Failed(why) => f.write_str(why),
        }
    }
}

/// For one exchange.
const EXCHANGE: Duration = Duration::from_secs(2);
const MOST_BYTES: u64 = 1 << 20;
