//! Chat templates: what a model sees of a conversation, as its own Jinja template renders it.

use crate::clock::{self, SECOND};
use crate::error::{Error, Result};
use crate::files;
use crate::jinja::{self, Bounded};
use crate::setting::Setting;
use minijinja::machinery::WhitespaceConfig;
use minijinja::{ErrorKind, Value as Jinja, context};
use minijinja_contrib::pycompat::unknown_method_callback;
use serde_json::{Map, Value};
use std::path::Path;

/// The chat template of a model: `chat_template.jinja`, else `chat_template` of `tokenizer_config.json`.
#[derive(Debug)]
pub struct ChatTemplate {
    compiled: Bounded,
    /// `bos_token`, `eos_token` and the like.
    special: Map<String, Value>,
}

impl ChatTemplate {
    /// Reads the template of a tokenizer: `own` is a `chat_template.jinja`, `config` a `tokenizer_config.json`; neither
    /// needs to be there.
    ///
    /// # Errors
    /// When what is there is no template, with its line.
    pub(super) fn read(config: Option<&Path>, own: Option<&Path>) -> Result<Option<Self>> {
        let read = |path: Option<&Path>| match path.filter(|path| path.exists()) {
            Some(path) => files::small(path, LARGEST_FILE).map(Some).map_err(|e| {
                Error::environment(
                    format!("{}: {e}", path.display()),
                    format!("pass the tokenizer of the served model; or leave {} out", Setting::ChatTemplate),
                )
            }),
            None => Ok(None),
        };
        let broken = |path: Option<&Path>, e: &dyn std::fmt::Display| {
            Error::environment(
                format!("{}: {e}", path.unwrap_or(Path::new("")).display()),
                "fetch it again, or pass the tokenizer.json itself",
            )
        };
        let parsed = match read(config)? {
            Some(bytes) => serde_json::from_slice(&bytes).map_err(|e| broken(config, &e))?,
            None => Map::new(),
        };
        let text = match read(own)? {
            Some(bytes) => Some(String::from_utf8(bytes).map_err(|e| broken(own, &e))?),
            None => None,
        };
        match text.or_else(|| named(parsed.get("chat_template")?)) {
            Some(text) => Self::new(&text, &parsed).map(Some),
            None => Ok(None),
        }
    }

    /// A template and the special tokens of a `tokenizer_config.json`.
    ///
    /// # Errors
    /// When it is no Jinja template.
    pub fn new(template: &str, config: &Map<String, Value>) -> Result<Self> {
        let mut environment = jinja::environment();
        environment.set_unknown_method_callback(|state, value, method, args| {
            jinja::check_method(value, method, args)?;
            unknown_method_callback(state, value, method, args)
        });
        environment.add_function("raise_exception", |what: String| -> std::result::Result<Jinja, minijinja::Error> {
            Err(minijinja::Error::new(ErrorKind::InvalidOperation, what))
        });
        environment.add_function("strftime_now", |format: String| today(&format));
        environment.add_filter("tojson", to_json);
        let whitespace = WhitespaceConfig { trim_blocks: true, lstrip_blocks: true, ..WhitespaceConfig::default() };
        let compiled = Bounded::new(environment, template, whitespace).map_err(|e| {
            Error::environment(
                format!("the chat template does not compile: {e}"),
                format!("leave {} out, and report the template: ringload should read it", Setting::ChatTemplate),
            )
        })?;
        let special = config.iter().filter(|(name, _)| name.ends_with("_token"));
        Ok(Self { compiled, special: special.map(|(name, value)| (name.clone(), token(value))).collect() })
    }

    /// What the model sees of these messages, up to where it begins to answer.
    ///
    /// # Errors
    /// What the template says against them.
    pub fn render(&self, messages: &[Value], tools: Option<&Value>) -> Result<String> {
        let special = Jinja::from_serialize(&self.special);
        let rendered = self.compiled.render(context! {
            messages => Jinja::from_serialize(messages),
            tools => tools.map(Jinja::from_serialize),
            add_generation_prompt => true,
            ..special
        });
        rendered.map_err(|e| {
            Error::usage(
                format!("the chat template refuses a conversation: {}", shortened(&format!("{e:#}"))),
                format!("send what the model's template takes; or leave {} out", Setting::ChatTemplate),
            )
        })
    }
}

/// The beginning of what a template says, which may be of any length.
fn shortened(text: &str) -> String {
    let mut short: String = text.chars().take(LONGEST_ERROR).collect();
    if short.len() < text.len() {
        short.push('…');
    }
    short
}

/// The template of a config: a text, or that named `default` of a list.
fn named(value: &Value) -> Option<String> {
    if let Some(text) = value.as_str() {
        return Some(text.to_owned());
    }
    let list = value.as_array()?;
    let of = |name: &str| list.iter().find(|t| t["name"] == name);
    of("default").or(list.first())?["template"].as_str().map(str::to_owned)
}

/// The text of a token that is a text or an object with `content`.
fn token(value: &Value) -> Value {
    value.get("content").unwrap_or(value).clone()
}

/// As Python's `json.dumps(value, ensure_ascii=False, indent=indent)`: a blank after each comma and colon.
fn to_json(value: &Jinja, options: minijinja::value::Kwargs) -> std::result::Result<Jinja, minijinja::Error> {
    let indent: Option<usize> = options.get("indent")?;
    jinja::check_indent(indent.unwrap_or(0))?;
    let _: Option<bool> = options.get("ensure_ascii")?;
    let _: Option<Jinja> = options.get("separators")?;
    let _: Option<bool> = options.get("sort_keys")?;
    options.assert_all_used()?;
    let tree =
        serde_json::to_value(value).map_err(|e| minijinja::Error::new(ErrorKind::BadSerialization, e.to_string()))?;
    let mut out = String::new();
    write_json(&tree, indent, 0, &mut out);
    Ok(Jinja::from_safe_string(out))
}

fn write_json(value: &Value, indent: Option<usize>, depth: usize, out: &mut String) {
    let line = |out: &mut String, depth: usize| {
        if let Some(indent) = indent {
            out.push('\n');
            out.extend(std::iter::repeat_n(' ', indent * depth));
        }
    };
    let comma = if indent.is_some() { "," } else { ", " };
    let (open, close, n) = match value {
        Value::Array(list) => ('[', ']', list.len()),
        Value::Object(map) => ('{', '}', map.len()),
        other => {
            out.push_str(&other.to_string());
            return;
        }
    };
    out.push(open);
    let fields = value.as_object().into_iter().flatten().map(|(name, v)| (Some(name), v));
    let elements = value.as_array().into_iter().flatten().map(|v| (None, v));
    for (i, (name, element)) in fields.chain(elements).enumerate() {
        if i > 0 {
            out.push_str(comma);
        }
        line(out, depth + 1);
        if let Some(name) = name {
            out.push_str(&Value::String(name.clone()).to_string());
            out.push_str(": ");
        }
        write_json(element, indent, depth + 1, out);
    }
    if n > 0 {
        line(out, depth);
    }
    out.push(close);
}

/// Today's date, by the directives that templates use: `%Y %m %d %b %B %y %H %M`. UTC.
fn today(format: &str) -> String {
    date(format, clock::realtime() / SECOND)
}

fn date(format: &str, seconds: u64) -> String {
    // Days → civil date, by years that begin in March.
    let days = seconds / 86_400 + 719_468;
    let (era, of_era) = (days / 146_097, days % 146_097);
    let year_of_era = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let m = (5 * of_year + 2) / 153;
    let day = of_year - (153 * m + 2) / 5 + 1;
    let month = if m < 10 { m + 3 } else { m - 9 };
    let year = year_of_era + era * 400 + u64::from(month <= 2);
    let name = MONTHS[(month - 1) as usize];
    let pairs = [
        ("%Y", year.to_string()),
        ("%y", format!("{:02}", year % 100)),
        ("%m", format!("{month:02}")),
        ("%d", format!("{day:02}")),
        ("%b", name[..3].to_owned()),
        ("%B", name.to_owned()),
        ("%H", format!("{:02}", seconds / 3_600 % 24)),
        ("%M", format!("{:02}", seconds / 60 % 60)),
    ];
    pairs.iter().fold(format.to_owned(), |text, (from, to)| text.replace(from, to))
}

const MONTHS: [&str; 12] = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
];
/// Most bytes of a `tokenizer_config.json` and of a `chat_template.jinja`.
const LARGEST_FILE: u64 = 64 << 20;
pub(super) const CONFIG: &str = "tokenizer_config.json";
pub(super) const FILE: &str = "chat_template.jinja";
/// Most characters of what a template says against a conversation.
const LONGEST_ERROR: usize = 1_000;

#[cfg(test)]
#[path = "template_tests.rs"]
mod tests;
