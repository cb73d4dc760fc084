//! A tracking server of MLflow that is told of each run: flags.

use clap::Args;
use ringload_engine::plan::Target;

/// Where runs are noted.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Telemetry")]
pub(crate) struct MlflowArgs {
    /// Note each run, when it is over, at a tracking server of MLflow (its REST API 2.0): settings, figures and the
    /// verdict. A server that does not take it fails no run. `MLFLOW_TRACKING_TOKEN` is sent as a bearer token.
    #[arg(long, value_name = "URL", value_parser = server)]
    pub(crate) mlflow_tracking_uri: Option<String>,

    /// The experiment that the runs belong to; it is made where there is none.
    #[arg(long, value_name = "NAME", default_value = "ringload", requires = "mlflow_tracking_uri")]
    pub(crate) mlflow_experiment: String,

    /// The name of the run [default: its folder's].
    #[arg(long, value_name = "NAME", requires = "mlflow_tracking_uri")]
    pub(crate) mlflow_run_name: Option<String>,

    /// A tag of the run, as in `team:serving`.
    #[arg(long, value_name = "KEY:VALUE", num_args = 1.., requires = "mlflow_tracking_uri", value_parser = tag)]
    pub(crate) mlflow_tag: Vec<(String, String)>,

    /// The run that these are children of.
    #[arg(long, value_name = "ID", requires = "mlflow_tracking_uri")]
    pub(crate) mlflow_parent_run_id: Option<String>,
}

fn server(text: &str) -> Result<String, String> {
    let target = Target::parse(text.trim()).map_err(|e| e.what)?;
    if target.unix.is_some() || target.zone.is_some() {
        return Err("write http://host:5000 or https://host".into());
    }
    Ok(target.url.trim_end_matches('/').to_owned())
}

fn tag(text: &str) -> Result<(String, String), String> {
    let pair = text.split_once(':').map(|(key, value)| (key.trim().to_owned(), value.trim().to_owned()));
    pair.filter(|(key, _)| !key.is_empty()).ok_or_else(|| "write key:value".into())
}

#[cfg(test)]
mod tests {
    use crate::flags::testing::{args, refused};

    #[test]
    fn a_server_has_an_experiment_and_nothing_of_it_stands_alone() {
        let given = args(
            "-m x --mlflow-tracking-uri http://h:5000/ --mlflow-experiment e --mlflow-run-name r --mlflow-tag team:a k:v:w \
             --mlflow-parent-run-id 12",
        )
        .telemetry
        .mlflow;
        assert_eq!(given.mlflow_tracking_uri.as_deref(), Some("http://h:5000"));
        assert_eq!((given.mlflow_experiment.as_str(), given.mlflow_run_name.as_deref()), ("e", Some("r")));
        assert_eq!(given.mlflow_tag[1], ("k".to_owned(), "v:w".to_owned()));
        assert_eq!(given.mlflow_parent_run_id.as_deref(), Some("12"));
        assert_eq!(args("-m x --mlflow-tracking-uri http://h").telemetry.mlflow.mlflow_experiment, "ringload");
        for (line, said) in [
            ("--mlflow-experiment e", "--mlflow-tracking-uri"),
            ("--mlflow-tracking-uri unix:/s", "http://host:5000"),
            ("--mlflow-tracking-uri http://h --mlflow-tag x", "key:value"),
        ] {
            let text = refused(&format!("-m x {line}"));
            assert!(text.contains(said), "{line}: {text}");
        }
    }
}
