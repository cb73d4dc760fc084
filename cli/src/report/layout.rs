//! Words and numbers in a fixed width.

/// Columns of the report.
pub(super) const WIDTH: usize = 80;

/// A number in at most six characters.
pub(crate) fn short(value: f64) -> String {
    let size = value.abs();
    if !value.is_finite() {
        "-".into()
    } else if size < 999.995 {
        format!("{value:.2}")
    } else if size < 9_999.95 {
        format!("{value:.1}")
    } else if size < 999_999.5 {
        format!("{value:.0}")
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
    for word in plain(text).split_whitespace() {
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

const LABEL: usize = 15;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_keep_to_six_characters() {
        for (value, shown) in [
            (0.0, "0.00"),
            (999.994, "999.99"),
            (999.996, "1000.0"),
            (9_999.96, "10000"),
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
}
