//! Bodies of the user's own shape: made by a template, or taken from a file as they are. Responses are read by what is
//! known of such shapes.

use super::request::RequestContent;
use super::{Dialect, Extras, Fields, Path, Reading, StreamField};
use crate::error::{Error, Result};
use crate::plan::{EndpointKind, Plan};
use crate::setting::Setting::{Dataset, Endpoint, Template};
use serde_json::Value;

pub(super) const TEMPLATE: Dialect = Dialect {
    kind: EndpointKind::Template,
    path: Path::OfUrl,
    headers: &[],
    names_model: false,
    stream: StreamField::Absent,
    extras: Extras::Body,
    fill: template,
    turns: None,
    reading: Reading::Any,
};

pub(super) static RAW: Dialect = Dialect { kind: EndpointKind::Raw, extras: Extras::Nowhere, fill: raw, ..TEMPLATE };

fn template(body: &mut Fields, plan: &Plan, content: &RequestContent<'_>) -> Result<()> {
    let template = plan.payload.template.as_ref().ok_or_else(|| {
        Error::usage(
            format!("{Endpoint} template without a template"),
            format!("write one as {Template}, as in {}", r#"{"text": {{ text|tojson }}}"#),
        )
    })?;
    *body = super::rendered::render(template, content, plan.streaming)?;
    Ok(())
}

fn raw(body: &mut Fields, _plan: &Plan, content: &RequestContent<'_>) -> Result<()> {
    match content.messages {
        [message] if matches!(message.verbatim, Some(Value::Object(_))) => {
            if let Some(Value::Object(fields)) = &message.verbatim {
                body.clone_from(fields);
            }
            Ok(())
        }
        _ => Err(Error::usage(
            format!("{Endpoint} raw makes no bodies of its own"),
            format!("give it a file of them with {Dataset}; or make them with {Endpoint} template"),
        )),
    }
}
