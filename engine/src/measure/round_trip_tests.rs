//! A summary is read back as it was written, and so is the verdict on it.

use super::Summary;
use super::testing::{plan, summary};
use crate::clock::{MILLI, SECOND};
use crate::host::HostFacts;
use crate::plan::{Slo, Threshold};
use crate::record::testing::{failed, streamed};
use crate::record::{Cause, Record};
use crate::verdict::{Verdict, judge};
use proptest::prelude::*;
use serde::{Serialize, de::DeserializeOwned};

fn again<T: Serialize + DeserializeOwned>(value: &T) {
    let written = serde_json::to_string(value).expect("it can be written");
    let read: T = serde_json::from_str(&written).unwrap_or_else(|e| panic!("{e}: {written}"));
    assert_eq!(serde_json::to_string(&read).expect("it can be written"), written);
}

fn requests() -> impl Strategy<Value = Vec<Record>> {
    let request = (0..8 * SECOND, 1..400 * MILLI, proptest::collection::vec(1..90 * MILLI, 0..12), 0..9_u8);
    proptest::collection::vec(request, 0..60).prop_map(|requests| {
        let made = requests.into_iter().enumerate().map(|(k, (at, ttft, gaps, fate))| {
            let record = streamed(k as u64, at, ttft, &gaps);
            match fate {
                0 => failed(record, Cause::Reset, 0, "connection reset"),
                1 => failed(record, Cause::HttpStatus, 503, "busy"),
                _ => record,
            }
        });
        made.collect()
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(if cfg!(miri) { 2 } else { 48 }))]

    #[test]
    fn summaries_and_verdicts_are_read_back_as_they_were_written(records in requests(), sliced: bool) {
        let mut plan = plan();
        plan.slice = sliced.then_some(SECOND);
        let texts = |all: &[&str]| all.iter().map(ToString::to_string).collect::<Vec<_>>();
        plan.slos = Slo::parse_all(&texts(&["time_to_first_token:200", "inter_token_latency:50"])).unwrap();
        plan.thresholds = ["ttft.p99>150ms", "error_rate>0.1"].map(|text| Threshold::parse(text).unwrap()).into();
        let summary: Summary = summary(&plan, &records);
        again(&summary);
        let verdict: Verdict = judge(&plan, &summary, &HostFacts::default(), None);
        again(&verdict);
        again(&plan);
    }
}
