//! Prompts and tokenizers → request bodies, prepared before the clock starts.
//!
//! Entry i depends on (seed, i) and the plan's lengths alone: not on the number of entries, not on the number of
//! threads. The warm-up has entries of its own behind them, and runs of one seed each have others (`Prompts::offset`).

mod branches;
mod compose;
mod gather;
mod hub;
mod inputs;
mod lengths;
pub mod media;
mod parallel;
mod payload;
mod pool;
mod prompt;
mod sampling;
mod shape;
mod source;
mod store;
mod template;
#[cfg(test)]
mod tests;
mod tokenizer;
mod trees;
mod turns;
mod vocabulary;

pub use branches::{Branch, Branches};
pub use gather::Survey;
pub use hub::Hub;
pub use sampling::conversation_of;
pub use shape::Shape;
pub use source::{detect, rows};
pub use store::Stored;
pub use template::ChatTemplate;
pub use tokenizer::Tokenizer;

use crate::clock::Nanos;
use crate::error::{Error, Result};
use crate::plan::{Plan, Replay, Sampling};
use crate::setting::Setting::Models;
use compose::{Composed, Composer};
use gather::Gathered;
use lengths::Lengths;
use std::borrow::Cow;
use std::collections::HashMap;
use std::io;
use std::ops::Range;
use store::{Spilled, Store};
use turns::Item;

/// The workload: session k of a phase is a conversation by its index, and each of its requests a turn of it.
pub struct Workload {
    /// Prepared turns, conversation after conversation.
    pub entries: Vec<Entry>,
    /// The conversations: one turn each, unless the plan says otherwise.
    pub conversations: Vec<Conversation>,
    /// Those of the conversations that turns of others begin.
    pub branches: Branches,
    /// Prompts whose length in tokens is not the one drawn for them, because no text of that length was found.
    pub inexact_prompts: usize,
    /// How many conversations, the last of all, only the warm-up sends.
    warmup: usize,
    /// How many conversations, before these, are begun by turns of others.
    children: usize,
    characters_per_token: Option<f64>,
    tokenizer: Tokenizer,
    spilled: Spilled,
    sampling: Sampling,
    seed: u64,
}

/// A conversation: requests that are sent one after the other, each when the one before has been answered.
#[derive(Clone, Debug)]
pub struct Conversation {
    /// `session_000000` …
    pub id: String,
    /// Its turns, among [`Workload::entries`].
    pub turns: Range<u32>,
}

/// One prepared request.
#[derive(Clone, Debug)]
pub struct Entry {
    /// Its conversation, among [`Workload::conversations`].
    pub conversation: u32,
    /// Its place in the conversation, from 0.
    pub turn: u32,
    /// The JSON body; where it has messages of its own, the earlier turns and their responses go before them.
    pub body: Stored,
    /// Input length in tokens, by the client's tokenizer: what the client says in this turn and in those before it. The
    /// responses that are sent back with it are not known yet.
    pub isl: u32,
    /// Output length asked for, in tokens.
    pub osl: Option<u32>,
    /// Time between the response of the turn before and this turn.
    pub delay: Nanos,
    /// When it is due at the earliest, from the start of the phase, where a trace says so.
    pub at: Option<Nanos>,
}

impl Workload {
    /// Prepares what a plan asks, on all cores that the process may use.
    ///
    /// # Errors
    /// When the tokenizer cannot be loaded, the lengths are nonsense or over a limit, or the plan's file cannot be
    /// used.
    pub fn prepare(plan: &Plan) -> Result<Self> {
        let (source, hub) = (&plan.prompts.tokenizer, Hub::from_env());
        let mut tokenizer = Tokenizer::load(source, &hub)?;
        if plan.prompts.chat_template {
            tokenizer = tokenizer.with_template(source, &hub)?;
        }
        Self::with_tokenizer(plan, tokenizer)
    }

    /// As [`Self::prepare`], with a tokenizer that is loaded already.
    ///
    /// # Errors
    /// When the lengths are nonsense or over a limit, the vocabulary has nothing to make a prompt from, or the plan's
    /// file cannot be used.
    pub fn with_tokenizer(plan: &Plan, tokenizer: Tokenizer) -> Result<Self> {
        if plan.models.is_empty() {
            return Err(Error::usage(
                "no model is named",
                format!("pass {Models} with the name that the server lists under /v1/models"),
            ));
        }
        Self::within(plan, tokenizer, store::BUDGET)
    }

    /// As [`Self::with_tokenizer`], with this many bytes of bodies in memory.
    fn within(plan: &Plan, tokenizer: Tokenizer, budget: u64) -> Result<Self> {
        let lengths = Lengths::of_plan(plan)?;
        payload::check(plan)?;
        let mut store = Store::new(budget);
        let made = Composer::new(plan, &tokenizer).and_then(|composer| match &plan.prompts.replay {
            Some(replay) => replayed(plan, replay, &composer, &lengths, &mut store),
            None => synthetic(plan, &composer, &lengths, &mut store),
        });
        // What is made with a tokenizer that fails is wrong, or lacks words.
        tokenizer.check()?;
        let Made { mut entries, ids, inexact, characters, branches, children } = made?;
        let tokens: u64 = entries.iter().map(|entry| u64::from(entry.isl)).sum();
        let conversations = conversations(&mut entries, ids);
        // The file was refused if they form a circle.
        let branches = Branches::new(branches, &conversations).unwrap_or_default();
        branches.add_history(&conversations, &mut entries);
        Ok(Self {
            inexact_prompts: inexact,
            warmup: plan.warmup_conversations(),
            children,
            branches,
            characters_per_token: (characters > 0 && tokens > 0).then(|| characters as f64 / tokens as f64),
            conversations,
            entries,
            spilled: store.finish()?,
            sampling: plan.prompts.sampling,
            seed: plan.seed,
            tokenizer,
        })
    }

    /// The index of the conversation that session `k` of the measured phase is.
    #[must_use]
    pub fn pick(&self, k: u64) -> usize {
        conversation_of(self.sampling, self.seed, self.measured(), k)
    }

    /// The index of the conversation that session `k` of the warm-up is: one of its own, where it has any.
    #[must_use]
    pub fn pick_for_warmup(&self, k: u64) -> usize {
        match self.warmup {
            0 => self.pick(k),
            own => self.measured() + conversation_of(self.sampling, self.seed, own, k),
        }
    }

    /// Characters of the prompts for each of their tokens by the client's tokenizer; `None` where they have no text.
    #[must_use]
    pub fn characters_per_token(&self) -> Option<f64> {
        self.characters_per_token
    }

    /// Bytes of bodies that are not in memory but in a temporary file.
    #[must_use]
    pub fn spilled_bytes(&self) -> u64 {
        self.spilled.bytes
    }

    /// Appends the messages of an entry's own turn, where its dialect has conversations and it does not say all of its
    /// context itself.
    ///
    /// # Errors
    /// When the temporary file cannot be read.
    pub fn own_messages(&self, entry: u32, out: &mut Vec<u8>) -> io::Result<()> {
        let body = &self.entries[entry as usize].body;
        match &body.own {
            Some(own) => self.spilled.read(body, own.start as usize..own.end as usize, out),
            None => Ok(()),
        }
    }

    /// The id of the conversation that an entry belongs to; empty for an index past the last.
    #[must_use]
    pub fn session_id(&self, entry: u32) -> &str {
        self.entries
            .get(entry as usize)
            .and_then(|entry| self.conversations.get(entry.conversation as usize))
            .map_or("", |conversation| &conversation.id)
    }

    /// The name under which session `k` of all, warm-up included, is sent: the conversation's, and where that may be
    /// sent again, the session's number, so that two sessions that are under way together have two names.
    #[must_use]
    pub fn session_name(&self, entry: u32, k: u64) -> Cow<'_, str> {
        let id = self.session_id(entry);
        let of_warmup = self
            .entries
            .get(entry as usize)
            .is_some_and(|e| e.conversation as usize >= self.measured() + self.children);
        let pool = if of_warmup { self.warmup } else { self.measured() };
        let again = self.sampling == Sampling::Random || k >= pool as u64;
        if again && self.has_turns() { Cow::Owned(format!("{id}.{k}")) } else { Cow::Borrowed(id) }
    }

    /// Bytes of the body of an entry after these earlier messages.
    #[must_use]
    pub fn body_len(&self, entry: u32, history: &[u8]) -> usize {
        let body = &self.entries[entry as usize].body;
        let history = if body.own.is_some() { history } else { &[] };
        body.len() + history.len()
    }

    /// Appends the body of an entry, with `history`, the earlier messages of its conversation as
    /// [`crate::api::append_turn`] joins them, before its own.
    ///
    /// # Errors
    /// When the temporary file in which it lies cannot be read.
    pub fn write_body(&self, entry: u32, history: &[u8], out: &mut Vec<u8>) -> io::Result<()> {
        let body = &self.entries[entry as usize].body;
        let start = out.len();
        self.spilled.read(body, 0..body.len(), out)?;
        if let Some(own) = body.own.as_ref().filter(|_| !history.is_empty()) {
            let at = start + own.start as usize;
            out.splice(at..at, history.iter().copied());
        }
        Ok(())
    }

    /// Tokens of a text by the client's tokenizer, special tokens not added.
    #[must_use]
    pub fn count_tokens(&self, text: &str) -> u32 {
        self.tokenizer.count(text)
    }

    /// Name of the tokenizer, and whether it is the built-in vocabulary (lengths are approximate).
    #[must_use]
    pub fn tokenizer(&self) -> (&str, bool) {
        (self.tokenizer.name(), self.tokenizer.is_builtin())
    }

    /// Writes AIPerf's `inputs.json`: every session's request bodies, two spaces of indentation.
    ///
    /// # Errors
    /// When writing fails.
    pub fn write_inputs(&self, out: &mut dyn io::Write) -> io::Result<()> {
        inputs::write(self, out)
    }
}

/// Prepared turns, conversation after conversation.
struct Made {
    entries: Vec<Entry>,
    /// Ids of the conversations, where a file says them.
    ids: Option<Vec<String>>,
    inexact: usize,
    /// Characters of all texts.
    characters: u64,
    /// Conversations that turns begin.
    branches: Vec<Branch>,
    /// How many conversations those are: the last.
    children: usize,
}

fn synthetic(plan: &Plan, composer: &Composer<'_>, lengths: &Lengths, store: &mut Store) -> Result<Made> {
    let turns = &plan.prompts.turns;
    let offset = plan.prompts.offset;
    let of_warmup = (0..plan.warmup_conversations()).map(|i| turns::WARMUP + offset + i);
    let items = turns::items(turns, plan.seed, (offset..offset + lengths.entries).chain(of_warmup));
    let mut entries: Vec<Entry> = Vec::with_capacity(items.len());
    let (mut inexact, mut characters, mut conversations) = (0, 0, 0);
    for batch in batches(&items, lengths) {
        for (item, composed) in batch.iter().zip(composer.synthetic(batch, lengths)?) {
            inexact += usize::from(composed.inexact);
            characters += u64::from(composed.characters);
            conversations += u32::from(item.turn() == 0);
            let delay = turns::delay(turns, plan.seed, *item);
            entries.push(entry(conversations - 1, item.turn(), composed, store)?.due(None, delay));
        }
    }
    Ok(Made { entries, ids: None, inexact, characters, branches: Vec::new(), children: 0 })
}

/// Items in runs of so many tokens that their texts fit into memory.
fn batches<'a>(items: &'a [Item], lengths: &'a Lengths) -> impl Iterator<Item = &'a [Item]> {
    let mut rest = items;
    std::iter::from_fn(move || {
        let mut tokens = 0;
        let fits = rest.iter().take_while(|item| {
            tokens += u64::from(lengths.isl(**item));
            tokens <= BATCH_TOKENS
        });
        let n = fits.count().max(1).min(rest.len());
        let (batch, more) = rest.split_at(n);
        rest = more;
        (n > 0).then_some(batch)
    })
}

fn replayed(
    plan: &Plan,
    replay: &Replay,
    composer: &Composer<'_>,
    lengths: &Lengths,
    store: &mut Store,
) -> Result<Made> {
    let mut systems = HashMap::new();
    let mut from = 0;
    let (mut inexact, mut characters) = (0, 0);
    let mut gathered = Gathered::read(replay, plan.seed, &mut |rows| {
        let n = rows.len();
        let made = composer.replayed(rows, &mut systems, lengths, from)?;
        from += n;
        inexact += made.iter().filter(|composed| composed.inexact).count();
        characters += made.iter().map(|composed| u64::from(composed.characters)).sum::<u64>();
        made.into_iter().map(|composed| entry(0, 0, composed, store)).collect()
    })?;
    gathered.place(&replay.timing);
    let mut entries: Vec<Entry> = Vec::with_capacity(gathered.items.len());
    let mut begun = Vec::new();
    for item in gathered.items {
        let turn = match entries.last() {
            Some(last) if last.conversation == item.conversation => last.turn + 1,
            _ => 0,
        };
        let entry = Entry { conversation: item.conversation, turn, ..item.value };
        let follows = turn > 0 || item.conversation as usize >= gathered.roots;
        let delay = item.delay.filter(|_| follows).unwrap_or(0) as f64 * plan.prompts.turns.delay_ratio;
        begun.extend(item.branches.iter().flatten().map(|branch| (entries.len() as u32, branch.clone())));
        entries.push(entry.due(item.at, delay.round() as Nanos));
    }
    let branches = branches::placed(&begun, &entries, &gathered.ids);
    let children = gathered.ids.len() - gathered.roots;
    Ok(Made { branches, children, entries, ids: Some(gathered.ids), inexact, characters })
}

fn entry(conversation: u32, turn: u32, composed: Composed, store: &mut Store) -> Result<Entry> {
    Ok(Entry {
        conversation,
        turn,
        body: store.keep(composed.body)?,
        isl: composed.isl,
        osl: composed.osl,
        delay: 0,
        at: None,
    })
}

impl Entry {
    fn due(mut self, at: Option<Nanos>, delay: Nanos) -> Self {
        (self.at, self.delay) = (at, delay);
        self
    }
}

/// Gathers the turns of each conversation, and counts with each what was said before it where that is sent with it.
fn conversations(entries: &mut [Entry], ids: Option<Vec<String>>) -> Vec<Conversation> {
    let mut all: Vec<Conversation> = Vec::new();
    let mut ids = ids.map(Vec::into_iter);
    for i in 0..entries.len() {
        if entries[i].turn == 0 {
            let own = ids.as_mut().and_then(Iterator::next);
            all.push(Conversation {
                id: own.unwrap_or_else(|| format!("session_{:06}", all.len())),
                turns: i as u32..i as u32,
            });
        } else if entries[i].body.own.is_some() {
            entries[i].isl += entries[i - 1].isl;
        }
        if let Some(last) = all.last_mut() {
            last.turns.end += 1;
        }
    }
    all
}

/// Tokens of the prompts that are made at once.
const BATCH_TOKENS: u64 = 16_000_000;
