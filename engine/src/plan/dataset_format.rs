//! The formats of dataset files.

use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// The format of a dataset file. `dataset/` reads each.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// What AIPerf writes of its own requests.
    InputsJson,
    /// ShareGPT: conversations of messages.
    ShareGpt,
    /// Input files of OpenAI's batch API.
    OpenAiBatch,
    /// NVIDIA's SPEED-Bench: conversations, of one of its categories or all.
    SpeedBench(SpeedBench),
    /// What Amazon SageMaker captures of an endpoint.
    SageMaker,
    /// AIPerf's conversations that begin others.
    Dag,
    /// Coding sessions of Weka's KV-cache-tester.
    Weka,
    /// Spans of OpenTelemetry's conventions for generative AI.
    OtelGenAi,
    /// Completions that Baseten has traced.
    Baseten,
    /// vLLM's custom dataset.
    VllmCustom,
    /// Alibaba's Bailian traces.
    Bailian,
    /// Sessions of several turns.
    MultiTurn,
    /// Whole request bodies.
    RawPayload,
    /// Mooncake traces.
    Mooncake,
    /// BurstGPT traces.
    BurstGpt,
    /// Azure's LLM inference traces.
    Azure,
    /// One request a line.
    SingleTurn,
    /// Texts to draw from.
    RandomPool,
    /// Classes of clients, as ServeGen describes them.
    ServeGen,
}

impl Format {
    /// All of them, in the order in which a file is held against them.
    pub fn all() -> impl Iterator<Item = Self> {
        [
            Self::InputsJson,
            Self::ShareGpt,
            Self::OpenAiBatch,
            Self::SpeedBench(SpeedBench::ALL),
            Self::SageMaker,
            Self::Weka,
            Self::OtelGenAi,
            Self::Dag,
            Self::Bailian,
            Self::MultiTurn,
            Self::RawPayload,
            Self::Mooncake,
            Self::Baseten,
            Self::VllmCustom,
            Self::BurstGpt,
            Self::Azure,
            Self::SingleTurn,
            Self::RandomPool,
            Self::ServeGen,
        ]
        .into_iter()
    }

    /// Its name, and others for the same.
    const fn names(self) -> &'static [&'static str] {
        match self {
            Self::InputsJson => &["inputs_json"],
            Self::ShareGpt => &["sharegpt"],
            Self::OpenAiBatch => &["openai_batch"],
            Self::SpeedBench(_) => &["speed_bench_qualitative", "speed_bench"],
            Self::SageMaker => &["sagemaker_data_capture"],
            Self::Dag => &["dag_jsonl"],
            Self::Weka => &["weka_trace", "weka"],
            Self::OtelGenAi => &["otel_genai", "otel"],
            Self::Baseten => &["baseten_trace", "baseten"],
            Self::VllmCustom => &["vllm_custom", "custom"],
            Self::Bailian => &["bailian_trace", "bailian"],
            Self::MultiTurn => &["multi_turn"],
            Self::RawPayload => &["raw_payload"],
            Self::Mooncake => &["mooncake_trace"],
            Self::BurstGpt => &["burst_gpt_trace", "burst_gpt"],
            Self::Azure => &["azure", "azure_trace"],
            Self::SingleTurn => &["single_turn"],
            Self::RandomPool => &["random_pool"],
            Self::ServeGen => &["servegen"],
        }
    }

    /// The format of this name.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        let part = SpeedBench::named(name).map(Self::SpeedBench);
        part.or_else(|| Self::all().find(|format| format.names().contains(&name)))
    }

    /// Its name in files and flags.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::SpeedBench(part) => part.name(),
            _ => self.names()[0],
        }
    }

    /// Tokens of a block of its `hash_ids`, unless the user says otherwise.
    #[must_use]
    pub fn block(self) -> u32 {
        match self {
            Self::Bailian => 16,
            Self::Weka => 64,
            _ => 512,
        }
    }

    /// Whether it may be a folder of files.
    #[must_use]
    pub fn is_folder(self) -> bool {
        matches!(self, Self::RandomPool | Self::RawPayload | Self::SageMaker | Self::Weka | Self::ServeGen)
    }

    /// The ending of its files in a folder.
    #[must_use]
    pub fn ending(self) -> &'static str {
        if self == Self::Weka { "json" } else { "jsonl" }
    }

    /// A file of a folder of them is one conversation, whatever its rows say.
    #[must_use]
    pub fn is_conversation(self) -> bool {
        self == Self::RawPayload
    }

    /// Its rows are drawn from, rather than sent one after the other.
    #[must_use]
    pub fn is_pool(self) -> bool {
        self == Self::RandomPool
    }
}

impl Format {
    /// The category of rows that are wanted, where not all are.
    #[must_use]
    pub fn category(self) -> Option<&'static str> {
        match self {
            Self::SpeedBench(part) => part.category(),
            _ => None,
        }
    }

    /// Its rows have times of a calendar, and lie in any order in several files.
    #[must_use]
    pub fn is_captured(self) -> bool {
        matches!(self, Self::SageMaker | Self::OtelGenAi | Self::Baseten)
    }
}

/// A part of SPEED-Bench, by its place in the table of parts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SpeedBench(usize);

impl SpeedBench {
    /// All rows of a file.
    pub const ALL: Self = Self(0);

    /// The part of this name, as AIPerf writes it: `speed_bench_coding`, `speed_bench_throughput_1k_mixed`.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        let place = PARTS.iter().position(|(part, _)| *part == name);
        place.or_else(|| THROUGHPUT.iter().position(|(part, _)| *part == name).map(|i| i + PARTS.len())).map(Self)
    }

    fn part(self) -> (&'static str, Option<&'static str>) {
        PARTS.iter().chain(&THROUGHPUT).nth(self.0).copied().unwrap_or(PARTS[0])
    }

    fn name(self) -> &'static str {
        self.part().0
    }

    fn category(self) -> Option<&'static str> {
        self.part().1
    }
}

/// Parts of the qualitative file, and the category of each.
const PARTS: [(&str, Option<&str>); 12] = [
    ("speed_bench_qualitative", None),
    ("speed_bench_coding", Some("coding")),
    ("speed_bench_humanities", Some("humanities")),
    ("speed_bench_math", Some("math")),
    ("speed_bench_multilingual", Some("multilingual")),
    ("speed_bench_qa", Some("qa")),
    ("speed_bench_rag", Some("rag")),
    ("speed_bench_reasoning", Some("reasoning")),
    ("speed_bench_roleplay", Some("roleplay")),
    ("speed_bench_stem", Some("stem")),
    ("speed_bench_summarization", Some("summarization")),
    ("speed_bench_writing", Some("writing")),
];

/// Parts of the files for throughput: an input length each, and three tiers of entropy.
const THROUGHPUT: [(&str, Option<&str>); 20] = [
    ("speed_bench_throughput_1k", None),
    ("speed_bench_throughput_1k_low_entropy", Some("low_entropy")),
    ("speed_bench_throughput_1k_mixed", Some("mixed")),
    ("speed_bench_throughput_1k_high_entropy", Some("high_entropy")),
    ("speed_bench_throughput_2k", None),
    ("speed_bench_throughput_2k_low_entropy", Some("low_entropy")),
    ("speed_bench_throughput_2k_mixed", Some("mixed")),
    ("speed_bench_throughput_2k_high_entropy", Some("high_entropy")),
    ("speed_bench_throughput_8k", None),
    ("speed_bench_throughput_8k_low_entropy", Some("low_entropy")),
    ("speed_bench_throughput_8k_mixed", Some("mixed")),
    ("speed_bench_throughput_8k_high_entropy", Some("high_entropy")),
    ("speed_bench_throughput_16k", None),
    ("speed_bench_throughput_16k_low_entropy", Some("low_entropy")),
    ("speed_bench_throughput_16k_mixed", Some("mixed")),
    ("speed_bench_throughput_16k_high_entropy", Some("high_entropy")),
    ("speed_bench_throughput_32k", None),
    ("speed_bench_throughput_32k_low_entropy", Some("low_entropy")),
    ("speed_bench_throughput_32k_mixed", Some("mixed")),
    ("speed_bench_throughput_32k_high_entropy", Some("high_entropy")),
];

impl<'de> Deserialize<'de> for Format {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        let name = String::deserialize(d)?;
        Self::named(&name).ok_or_else(|| D::Error::custom(format!("no format is called `{name}`")))
    }
}

impl Serialize for Format {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.serialize_str(self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_is_one_formats() {
        let names: Vec<_> = Format::all().flat_map(|f| f.names()).collect();
        for name in &names {
            assert_eq!(names.iter().filter(|n| *n == name).count(), 1, "{name}");
        }
    }

    #[test]
    fn parts_of_speed_bench_have_a_category_each() {
        let category = |name: &str| Format::named(name).unwrap().category();
        assert_eq!(category("speed_bench_qualitative"), None);
        assert_eq!(category("speed_bench_writing"), Some("writing"));
        assert_eq!(category("speed_bench_throughput_16k_high_entropy"), Some("high_entropy"));
        assert_eq!(Format::named("speed_bench_poetry"), None);
        for name in ["speed_bench_coding", "speed_bench_throughput_32k"] {
            assert_eq!(Format::named(name).unwrap().name(), name);
        }
    }
}
