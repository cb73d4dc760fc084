//! Figures as JSON: what is not finite is absent, counts are whole.

use ringload_engine::measure::{Metric, Stats};
use serde_json::{Map, Number, Value};

/// A finite number, or nothing.
pub(crate) fn finite(value: f64) -> Option<Value> {
    Number::from_f64(value).map(Value::Number)
}

/// A single value of a request that counts things, where it is whole: to be written so.
pub(crate) fn whole(value: f64, unit: &str) -> Option<i64> {
    let counts = matches!(unit, "tokens" | "requests" | "count");
    (counts && value.fract() == 0.0 && value.abs() < MOST_EXACT).then_some(value as i64)
}

/// The value of a flag: a number is a number in the file.
pub(crate) fn typed(value: &str) -> Value {
    serde_json::from_str(value).unwrap_or_else(|_| value.into())
}

/// A metric as AIPerf writes it: `unit`, `avg`, and the statistics where requests have values of their own.
pub(crate) fn metric(metric: &Metric) -> Value {
    let mut object = Map::new();
    object.insert("unit".into(), metric.info.unit.into());
    put(&mut object, "avg", metric.avg);
    if let Some(stats) = &metric.stats {
        for (key, value) in percentiles(stats) {
            put(&mut object, key, value);
        }
        put(&mut object, "min", stats.min);
        put(&mut object, "max", stats.max);
        put(&mut object, "std", stats.std);
        object.insert("count".into(), stats.count.into());
        put(&mut object, "sum", stats.sum);
    }
    // Beyond AIPerf's fields, and only where it holds.
    if !metric.exact {
        object.insert("approximate".into(), true.into());
    }
    Value::Object(object)
}

/// AIPerf's percentiles, in its order.
pub(crate) fn percentiles(s: &Stats) -> [(&'static str, f64); 9] {
    [
        ("p1", s.p1),
        ("p5", s.p5),
        ("p10", s.p10),
        ("p25", s.p25),
        ("p50", s.p50),
        ("p75", s.p75),
        ("p90", s.p90),
        ("p95", s.p95),
        ("p99", s.p99),
    ]
}

/// The value without keys that hold nothing: absent rather than null.
pub(crate) fn without_nulls(value: Value) -> Value {
    match value {
        Value::Object(map) => {
            Value::Object(map.into_iter().filter(|(_, v)| !v.is_null()).map(|(k, v)| (k, without_nulls(v))).collect())
        }
        Value::Array(items) => Value::Array(items.into_iter().map(without_nulls).collect()),
        other => other,
    }
}

fn put(object: &mut Map<String, Value>, key: &str, value: f64) {
    if let Some(value) = finite(value) {
        object.insert(key.into(), value);
    }
}

/// Whole numbers up to here are exact in a double.
const MOST_EXACT: f64 = 9_007_199_254_740_992.0;
