//! The vocabulary of a `tokenizer.json`, by the `tokenizers` library.

use super::Encoded;
use crate::error;
use std::any::Any;
use std::cell::Cell;
use std::panic::{self, AssertUnwindSafe, catch_unwind};
use std::sync::{Once, OnceLock};
use tokenizers::Tokenizer;

/// A vocabulary. Texts are encoded without special tokens, and never truncated or padded.
#[derive(Debug)]
pub(in crate::workload) struct Vocabulary {
    inner: Tokenizer,
    /// How the library failed at the first text that it panicked at.
    failure: OnceLock<String>,
}

/// Whether files of tokenizers can be read.
pub(super) fn check_can_read(_name: &str) -> error::Result<()> {
    Ok(())
}

impl Vocabulary {
    /// The vocabulary of these bytes of a `tokenizer.json`, or in words why it is none.
    pub(in crate::workload) fn read(bytes: &[u8]) -> Result<Self, String> {
        guarded(|| {
            let mut inner = Tokenizer::from_bytes(bytes).map_err(|e| e.to_string())?;
            // Many files carry the truncation and padding of the last training; both would falsify counts. Removing
            // never fails.
            let _ = inner.with_truncation(None);
            inner.with_padding(None);
            Ok(Self { inner, failure: OnceLock::new() })
        })?
    }

    /// How the library failed at a text that was given to it, if it did: what was asked of it was answered as for a
    /// text that the model cannot express.
    pub(in crate::workload) fn failure(&self) -> Option<&str> {
        self.failure.get().map(String::as_str)
    }

    /// The ids of a text, special tokens not added; none for a text that the model cannot express.
    pub(in crate::workload) fn ids_of(&self, text: &str) -> Vec<u32> {
        self.ask(|inner| Some(inner.encode_fast(text, false).ok()?.get_ids().to_vec())).unwrap_or_default()
    }

    /// Tokens of a text.
    pub(in crate::workload) fn count(&self, text: &str) -> u32 {
        self.ask(|inner| Some(inner.encode_fast(text, false).ok()?.len() as u32)).unwrap_or(0)
    }

    /// The tokens of a text and where they are in it.
    pub(in crate::workload) fn encode(&self, text: &str) -> Option<Encoded> {
        let encoding = self.ask(|inner| inner.encode(text, false).ok())?;
        Some(Encoded { offsets: encoding.get_offsets().to_vec(), pieces: encoding.get_word_ids().to_vec() })
    }

    /// Whether some added token is several words: added tokens are matched before a text is split.
    pub(in crate::workload) fn has_phrases(&self) -> bool {
        let added = self.inner.get_added_vocabulary().get_vocab();
        added.keys().any(|text| text.trim().contains(char::is_whitespace))
    }

    /// How many ids there are.
    pub(in crate::workload) fn ids(&self) -> u32 {
        self.inner.get_vocab_size(true) as u32
    }

    /// The text of one id; none for special tokens and for ids that mean nothing alone.
    pub(in crate::workload) fn text_of(&self, id: u32) -> Option<String> {
        self.ask(|inner| inner.decode(&[id], true).ok())
    }

    /// As if the library failed at a text.
    #[cfg(test)]
    pub(in crate::workload) fn fail(&self) {
        let answer: Option<()> = self.ask(|_| panic!("made by the test"));
        assert_eq!(answer, None);
    }

    /// What the library answers; none, and kept as the failure, where it panics.
    fn ask<T>(&self, question: impl FnOnce(&Tokenizer) -> Option<T>) -> Option<T> {
        guarded(|| question(&self.inner)).unwrap_or_else(|why| {
            let _ = self.failure.set(why);
            None
        })
    }
}

/// Does what may panic over a file of strangers, and tells how it did, without what a panic prints.
fn guarded<T>(work: impl FnOnce() -> T) -> Result<T, String> {
    static HOOK: Once = Once::new();
    HOOK.call_once(|| {
        let hook = panic::take_hook();
        panic::set_hook(Box::new(move |info| {
            if !GUARDED.get() {
                hook(info);
            }
        }));
    });
    let before = GUARDED.replace(true);
    let done = catch_unwind(AssertUnwindSafe(work));
    GUARDED.set(before);
    done.map_err(|panic| words_of(&*panic).to_owned())
}

fn words_of(panic: &(dyn Any + Send)) -> &str {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    text.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("it gives no reason")
}

thread_local! {
    /// Whether a panic of this thread is told as an error, and so not printed.
    static GUARDED: Cell<bool> = const { Cell::new(false) };
}
