//! Lines one by one.

use super::super::labels::Labels;
use super::super::{Exposition, Item, Kind};
use proptest::prelude::*;

fn samples(text: &str) -> (Vec<(&str, f64)>, u64) {
    let mut lines = Exposition::new(text);
    let mut found = Vec::new();
    while let Some(item) = lines.next(None) {
        if let Item::Sample(sample) = item {
            found.push((sample.series, sample.value));
        }
    }
    (found, lines.bad_lines)
}

#[test]
fn values_in_all_their_forms_are_read() {
    for (text, value) in [
        ("x 1", 1.0),
        ("x 1.0", 1.0),
        ("x 0", 0.0),
        ("x 1e+06", 1e6),
        ("x 3.0e-05", 3e-5),
        ("x -2.5", -2.5),
        ("x .5", 0.5),
        ("x\t7", 7.0),
        ("x  7  ", 7.0),
        ("x +Inf", f64::INFINITY),
        ("x -Inf", f64::NEG_INFINITY),
        ("x 123456789012345", 123_456_789_012_345.0),
        ("x 12345678901234567890", 12_345_678_901_234_567_890.0),
        ("x 9.007199254740993e15", 9_007_199_254_740_992.0),
        ("x 5 1395066363000", 5.0),
        ("x 5 1520879607.789", 5.0),
        ("x 5\r", 5.0),
    ] {
        assert_eq!(samples(text), (vec![("x", value)], 0), "{text:?}");
    }
    let (found, bad) = samples("x NaN\n");
    assert!(found[0].1.is_nan() && bad == 0);
}

#[test]
fn what_is_no_sample_is_counted_and_the_next_line_goes_on() {
    for text in [
        "x",
        "x one",
        "x 1 soon",
        "x{a=\"b\" 1",
        "x{a=\"b\\",
        "9x 1",
        "{\"a\": 1}",
        "<html>",
        "x{a=\"b\"}",
        "x 0x10",
        "x 1 2 3",
    ] {
        let page = format!("{text}\ny 2\n");
        assert_eq!(samples(&page), (vec![("y", 2.0)], 1), "{text:?}");
    }
    let long = format!("x{{a=\"{}\"}} 1\ny 2", "b".repeat(70_000));
    assert_eq!(samples(&long), (vec![("y", 2.0)], 1));
    let mut html = Exposition::new("<html>\n<body>no metrics</body>\n</html>");
    while html.next(None).is_some() {}
    assert!(!html.is_metrics());
    assert_eq!(html.first_bad, Some("<html>"));
}

#[test]
fn quotes_hold_braces_commas_and_escapes() {
    let text = "x{a=\"}, # \\\" \\\\ \\n\",b=\"\"} 4 # {trace_id=\"1}\"} 0.67 1.5e9\n";
    let (found, bad) = samples(text);
    assert_eq!((found.len(), found[0].1, bad), (1, 4.0, 0));
    let (name, labels) = Labels::read(found[0].0).unwrap();
    assert_eq!((name.as_str(), labels.get("a"), labels.get("b")), ("x", Some("}, # \" \\ \n"), Some("")));
    let (name, labels) = Labels::read("{\"my.metric\", \"a b\"=\"c\",}").unwrap();
    assert_eq!((name.as_str(), labels.get("a b")), ("my.metric", Some("c")));
    for broken in ["x{a}", "x{a=b}", "x{a=\"b\" c=\"d\"}", "{a=\"b\"}", "x{", "x{a=\"b\\"] {
        assert_eq!(Labels::read(broken), None, "{broken}");
    }
    let many: Vec<String> = (0..65).map(|n| format!("l{n}=\"v\"")).collect();
    assert_eq!(Labels::read(&format!("x{{{}}}", many.join(","))), None);
    assert_eq!(Labels::read(&format!("x{{a=\"{}\"}}", "v".repeat(4097))), None);
}

#[test]
fn comments_say_kind_help_and_unit_and_eof_ends_the_text() {
    let text = "# HELP x All of it.\n#TYPE x counter\n# UNIT x seconds\n# anything\n# TYPE y histogram\nx_total 1\n# EOF\nz 1\n";
    let mut lines = Exposition::new(text);
    let mut items = Vec::new();
    while let Some(item) = lines.next(None) {
        items.push(item);
    }
    assert_eq!(
        items[..4],
        [
            Item::Help("x", "All of it."),
            Item::Type("x", Kind::Counter),
            Item::Unit("x", "seconds"),
            Item::Type("y", Kind::Histogram)
        ]
    );
    assert!(lines.ended && lines.samples == 1 && items.len() == 5);
}

#[test]
fn an_expected_series_is_compared_and_read_the_same() {
    let text = "x{a=\"b\"} 1\nx{a=\"b\"} one\nx{a=\"bc\"} 2\n";
    let mut lines = Exposition::new(text);
    let mut found = Vec::new();
    while let Some(Item::Sample(sample)) = lines.next(Some("x{a=\"b\"}")) {
        found.push((sample.series, sample.value));
    }
    assert_eq!(found, [("x{a=\"b\"}", 1.0), ("x{a=\"bc\"}", 2.0)]);
    assert_eq!(lines.bad_lines, 1);
}

proptest! {
    #[test]
    fn any_text_is_read_to_its_end_with_or_without_an_expectation(text in "[ -~\n\t\"{}=,#\\\\é]{0,200}", expected in "[a-z]{1,3}") {
        let read = |expected: Option<&str>| {
            let mut lines = Exposition::new(&text);
            let mut found = Vec::new();
            while let Some(item) = lines.next(expected) {
                found.push(format!("{item:?}"));
            }
            (found, lines.samples, lines.bad_lines)
        };
        prop_assert_eq!(read(None), read(Some(&expected)));
    }

    #[test]
    fn what_is_written_is_read(name in "[a-z_:][a-z0-9_:]{0,8}", labels in prop::collection::btree_map("[a-z]{1,4}", ".{0,12}", 0..4), value in prop::num::f64::NORMAL) {
        let escape = |text: &str| text.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n");
        let written: Vec<String> = labels.iter().map(|(k, v)| format!("{k}=\"{}\"", escape(v))).collect();
        let line = format!("{name}{{{}}} {value:e}\n", written.join(","));
        let (found, bad) = samples(&line);
        prop_assert_eq!(bad, 0);
        prop_assert_eq!(found[0].1, value);
        let (read_name, read) = Labels::read(found[0].0).unwrap();
        prop_assert_eq!(read_name, name);
        prop_assert_eq!(read.0, labels.into_iter().collect::<Vec<_>>());
    }
}
