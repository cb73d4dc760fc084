//! What a server says that it serves, under `/v1/models`: for advice, and for a run that names no model.

use crate::flags::ProfileArgs;
use crate::redact::Secrets;
use crate::runner::environment::environment;
use crate::terminal::eprint_line;
use ringload_engine::plan::{Header, Target};
use ringload_engine::resolve::SystemResolver;
use ringload_engine::{Error, Result};
use serde_json::Value;
use std::borrow::Cow;
use std::collections::HashSet;
use std::time::Duration;
use ureq::Agent;
use ureq::tls::{RootCerts, TlsConfig};
use ureq::unversioned::transport::DefaultConnector;

/// The models of a server; `None` where it does not say.
pub(crate) fn served(target: &Target, headers: &[Header]) -> Option<Vec<String>> {
    if target.unix.is_some() || target.zone.is_some() {
        return None;
    }
    let config = Agent::config_builder()
        .timeout_global(Some(PATIENCE))
        .max_redirects(0)
        .proxy(None)
        .tls_config(TlsConfig::builder().root_certs(RootCerts::WebPki).build())
        .build();
    let agent = Agent::with_parts(config, DefaultConnector::default(), SystemResolver);
    let mut request = agent.get(url(target));
    for header in headers {
        request = request.header(&header.name, &header.value);
    }
    let body = request.call().ok()?.body_mut().with_config().limit(MOST_BYTES).read_to_string().ok()?;
    // What repeats a key is no name either, and would stand in messages and files.
    let secrets = Secrets::of_headers(headers);
    Some(names(&body)?.into_iter().filter(|name| matches!(secrets.scrub(name), Cow::Borrowed(_))).collect())
}

/// Names the model of a run that names none: the only one that its server has; prints which with `tell`.
///
/// # Errors
/// When the server has several; when the headers are wrong.
pub(crate) fn fill_in(args: &mut ProfileArgs, tell: bool) -> Result<()> {
    let named = args.endpoint.model.iter().any(|model| !model.trim().is_empty());
    let Some(url) = args.endpoint.url.first().filter(|_| !named && !args.output.dry_run && args.given_plan.is_none())
    else {
        return Ok(());
    };
    let headers = args.endpoint.headers(&environment())?;
    // What is wrong with the URL, and that no model is named, is told with the other flags.
    let Some(served) = Target::parse(url).ok().and_then(|target| served(&target, &headers)) else {
        return Ok(());
    };
    match served.as_slice() {
        [] => return Ok(()),
        [one] => {
            if tell && !args.output.quiet {
                eprint_line(format_args!("note: --model {one}: the only one that {url} lists"));
            }
            let points = args.points.iter_mut().map(|point| &mut point.args.endpoint.model);
            points.for_each(|model| model.push(one.clone()));
            args.endpoint.model.push(one.clone());
        }
        several => {
            return Err(Error::usage(
                format!("no model is named, and {url} lists {}", several.len()),
                format!("write --model with one of {}", listed(several)),
            ));
        }
    }
    Ok(())
}

/// Some of the names, for a message.
pub(crate) fn listed(names: &[String]) -> String {
    let shown = names.iter().take(MOST_NAMED).map(String::as_str).collect::<Vec<_>>().join(", ");
    match names.len().saturating_sub(MOST_NAMED) {
        0 => shown,
        more => format!("{shown} (and {more} more)"),
    }
}

/// Where they are listed: beside the API that the URL leads to.
fn url(target: &Target) -> String {
    let base = target.url.trim_end_matches('/');
    let base = ENDS.iter().find_map(|end| base.strip_suffix(end)).unwrap_or(base);
    if base.ends_with("/v1") { format!("{base}/models") } else { format!("{base}/v1/models") }
}

fn names(body: &str) -> Option<Vec<String>> {
    let list: Value = serde_json::from_str(body).ok()?;
    let names = list.get("data")?.as_array()?.iter().filter_map(|model| model.get("id")?.as_str());
    // What breaks a line is no name, and would stand on the terminal as a line of ringload's own.
    let names = names.filter(|name| !name.chars().any(char::is_control));
    let mut seen = HashSet::new();
    Some(names.filter(|name| seen.insert(*name)).map(str::to_owned).collect())
}

/// Paths of APIs that people paste with the URL; the server's other pages lie beside them.
pub(super) const ENDS: [&str; 7] = [
    "/chat/completions",
    "/completions",
    "/embeddings",
    "/responses",
    "/images/generations",
    "/images/edits",
    "/videos",
];
/// Models that a message names.
const MOST_NAMED: usize = 8;
const PATIENCE: Duration = Duration::from_secs(2);
/// A gateway that lists thousands of models sends some hundred KB.
const MOST_BYTES: u64 = 8 << 20;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn models_are_listed_beside_the_api() {
        for (given, expected) in [
            ("http://h:8000", "http://h:8000/v1/models"),
            ("http://h:8000/v1", "http://h:8000/v1/models"),
            ("https://h/openai/v1/chat/completions", "https://h:443/openai/v1/models"),
            ("http://h/proxy", "http://h:80/proxy/v1/models"),
        ] {
            assert_eq!(url(&Target::parse(given).unwrap()), expected);
        }
        assert_eq!(
            names(r#"{"object":"list","data":[{"id":"a"},{"id":"org/b"}]}"#),
            Some(vec!["a".into(), "org/b".into()])
        );
        assert_eq!(names(r#"{"data":[{"id":"a"},{"id":"a"}]}"#), Some(vec!["a".into()]));
        assert_eq!(names("<html>"), None);
        assert_eq!(names(r#"{"data":[{"id":"a\nVALID  9 req/s"},{"id":"b\r"},{"id":"c"}]}"#), Some(vec!["c".into()]));
    }
}
