//! `${NAME}` of the environment, and Jinja of the configuration's own names, in the strings of a tree.

use super::yaml::typed;
use minijinja::{Environment, UndefinedBehavior};
use serde_json::{Map, Value};

/// Puts the values of environment variables in place of `${NAME}` and `${NAME:default}` in every string. A string that
/// is nothing but one of them gets the type that its value has as plain YAML.
///
/// # Errors
/// A variable that is not set and has no default; an opener without an end.
pub(super) fn environment(tree: &mut Value, variable: &dyn Fn(&str) -> Option<String>) -> Result<(), String> {
    each_text(tree, &mut |text| {
        if !text.contains("${") {
            return Ok(None);
        }
        let (mut out, mut rest) = (String::new(), text);
        let alone = text.starts_with("${") && text.find('}') == Some(text.len() - 1);
        while let Some((before, after)) = rest.split_once("${") {
            let (inside, behind) = after.split_once('}').ok_or_else(|| format!("`{text}`: a ${{ without its }}"))?;
            let (name, default) = inside.split_once(':').map_or((inside, None), |(name, text)| (name, Some(text)));
            let value = variable(name)
                .or_else(|| default.map(str::to_owned))
                .ok_or_else(|| format!("the environment has no {name}: set it, or write ${{{name}:default}}"))?;
            out += before;
            out += &value;
            rest = behind;
        }
        out += rest;
        Ok(Some(if alone { typed(&out) } else { out.into() }))
    })
}

/// Renders the Jinja in every string; names are the entries of `variables`, the keys of the tree, and the keys of its
/// `benchmark`. Variables may use each other in any order.
///
/// # Errors
/// A name that there is not; variables that need each other; what is no template.
pub(super) fn jinja(tree: &mut Value) -> Result<(), String> {
    let mut variables = tree.get("variables").cloned().unwrap_or(Value::Null);
    let known = variables.as_object().cloned().unwrap_or_default();
    // Each pass renders what needs nothing that is still to be rendered.
    for _ in 0..=known.len() {
        let context = Value::Object(variables.as_object().cloned().unwrap_or_default());
        let mut open = None;
        each_text(&mut variables, &mut |text| {
            if !has_template(text) {
                return Ok(None);
            }
            match rendered(text, &context) {
                Ok(value) if !value.as_str().is_some_and(has_template) => Ok(Some(value)),
                Ok(_) => {
                    open = Some(format!("`{text}`: variables need each other in a circle"));
                    Ok(None)
                }
                Err(why) => Err(why),
            }
        })?;
        match open {
            None => break,
            Some(why) if variables.as_object() == context.as_object() => return Err(why),
            Some(_) => {}
        }
    }
    let mut context = tree.get("benchmark").and_then(Value::as_object).cloned().unwrap_or_default();
    context.extend(tree.as_object().cloned().unwrap_or_default());
    context.extend(variables.as_object().cloned().unwrap_or_default());
    by_name(&mut context);
    let context = Value::Object(context);
    if variables != Value::Null {
        tree["variables"] = variables;
    }
    let Some(map) = tree.as_object_mut() else {
        return Ok(());
    };
    for (_, value) in map.iter_mut().filter(|(key, _)| *key != "variables") {
        templates_apart(value, &mut |value| {
            each_text(value, &mut |text| has_template(text).then(|| rendered(text, &context)).transpose())
        })?;
    }
    Ok(())
}

/// Goes through all values but the template of a request body, which is rendered for each request, and files of AIPerf
/// that ask for what only a run of AIPerf's has (`{{ epoch }}`).
fn templates_apart(value: &mut Value, each: &mut dyn FnMut(&mut Value) -> Result<(), String>) -> Result<(), String> {
    let take = |path: &&'static str| Some((*path, value.pointer_mut(path)?.take()));
    let apart: Vec<(&str, Value)> = APART.iter().filter_map(take).collect();
    each(value)?;
    for (path, kept) in apart {
        if let Some(place) = value.pointer_mut(path) {
            *place = kept;
        }
    }
    Ok(())
}

/// Lists whose entries have names can be asked by name: `phases.profiling.rate`.
fn by_name(context: &mut Map<String, Value>) {
    for (_, value) in context.iter_mut() {
        if let Value::Array(list) = value {
            let named = list.iter().filter_map(|entry| Some((entry.get("name")?.as_str()?.to_owned(), entry.clone())));
            let named: Map<String, Value> = named.collect();
            if !named.is_empty() && named.len() == list.len() {
                *value = named.into();
            }
        }
    }
}

fn has_template(text: &str) -> bool {
    text.contains("{{") || text.contains("{%")
}

fn rendered(text: &str, context: &Value) -> Result<Value, String> {
    let mut environment = Environment::new();
    environment.set_undefined_behavior(UndefinedBehavior::Strict);
    environment.set_fuel(Some(MOST_STEPS));
    let said = environment.render_str(text, context).map_err(|e| {
        let why = e.detail().map_or_else(|| e.kind().to_string(), str::to_owned);
        format!("`{text}`: {why}")
    })?;
    Ok(typed(&said))
}

/// Goes through every string of a tree; what is given in place of one stands there afterwards.
fn each_text(tree: &mut Value, each: &mut dyn FnMut(&str) -> Result<Option<Value>, String>) -> Result<(), String> {
    match tree {
        Value::String(text) => {
            if let Some(value) = each(text)? {
                *tree = value;
            }
            Ok(())
        }
        Value::Array(list) => list.iter_mut().try_for_each(|item| each_text(item, each)),
        Value::Object(map) => map.values_mut().try_for_each(|item| each_text(item, each)),
        _ => Ok(()),
    }
}

/// Values whose templates are not rendered here.
const APART: [&str; 4] =
    ["/endpoint/template", "/endpoint/extra/payload_template", "/artifacts/user_files", "/artifacts/userFiles"];
/// Steps of one template.
const MOST_STEPS: u64 = 100_000;

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn variables_of_the_environment_have_defaults_and_types() {
        let variable = |name: &str| (name == "N").then(|| "8".to_owned());
        let mut tree = json!({"a": "${N}", "b": "x${N}y", "c": "${M:}", "d": ["${M:true}", "${M:2.5}"], "e": "${N}0"});
        environment(&mut tree, &variable).unwrap();
        assert_eq!(tree, json!({"a": 8, "b": "x8y", "c": null, "d": [true, 2.5], "e": "80"}));
        for (text, said) in [("${M}", "no M"), ("${M", "without its }")] {
            let error = environment(&mut json!({"a": text}), &variable).unwrap_err();
            assert!(error.contains(said), "{error}");
        }
    }

    #[test]
    fn templates_know_variables_keys_and_named_entries() {
        let mut tree = json!({
            "variables": {"twice": "{{ base * 2 }}", "base": 4, "name": "run-{{ twice }}"},
            "benchmark": {
                "phases": [{"name": "profiling", "rate": 5}],
                "artifacts": {"dir": "out/{{ name }}/{{ phases.profiling.rate }}"},
                "endpoint": {"template": {"body": "{{ text|tojson }}"}},
                "requests": "{{ twice + 1 }}",
            },
        });
        jinja(&mut tree).unwrap();
        assert_eq!(tree["benchmark"]["artifacts"]["dir"], "out/run-8/5");
        assert_eq!(tree["benchmark"]["requests"], 9);
        assert_eq!(tree["benchmark"]["endpoint"]["template"]["body"], "{{ text|tojson }}");
        let circle = jinja(&mut json!({"variables": {"a": "{{ b }}", "b": "{{ a }}"}})).unwrap_err();
        assert!(circle.contains("circle"), "{circle}");
        let unknown = jinja(&mut json!({"benchmark": {"x": "{{ nobody }}"}})).unwrap_err();
        assert!(unknown.contains("nobody"), "{unknown}");
    }
}
