//! Secrets stay out of everything that is shown or written.

use ringload_engine::plan::HIDDEN;
pub(crate) use ringload_engine::plan::Secrets;

/// The command line as it may be stored: quoted for a shell, without keys, header values and URL credentials.
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
    if arg.starts_with("--api-key=") {
        return (format!("--api-key={HIDDEN}"), Hiding::Nothing);
    }
    if let Some(value) = arg.strip_prefix("--header=") {
        return (format!("--header={}", header(value)), Hiding::Headers);
    }
    if let Some(value) = arg.strip_prefix("-H").filter(|_| !arg.starts_with("--")) {
        return (format!("-H{}", header(value)), Hiding::Headers);
    }
    if arg.starts_with('-') {
        return (without_userinfo(arg), Hiding::Nothing);
    }
    match hiding {
        Hiding::Headers => (header(arg), Hiding::Headers),
        _ => (without_userinfo(arg), Hiding::Nothing),
    }
}

fn header(text: &str) -> String {
    match text.split_once(':') {
        Some((name, _)) if !text.trim_start().starts_with('{') => format!("{name}:{HIDDEN}"),
        _ => HIDDEN.into(),
    }
}

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
        ] {
            let words: Vec<&str> = std::iter::once("/bin/ringload")
                .chain(line.split(' '))
                .collect();
            let shown = command_line(words);
            assert!(
                !shown.contains("topsecret") && shown.contains("redacted"),
                "{shown}"
            );
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
    }
}
