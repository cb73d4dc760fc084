//! HTML and SVG in which whatever is not a literal of this program is escaped.

use crate::terminal::printable;
use std::fmt::Write;

/// A document as it is written. Tags and names of attributes are literals; values and text are escaped, and lose what
/// steers or hides ([`printable`]).
#[derive(Debug, Default)]
pub(super) struct Html(String);

/// The attributes of an element: name and value.
pub(super) type Attributes<'a> = &'a [(&'static str, &'a str)];

impl Html {
    /// Markup of this program's own.
    pub(super) fn raw(&mut self, markup: &'static str) -> &mut Self {
        self.0 += markup;
        self
    }

    /// Text.
    pub(super) fn text(&mut self, text: &str) -> &mut Self {
        escape(&printable(text), &mut self.0);
        self
    }

    /// `<tag …>`
    pub(super) fn open(&mut self, tag: &'static str, attributes: Attributes<'_>) -> &mut Self {
        self.0.push('<');
        self.0 += tag;
        for (name, value) in attributes {
            self.0.push(' ');
            self.0 += name;
            self.0 += "=\"";
            escape(&printable(value), &mut self.0);
            self.0.push('"');
        }
        self.0.push('>');
        self
    }

    /// `</tag>`
    pub(super) fn close(&mut self, tag: &'static str) -> &mut Self {
        self.0 += "</";
        self.0 += tag;
        self.0.push('>');
        self
    }

    /// An element that holds text.
    pub(super) fn element(&mut self, tag: &'static str, attributes: Attributes<'_>, text: &str) -> &mut Self {
        self.open(tag, attributes).text(text).close(tag)
    }

    /// What another has written.
    pub(super) fn append(&mut self, other: Self) -> &mut Self {
        self.0 += &other.0;
        self
    }

    /// A block of JSON that no browser runs, and that ends nowhere before its end.
    pub(super) fn json(&mut self, id: &str, value: &serde_json::Value) -> &mut Self {
        self.open("script", &[("type", "application/json"), ("id", id)]);
        for c in value.to_string().chars() {
            match c {
                '<' | '>' | '&' | '\u{2028}' | '\u{2029}' => {
                    let _ = write!(self.0, "\\u{:04x}", u32::from(c));
                }
                c => self.0.push(c),
            }
        }
        self.close("script")
    }

    /// Whether nothing was written.
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The document.
    pub(super) fn into_string(self) -> String {
        self.0
    }
}

fn escape(text: &str, to: &mut String) {
    for c in text.chars() {
        match c {
            '&' => *to += "&amp;",
            '<' => *to += "&lt;",
            '>' => *to += "&gt;",
            '"' => *to += "&quot;",
            '\'' => *to += "&#39;",
            c => to.push(c),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn nothing_that_is_not_a_literal_is_markup() {
        let hostile = "\"'><script>alert(1)</script>&amp;\u{202e}\x1b[31m";
        let mut html = Html::default();
        html.element("td", &[("title", hostile)], hostile);
        let inside = "&quot;&#39;&gt;&lt;script&gt;alert(1)&lt;/script&gt;&amp;amp; [31m";
        assert_eq!(html.into_string(), format!("<td title=\"{inside}\">{inside}</td>"));
    }

    #[test]
    fn a_block_of_json_holds_its_value_and_no_markup() {
        let value = json!({"</script>": "<!-- & \u{2028}"});
        let mut html = Html::default();
        html.json("data", &value);
        let text = html.into_string();
        let inside = text.strip_prefix("<script type=\"application/json\" id=\"data\">").unwrap();
        let inside = inside.strip_suffix("</script>").unwrap();
        assert!(!inside.contains(['<', '>', '&', '\u{2028}']), "{inside}");
        assert_eq!(serde_json::from_str::<serde_json::Value>(inside).unwrap(), value);
    }
}
