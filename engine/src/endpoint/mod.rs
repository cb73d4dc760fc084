//! Pure: API dialects. Request body out; output, usage, finish and error in.
//!
//! TEMPORARY: only what the workload needs to be tested; the real module replaces this file.

use crate::plan::{EndpointKind, Plan};
use serde_json::{Value, json};

/// The JSON body of a request.
#[must_use]
pub fn request_body(plan: &Plan, model: &str, prompt: &str, osl: Option<u32>) -> Vec<u8> {
    let mut body = match plan.endpoint {
        EndpointKind::Chat => {
            json!({"messages": [{"role": "user", "content": prompt}], "model": model})
        }
        EndpointKind::Completions => json!({"prompt": prompt, "model": model}),
    };
    if let Value::Object(fields) = &mut body {
        fields.insert("stream".into(), plan.streaming.into());
        if let Some(osl) = osl {
            fields.insert("max_completion_tokens".into(), osl.into());
        }
        fields.extend(plan.extra_inputs.clone());
    }
    body.to_string().into_bytes()
}
