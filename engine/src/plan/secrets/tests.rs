//! Secrets in texts, bodies and queries, and what is none.

use super::*;
use crate::plan::{Phase, Target};

fn secrets() -> Secrets {
    let target = Target::parse("http://h").unwrap();
    let mut plan = Plan::new(vec![target], "m", Phase::closed(1, 1));
    plan.custom_endpoint = Some("/v1/chat?version=2024-02-01&api_key=sk-in-a-query".into());
    plan.headers.push(super::super::Header { name: "Authorization".into(), value: format!("Bearer {KEY}") });
    Secrets::of(&plan)
}

const KEY: &str = "sk-ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789";

#[test]
fn a_secret_across_the_cut_is_struck_out_whole() {
    let secrets = secrets();
    for before in 0..260 {
        for after in [0, 5_000] {
            let said = format!("{}{KEY}{}", "x".repeat(before), "y".repeat(after));
            let kept = secrets.excerpt(&said);
            assert!(kept.chars().count() <= EXCERPT);
            assert!(!kept.contains("sk-A"), "{before}: {kept}");
        }
    }
}

#[test]
fn what_was_cut_where_it_was_read_tells_no_front_of_a_secret() {
    let secrets = secrets();
    for cut in 1..=KEY.len() {
        let said = format!("{}{}", KEY.repeat(110), &KEY[..cut]);
        let kept = secrets.excerpt(&said);
        assert!(!kept.contains("sk-A"), "{cut}: {kept}");
    }
}

#[test]
fn characters_that_cannot_be_seen_do_not_hide_a_secret() {
    let secrets = secrets();
    for c in ['\u{200b}', '\u{202e}', '\u{e0041}', '\u{feff}'] {
        let (front, back) = KEY.split_at(7);
        for said in [format!("é {front}{c}{back}{c} end"), format!("{KEY}{c}{front}{c}{c}{back}")] {
            let kept = secrets.scrub(&said);
            let bare: String = kept.chars().filter(|c| !is_invisible(*c)).collect();
            assert!(!bare.contains("sk-A") && bare.contains(HIDDEN), "{kept:?}");
            assert!(!said.ends_with("end") || kept.ends_with(" end"), "{kept:?}");
        }
    }
    assert_eq!(secrets.scrub("a\u{200b}b"), "a\u{200b}b");
}

#[test]
fn a_secret_is_one_inside_of_json_too_and_so_is_a_long_number() {
    let mut plan = Plan::new(vec![Target::parse("http://h").unwrap()], "m", Phase::closed(1, 1));
    plan.extra_inputs.insert("jwt".into(), "quo\"ted\\key\n1".into());
    plan.extra_inputs.insert("api_key".into(), 1_234_567_890_123_u64.into());
    plan.extra_inputs.insert("max_tokens".into(), 1_234_567_890_123_u64.into());
    let secrets = Secrets::in_bodies(&plan);
    let body = serde_json::json!({"jwt": "quo\"ted\\key\n1", "api_key": 1_234_567_890_123_u64}).to_string();
    let shown = secrets.scrub(&body);
    assert!(!shown.contains("quo") && !shown.contains("12345"), "{shown}");
    assert_eq!(without_json_secrets("max_tokens", &7.into()), 7);
}

#[test]
fn names_tell_secrets_and_counts_are_none() {
    for name in
        ["api_key", "X-Auth", "jwt", "sas", "credentials", "access_token", "Signature", "AUTHORIZATION", "passwd"]
    {
        assert!(names_a_secret(name), "{name}");
    }
    for name in ["max_tokens", "min_tokens", "ignore_eos", "version", "temperature", "seed", "model"] {
        assert!(!names_a_secret(name), "{name}");
    }
}

#[test]
fn the_values_of_a_query_are_hidden_by_name_however_short_and_by_looks() {
    for (text, shown) in [
        ("/v1?jwt=a&version=2&sas=&x=1#k=2", "/v1?jwt=<redacted>&version=2&sas=<redacted>&x=1#k=2"),
        ("POST /v1?a=1&%6Bey=s%20x HTTP/1.1", "POST /v1?a=1&%6Bey=<redacted> HTTP/1.1"),
        ("/v1/chat", "/v1/chat"),
        ("/v1/x?a=1;token=abc&b=2", "/v1/x?a=1;token=<redacted>&b=2"),
        ("/v1/x;v=1;token=abc/y?z=1", "/v1/x;v=1;token=<redacted>"),
        ("/v1/x;v=1?api_key=ab;c?d&x=1", "/v1/x;v=1?api_key=<redacted>&x=1"),
        ("/v1?k=9fK2mQ81LbVx00Aa&c=b", "/v1?k=<redacted>&c=b"),
        (
            "/v1?api-version=2024-10-01-preview&model=llama-3.1-70b-instruct",
            "/v1?api-version=2024-10-01-preview&model=llama-3.1-70b-instruct",
        ),
        ("/v1?qsecret12345678", "/v1?<redacted>"),
        ("/v1?stream&beta2&k9fK2mQ81LbVx", "/v1?stream&beta2&<redacted>"),
        ("/v1?trace=benchmark-of-the-week&n=1234567890123456", "/v1?trace=benchmark-of-the-week&n=1234567890123456"),
    ] {
        assert_eq!(without_query_secrets(text), shown);
    }
}

#[test]
fn texts_under_telling_names_are_hidden_and_known_as_secrets() {
    let target = Target::parse("http://h").unwrap();
    let mut plan = Plan::new(vec![target], "m", Phase::closed(1, 1));
    plan.custom_endpoint = Some("/x?sig=ab%2Bcd%2Fef".into());
    let given = serde_json::json!({"min_tokens": 5, "auth": {"user": "somebody", "n": 1}, "tools": [{"api_key": "sk-in-a-tool"}]});
    plan.extra_inputs = given.as_object().unwrap().clone();
    let shown = serde_json::to_value(&plan).unwrap();
    let hidden = serde_json::json!({"min_tokens": 5, "auth": {"user": HIDDEN, "n": 1}, "tools": [{"api_key": HIDDEN}]});
    assert_eq!(shown["extra_inputs"], hidden);
    let secrets = Secrets::of(&plan);
    for told in ["somebody", "sk-in-a-tool", "ab%2Bcd%2Fef", "ab+cd/ef"] {
        assert_eq!(secrets.scrub(told), HIDDEN);
    }
}

#[test]
fn a_secret_is_struck_out_of_a_stream_wherever_it_is_cut() {
    let secrets = secrets();
    let text = format!("{}{KEY}{KEY}-{}", "x".repeat(70_000), "y".repeat(70_000));
    for step in [1, 7, 4096, text.len()] {
        let mut out = Vec::new();
        let mut scrubber = secrets.scrubber(&mut out);
        for part in text.as_bytes().chunks(step) {
            io::Write::write_all(&mut scrubber, part).unwrap();
        }
        scrubber.end().unwrap();
        assert_eq!(String::from_utf8(out).unwrap(), text.replace(KEY, HIDDEN), "{step}");
    }
}

#[test]
fn of_a_query_only_what_is_named_so_is_secret() {
    let shown = secrets().scrub("/v1/chat?version=2024-02-01&api_key=sk-in-a-query").into_owned();
    assert_eq!(shown, format!("/v1/chat?version=2024-02-01&api_key={HIDDEN}"));
}

#[test]
fn literal_secrets_of_a_body_template_are_hidden_and_known() {
    let mut plan = Plan::new(vec![Target::parse("http://h").unwrap()], "m", Phase::closed(1, 1));
    let source = r#"{"t": {{ text|tojson }}, "api_key": "sk-in-a-template", "auth": "Bearer quo\"ted-key"}"#;
    plan.payload.template = Some(crate::plan::BodyTemplate::new(source).unwrap());
    let shown = serde_json::to_string(&plan).unwrap();
    assert!(!shown.contains("sk-in") && shown.contains(r#"\"api_key\": \"<redacted>\""#), "{shown}");
    assert!(!format!("{plan:?}").contains("sk-in-a-template"));
    let secrets = Secrets::in_bodies(&plan);
    for told in ["sk-in-a-template", r#"Bearer quo\"ted-key"#, "Bearer quo\"ted-key"] {
        assert_eq!(secrets.scrub(told), HIDDEN);
    }
    // What is read back can be compiled, and holds no secret.
    let read: Plan = serde_json::from_str(&shown).unwrap();
    assert_eq!(read.payload.template.unwrap().source().matches(HIDDEN).count(), 2);
}
