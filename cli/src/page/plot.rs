//! A chart of lines as SVG: it stretches with the page, its words do not.

use super::html::Html;
use super::scale::Scale;
use serde_json::Value;

/// A chart.
pub(super) struct Plot<'a> {
    /// Its heading.
    pub(super) title: String,
    /// What stands at the horizontal axis, with the unit.
    pub(super) across: &'a str,
    /// What the vertical axis counts.
    pub(super) unit: &'a str,
    /// The horizontal axis.
    pub(super) x: Scale,
    /// The vertical axis.
    pub(super) y: Scale,
    /// Its lines.
    pub(super) lines: Vec<Line>,
    /// Whether the lines are read from the vertical axis: values of the horizontal one for each of its places.
    pub(super) turned: bool,
    /// Vertical marks: a value of the horizontal axis and its name.
    pub(super) marks: Vec<(f64, String)>,
    /// What lies behind the lines.
    pub(super) ground: Option<Ground>,
    /// Words for who does not see it.
    pub(super) words: String,
}

/// Cells behind the lines of a chart.
pub(super) struct Ground {
    /// A path for each level of darkness, the lightest first: squares of side 1.
    pub(super) levels: Vec<String>,
    /// Columns and rows of cells; the first row is the topmost.
    pub(super) cells: (usize, usize),
    /// From which to which value of the horizontal axis the columns go.
    pub(super) span: (f64, f64),
}

/// A line of a chart.
pub(super) struct Line {
    /// Its name.
    pub(super) name: String,
    /// Its points; a hole where there is no value.
    pub(super) points: Vec<(f64, Option<f64>)>,
    /// The path of its values in the report's JSON, `*` for each element of an array.
    pub(super) at: Option<String>,
    /// Whether its points are marked, as where there are few.
    pub(super) dots: bool,
    /// Whether a line goes through them.
    pub(super) joined: bool,
}

impl Plot<'_> {
    /// Writes it.
    pub(super) fn write(&self, html: &mut Html) {
        let (own, unit) = if self.turned { (self.unit, self.across) } else { (self.across, self.unit) };
        let (low, high, log) = if self.turned { self.y } else { self.x }.ends();
        let places = self.lines.first().map_or_else(Vec::new, |line| {
            line.points
                .iter()
                .map(|(x, y)| if self.turned { y.map_or(Value::Null, number) } else { number(*x) })
                .collect()
        });
        let turned = if self.turned { "true" } else { "false" };
        html.open(
            "figure",
            &[("class", "plot"), ("tabindex", "0"), ("data-unit", unit), ("data-own", own), ("data-turned", turned)],
        );
        html.open("figcaption", &[]).element("strong", &[], &self.title);
        if self.lines.len() > 1 {
            for (i, line) in self.lines.iter().enumerate() {
                html.element("span", &[("class", HUES[i % HUES.len()])], &line.name);
            }
        }
        html.element("output", &[("aria-live", "polite")], "").close("figcaption");
        let places = Value::Array(places).to_string();
        html.open(
            "svg",
            &[
                ("width", "100%"),
                ("height", "150"),
                ("role", "img"),
                ("aria-label", &self.words),
                ("data-places", &places),
                ("data-low", &low.to_string()),
                ("data-high", &high.to_string()),
                ("data-log", if log { "true" } else { "false" }),
            ],
        );
        self.axes(html);
        html.raw("<svg viewBox=\"0 0 1000 1000\" preserveAspectRatio=\"none\" width=\"100%\" height=\"150\">");
        if let Some(ground) = &self.ground {
            self.ground(html, ground);
        }
        for (i, line) in self.lines.iter().enumerate() {
            self.line(html, line, HUES[i % HUES.len()]);
        }
        html.raw("</svg>");
        for (i, line) in self.lines.iter().enumerate().filter(|(_, line)| line.dots) {
            for (x, y) in line.points.iter().filter_map(|(x, y)| Some((x, y.as_ref()?))) {
                let (cx, cy) = (across(self.x.at(*x)), down(self.y.at(*y)));
                html.open("circle", &[("class", HUES[i % HUES.len()]), ("cx", &cx), ("cy", &cy), ("r", "3")]);
                html.close("circle");
            }
        }
        for (i, (at, name)) in self.marks.iter().enumerate() {
            let place = self.x.at(*at);
            let (at, y) = (across(place), (146 - 12 * (self.marks.len() - 1 - i)).to_string());
            let (dx, end) = if place > 0.75 { ("-3", "end") } else { ("3", "start") };
            html.open("line", &[("class", "mark"), ("x1", &at), ("x2", &at), ("y1", "0"), ("y2", "150")]);
            html.close("line").element("text", &[("x", &at), ("y", &y), ("dx", dx), ("text-anchor", end)], name);
        }
        html.raw("<line class=\"cursor\" visibility=\"hidden\"></line></svg></figure>");
    }

    fn axes(&self, html: &mut Html) {
        for (value, words) in self.y.ticks(super::scale::TICKS) {
            let y = down(self.y.at(value));
            html.open("line", &[("class", "grid"), ("x1", "0"), ("x2", "100%"), ("y1", &y), ("y2", &y)]).close("line");
            html.element("text", &[("x", "-6"), ("y", &y), ("dy", "4"), ("text-anchor", "end")], &words);
        }
        let ticks = self.x.ticks(5);
        for (value, words) in &ticks {
            let place = self.x.at(*value);
            let x = across(place);
            html.open("line", &[("class", "tick"), ("x1", &x), ("x2", &x), ("y1", "150"), ("y2", "154")]);
            html.close("line").element("text", &[("x", &x), ("y", "166"), ("text-anchor", anchor(place))], words);
        }
        html.element("text", &[("class", "across"), ("x", "100%"), ("y", "181"), ("text-anchor", "end")], self.across);
        html.element("text", &[("class", "across"), ("x", "-54"), ("y", "-9"), ("text-anchor", "start")], self.unit);
    }

    fn ground(&self, html: &mut Html, ground: &Ground) {
        let (low, high, _) = self.x.ends();
        let place = |x: f64| (x - low) / (high - low) * 1e3;
        let (from, to) = (place(ground.span.0), place(ground.span.1));
        let (wide, tall) = ((to - from) / ground.cells.0.max(1) as f64, 1e3 / ground.cells.1.max(1) as f64);
        let transform = format!("translate({from:.2} 0) scale({wide:.4} {tall:.4})");
        html.open("g", &[("class", "heat"), ("transform", &transform), ("shape-rendering", "crispEdges")]);
        for level in &ground.levels {
            html.open("path", &[("d", level)]).close("path");
        }
        html.close("g");
    }

    fn line(&self, html: &mut Html, line: &Line, hue: &'static str) {
        let value = |(x, y): &(f64, Option<f64>)| if self.turned { number(*x) } else { y.map_or(Value::Null, number) };
        let values = Value::Array(line.points.iter().map(value).collect()).to_string();
        let mut path = String::new();
        let mut pen = "M";
        for (x, y) in line.points.iter().filter(|_| line.joined) {
            match y.filter(|y| y.is_finite()) {
                Some(y) => {
                    let (x, y) = (self.x.at(*x) * 1e3, (1.0 - self.y.at(y)) * 1e3);
                    path += &format!("{pen}{x:.0} {y:.0}");
                    pen = "L";
                }
                None => pen = "M",
            }
        }
        let mut attributes = vec![("class", hue), ("d", path.as_str()), ("vector-effect", "non-scaling-stroke")];
        attributes.extend([("data-name", line.name.as_str()), ("data-values", values.as_str())]);
        if let Some(at) = &line.at {
            attributes.push(("data-at", at));
        }
        html.open("path", &attributes).close("path");
    }
}

/// A number as JSON has it.
fn number(value: f64) -> Value {
    serde_json::Number::from_f64(value).map_or(Value::Null, Value::Number)
}

/// A place from the left.
pub(super) fn across(share: f64) -> String {
    format!("{:.2}%", share * 100.0)
}

/// A place from the top, of a chart 150 pixels high.
fn down(share: f64) -> String {
    format!("{:.1}", (1.0 - share) * 150.0)
}

/// On which side of its place a word stands, so that it stays within the chart.
fn anchor(place: f64) -> &'static str {
    match place {
        p if p < 0.02 => "start",
        p if p > 0.98 => "end",
        _ => "middle",
    }
}

/// The classes of the lines, in order.
const HUES: [&str; 6] = ["a", "b", "c", "d", "e", "f"];
