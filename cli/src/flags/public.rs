//! Public datasets by AIPerf's names: which there are, where their rows are, and what of a row is sent.

use clap::Args;

/// A public dataset.
#[derive(Args, Clone, Debug, Default)]
#[command(next_help_heading = "Trace")]
pub(crate) struct PublicArgs {
    /// A public dataset by AIPerf's name, instead of synthetic prompts: its rows are had from the Hugging Face hub and
    /// kept in HF_HOME/ringload/datasets; with --input-file, they are those of that file (a JSON object a line).
    #[arg(long, value_name = "NAME", value_parser = parse)]
    pub(crate) public_dataset: Option<&'static PublicDataset>,

    /// Another subset (configuration) of the public dataset than its usual one.
    #[arg(long, value_name = "NAME", requires = "public_dataset")]
    pub(crate) hf_subset: Option<String>,

    /// The repository of the hub that --public-dataset weka_hf is: traces of coding sessions.
    #[arg(long, value_name = "OWNER/NAME", requires = "public_dataset")]
    pub(crate) hf_weka_dataset: Option<String>,

    /// Take only rows of the public dataset whose column has this value; repeatable.
    #[arg(long, value_name = "COLUMN=VALUE", requires = "public_dataset", value_parser = filter, num_args = 1..)]
    pub(crate) dataset_filter: Vec<(String, String)>,
}

fn filter(text: &str) -> Result<(String, String), String> {
    let both = text.split_once('=').map(|(column, value)| (column.trim().to_owned(), value.trim().to_owned()));
    both.filter(|(column, value)| !column.is_empty() && !value.is_empty())
        .ok_or_else(|| "write COLUMN=VALUE, as in harness=tool_calling".into())
}

/// A public dataset.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct PublicDataset {
    /// AIPerf's name.
    pub(crate) name: &'static str,
    /// Where it is.
    pub(crate) source: Source,
    /// What of a row is sent.
    pub(crate) row: Row,
}

/// Where a dataset is.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Source {
    /// Rows of a repository of the hub.
    Rows {
        /// Repository.
        repo: &'static str,
        /// Configuration.
        subset: &'static str,
        /// Split.
        split: &'static str,
    },
    /// A file of a repository of the hub.
    File {
        /// Repository.
        repo: &'static str,
        /// Name in it.
        file: &'static str,
    },
    /// A file at a URL.
    Url(&'static str),
}

/// What of a row is sent.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Row {
    /// A column with a text, and one with an image where there is any.
    Text {
        /// Column of the text.
        text: &'static str,
        /// Column of the image; empty without.
        image: &'static str,
    },
    /// A text in which columns stand in braces.
    Template(&'static str),
    /// A column with the user's texts: the first alone.
    First(&'static str),
    /// A column with the user's texts, a turn each.
    Turns(&'static str),
    /// The first message of a user in a column of messages, and a column with an image.
    Chat {
        /// Column of the messages.
        messages: &'static str,
        /// Key of a message's text.
        content: &'static str,
        /// Column of the image, or of images.
        image: &'static str,
    },
    /// A question with its choices about a video.
    Video,
    /// A column with audio, to be transcribed.
    Audio(&'static str),
    /// The file is a dataset of the format `sharegpt`.
    ShareGpt,
    /// The row is a session of the format `weka_trace`.
    CodingSession,
    /// The row is a recorded session, with a span for each of its calls.
    CallSpans,
}

impl Row {
    /// Rows that are asked for at once: sessions have megabytes.
    pub(crate) fn page(&self) -> usize {
        if matches!(self, Self::CodingSession | Self::CallSpans) { 5 } else { 100 }
    }
}

fn parse(text: &str) -> Result<&'static PublicDataset, String> {
    let name = text.to_ascii_lowercase().replace('-', "_");
    if let Some(found) = DATASETS.iter().find(|dataset| dataset.name == name) {
        return Ok(found);
    }
    let all: Vec<&str> = DATASETS.iter().map(|dataset| dataset.name).collect();
    let near = if name.starts_with("speed_bench") {
        format!("; {name} is a format: write --custom-dataset-type {name} --input-file FILE")
    } else {
        String::new()
    };
    Err(format!("ringload has {}{near}", all.join(", ")))
}

const fn rows(
    name: &'static str,
    repo: &'static str,
    subset: &'static str,
    split: &'static str,
    row: Row,
) -> PublicDataset {
    PublicDataset { name, source: Source::Rows { repo, subset, split }, row }
}

const fn text(column: &'static str) -> Row {
    Row::Text { text: column, image: "" }
}

/// The prompt of both Blazedit datasets, as vLLM's benchmark has it.
const BLAZEDIT: &str = "Given a code file, please apply the change requests and generate the new file.\n\nOriginal file:\n```python\n{code}\n```\n\n\
Change request:\n{change_request}\n\nPlease generate the new code file in the \"New file\" section below.";

/// Coding sessions of Weka's KV-cache-tester, published by SemiAnalysis.
const fn coding(name: &'static str, repo: &'static str) -> PublicDataset {
    rows(name, repo, "default", "train", Row::CodingSession)
}

static DATASETS: [PublicDataset; 42] = [
    PublicDataset {
        name: "sharegpt",
        source: Source::File {
            repo: "anon8231489123/ShareGPT_Vicuna_unfiltered",
            file: "ShareGPT_V3_unfiltered_cleaned_split.json",
        },
        row: Row::ShareGpt,
    },
    PublicDataset {
        name: "spec_bench",
        source: Source::Url(
            "https://raw.githubusercontent.com/hemingkx/Spec-Bench/main/data/spec_bench/question.jsonl",
        ),
        row: Row::First("turns"),
    },
    rows("aimo", "AI-MO/NuminaMath-TIR", "default", "train", text("problem")),
    rows("aimo_aime", "AI-MO/aimo-validation-aime", "default", "train", text("problem")),
    rows("aimo_numina_cot", "AI-MO/NuminaMath-CoT", "default", "train", text("problem")),
    rows("aimo_numina_1_5", "AI-MO/NuminaMath-1.5", "default", "train", text("problem")),
    rows("instruct_coder", "likaixin/InstructCoder", "default", "train", text("instruction")),
    rows("blazedit_5k", "vdaita/edit_5k_char", "default", "train", Row::Template(BLAZEDIT)),
    rows("blazedit_10k", "vdaita/edit_10k_char", "default", "train", Row::Template(BLAZEDIT)),
    rows("spec_al_gsm8k", "openai/gsm8k", "main", "test", text("question")),
    rows("spec_al_math500", "HuggingFaceH4/MATH-500", "default", "test", text("problem")),
    rows("spec_al_humaneval", "openai/openai_humaneval", "openai_humaneval", "test", text("prompt")),
    rows("spec_al_mbpp", "google-research-datasets/mbpp", "full", "test", text("text")),
    rows("spec_al_mtbench", "HuggingFaceH4/mt_bench_prompts", "default", "train", Row::Turns("prompt")),
    rows("mmstar", "Lin-Chen/MMStar", "val", "val", Row::Text { text: "question", image: "image" }),
    rows("mmvu", "yale-nlp/MMVU", "default", "validation", Row::Video),
    rows(
        "vision_arena",
        "lmarena-ai/VisionArena-Chat",
        "default",
        "train",
        Row::Chat { messages: "conversation", content: "content", image: "images" },
    ),
    rows(
        "llava_onevision",
        "lmms-lab/LLaVA-OneVision-Data",
        "sharegpt4o",
        "train",
        Row::Chat { messages: "conversations", content: "value", image: "image" },
    ),
    rows("librispeech", "openslr/librispeech_asr", "clean", "test", Row::Audio("audio")),
    rows("voxpopuli", "facebook/voxpopuli", "en", "test", Row::Audio("audio")),
    rows("gigaspeech", "speechcolab/gigaspeech", "xs", "test", Row::Audio("audio")),
    rows("ami", "edinburghcstr/ami", "ihm", "test", Row::Audio("audio")),
    rows("spgispeech", "kensho/spgispeech", "test", "test", Row::Audio("audio")),
    coding("semianalysis_cc_traces_weka", "semianalysisai/cc-traces-weka-no-subagents-051826"),
    coding("semianalysis_cc_traces_weka_no_subagents", "semianalysisai/cc-traces-weka-no-subagents-051826"),
    coding("semianalysis_cc_traces_weka_with_subagents", "semianalysisai/cc-traces-weka-062126"),
    coding("semianalysis_cc_traces_weka_with_subagents_256k", "semianalysisai/cc-traces-weka-062126-256k"),
    coding("semianalysis_cc_traces_weka_with_subagents_060226", "semianalysisai/cc-traces-weka-with-subagents-060226"),
    coding(
        "semianalysis_cc_traces_weka_with_subagents_060226_256k",
        "semianalysisai/cc-traces-weka-with-subagents-060226-256k",
    ),
    coding("semianalysis_cc_traces_weka_with_subagents_060526", "semianalysisai/cc-traces-weka-with-subagents-060526"),
    coding(
        "semianalysis_cc_traces_weka_with_subagents_060526_256k",
        "semianalysisai/cc-traces-weka-with-subagents-060526-256k",
    ),
    coding("semianalysis_cc_traces_weka_with_subagents_060826", "semianalysisai/cc-traces-weka-with-subagents-060826"),
    coding(
        "semianalysis_cc_traces_weka_with_subagents_060826_256k",
        "semianalysisai/cc-traces-weka-with-subagents-060826-256k",
    ),
    coding("semianalysis_cc_traces_weka_061326", "semianalysisai/cc-traces-weka-061326"),
    coding("semianalysis_cc_traces_weka_061326_256k", "semianalysisai/cc-traces-weka-061326-256k"),
    coding("semianalysis_cc_traces_weka_061526", "semianalysisai/cc-traces-weka-061526"),
    coding("semianalysis_cc_traces_weka_061526_256k", "semianalysisai/cc-traces-weka-061526-256k"),
    coding("semianalysis_cc_traces_weka_062126", "semianalysisai/cc-traces-weka-062126"),
    coding("semianalysis_cc_traces_weka_062126_256k", "semianalysisai/cc-traces-weka-062126-256k"),
    coding("weka_hf", ""),
    rows("exgentic", "Exgentic/agent-llm-traces", "default", "train", Row::CallSpans),
    rows("exgentic_v2", "Exgentic/agent-llm-traces-v2", "default", "train", Row::CallSpans),
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::flags::testing::{args, refused};

    #[test]
    fn a_dataset_is_known_by_its_name_and_others_are_told() {
        let given = args("-m x --public-dataset spec-bench --request-count 5").public;
        assert_eq!(given.public_dataset.unwrap().row, Row::First("turns"));
        let said = refused("-m x --public-dataset exgentic_v9");
        assert!(said.contains("exgentic_v9") && said.contains("sharegpt") && said.contains("ami"), "{said}");
        assert!(
            refused("-m x --public-dataset speed-bench-coding").contains("--custom-dataset-type speed_bench_coding")
        );
        let corpus = args("-m x --public-dataset semianalysis_cc_traces_weka_with_subagents --request-count 5").public;
        assert_eq!(
            corpus.public_dataset.unwrap().source,
            Source::Rows { repo: "semianalysisai/cc-traces-weka-062126", subset: "default", split: "train" }
        );
        assert!(refused("-m x --hf-subset y").contains("--public-dataset"));
        for (i, dataset) in DATASETS.iter().enumerate() {
            assert!(DATASETS[..i].iter().all(|other| other.name != dataset.name), "{}", dataset.name);
        }
    }
}
