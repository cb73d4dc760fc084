//! Secrets stay out of everything that is shown or written.

pub(crate) use ringload_engine::plan::Secrets;
use ringload_engine::plan::{HIDDEN, without_json_secrets, without_query_secrets};
use serde_json::Value;
use std::borrow::Cow;

/// The command line as it may be stored: quoted for a shell, without keys, header values, URL credentials, and whatever
/// else a name tells to be secret: in a query, in `name:value` and `name=value`, and in JSON.
pub(crate) fn command_line<'a>(args: impl IntoIterator<Item = &'a str>) -> String {
    let words = hidden_words(args.into_iter().skip(1));
    std::iter::once("ringload".to_owned()).chain(words.iter().map(|word| quoted(word))).collect::<Vec<_>>().join(" ")
}

/// A message about a command line without what [`command_line`] hides of it, nor any word of it that looks like a key.
pub(crate) fn message<'a>(text: &'a str, args: &[String]) -> Cow<'a, str> {
    let words = args.get(1..).unwrap_or_default();
    let shown = hidden_words(words.iter().map(String::as_str));
    let mut secrets: Vec<&str> =
        words.iter().zip(&shown).filter_map(|(word, shown)| hidden_part(word, shown)).collect();
    let pieces = words.iter().flat_map(|word| word.split([',', ' ', '=', ':', '"', '\'', '`']));
    secrets.extend(pieces.filter(|piece| looks_like_a_key(piece)));
    // A message may quote a part of it.
    let parts: Vec<&str> = secrets.iter().flat_map(|secret| secret.split([',', ' '])).collect();
    secrets.extend(parts);
    secrets.retain(|secret| secret.len() >= SHORTEST);
    secrets.sort_by_key(|secret| std::cmp::Reverse(secret.len()));
    let mut text = Cow::Borrowed(text);
    for secret in secrets {
        if text.contains(secret) {
            text = Cow::Owned(text.replace(secret, HIDDEN));
        }
    }
    text
}

/// What of a word stands behind what is shown of it.
fn hidden_part<'a>(word: &'a str, shown: &str) -> Option<&'a str> {
    if word == shown {
        return None;
    }
    let same = |a: &mut dyn Iterator<Item = (char, char)>| {
        a.take_while(|(a, b)| a == b).map(|(a, _)| a.len_utf8()).sum::<usize>()
    };
    let front = same(&mut word.chars().zip(shown.chars()));
    let back = same(&mut word[front..].chars().rev().zip(shown[front..].chars().rev()));
    Some(&word[front..word.len() - back])
}

/// Whether a word is as long and as mixed as keys are, and no path: of letters and digits, 16 in a row.
fn looks_like_a_key(word: &str) -> bool {
    let as_long = |run: &&str| {
        let digits = run.bytes().filter(u8::is_ascii_digit).count();
        run.len() >= 16 && digits >= 2 && digits < run.len()
    };
    !word.contains('/') && word.split(|c: char| !c.is_ascii_alphanumeric()).any(|run| as_long(&run))
}

fn hidden_words<'a>(args: impl Iterator<Item = &'a str>) -> Vec<String> {
    let mut hiding = Hiding::Nothing;
    let word = |arg| {
        let (word, next) = hidden(arg, hiding);
        hiding = next;
        word
    };
    args.map(word).collect()
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
    let bare = without_userinfo(value);
    let before_query = bare.split('?').next().unwrap_or_default();
    match before_query.contains(' ') || secret_in(before_query).is_some() {
        true => pairs(&bare),
        false => pairs(&without_query_secrets(&bare)),
    }
}

/// The text without what follows the first telling name in its `name=value` and `name:value` pairs: a secret may hold
/// blanks, commas and further pairs. Where all that follows are numbers under names, it is none.
fn pairs(text: &str) -> String {
    match secret_in(text) {
        Some(at) => format!("{}{HIDDEN}", &text[..at]),
        None => text.to_owned(),
    }
}

/// Where the value of the first telling name begins.
fn secret_in(text: &str) -> Option<usize> {
    let mut begin = 0;
    text.split_inclusive([',', ' ']).find_map(|pair| {
        let here = begin;
        begin += pair.len();
        let name = |at: usize| pair[..at].rsplit('&').next().unwrap_or_default();
        let tells = |at: usize| is_telling(name(at)) && is_secret(&text[here + at + 1..]);
        let at = pair.match_indices([':', '=']).map(|(at, _)| at).find(|at| tells(*at))?;
        Some(here + at + 1)
    })
}

/// Whether a value and what follows it may be a secret: all but the rest of a URL, what is hidden already, nothing, and
/// a number behind which there are only numbers under names.
fn is_secret(value: &str) -> bool {
    let rest = value.strip_prefix(HIDDEN).unwrap_or("-");
    if value.starts_with("//") || rest.is_empty() || rest.starts_with(['&', '#']) {
        return false;
    }
    let number = |text: &str| text.parse::<f64>().is_ok();
    let named = |pair: &str| pair.rsplit_once([':', '=']).is_some_and(|(_, value)| number(value));
    let mut parts = value.split([',', ' ']).filter(|part| !part.is_empty());
    let plain = parts.next().is_none_or(number) && parts.all(named);
    !plain
}

/// Whether a word of a name tells that the value is secret. Whole words only: a model may be called `qwen-coder:7b`.
fn is_telling(name: &str) -> bool {
    let mut words = name.split(|c: char| !c.is_ascii_alphanumeric());
    words.any(|word| SECRET_NAMES.iter().any(|name| word.eq_ignore_ascii_case(name)))
}

/// Bytes of the shortest secret that is looked for in a message.
const SHORTEST: usize = 6;
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
    fn a_secret_is_hidden_to_its_end_whatever_it_holds() {
        for (word, shown) in [
            ("authorization:Bearer sk-topsecret", "authorization:<redacted>"),
            ("password:alpha topsecret omega", "password:<redacted>"),
            ("password:a,topsecret", "password:<redacted>"),
            ("password:12 topsecret", "password:<redacted>"),
            ("password:12 x:topsecret", "password:<redacted>"),
            ("password: topsecret", "password:<redacted>"),
            ("password:what?topsecret", "password:<redacted>"),
            ("api_key=a topsecret", "api_key=<redacted>"),
            ("env=ci,token=a topsecret", "env=ci,token=<redacted>"),
            ("note:see topsecret? token:a topsecret", "note:see topsecret? token:<redacted>"),
            ("note:x?token:a,topsecret", "note:x?token:<redacted>"),
            ("/v1?password=a topsecret", "/v1?password=<redacted>"),
            ("time_to_first_token:200 inter_token_latency:5", "time_to_first_token:200 inter_token_latency:5"),
            ("/v1?api_key=a1&v=1", "/v1?api_key=<redacted>&v=1"),
        ] {
            assert_eq!(text(word), shown);
        }
    }

    #[test]
    fn a_message_shows_no_key_of_its_command_line() {
        for (line, text, shown) in [
            ("--api-key --sk-secret", "unexpected argument '--sk-secret'", "unexpected argument '<redacted>'"),
            ("--url unix:rel?key=abcdef", "`unix:rel?key=abcdef` is no path", "`unix:rel?key=<redacted>` is no path"),
            ("-k sk-Zq81topsecretXYZ09", "argument 'sk-Zq81topsecretXYZ09'", "argument '<redacted>'"),
            ("--endpoint-type chat?sig=abcdef", "'chat?sig=abcdef'", "'chat?sig=<redacted>'"),
            ("-H X:abcdef", "X: abcdef is one of abcdefs", "X: <redacted> is one of <redacted>s"),
            ("--extra-inputs api_key9f8e7d6c5b4a39281", "`api_key9f8e7d6c5b4a39281` has", "`<redacted>` has"),
            (
                "-m Qwen3-235B-A22B-Instruct-2507 --input-file /runs/3f2a9c81d0e7b645/a.jsonl --concurrency 1,x",
                "Qwen3-235B-A22B-Instruct-2507, /runs/3f2a9c81d0e7b645/a.jsonl and 1,x",
                "Qwen3-235B-A22B-Instruct-2507, /runs/3f2a9c81d0e7b645/a.jsonl and 1,x",
            ),
        ] {
            let args: Vec<String> = format!("ringload {line}").split(' ').map(str::to_owned).collect();
            assert_eq!(message(text, &args), shown, "{line}");
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
