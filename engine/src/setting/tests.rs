//! Default names are fields of a plan.

use super::Setting;
use crate::plan::{
    Audio, BodyTemplate, Cancellation, ClientClasses, Context, Format, ImageFormat, Images, Length, LengthDistribution,
    Load, LocalMedia, Pair, Phase, Plan, Prefill, Replay, Target, TokenizerSource, VideoContent, Videos,
};
use serde_json::{Value, json};
use std::path::PathBuf;

/// A plan in which every field that may be left out is there.
fn full() -> Plan {
    let mut plan = Plan::new(vec![Target::parse("http://a.test").unwrap()], "m", Phase::closed(1, 1));
    let length = Length { mean: 8.0, stddev: 1.0 };
    plan.profiling.prefill = Some(Prefill { concurrency: 1, ramp: None });
    plan.prompts.tokenizer = TokenizerSource::Named { name: "a/b".into(), revision: "main".into() };
    plan.prompts.distribution = LengthDistribution::Pairs(vec![Pair { isl: length, osl: length, percent: 100.0 }]);
    plan.prompts.turns.count = length;
    plan.prompts.context = Context { prefixes: 1, ..Context::default() };
    plan.prompts.chat_template = true;
    let mut replay = Replay::of(PathBuf::from("f"), Format::SingleTurn);
    replay.media = LocalMedia::Under(PathBuf::from("d"));
    replay.clients = ClientClasses { seed: 1, rate: Some(1.0) };
    plan.prompts.replay = Some(replay);
    plan.payload.texts = 2;
    plan.payload.images = Some(Images { count: 1, width: length, height: length, format: ImageFormat::Png });
    plan.payload.audio = Some(Audio {
        count: 1,
        seconds_mean: 1.0,
        seconds_stddev: 0.0,
        depths: vec![16],
        rates: vec![16_000],
        channels: 1,
    });
    plan.payload.videos = Some(Videos {
        count: 1,
        width: 8,
        height: 8,
        seconds: 1.0,
        fps: 1,
        content: VideoContent::Noise,
        channels: 0,
        rate: 8_000,
    });
    plan.payload.template = Some(BodyTemplate::new("{}").unwrap());
    plan.timeouts.ttft = Some(1);
    plan.timeouts.inter_token = Some(1);
    plan.cancellation = Some(Cancellation { share: 1.0, delay: 0 });
    plan.failed_request_threshold = Some(1.0);
    plan.max_errors = Some(1);
    plan.limits.buffered_bytes = Some(1);
    plan.network.read_rate = Some(1);
    plan.network.tcp.quickack = true;
    plan.network.tls.client = Some((PathBuf::from("c"), PathBuf::from("k")));
    plan
}

/// Fields that JSON has by another name than the plan, as JSON.
fn renamed(plan: &Plan) -> [(&'static str, Value); 3] {
    let tokenizer = json!(plan.prompts.tokenizer);
    [
        ("payload.audio", json!(plan.payload.audio)),
        ("prompts.distribution", json!(plan.prompts.distribution)),
        ("prompts.tokenizer.revision", tokenizer["name"]["revision"].clone()),
    ]
}

fn pointer(path: &str) -> String {
    format!("/{}", path.replace('.', "/"))
}

/// The fields that a default name has, and the value behind them.
fn parts(name: &str) -> Option<(&str, Option<&str>)> {
    let inside = name.strip_prefix("`plan.")?.strip_suffix('`')?;
    Some(inside.split_once(" = ").map_or((inside, None), |(path, value)| (path, Some(value))))
}

#[test]
fn default_names_are_fields_that_a_plan_has_and_values_that_it_takes() {
    let mut users = full();
    users.profiling.load = Load::Users { rate: 1.0, users: 1 };
    let renamed = renamed(&full());
    let mut plans = [full(), users].map(|plan| serde_json::to_value(plan).unwrap());
    for setting in Setting::ALL {
        let Some((path, value)) = parts(setting.default_name()) else {
            use Setting::{Calibration, MergedRecords, OutputFolder, RecordFolder, SameSeed};
            let none = [OutputFolder, RecordFolder, Calibration, SameSeed, MergedRecords];
            assert!(none.contains(setting), "{setting:?}: {}", setting.default_name());
            continue;
        };
        let pointer = pointer(path);
        let is_renamed = renamed.iter().any(|(field, value)| {
            let rest = path.strip_prefix(field).map(|rest| rest.replace('.', "/"));
            rest.is_some_and(|rest| value.pointer(&rest).is_some_and(|value| !value.is_null()))
        });
        let is_field = is_renamed || plans.iter().any(|plan| plan.pointer(&pointer).is_some());
        assert!(is_field, "{setting:?}: no field {path}");
        if let Some(value) = value {
            let was = plans[0].pointer_mut(&pointer).unwrap();
            let was = std::mem::replace(was, serde_json::from_str::<Value>(value).unwrap());
            let taken = serde_json::from_value::<Plan>(plans[0].clone());
            assert!(taken.is_ok(), "{setting:?}: {path} does not take {value}: {:?}", taken.err());
            *plans[0].pointer_mut(&pointer).unwrap() = was;
        }
    }
}

#[test]
fn a_setting_is_shown_by_its_default_name_until_a_program_has_chosen_others() {
    assert_eq!(Setting::BodyBytes.to_string(), "`plan.limits.body_bytes`");
    assert_eq!(Setting::Http2.to_string(), "`plan.network.http = \"http2\"`");
    assert_eq!(Setting::OutputFolder.to_string(), "output folder");
}
