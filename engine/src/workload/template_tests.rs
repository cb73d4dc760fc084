//! Templates in the manner of models in use. What they render to is what `transformers` renders: see
//! `tests/data/encodings.json`.

use super::*;
use serde_json::json;

fn render(template: &str, messages: Value) -> Result<String> {
    let config = json!({"bos_token": "<s>", "eos_token": {"content": "</s>", "lstrip": false}, "chat_template": [
        {"name": "tool_use", "template": "no"}, {"name": "default", "template": template}]});
    let config = config.as_object().unwrap();
    let text = named(&config["chat_template"]).unwrap();
    ChatTemplate::new(&text, config)?.render(messages.as_array().unwrap(), None)
}

#[test]
fn namespaces_loop_controls_and_methods_of_python_work() {
    let template = "{% set ns = namespace(n=0) %}{% for m in messages %}{% if m.role == 'system' %}{% continue %}{% endif %}\
        {% set ns.n = ns.n + 1 %}{{ m['content'].strip().split(' ')[-1] }}{% if loop.last %}{% break %}{% endif %},{% endfor %}{{ ns.n }}{{ eos_token }}";
    let said = json!([{"role": "system", "content": "x"}, {"role": "user", "content": " a b "}, {"role": "assistant", "content": "c"}]);
    assert_eq!(render(template, said).unwrap(), "b,c2</s>");
}

#[test]
fn a_template_may_refuse_a_conversation_in_its_own_words() {
    let template = "{% if messages[0].role != 'user' %}{{ raise_exception('begin with user') }}{% endif %}ok";
    let e = render(template, json!([{"role": "assistant", "content": "x"}])).unwrap_err();
    assert!(e.what.contains("begin with user"), "{e}");
    assert_eq!(render(template, json!([{"role": "user", "content": "x"}])).unwrap(), "ok");
    assert!(render("{% for %}", json!([])).is_err());
}

#[test]
fn json_is_written_as_python_writes_it() {
    let template = "{{ messages | tojson }}|{{ messages[0] | tojson(indent=2) }}";
    let made = render(template, json!([{"role": "ü<", "content": [1, {}]}])).unwrap();
    assert_eq!(
        made,
        "[{\"role\": \"ü<\", \"content\": [1, {}]}]|{\n  \"role\": \"ü<\",\n  \"content\": [\n    1,\n    {}\n  ]\n}"
    );
}

#[test]
fn dates_are_the_calendars() {
    assert_eq!(date("%d %b %Y", 0), "01 Jan 1970");
    assert_eq!(date("%Y-%m-%d %H:%M %B %y", 1_709_251_199), "2024-02-29 23:59 February 24");
}

#[test]
fn a_template_of_strangers_is_bounded_and_the_limit_named() {
    let doubling = "{% set ns = namespace(x='ab') %}{% for i in range(90) %}{% set ns.x = ns.x ~ ns.x %}{% endfor %}";
    let said = || json!([{"role": "user", "content": "x"}]);
    let e = render(doubling, said()).unwrap_err();
    assert!(e.what.contains("larger than the limit of 16777216 bytes"), "{e}");
    let endless = "{% for a in range(9999) %}{% for b in range(9999) %}{% endfor %}{% endfor %}";
    let e = render(endless, said()).unwrap_err();
    assert!(e.what.contains("limit of 10000000 instructions"), "{e}");
    let loud = "{{ raise_exception('x' * 100000) }}";
    let e = render(loud, said()).unwrap_err();
    assert!(e.what.len() < 2_000 && e.what.contains("xxx…"), "{}", e.what.len());
    let wide = "{{ messages|tojson(indent=1000000000) }}";
    assert!(render(wide, said()).unwrap_err().what.contains("over the limit of 64"));
    let e = render("{% include 'other' %}", said()).unwrap_err();
    assert!(e.what.contains("names another template"), "{e}");
}
