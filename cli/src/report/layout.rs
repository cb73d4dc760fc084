//! Words and numbers in a fixed width.

/// Columns of the report.
pub(super) const WIDTH: usize = 80;

/// A number in at most six characters, in groups as those of [`count`].
pub(crate) fn short(value: f64) -> String {
    let size = value.abs();
    if !value.is_finite() {
        "-".into()
    } else if size < 999.995 {
        format!("{value:.2}")
    } else if size < 99_999.5 {
        let sign = if value < 0.0 { "-" } else { "" };
        format!("{sign}{}", count(size.round() as u64))
    } else if size < 999_950.0 {
        format!("{:.1}k", value / 1e3)
    } else if size < 99_950_000.0 {
        format!("{:.1}M", value / 1e6)
    } else if size < 999_500_000.0 {
        format!("{:.0}M", value / 1e6)
    } else {
        format!("{:.1}G", value / 1e9)
    }
}

/// A length of time given in ms, in the unit that suits it.
pub(crate) fn time(ms: f64) -> String {
    if !ms.is_finite() {
        "-".into()
    } else if ms.abs() < 0.9995 {
        format!("{:.1} µs", ms * 1e3)
    } else {
        format!("{} ms", short(ms))
    }
}

/// A share as a percentage.
pub(crate) fn percent(share: f64) -> String {
    if share.is_finite() { format!("{:.1} %", share * 100.0) } else { "-".into() }
}

/// A whole number with thin groups, as in `12 345`.
pub(crate) fn count(n: u64) -> String {
    let digits = n.to_string();
    let mut out = String::new();
    for (i, c) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            out.push(' ');
        }
        out.push(c);
    }
    out
}

/// Text without control characters: what a peer wrote must not steer a terminal.
pub(super) fn plain(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}

/// A heading under an empty line.
pub(super) fn heading(title: &str) -> String {
    format!("\n{title}\n")
}

/// `  label      text`, the text wrapped beside the label.
pub(super) fn line(label: &str, text: &str) -> String {
    let indent = LABEL + 2;
    let lines = wrap(text, WIDTH - indent);
    let mut out = String::new();
    for (i, part) in lines.iter().enumerate() {
        let label = if i == 0 { label } else { "" };
        out += format!("  {label:<LABEL$}{part}").trim_end();
        out.push('\n');
    }
    out
}

/// Words in lines of at most `width` characters; a longer word is cut.
pub(super) fn wrap(text: &str, width: usize) -> Vec<String> {
    let mut lines: Vec<String> = vec![String::new()];
    for word in words(&plain(text)) {
        let mut rest: Vec<char> = word.chars().collect();
        let used = lines.last().map_or(0, |l| l.chars().count());
        if used > 0 && used + 1 + rest.len() > width {
            lines.push(String::new());
        }
        while rest.len() > width {
            let tail = rest.split_off(width);
            if let Some(last) = lines.last_mut() {
                last.extend(rest);
            }
            lines.push(String::new());
            rest = tail;
        }
        if let Some(last) = lines.last_mut() {
            if !last.is_empty() {
                last.push(' ');
            }
            last.extend(rest);
        }
    }
    lines
}

/// The words of a text; the groups of a number, as [`count`] writes it, are one.
fn words(text: &str) -> Vec<String> {
    let mut words: Vec<String> = Vec::new();
    for word in text.split_whitespace() {
        let digits = |word: &str| word.chars().take_while(char::is_ascii_digit).count();
        let goes_on = digits(word) == 3;
        match words.last_mut() {
            Some(before) if goes_on && ends_in_group(before) => *before += &format!(" {word}"),
            _ => words.push(word.to_owned()),
        }
    }
    words
}

/// Whether a word ends in one to three digits that can begin a number.
fn ends_in_group(word: &str) -> bool {
    let before = word.trim_end_matches(|c: char| c.is_ascii_digit());
    (1..=3).contains(&(word.len() - before.len())) && !before.ends_with(['.', ',', ':'])
}

const LABEL: usize = 15;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_keep_to_six_characters() {
        for (value, shown) in [
            (0.0, "0.00"),
            (999.994, "999.99"),
            (999.996, "1 000"),
            (1_257.6, "1 258"),
            (99_999.4, "99 999"),
            (99_999.6, "100.0k"),
            (123_456.0, "123.5k"),
            (999_949.0, "999.9k"),
            (999_999.6, "1.0M"),
            (123_456_789.0, "123M"),
            (1.2e9, "1.2G"),
            (f64::NAN, "-"),
        ] {
            assert_eq!(short(value), shown);
            assert!(short(value).len() <= 6);
        }
        assert_eq!(
            (time(0.0123), time(12.3), count(1_234_567)),
            ("12.3 µs".into(), "12.30 ms".into(), "1 234 567".into())
        );
    }

    #[test]
    fn long_words_are_cut_and_control_characters_dropped() {
        assert_eq!(wrap("ab cdefgh i", 4), ["ab", "cdef", "gh i"]);
        assert_eq!(wrap("a\x1b[31mb", 80), ["a [31mb"]);
    }

    #[test]
    fn a_number_is_not_broken_between_its_groups() {
        assert_eq!(wrap("at most 3 638: so", 11), ["at most", "3 638: so"]);
        assert_eq!(wrap("at +12 345 678 a", 9), ["at", "+12 345 6", "78 a"]);
        assert_eq!(wrap("of 0.5 200 and 1234 567", 6), ["of 0.5", "200", "and", "1234", "567"]);
    }
}
