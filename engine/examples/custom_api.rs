//! An API of any shape: the body comes from a Jinja template, the output from a place in the response.
//!
//! ```text
//! cargo run --release --example custom_api -- http://127.0.0.1:8000/v1/completions my-model
//! ```

use ringload_engine::plan::{BodyTemplate, EndpointKind, OutputPath, Phase, Target};
use ringload_engine::{Plan, Result, Run};

fn main() -> Result<()> {
    let mut args = std::env::args().skip(1);
    let url = args.next().unwrap_or_else(|| "http://127.0.0.1:8000/v1/completions".into());
    let model = args.next().unwrap_or_else(|| "mock".into());

    let mut plan = Plan::new(vec![Target::parse(&url)?], &model, Phase::closed(4, 20));
    plan.endpoint = EndpointKind::Template;
    plan.streaming = false;
    plan.payload.template =
        Some(BodyTemplate::new(r#"{"model": {{ model|tojson }}, "prompt": {{ text|tojson }}, "max_tokens": 8}"#)?);
    plan.payload.output = Some(OutputPath::parse("choices[0].text")?);

    let result = Run::prepare(&plan)?.execute()?;
    println!(
        "{:?}: {} of {} succeeded",
        result.verdict.status, result.summary.counts.succeeded, result.summary.counts.issued
    );
    for group in &result.summary.errors {
        println!("{} x {:?}: {}", group.count, group.cause, group.message);
    }
    Ok(())
}
