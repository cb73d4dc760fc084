//! Texts of an exact number of tokens.

use super::parallel;
use super::pool::Pool;
use super::tokenizer::Tokenizer;
use super::turns::{Item, WARMUP};
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
/// The first words number the prompts (in digits whose value is a word, shuffled by the seed): two prompts differ in
/// their first token as long as there are words to begin with, and in their second after that. So a server's prefix
/// cache cannot hit by accident.
pub(super) struct Prompts<'a> {
    tokenizer: &'a Tokenizer,
    pool: Pool,
    seed: u64,
    /// Shuffled indices of the pool's starters.
    first: Vec<usize>,
    /// Shuffled indices of the pool's words.
    second: Vec<usize>,
    /// The tokens of a text are not the sum of its words' tokens.
    disproved: AtomicBool,
}

/// The words of a prompt, before they are a text.
pub(super) struct Draft {
    /// What it begins with.
    lead: String,
    /// The words after it, among the pool's.
    words: Vec<usize>,
    /// How many tokens it is to have.
    tokens: u32,
    /// Where other words come from, should these not make that many tokens; none where the words are what counts.
    rng: Option<ItemRng>,
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
            disproved: AtomicBool::new(!pool.adds_up),
            pool,
            seed,
        })
    }

    /// Prompts of a number of drafts, in order, on as many threads as the work is worth; `then` sees each.
    ///
    /// Where words add up, a prompt's length is known from its words; the first [`FIRST`] and each [`SAMPLE`]th are
    /// encoded to prove it, and should one of them disprove it, all are made again, each encoded, and so are all that
    /// come later. Where words do not add up, each is encoded anyway. Encoding costs ten times as much as all the rest.
    pub(super) fn make_all<T: Send>(
        &self,
        n: usize,
        tokens: f64,
        draft: impl Fn(usize) -> Draft + Sync,
        then: impl Fn(usize, Prompt) -> T + Sync,
    ) -> Vec<T> {
        let threads = parallel::threads_for(tokens);
        if !self.disproved.load(Ordering::Relaxed) {
            let made = parallel::map(n, threads, |i| {
                let prompt = self.by_words(&draft(i));
                if (i < FIRST || i.is_multiple_of(SAMPLE)) && self.tokenizer.count(&prompt.text) != prompt.tokens {
                    self.disproved.store(true, Ordering::Relaxed);
                }
                then(i, prompt)
            });
            if !self.disproved.load(Ordering::Relaxed) {
                return made;
            }
        }
        parallel::map(n, threads, |i| then(i, self.by_encoding(draft(i))))
    }

    /// Prompt `i` of this length by itself, as [`Self::make_all`] makes it.
    pub(super) fn one(&self, i: Item, isl: u32) -> Prompt {
        let draft = self.draft(i, isl);
        if self.is_disproved() { self.by_encoding(draft) } else { self.by_words(&draft) }
    }

    /// Prompt `n` of many: its length taken from its words, while those add up and the first [`FIRST`] and each
    /// [`SAMPLE`]th prove it.
    pub(super) fn make_one_of(&self, n: usize, draft: Draft) -> Prompt {
        if self.is_disproved() {
            return self.by_encoding(draft);
        }
        let prompt = self.by_words(&draft);
        let sampled = n < FIRST || n.is_multiple_of(SAMPLE);
        if sampled && self.tokenizer.count(&prompt.text) != prompt.tokens {
            self.disproved.store(true, Ordering::Relaxed);
            return self.by_encoding(draft);
        }
        prompt
    }

    /// Whether words have been found not to add up: what was made before that has to be made again.
    pub(super) fn is_disproved(&self) -> bool {
        self.disproved.load(Ordering::Relaxed)
    }

    /// One prompt of a draft, encoded.
    pub(super) fn make(&self, draft: Draft) -> Prompt {
        self.by_encoding(draft)
    }

    /// A prompt of `isl` tokens that no other begins like.
    pub(super) fn draft(&self, i: Item, isl: u32) -> Draft {
        let mut rng = ItemRng::new(self.seed, Stream::Prompt, i.0 as u64);
        let n = lead_of(i, self.first.len() * (self.second.len() / 2));
        let first = &self.pool.starters[self.first[n % self.first.len()]];
        let (low, high) = (n % self.first.len(), n / self.first.len());
        let digit = self.second[(low + high) % self.second.len()];
        let rest = (2..isl).map(|_| rng.below(self.pool.words.len()));
        let words = std::iter::once(digit).take(isl.saturating_sub(1) as usize).chain(rest).collect();
        Draft { lead: first.clone(), words, tokens: isl, rng: Some(rng) }
    }

    /// The text `lead` and `isl` tokens after it, by which no other goes on after this one.
    pub(super) fn draft_after(&self, lead: &Prompt, i: Item, isl: u32) -> Draft {
        let mut rng = ItemRng::new(self.seed, Stream::Prompt, i.0 as u64);
        let many = self.second.len();
        let n = lead_of(i, many * (many / 2));
        let digits = [self.second[n % many], self.second[(n / many + n) % many]];
        let rest = (2..isl).map(|_| rng.below(self.pool.words.len()));
        let words = digits.into_iter().take(isl as usize).chain(rest).collect();
        Draft { lead: lead.text.clone(), words, tokens: lead.tokens + isl, rng: Some(rng) }
    }

    /// A text of `isl` tokens that depends on (seed, stream, `which`) alone.
    pub(super) fn draft_of(&self, stream: Stream, which: u64, isl: u32) -> Draft {
        let mut rng = ItemRng::new(self.seed, stream, which);
        let first = &self.pool.starters[rng.below(self.pool.starters.len())];
        let words = (1..isl).map(|_| rng.below(self.pool.words.len())).collect();
        Draft { lead: first.clone(), words, tokens: isl, rng: Some(rng) }
    }

    /// A text of `isl` tokens made of blocks: each is a number of words that depends on (seed, its id) alone, the last
    /// is cut. Where the blocks are too few, words of this prompt alone follow.
    pub(super) fn draft_of_blocks(&self, ids: &[u64], block: u32, i: Item, isl: u32) -> Draft {
        let mut words = Vec::with_capacity(isl as usize);
        for id in ids {
            let left = (isl as usize - words.len()).min(block as usize);
            let mut rng = ItemRng::new(self.seed, Stream::Block, *id);
            words.extend((0..left).map(|_| rng.below(self.pool.words.len())));
        }
        let mut rng = ItemRng::new(self.seed, Stream::Prompt, i.0 as u64);
        let left = isl as usize - words.len();
        words.extend((0..left).map(|_| rng.below(self.pool.words.len())));
        Draft { lead: String::new(), words, tokens: isl, rng: None }
    }

    /// The text of a draft, its length taken from its words.
    fn by_words(&self, draft: &Draft) -> Prompt {
        Prompt { text: self.join(&draft.lead, &draft.words), tokens: draft.tokens }
    }

    /// The text of a draft, encoded and corrected until its length is right; the closest found when no text of that
    /// length is.
    fn by_encoding(&self, draft: Draft) -> Prompt {
        let Draft { lead, mut words, tokens: wanted, mut rng } = draft;
        let mut best: Option<Prompt> = None;
        let draws = if rng.is_some() { DRAWS } else { 1 };
        let mut mender = rng.clone().unwrap_or_else(|| ItemRng::new(self.seed, Stream::Prompt, u64::from(wanted)));
        for draw in 0..draws {
            if let Some(rng) = rng.as_mut().filter(|_| draw > 0) {
                let kept = words.len().min(1);
                words.truncate(kept);
                let fresh = (wanted as usize).saturating_sub(1 + kept);
                words.extend((0..fresh).map(|_| rng.below(self.pool.words.len())));
            }
            for _ in 0..MENDS {
                let text = self.join(&lead, &words);
                let tokens = self.tokenizer.count(&text);
                let miss = tokens.abs_diff(wanted);
                if best.as_ref().is_none_or(|b| miss < b.tokens.abs_diff(wanted)) {
                    best = Some(Prompt { text, tokens });
                }
                if miss == 0 || (tokens > wanted && words.is_empty()) {
                    break;
                }
                if tokens > wanted {
                    words.truncate(words.len().saturating_sub(miss as usize));
                } else {
                    words.extend((0..miss).map(|_| mender.below(self.pool.words.len())));
                }
            }
            if best.as_ref().is_some_and(|b| b.tokens == wanted) {
                break;
            }
        }
        best.unwrap_or_else(|| Prompt { tokens: self.tokenizer.count(&lead), text: lead })
    }

    fn join(&self, lead: &str, words: &[usize]) -> String {
        let words = words.iter().map(|w| self.pool.words[*w].as_str());
        let bytes = lead.len() + words.clone().map(str::len).sum::<usize>();
        let mut text = String::with_capacity(bytes);
        text.push_str(lead);
        text.extend(words);
        text
    }
}

/// The number by which the first words of a turn are chosen: its conversation's, and for one of a warm-up, one of those
/// that begin `half` way through.
fn lead_of(i: Item, half: usize) -> usize {
    let n = i.conversation();
    n.checked_sub(WARMUP).map_or(n, |n| n + half)
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
/// How often one draw is encoded and corrected.
const MENDS: usize = 6;

#[cfg(test)]
mod tests {
    use super::super::tests::{load, prefixing_tree};
    use super::*;

    #[test]
    fn a_sample_that_disproves_the_sum_has_all_prompts_encoded() {
        let tokenizer = load(&prefixing_tree());
        let prompts = Prompts::new(&tokenizer, 1).unwrap();
        assert!(prompts.disproved.load(Ordering::Relaxed));
        prompts.disproved.store(false, Ordering::Relaxed);
        let draft = |i: usize| prompts.draft(Item::of(i, 0), 80 + i as u32);
        let wrong = |i: usize| tokenizer.count(&prompts.by_words(&draft(i)).text);
        assert!((0..70).any(|i| wrong(i) != 80 + i as u32));
        for (i, prompt) in prompts.make_all(70, 1e4, draft, |i, p| (i, p)) {
            assert_eq!(prompt.tokens, 80 + i as u32);
            assert_eq!(tokenizer.count(&prompt.text), prompt.tokens);
        }
    }

    #[test]
    fn equal_blocks_are_equal_texts_and_the_last_is_cut() {
        let tokenizer = Tokenizer::builtin().unwrap();
        let prompts = Prompts::new(&tokenizer, 1).unwrap();
        let of = |ids: &[u64], isl| prompts.make(prompts.draft_of_blocks(ids, 16, Item(0), isl));
        let (a, b) = (of(&[7, 8, 9], 40), of(&[7, 8, 5], 48));
        assert_eq!((a.tokens, b.tokens), (40, 48));
        assert_eq!(tokenizer.count(&a.text), 40);
        let shared = of(&[7, 8], 32).text;
        assert!(a.text.starts_with(&shared) && b.text.starts_with(&shared));
        let whole = of(&[7, 8, 9], 48).text;
        assert!(whole.starts_with(&a.text));
        assert_eq!(of(&[7], 40).tokens, 40, "blocks that are too few");
    }
}
