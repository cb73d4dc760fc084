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
}

impl Format {
    /// All of them, in the order in which a file is held against them.
    pub fn all() -> impl Iterator<Item = Self> {
        [
            Self::InputsJson,
            Self::ShareGpt,
            Self::OpenAiBatch,
            Self::Bailian,
            Self::MultiTurn,
            Self::RawPayload,
            Self::Mooncake,
            Self::BurstGpt,
            Self::Azure,
            Self::SingleTurn,
            Self::RandomPool,
        ]
        .into_iter()
    }

    /// Its name, and others for the same.
    const fn names(self) -> &'static [&'static str] {
        match self {
            Self::InputsJson => &["inputs_json"],
            Self::ShareGpt => &["sharegpt"],
            Self::OpenAiBatch => &["openai_batch"],
            Self::Bailian => &["bailian_trace", "bailian"],
            Self::MultiTurn => &["multi_turn"],
            Self::RawPayload => &["raw_payload"],
            Self::Mooncake => &["mooncake_trace"],
            Self::BurstGpt => &["burst_gpt_trace", "burst_gpt"],
            Self::Azure => &["azure", "azure_trace"],
            Self::SingleTurn => &["single_turn"],
            Self::RandomPool => &["random_pool"],
        }
    }

    /// The format of this name.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Self::all().find(|format| format.names().contains(&name))
    }

    /// Its name in files and flags.
    #[must_use]
    pub fn name(self) -> &'static str {
        self.names()[0]
    }

    /// Tokens of a block of its `hash_ids`, unless the user says otherwise.
    #[must_use]
    pub fn block(self) -> u32 {
        if self == Self::Bailian { 16 } else { 512 }
    }

    /// Whether it may be a folder of files.
    #[must_use]
    pub fn is_folder(self) -> bool {
        matches!(self, Self::RandomPool | Self::RawPayload)
    }

    /// Its rows are drawn from, rather than sent one after the other.
    #[must_use]
    pub fn is_pool(self) -> bool {
        self == Self::RandomPool
    }
}

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
}
