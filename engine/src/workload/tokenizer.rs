//! The client's tokenizer: a file, a directory, a hub name, or the built-in vocabulary.

use super::hub::Hub;
use super::template::{self, ChatTemplate};
use super::vocabulary::{self, Encoded, Vocabulary};
use crate::error::{Error, Result};
use crate::files;
use crate::plan::TokenizerSource;
use crate::setting::Setting;
use std::io;
use std::path::{Path, PathBuf};

/// A loaded tokenizer. Texts are encoded without special tokens, and never truncated or padded.
#[derive(Debug)]
pub struct Tokenizer {
    inner: Vocabulary,
    name: String,
    builtin: bool,
    /// Where its file is.
    directory: Option<PathBuf>,
    template: Option<ChatTemplate>,
}

impl Tokenizer {
    /// Loads what `source` names: an existing file, else an existing directory with a `tokenizer.json`, else a name on
    /// the hub.
    ///
    /// # Errors
    /// When nothing is there, or what is there is no tokenizer; the error says what was looked for, where, and what to
    /// do.
    pub fn load(source: &TokenizerSource, hub: &Hub) -> Result<Self> {
        match source {
            TokenizerSource::Builtin => Self::builtin(),
            TokenizerSource::Named { name, revision } => {
                let path = Path::new(name);
                let is_here = path.is_file() || path.is_dir();
                if name == BUILTIN && !is_here {
                    return Self::builtin();
                }
                vocabulary::check_can_read(name)?;
                if path.is_file() {
                    Self::from_file(path, name)
                } else if is_here {
                    Self::from_file(&in_directory(path)?, name)
                } else {
                    Self::from_file(&hub.tokenizer_file(name, revision)?, name)
                }
            }
        }
    }

    /// The vocabulary shipped with ringload: a byte-level BPE of 2 048 entries; without the feature `tokenizers`, its
    /// words alone. It reads any text; its counts are approximate for every real model.
    ///
    /// # Errors
    /// [`crate::Blame::Bug`] when the shipped file is broken.
    pub fn builtin() -> Result<Self> {
        let inner = Vocabulary::read(VOCABULARY)
            .map_err(|e| Error::bug(format!("the built-in vocabulary does not load: {e}")))?;
        Ok(Self { inner, name: BUILTIN.into(), builtin: true, directory: None, template: None })
    }

    fn from_file(path: &Path, name: &str) -> Result<Self> {
        let bytes = files::small(path, LARGEST_FILE).map_err(|e| unreadable(path, &e))?;
        let inner = Vocabulary::read(&bytes).map_err(|e| {
            Error::environment(
                format!("tokenizer {name}: {} is not a tokenizer.json: {e}", path.display()),
                "pass a tokenizer.json as the tokenizers library writes it (AutoTokenizer.from_pretrained(…).save_pretrained(DIR))",
            )
        })?;
        let directory = path.parent().map(Path::to_owned);
        Ok(Self { inner, name: name.into(), builtin: false, directory, template: None })
    }

    /// Reads the chat template that lies beside the tokenizer's file; from the hub, where the tokenizer is from there.
    ///
    /// # Errors
    /// When there is none, or it is no template.
    pub fn with_template(mut self, source: &TokenizerSource, hub: &Hub) -> Result<Self> {
        let beside = |file: &'static str| match (source, &self.directory) {
            (TokenizerSource::Named { name, revision }, _) if !Path::new(name).exists() => {
                hub.file(name, revision, file)
            }
            (_, Some(directory)) => Ok(Some(directory.join(file))),
            (_, None) => Ok(None),
        };
        let (config, own) = (beside(template::CONFIG)?, beside(template::FILE)?);
        self.template = ChatTemplate::read(config.as_deref(), own.as_deref())?;
        self.template().map(|_| ())?;
        Ok(self)
    }

    /// That the library could work with every text so far.
    ///
    /// # Errors
    /// [`crate::Blame::Environment`] where it panicked at one.
    pub(super) fn check(&self) -> Result<()> {
        let Some(why) = self.inner.failure() else {
            return Ok(());
        };
        let file = self.directory.as_ref().map_or_else(String::new, |dir| format!(" in {}", dir.display()));
        Err(Error::environment(
            format!("tokenizer {}: the tokenizers library fails with its {FILE_NAME}{file} ({why})", self.name),
            "pass the file as the library writes it (AutoTokenizer.from_pretrained(…).save_pretrained(DIR)), or another tokenizer",
        ))
    }

    /// The chat template.
    ///
    /// # Errors
    /// When there is none.
    pub fn template(&self) -> Result<&ChatTemplate> {
        self.template.as_ref().ok_or_else(|| {
            Error::environment(
                format!(
                    "tokenizer {} has no chat template: neither {} nor a {} that has one is beside it",
                    self.name,
                    template::FILE,
                    template::CONFIG
                ),
                format!(
                    "pass the {} of the served model, with its tokenizer_config.json; or leave {} out",
                    Setting::Tokenizer,
                    Setting::ChatTemplate
                ),
            )
        })
    }

    /// The ids of a text, special tokens not added.
    #[must_use]
    pub fn ids_of(&self, text: &str) -> Vec<u32> {
        self.inner.ids_of(text)
    }

    /// The name by which the user asked for it.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Whether it is the built-in vocabulary, whose counts are approximate.
    #[must_use]
    pub fn is_builtin(&self) -> bool {
        self.builtin
    }

    /// Tokens of a text, special tokens not added; 0 for a text that the model cannot express.
    #[must_use]
    pub fn count(&self, text: &str) -> u32 {
        self.inner.count(text)
    }

    /// The tokens of a text with their byte offsets and the piece of pre-tokenization that each belongs to.
    pub(super) fn encode(&self, text: &str) -> Option<Encoded> {
        self.inner.encode(text)
    }

    /// Whether some added token is several words: added tokens are matched before a text is split.
    pub(super) fn has_phrases(&self) -> bool {
        self.inner.has_phrases()
    }

    /// How many ids there are.
    pub(super) fn ids(&self) -> u32 {
        self.inner.ids()
    }

    /// The text of one id; none for special tokens and for ids that mean nothing alone.
    pub(super) fn text_of(&self, id: u32) -> Option<String> {
        self.inner.text_of(id)
    }
}

fn in_directory(dir: &Path) -> Result<PathBuf> {
    let file = dir.join(FILE_NAME);
    if file.is_file() {
        return Ok(file);
    }
    let remedy = if dir.join("tokenizer.model").is_file() {
        "it has a SentencePiece tokenizer.model: convert it once with AutoTokenizer.from_pretrained(DIR).save_pretrained(DIR)"
    } else {
        "pass the directory that holds tokenizer.json, or the file itself"
    };
    Err(Error::environment(format!("tokenizer directory {} has no {FILE_NAME}", dir.display()), remedy))
}

fn unreadable(path: &Path, e: &io::Error) -> Error {
    Error::environment(
        format!("tokenizer file {} cannot be read: {e}", path.display()),
        "make it readable for this user, or pass another path",
    )
}

/// Most bytes of a `tokenizer.json`.
const LARGEST_FILE: u64 = 256 << 20;
/// The name of the built-in vocabulary.
const BUILTIN: &str = "builtin";
/// The file that a tokenizer directory or repository must have.
pub(super) const FILE_NAME: &str = "tokenizer.json";
/// Made by ringload's authors; the same vocabulary as `tests/data/tiny-hf`.
const VOCABULARY: &[u8] = include_bytes!("../../assets/vocabulary.json");

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};
    use std::fs;

    fn named(name: &Path) -> TokenizerSource {
        TokenizerSource::Named { name: name.to_str().unwrap().into(), revision: "main".into() }
    }

    fn offline(dir: &Path) -> Hub {
        Hub { offline: true, ..Hub::at(dir) }
    }

    fn error_of(name: &Path) -> Error {
        Tokenizer::load(&named(name), &offline(Path::new("/nowhere"))).unwrap_err()
    }

    fn tiny() -> PathBuf {
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/data/tiny-hf")
    }

    #[test]
    fn a_file_and_its_directory_give_the_same_tokenizer_under_the_users_name() {
        let hub = offline(Path::new("/nowhere"));
        let by_dir = Tokenizer::load(&named(&tiny()), &hub).unwrap();
        let by_file = Tokenizer::load(&named(&tiny().join(FILE_NAME)), &hub).unwrap();
        let text = "You may convey the Program — größer, 日本, 🦀.";
        assert_eq!(by_dir.count(text), by_file.count(text));
        assert_eq!(by_dir.name(), tiny().to_str().unwrap());
        assert!(!by_dir.is_builtin());
    }

    #[test]
    fn the_builtin_vocabulary_reads_any_text() {
        let builtin = Tokenizer::builtin().unwrap();
        assert!(builtin.is_builtin());
        assert_eq!(builtin.name(), "builtin");
        assert_eq!(builtin.count(""), 0);
        assert_eq!(builtin.count("the terms"), 2);
        assert!(builtin.count("🦀 日本 \u{0} \r\n") > 4);
    }

    #[test]
    fn truncation_and_padding_of_a_file_are_not_applied() {
        let bytes = fs::read(tiny().join(FILE_NAME)).unwrap();
        let mut tree: Value = serde_json::from_slice(&bytes).unwrap();
        tree["truncation"] = json!({"direction": "Right", "max_length": 4, "strategy": "LongestFirst", "stride": 0});
        tree["padding"] = json!({"strategy": {"Fixed": 64}, "direction": "Right", "pad_to_multiple_of": null,
            "pad_id": 1, "pad_type_id": 0, "pad_token": "</s>"});
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join(FILE_NAME), tree.to_string()).unwrap();
        let t = Tokenizer::load(&named(dir.path()), &offline(dir.path())).unwrap();
        assert_eq!(t.count("the terms of the work and the software"), 8);
    }

    #[test]
    #[cfg(feature = "tokenizers")]
    fn a_failure_of_the_library_is_an_error_that_names_the_file() {
        let letters: serde_json::Map<String, Value> =
            ('a'..='z').enumerate().map(|(id, letter)| (letter.to_string(), json!(id))).collect();
        let dir = tempfile::tempdir().unwrap();
        let tree = json!({"version": "1.0", "model": {"type": "BPE", "vocab": letters, "merges": []}});
        fs::write(dir.path().join(FILE_NAME), tree.to_string()).unwrap();
        let tokenizer = Tokenizer::load(&named(dir.path()), &offline(dir.path())).unwrap();
        assert!(tokenizer.check().is_ok());
        tokenizer.inner.fail();
        let e = tokenizer.check().unwrap_err().to_string();
        assert!(e.contains(FILE_NAME) && e.contains(dir.path().to_str().unwrap()) && e.contains("by the test"), "{e}");
    }

    #[test]
    fn a_missing_path_is_named() {
        let e = error_of(Path::new("./no/such/tokenizer.json"));
        assert!(e.what.contains("./no/such/tokenizer.json"), "{e}");
        assert!(e.what.contains("no such file or directory"), "{e}");
    }

    #[test]
    fn a_directory_without_a_tokenizer_says_what_it_lacks() {
        let dir = tempfile::tempdir().unwrap();
        let e = error_of(dir.path());
        assert!(e.what.contains("has no tokenizer.json"), "{e}");
        fs::write(dir.path().join("tokenizer.model"), "x").unwrap();
        assert!(error_of(dir.path()).remedy.contains("SentencePiece"));
    }

    #[test]
    fn broken_json_is_named_with_its_place() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("tokenizer.json");
        for broken in ["{\"version\": ", "[]", "", "\u{feff}{}"] {
            fs::write(&file, broken).unwrap();
            let e = error_of(&file);
            assert!(e.what.contains("is not a tokenizer.json"), "{e}");
            assert!(e.what.contains(file.to_str().unwrap()), "{e}");
        }
    }
}
