//! What the streams say: common words, each a single token for most tokenizers.

/// An endless sequence of words; where it starts depends on the request.
#[derive(Clone, Debug)]
pub(crate) struct Words {
    next: usize,
}

impl Words {
    pub(crate) fn new(start: u64) -> Self {
        Self { next: start as usize % WORDS.len() }
    }

    /// The next word, with its leading space. No word needs escaping in JSON.
    pub(crate) fn take(&mut self) -> &'static [u8] {
        let word = WORDS[self.next];
        self.next = (self.next + 1) % WORDS.len();
        word.as_bytes()
    }

    /// The next `count` words.
    pub(crate) fn text(mut self, count: u32) -> String {
        let mut text = Vec::new();
        for _ in 0..count {
            text.extend_from_slice(self.take());
        }
        String::from_utf8(text).expect("words are ASCII")
    }
}

const WORDS: [&str; 32] = [
    " the", " of", " and", " to", " in", " is", " that", " for", " it", " with", " as", " was", " on", " are", " by",
    " this", " from", " they", " have", " an", " which", " one", " you", " were", " all", " we", " when", " there",
    " can", " more", " if", " time",
];
