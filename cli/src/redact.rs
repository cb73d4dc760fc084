//! Secrets stay out of everything that is shown or written.

pub(crate) use ringload_engine::plan::Secrets;
use ringload_engine::plan::{HIDDEN, without_json_secrets, without_query_secrets};
use serde_json::Value;

/// The command line as it may be stored: quoted for a shell, without keys, header values, URL credentials, and whatever
/// else a name tells to be secret: in a query, in `name:value` and `name=value`, and in JSON.
pub(crate) fn command_line<'a>(args: impl IntoIterator<Item = &'a str>) -> String {
    let mut words = Vec::new();
    let mut hiding = Hiding::Nothing;
    for (i, arg) in args.into_iter().enumerate() {
        if i == 0 {
            words.push("ringload".to_owned());
            continue;
        }
        let (word, next) = hidden(arg, hiding);
        hiding = next;
        words.push(quoted(&word));
    }
    words.join(" ")
}

/// What the next word is, if it must be hidden.
#[derive(Clone, Copy, PartialEq)]
enum Hiding {
    Nothing,
    Key,
    Headers,
}

fn hidden(arg: &str, hiding: Hiding) -> (String, Hiding) {
    // The value of --api-key may begin with a dash; a header list ends at the next flag.
    if hiding == Hiding::Key {
        return (HIDDEN.into(), Hiding::Nothing);
    }
    match arg {
        "--api-key" => return (arg.into(), Hiding::Key),
        "--header" | "-H" => return (arg.into(), Hiding::Headers),
        _ => {}
    }
    if let Some(value) = arg.strip_prefix("-H").filter(|_| !arg.starts_with("--")) {
        return (format!("-H{}", header(value)), Hiding::Headers);
    }
    match arg.split_once('=').filter(|_| arg.starts_with("--")) {
        Some(("--api-key", _)) => (format!("--api-key={HIDDEN}"), Hiding::Nothing),
        Some(("--header", value)) => (format!("--header={}", header(value)), Hiding::Headers),
        Some((flag, value)) => (format!("{flag}={}", text(value)), Hiding::Nothing),
        None if arg.starts_with('-') => (arg.to_owned(), Hiding::Nothing),
        None if hiding == Hiding::Headers => (header(arg), Hiding::Headers),
        None => (text(arg), Hiding::Nothing),
    }
}

fn header(text: &str) -> String {
    match text.split_once(':') {
        Some((name, _)) if !text.trim_start().starts_with('{') => format!("{name}:{HIDDEN}"),
        _ => HIDDEN.into(),
    }
}

/// A value of any flag.
fn text(value: &str) -> String {
    if value.trim_start().starts_with(['{', '[']) {
        return match serde_json::from_str::<Value>(value) {
            Ok(json) if without_json_secrets("", &json) == json => value.to_owned(),
            Ok(json) => without_json_secrets("", &json).to_string(),
            Err(_) => pairs(value),
        };
    }
    if value.contains('?') {
        return without_query_secrets(&without_userinfo(value));
    }
    pairs(&without_userinfo(value))
}

/// The text with the values of telling names hidden in its `name=value` and `name:value` pairs, which commas and blanks
/// part. A number is no secret.
fn pairs(text: &str) -> String {
    let mut shown = String::new();
    for pair in text.split_inclusive([',', ' ']) {
        let body = pair.trim_end_matches([',', ' ']);
        let secret = body.match_indices([':', '=']).find(|(at, _)| {
            let value = body[at + 1..].trim();
            is_telling(&body[..*at]) && !value.starts_with("//") && !value.is_empty() && value.parse::<f64>().is_err()
        });
        match secret {
            Some((at, _)) => {
                shown += &body[..=at];
                shown += HIDDEN;
                shown += &pair[body.len()..];
            }
            None => shown += pair,
        }
    }
    shown
}

/// Whether a word of a name tells that the value is secret. Whole words only: a model may be called `qwen-coder:7b`.
fn is_telling(name: &str) -> bool {
    let mut words = name.split(|c: char| !c.is_ascii_alphanumeric());
    words.any(|word| SECRET_NAMES.iter().any(|name| word.eq_ignore_ascii_case(name)))
}

const SECRET_NAMES: &[&str] = &[
    "apikey",
    "auth",
    "authorization",
    "bearer",
    "cookie",
    "credential",
    "credentials",
    "header",
    "jwt",
    "key",
    "passphrase",
    "passwd",
    "password",
    "pwd",
    "sas",
    "secret",
    "sig",
    "signature",
    "token",
];

fn without_userinfo(text: &str) -> String {
    let Some((scheme, rest)) = text.split_once("://") else {
        return text.to_owned();
    };
    let authority_end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    match rest[..authority_end].rfind('@') {
        Some(at) => format!("{scheme}://{HIDDEN}{}", &rest[at..]),
        None => text.to_owned(),
    }
}

fn quoted(word: &str) -> String {
    let plain = |b: u8| b.is_ascii_alphanumeric() || b"-_=./:,@%+<>[]".contains(&b);
    if !word.is_empty() && word.bytes().all(plain) && !word.contains(['[', '<']) {
        word.to_owned()
    } else {
        format!("'{}'", word.replace('\'', r"'\''"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_and_header_values_are_hidden_in_every_spelling() {
        for line in [
            "--api-key sk-topsecret",
            "--api-key=sk-topsecret",
            "-H X-Key:sk-topsecret",
            "-HX-Key:sk-topsecret",
            "-H=X-Key:sk-topsecret",
            "--header=X-Key:sk-topsecret",
            "--header A:b X-Key:sk-topsecret --concurrency 3",
            r#"--header {"A":"sk-topsecret"}"#,
            "--api-key -sk-topsecret",
            "--url http://bob:sk-topsecret@host/x",
            "--url=http://sk-topsecret@host",
            "--endpoint /v1/chat?api_key=sk-topsecret&v=1",
            "--endpoint=/v1/chat?v=1&sig=sk-topsecret",
            "--variant light:auth=sk-topsecret,concurrency=8",
            "--variant header=X:sk-topsecret",
            "--extra-inputs jwt:sk-topsecret",
            r#"--extra-inputs {"credential":"sk-topsecret","n":1}"#,
            r#"--extra-inputs {"credential":"sk-topsecret""#,
        ] {
            let words: Vec<&str> = std::iter::once("/bin/ringload").chain(line.split(' ')).collect();
            let shown = command_line(words);
            assert!(!shown.contains("topsecret") && shown.contains("redacted"), "{shown}");
        }
    }

    #[test]
    fn the_rest_can_be_pasted_into_a_shell() {
        assert_eq!(
            command_line([
                "x",
                "profile",
                "-m",
                "a/b",
                "--goodput",
                "time_to_first_token:200 x:1",
                "--api-key-file",
                "k"
            ]),
            "ringload profile -m a/b --goodput 'time_to_first_token:200 x:1' --api-key-file k"
        );
        for word in [
            "min_tokens:100",
            "http://h:8000/v1?version=2",
            r#"{"ignore_eos":true}"#,
            "output_token_count:5",
            "key=7",
            "org/qwen-coder:7b",
            "monkey:latest",
        ] {
            assert_eq!(text(word), word);
        }
    }
}
