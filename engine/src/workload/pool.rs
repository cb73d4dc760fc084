//! The words that prompts are made of: texts that one token stands for, wherever they appear.

use super::tokenizer::Tokenizer;
use super::vocabulary::Encoded;
use crate::error::{Error, Result};
use crate::setting::Setting;
use std::collections::HashSet;

/// The words of a vocabulary.
#[derive(Debug)]
pub(super) struct Pool {
    /// Words that may begin a prompt: one token each, unless the vocabulary has none such.
    pub(super) starters: Vec<String>,
    /// Words that may follow, with the space (if any) before them: one token each.
    pub(super) words: Vec<String>,
    /// Every word is a piece of its own before the model sees it, so that the tokens of a text are the sum of its
    /// words' tokens.
    ///
    /// Then no merge can cross a word's edge, and the count is known without encoding. It holds for tokenizers that
    /// split at spaces (GPT, Llama 3, Qwen, BERT …) and not for those that hand the whole text to the model (Llama 2,
    /// Mistral 7B).
    pub(super) adds_up: bool,
}

impl Pool {
    /// Looks through the vocabulary in the order of ids, in which common words come first.
    ///
    /// # Errors
    /// When no token of the vocabulary is a word.
    pub(super) fn of(tokenizer: &Tokenizer) -> Result<Self> {
        let mut best: Option<Self> = None;
        for (is_word, joiner) in FORMS {
            let pool = Self::of_form(tokenizer, is_word, joiner);
            if pool.words.len() >= ENOUGH {
                return Ok(pool);
            }
            if pool.words.len() > best.as_ref().map_or(0, |best| best.words.len()) {
                best = Some(pool);
            }
        }
        best.ok_or_else(|| {
            Error::environment(
                format!("tokenizer {}: none of its tokens is a word to make a prompt from", tokenizer.name()),
                format!("pass another {0}, or {0} builtin", Setting::Tokenizer),
            )
        })
    }

    fn of_form(tokenizer: &Tokenizer, is_word: IsWord, joiner: &str) -> Self {
        let mut pool = Self { starters: Vec::new(), words: Vec::new(), adds_up: !tokenizer.has_phrases() };
        let mut seen = HashSet::new();
        let mut fresh = (0..tokenizer.ids().min(MOST_IDS))
            .filter_map(|id| Some(tokenizer.text_of(id)?.trim().to_owned()))
            .filter(|word| is_word(word) && seen.insert(word.clone()));
        while pool.words.len() < MOST_WORDS {
            let batch: Vec<String> = fresh.by_ref().take(BATCH).collect();
            if batch.is_empty() {
                break;
            }
            pool.take_in(tokenizer, &batch, joiner);
        }
        if pool.starters.is_empty() {
            pool.starters = cheapest(tokenizer, &pool.words);
            pool.adds_up = false;
        }
        pool
    }

    /// Takes in the words of a batch that are one token among others, in two different neighbourhoods.
    fn take_in(&mut self, tokenizer: &Tokenizer, batch: &[String], joiner: &str) {
        let forward: Vec<&str> = batch.iter().map(String::as_str).collect();
        let mut backward = forward.clone();
        backward.reverse();
        let (once, adds_up) = single_tokens(tokenizer, &forward, joiner);
        let (twice, adds_up_too) = single_tokens(tokenizer, &backward, joiner);
        self.adds_up &= adds_up && adds_up_too;
        let twice: HashSet<&str> = twice.into_iter().collect();
        let both = once.into_iter().filter(|word| twice.contains(word));
        self.words.extend(both.map(|word| format!("{joiner}{word}")));
        let room = MOST_STARTERS - self.starters.len();
        let alone = batch.iter().filter(|word| tokenizer.count(word) == 1);
        self.starters.extend(alone.take(room).cloned());
    }
}

/// The words that are the fewest tokens at the beginning of a text, where none is a single one.
fn cheapest(tokenizer: &Tokenizer, words: &[String]) -> Vec<String> {
    let trimmed = words.iter().map(|word| word.trim_start());
    let counted: Vec<_> = trimmed.map(|word| (tokenizer.count(word), word)).collect();
    let least = counted.iter().map(|(n, _)| *n).min();
    let cheap = counted.iter().filter(|(n, _)| Some(*n) == least);
    cheap.map(|(_, word)| (*word).to_owned()).collect()
}

/// Which of these words, put one after the other, are one token each; and whether each of those is a piece of its own.
fn single_tokens<'a>(tokenizer: &Tokenizer, words: &[&'a str], joiner: &str) -> (Vec<&'a str>, bool) {
    // The first word has no neighbour before it: it stands there twice, and only the second one is judged.
    let mut text = words.first().map_or(String::new(), |w| (*w).to_owned());
    let mut spans = Vec::with_capacity(words.len());
    for word in words {
        text.push_str(joiner);
        spans.push((text.len(), text.len() + word.len(), *word));
        text.push_str(word);
    }
    let Some(Encoded { offsets, pieces }) = tokenizer.encode(&text) else {
        return (Vec::new(), false);
    };
    let mut found = Vec::new();
    let mut adds_up = true;
    let mut spans = spans.into_iter().peekable();
    for (t, &(start, end)) in offsets.iter().enumerate() {
        while spans.next_if(|span| span.1 < end).is_some() {}
        let Some(&(from, to, word)) = spans.peek() else {
            break;
        };
        // The token covers the word, and its joiner too unless the tokenizer leaves spaces out of its offsets.
        let begins = start == from || start + joiner.len() == from;
        let joiner_is_free = t > 0 && offsets[t - 1].1 + joiner.len() <= from;
        if end == to && begins && joiner_is_free {
            found.push(word);
            let piece = |t: usize| pieces.get(t).copied().flatten();
            adds_up &= piece(t).is_some() && piece(t) != piece(t - 1) && piece(t) != piece(t + 1);
        }
    }
    (found, adds_up)
}

type IsWord = fn(&str) -> bool;

/// What counts as a word, and what stands between words: the first form of which there are [`ENOUGH`] is taken.
const FORMS: [(IsWord, &str); 3] =
    [(|w| w.len() >= 2 && w.bytes().all(|b| b.is_ascii_alphabetic()), " "), (is_letters, " "), (is_letters, "")];

fn is_letters(word: &str) -> bool {
    !word.is_empty() && word.chars().all(char::is_alphabetic)
}

/// Words that make a sound pool.
const ENOUGH: usize = 64;
/// Words after which the rest of a vocabulary is not looked at.
const MOST_WORDS: usize = 1_024;
/// Words that may begin a prompt: as many prompts differ from their first token on.
const MOST_STARTERS: usize = 512;
/// Ids that are looked at.
const MOST_IDS: u32 = 65_536;
/// Words judged by one encoding.
const BATCH: usize = 512;
