//! Texts of an exact number of tokens.

use super::lengths::Lengths;
use super::parallel;
use super::pool::Pool;
use super::tokenizer::Tokenizer;
use super::turns::Item;
use crate::error::Result;
use crate::random::{ItemRng, Stream};
use std::sync::atomic::{AtomicBool, Ordering};

/// A text and its length.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Prompt {
    /// Words of the pool.
    pub(super) text: String,
    /// Its length in tokens.
    pub(super) tokens: u32,
}

/// Makes prompts: number i depends on (seed, i, its length) alone.
///
/// The first words number the prompts (in digits whose value is a word, shuffled by the seed): two prompts differ in their first token
/// as long as there are words to begin with, and in their second after that. So a server's prefix cache cannot hit by accident.
pub(super) struct Prompts<'a> {
    tokenizer: &'a Tokenizer,
    pool: Pool,
    seed: u64,
    /// Shuffled indices of the pool's starters.
    first: Vec<usize>,
    /// Shuffled indices of the pool's words.
    second: Vec<usize>,
}

impl<'a> Prompts<'a> {
    /// # Errors
    /// When the vocabulary has no words.
    pub(super) fn new(tokenizer: &'a Tokenizer, seed: u64) -> Result<Self> {
        let pool = Pool::of(tokenizer)?;
        Ok(Self {
            tokenizer,
            first: shuffled(pool.starters.len(), seed, 0),
            second: shuffled(pool.words.len(), seed, 1),
            pool,
            seed,
        })
    }

    /// Makes all prompts and hands each to `then`, on as many threads as the work is worth.
    ///
    /// Where words add up, a prompt's length is known from its words; the first [`FIRST`] and each [`SAMPLE`]th are encoded to prove
    /// it, and should one of them disprove it, all are made again, each encoded. Where words do not add up, each is encoded anyway.
    /// Encoding costs ten times as much as all the rest.
    pub(super) fn make_all<T: Send>(
        &self,
        items: &[Item],
        lengths: &Lengths,
        then: impl Fn(Item, Prompt) -> T + Sync,
    ) -> Vec<T> {
        let threads = parallel::threads_for(lengths.total_estimate());
        let disproved = AtomicBool::new(!self.pool.adds_up);
        if self.pool.adds_up {
            let made = parallel::map(items.len(), threads, |n| {
                let item = items[n];
                let prompt = self.by_words(item, lengths.isl(item));
                if (n < FIRST || n.is_multiple_of(SAMPLE))
                    && self.tokenizer.count(&prompt.text) != prompt.tokens
                {
                    disproved.store(true, Ordering::Relaxed);
                }
                then(item, prompt)
            });
            if !disproved.load(Ordering::Relaxed) {
                return made;
            }
        }
        parallel::map(items.len(), threads, |n| {
            let item = items[n];
            then(item, self.by_encoding(item, lengths.isl(item)))
        })
    }

    /// Prompt `i` of this length by itself, as [`Self::make_all`] makes it.
    pub(super) fn one(&self, i: Item, isl: u32) -> Prompt {
        if self.pool.adds_up {
            self.by_words(i, isl)
        } else {
            self.by_encoding(i, isl)
        }
    }

    /// Prompt `i`, its length taken from its words.
    fn by_words(&self, i: Item, isl: u32) -> Prompt {
        let mut rng = self.rng(i);
        let words = self.draw(i, isl as usize, &mut rng);
        Prompt {
            text: self.join(i, &words),
            tokens: isl,
        }
    }

    /// Prompt `i`, encoded and mended until its length is right; the closest found when no text of that length is.
    fn by_encoding(&self, i: Item, isl: u32) -> Prompt {
        let mut rng = self.rng(i);
        let mut best: Option<Prompt> = None;
        for _ in 0..DRAWS {
            let mut words = self.draw(i, isl as usize, &mut rng);
            for _ in 0..MENDS {
                let text = self.join(i, &words);
                let tokens = self.tokenizer.count(&text);
                let miss = tokens.abs_diff(isl);
                if best.as_ref().is_none_or(|b| miss < b.tokens.abs_diff(isl)) {
                    best = Some(Prompt { text, tokens });
                }
                if miss == 0 || (tokens > isl && words.is_empty()) {
                    break;
                }
                if tokens > isl {
                    words.truncate(words.len().saturating_sub(miss as usize));
                } else {
                    words.extend((0..miss).map(|_| self.any(&mut rng)));
                }
            }
            if best.as_ref().is_some_and(|b| b.tokens == isl) {
                break;
            }
        }
        best.unwrap_or_else(|| self.by_words(i, isl))
    }

    fn rng(&self, i: Item) -> ItemRng {
        ItemRng::new(self.seed, Stream::Prompt, i.0 as u64)
    }

    /// The words after the first of prompt `i`, for `len` words in all: the second is the next digit of i, the others are random.
    fn draw(&self, i: Item, len: usize, rng: &mut ItemRng) -> Vec<usize> {
        let i = i.conversation();
        let (low, high) = (i % self.first.len(), i / self.first.len());
        let digit = self.second[(low + high) % self.second.len()];
        let rest = (2..len).map(|_| self.any(rng));
        std::iter::once(digit)
            .take(len.saturating_sub(1))
            .chain(rest)
            .collect()
    }

    fn any(&self, rng: &mut ItemRng) -> usize {
        rng.below(self.pool.words.len())
    }

    fn join(&self, i: Item, words: &[usize]) -> String {
        let first = &self.pool.starters[self.first[i.conversation() % self.first.len()]];
        let words = words.iter().map(|w| self.pool.words[*w].as_str());
        let bytes = first.len() + words.clone().map(str::len).sum::<usize>();
        let mut text = String::with_capacity(bytes);
        text.push_str(first);
        text.extend(words);
        text
    }
}

/// 0 … n − 1 in an order that the seed gives (Fisher–Yates).
fn shuffled(n: usize, seed: u64, which: u64) -> Vec<usize> {
    let mut rng = ItemRng::new(seed, Stream::Opening, which);
    let mut order: Vec<usize> = (0..n).collect();
    for i in (1..n).rev() {
        order.swap(i, rng.below(i + 1));
    }
    order
}

/// The first this many prompts are encoded although their words add up.
const FIRST: usize = 4;
/// And so is each this many-th.
const SAMPLE: usize = 32;
/// How often a prompt is drawn anew when mending does not make its length right.
const DRAWS: usize = 4;
/// How often one draw is encoded and mended.
const MENDS: usize = 6;

#[cfg(test)]
mod tests {
    use super::super::tests::{load, plan, prefixing_tree};
    use super::*;

    #[test]
    fn a_sample_that_disproves_the_sum_has_all_prompts_encoded() {
        let tokenizer = load(&prefixing_tree());
        let mut prompts = Prompts::new(&tokenizer, 1).unwrap();
        assert!(!prompts.pool.adds_up);
        prompts.pool.adds_up = true;
        let lengths = Lengths::of_plan(&plan(70, 90.0, 10.0)).unwrap();
        let wrong = |i: Item| tokenizer.count(&prompts.by_words(i, lengths.isl(i)).text);
        let items: Vec<Item> = (0..70).map(|i| Item::of(i, 0)).collect();
        assert!(items.iter().any(|i| wrong(*i) != lengths.isl(*i)));
        for (i, prompt) in prompts.make_all(&items, &lengths, |i, p| (i, p)) {
            assert_eq!(prompt.tokens, lengths.isl(i));
            assert_eq!(tokenizer.count(&prompt.text), prompt.tokens);
        }
    }
}
