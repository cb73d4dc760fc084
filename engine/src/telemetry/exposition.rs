//! Lines of an exposition: Prometheus text format 0.0.4 and OpenMetrics 1.0.

use memchr::{memchr, memchr2, memchr3};

/// The kind of a family of series, by its `# TYPE` line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A sum that only grows, but for restarts of the server.
    Counter,
    /// A value that goes up and down; OpenMetrics' info and state sets too.
    Gauge,
    /// Cumulative buckets, a sum and a count.
    Histogram,
    /// Quantiles over the life of the server: they say nothing of a run.
    Summary,
    /// Nothing is said of it.
    Unknown,
}

impl Kind {
    /// The kind that a `# TYPE` line names.
    fn named(word: &str) -> Self {
        match word {
            "counter" => Self::Counter,
            "gauge" | "info" | "stateset" => Self::Gauge,
            "histogram" => Self::Histogram,
            "summary" | "gaugehistogram" => Self::Summary,
            _ => Self::Unknown,
        }
    }

    /// Its name in AIPerf's files.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Counter => "counter",
            Self::Gauge => "gauge",
            Self::Histogram => "histogram",
            Self::Summary => "summary",
            Self::Unknown => "unknown",
        }
    }
}

/// A line that says something.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Item<'a> {
    /// `# TYPE name kind`
    Type(&'a str, Kind),
    /// `# HELP name text`, as it stands: escapes are left.
    Help(&'a str, &'a str),
    /// `# UNIT name unit`
    Unit(&'a str, &'a str),
    /// A value of a series.
    Sample(Sample<'a>),
}

/// A value of a series. Its time stamp and exemplar are skipped.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Sample<'a> {
    /// Name and labels as they stand: `x_total{a="b"}`. The same series has the same text in every scrape of a server.
    pub series: &'a str,
    /// The value; may be NaN or infinite.
    pub value: f64,
}

/// Reads an exposition line by line. What cannot be read is counted, and the next line goes on.
#[derive(Clone, Debug)]
pub struct Exposition<'a> {
    rest: &'a str,
    /// Samples read so far.
    pub samples: u64,
    /// Lines so far that are no exposition.
    pub bad_lines: u64,
    /// The first of them, cut to a readable length.
    pub first_bad: Option<&'a str>,
    /// Whether OpenMetrics' `# EOF` was read, behind which nothing stands.
    pub ended: bool,
}

impl<'a> Exposition<'a> {
    /// Reads a text from its beginning.
    #[must_use]
    pub fn new(text: &'a str) -> Self {
        Self { rest: text, samples: 0, bad_lines: 0, first_bad: None, ended: false }
    }

    /// The next line that says something. Where the next line is a sample of the series `expected`, which is that of
    /// the same place in an earlier scrape, its labels are compared and not read.
    pub fn next(&mut self, expected: Option<&str>) -> Option<Item<'a>> {
        while !self.rest.is_empty() && !self.ended {
            if let Some(series) = expected
                && self.rest.starts_with(series)
                && matches!(self.rest.as_bytes().get(series.len()), Some(b' '))
            {
                let line = self.line();
                if let Some(value) = value_of(&line[series.len() + 1..]) {
                    self.samples += 1;
                    return Some(Item::Sample(Sample { series: &line[..series.len()], value }));
                }
                self.bad(line);
                continue;
            }
            let line = self.line();
            let line = line.strip_suffix('\r').unwrap_or(line);
            if line.len() > MOST_OF_A_LINE {
                self.bad(line);
                continue;
            }
            match line.as_bytes().first() {
                None => {}
                Some(b'#') => {
                    if line == "# EOF" {
                        self.ended = true;
                    } else if let Some(item) = comment(line) {
                        return Some(item);
                    }
                }
                Some(_) => match sample(line) {
                    Some(sample) => {
                        self.samples += 1;
                        return Some(Item::Sample(sample));
                    }
                    None if line.trim().is_empty() => {}
                    None => self.bad(line),
                },
            }
        }
        None
    }

    /// Whether what was read is an exposition at all: HTML and JSON have only bad lines.
    #[must_use]
    pub fn is_metrics(&self) -> bool {
        self.samples > self.bad_lines
    }

    fn line(&mut self) -> &'a str {
        let end = memchr(b'\n', self.rest.as_bytes());
        let (line, rest) = match end {
            Some(end) => (&self.rest[..end], &self.rest[end + 1..]),
            None => (self.rest, ""),
        };
        self.rest = rest;
        line
    }

    fn bad(&mut self, line: &'a str) {
        self.bad_lines += 1;
        let end = line.char_indices().nth(SHOWN_OF_A_LINE).map_or(line.len(), |(at, _)| at);
        self.first_bad.get_or_insert(&line[..end]);
    }
}

/// `# TYPE x counter` and its like; other comments say nothing.
fn comment(line: &str) -> Option<Item<'_>> {
    let rest = line[1..].trim_start_matches([' ', '\t']);
    let (word, rest) = rest.split_once([' ', '\t'])?;
    let rest = rest.trim_start_matches([' ', '\t']);
    let (name, text) = match rest.strip_prefix('"').and_then(|quoted| quoted.split_once('"')) {
        Some((name, text)) => (name, text.trim_start_matches([' ', '\t'])),
        None => rest.split_once([' ', '\t']).unwrap_or((rest, "")),
    };
    match word {
        "TYPE" => Some(Item::Type(name, Kind::named(text.trim()))),
        "HELP" => Some(Item::Help(name, text)),
        "UNIT" => Some(Item::Unit(name, text.trim())),
        _ => None,
    }
}

/// `name{labels} value [time stamp] [# exemplar]`
fn sample(line: &str) -> Option<Sample<'_>> {
    let bytes = line.as_bytes();
    let mut end = memchr3(b'{', b' ', b'\t', bytes)?;
    if !(is_name(&bytes[..end]) || end == 0 && bytes[0] == b'{') {
        return None;
    }
    // A blank may stand between name and brace.
    let after_blanks = end + blanks(&bytes[end..]);
    if bytes.get(after_blanks) == Some(&b'{') {
        end = after_blanks + closing_brace(&bytes[after_blanks..])? + 1;
    }
    let value = value_of(&line[end..])?;
    Some(Sample { series: &line[..end], value })
}

/// The place of the brace that closes the labels, quotes with their escapes left aside.
fn closing_brace(bytes: &[u8]) -> Option<usize> {
    let mut at = 1;
    loop {
        at += memchr2(b'"', b'}', &bytes[at..])?;
        if bytes[at] == b'}' {
            return Some(at);
        }
        at += 1;
        loop {
            at += memchr2(b'"', b'\\', &bytes[at..])?;
            if bytes[at] == b'"' {
                at += 1;
                break;
            }
            at += 2;
            if at > bytes.len() {
                return None;
            }
        }
    }
}

/// The value at the beginning of `text`; what follows it has to be a time stamp, an exemplar or nothing.
fn value_of(text: &str) -> Option<f64> {
    let text = text.trim_start_matches([' ', '\t']);
    let bytes = text.as_bytes();
    let end = memchr2(b' ', b'\t', bytes).unwrap_or(bytes.len());
    let word = text[..end].trim_end_matches('\r');
    let value = number(word)?;
    let rest = text[end..].trim_ascii();
    if rest.is_empty() || rest.starts_with("# {") {
        return Some(value);
    }
    let stamp = rest.split_ascii_whitespace().next()?;
    number(stamp)?;
    let rest = rest[stamp.len()..].trim_ascii_start();
    (rest.is_empty() || rest.starts_with("# {")).then_some(value)
}

/// A number; whole ones, which most are, without the general way.
fn number(word: &str) -> Option<f64> {
    let bytes = word.as_bytes();
    let whole = bytes.strip_suffix(b".0").unwrap_or(bytes);
    if (1..=EXACT_DIGITS).contains(&whole.len()) && whole.iter().all(u8::is_ascii_digit) {
        return Some(whole.iter().fold(0_u64, |sum, digit| sum * 10 + u64::from(digit - b'0')) as f64);
    }
    match bytes.first()? {
        b'0'..=b'9' | b'+' | b'-' | b'.' | b'N' | b'n' | b'I' | b'i' => word.parse().ok(),
        _ => None,
    }
}

fn blanks(bytes: &[u8]) -> usize {
    bytes.iter().take_while(|byte| matches!(byte, b' ' | b'\t')).count()
}

fn is_name(bytes: &[u8]) -> bool {
    let first = bytes.first().is_some_and(|b| b.is_ascii_alphabetic() || matches!(b, b'_' | b':'));
    first && bytes.iter().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b':'))
}

/// Digits of a whole number that an f64 holds exactly.
const EXACT_DIGITS: usize = 15;
/// A longer line is none: 64 labels of 4 KiB would be, and no server has them.
const MOST_OF_A_LINE: usize = 64 << 10;
const SHOWN_OF_A_LINE: usize = 80;
