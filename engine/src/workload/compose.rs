//! What is said → a request body and its length in tokens.

use super::lengths::{Lengths, check_said};
use super::media::{self, MediaFiles};
use super::parallel;
use super::payload;
use super::prompt::{Prompt, Prompts};
use super::tokenizer::Tokenizer;
use super::turns::Item;
use crate::api::{Body, RequestContent, path, request_body, results};
use crate::dataset::{Content, Row, Turn};
use crate::error::{Error, Result};
use crate::plan::{Marker, Message, Plan};
use crate::random::{ItemRng, Stream};
use crate::setting::Setting::{CustomEndpoint, Endpoint, PrefixTokens, Prefixes};
use serde_json::{Map, Value, json};
use std::collections::HashMap;
use std::sync::Arc;

/// A body, and the lengths of what it asks.
pub(super) struct Composed {
    pub(super) body: Body,
    /// Tokens of what this turn says, the system prompt with the first.
    pub(super) isl: u32,
    pub(super) osl: Option<u32>,
    /// It is not as long as was asked for.
    pub(super) inexact: bool,
    /// Characters of the texts that the tokens are of; 0 where it is not known.
    pub(super) characters: u32,
}

/// Makes bodies.
pub(super) struct Composer<'a> {
    plan: &'a Plan,
    tokenizer: &'a Tokenizer,
    prompts: Prompts<'a>,
    prefixes: Vec<Prompt>,
    /// The system prompt of all conversations, and its tokens.
    system: Option<(Arc<str>, u32)>,
    /// Tokens that the chat template adds to a user's text, and to one with a system prompt.
    overhead: u32,
    /// Files that the rows of a dataset name.
    files: Option<MediaFiles>,
}

impl<'a> Composer<'a> {
    pub(super) fn new(plan: &'a Plan, tokenizer: &'a Tokenizer) -> Result<Self> {
        let prompts = Prompts::new(tokenizer, plan.seed)?;
        let context = &plan.prompts.context;
        let prefix = |n: u32| prompts.make(prompts.draft_of(Stream::Prefix, u64::from(n), context.prefix_tokens));
        let pool = f64::from(context.prefixes) * f64::from(context.prefix_tokens);
        if pool > MOST_OF_PREFIXES {
            return Err(Error::usage(
                format!("{Prefixes}: {pool} tokens of prefixes are over the limit of {MOST_OF_PREFIXES}"),
                format!("choose fewer or shorter ones ({PrefixTokens})"),
            ));
        }
        let prefixes = if context.prefix_tokens > 0 { (0..context.prefixes).map(prefix).collect() } else { Vec::new() };
        let system = match (&context.system, context.system_tokens) {
            (Some(text), _) => Some((text.as_str().into(), tokenizer.count(text))),
            (None, Some(tokens)) => {
                let made = prompts.make(prompts.draft_of(Stream::Context, u64::MAX, tokens));
                Some((made.text.into(), made.tokens))
            }
            (None, None) => None,
        };
        let mut composer = Self {
            plan,
            tokenizer,
            prefixes,
            system,
            overhead: 0,
            prompts,
            files: match &plan.prompts.replay {
                Some(replay) => Some(MediaFiles::new(&replay.file, &replay.media)?),
                None => None,
            },
        };
        if plan.prompts.chat_template {
            composer.overhead = composer.template_overhead()?;
        }
        Ok(composer)
    }

    fn template_overhead(&self) -> Result<u32> {
        let probe = "the";
        let seen = self.rendered(None, &[Message::text(probe)], None)?;
        Ok(seen.saturating_sub(self.tokenizer.count(probe)))
    }

    /// Synthetic turns, in order.
    pub(super) fn synthetic(&self, items: &[Item], lengths: &Lengths) -> Result<Vec<Composed>> {
        let tokens: f64 = items.iter().map(|i| f64::from(lengths.isl(*i))).sum();
        let wanted = |i: Item| lengths.isl(i).saturating_sub(if i.turn() == 0 { self.overhead } else { 0 }).max(1);
        let draft = |n: usize| {
            let item = items[n];
            match self.prefix(item) {
                Some(prefix) => self.prompts.draft_after(prefix, item, wanted(item)),
                None => self.prompts.draft(item, wanted(item)),
            }
        };
        let made = self.prompts.make_all(items.len(), tokens, draft, |n, prompt| {
            let item = items[n];
            let aim = draft_tokens(self.prefix(item), wanted(item));
            let inexact = prompt.tokens != aim;
            let mut messages = Vec::with_capacity(2);
            let (message, mut isl) = payload::message(self.plan, &self.prompts, item, prompt);
            if let Some(tokens) = self.plan.prompts.context.user_tokens.filter(|_| item.turn() == 0) {
                let own = self.prompts.make(self.prompts.draft_of(Stream::Context, item.conversation() as u64, tokens));
                isl += own.tokens;
                messages.push(Message::text(own.text));
            }
            messages.push(message);
            let mut composed = self.compose(item, messages, isl, None, lengths.osl(item), None, None)?;
            composed.inexact =
                inexact || self.overhead > 0 && item.turn() == 0 && self.is_bare() && composed.isl != lengths.isl(item);
            Ok(composed)
        });
        made.into_iter().collect()
    }

    /// Turns of a file, in order; with the number of their conversation, and whether they begin it.
    pub(super) fn replayed(
        &self,
        rows: Vec<(u32, bool, Row)>,
        systems: &mut HashMap<u32, Arc<str>>,
        lengths: &Lengths,
        from: usize,
    ) -> Result<Vec<Composed>> {
        for (conversation, first, row) in &rows {
            if let (true, Some(system)) = (first, &row.system) {
                systems.insert(*conversation, system.as_str().into());
            }
        }
        let systems = &*systems;
        let tokens: f64 = rows.iter().map(|(_, _, row)| estimate(row)).sum();
        let threads = parallel::threads_for(tokens);
        let all = || {
            parallel::map(rows.len(), threads, |n| {
                let (conversation, first, row) = &rows[n];
                // Numbers of its own for each turn: no two texts of a file are alike but by its blocks.
                let item = Item::of(from + n, u32::from(!first));
                let system = systems.get(conversation).map(|s| &**s);
                self.row(*conversation, item, row, system, lengths)
            })
        };
        let trusted = !self.prompts.is_disproved();
        let mut made = all();
        if trusted && self.prompts.is_disproved() {
            made = all();
        }
        made.into_iter().collect()
    }

    fn row(
        &self,
        conversation: u32,
        item: Item,
        row: &Row,
        system: Option<&str>,
        lengths: &Lengths,
    ) -> Result<Composed> {
        let turn = &row.turn;
        let osl = match (turn.osl, &turn.answer) {
            (Some(osl), _) => Some(osl),
            (None, Some(answer)) => Some(self.tokenizer.count(answer).max(1)),
            (None, None) => lengths.osl(item),
        };
        let (messages, isl, inexact) = match &turn.content {
            Content::Payload(bytes) => return self.payload(bytes, row),
            Content::Messages(messages) => {
                let mut messages = messages.clone();
                if let Some(files) = &self.files {
                    messages.iter_mut().try_for_each(|message| media::take_in(message, files))?;
                }
                let isl = messages.iter().map(|m| self.said(m)).sum();
                (messages, isl, false)
            }
            Content::Length { isl, hash_ids } => {
                check_said(*isl)?;
                let body = isl.saturating_sub(if item.turn() == 0 { self.overhead } else { 0 }).max(1);
                let draft = if hash_ids.is_empty() {
                    self.prompts.draft(Item::of(item.conversation(), 0), body)
                } else {
                    self.prompts.draft_of_blocks(hash_ids, row.block.unwrap_or_else(|| self.block()), item, body)
                };
                let prompt = self.prompts.make_one_of(item.conversation(), draft);
                let inexact = prompt.tokens != body;
                (vec![Message::text(prompt.text)], prompt.tokens, inexact)
            }
        };
        // What says all of its context itself begins with all that stands before a first turn.
        let which = Item::of(conversation as usize, if row.alone { 0 } else { item.turn() });
        let mut composed = self.compose(
            which,
            messages,
            isl,
            system,
            osl,
            asked(self.plan, turn).as_ref(),
            row.turn.extra.as_ref().and_then(|e| e.get("tools")),
        )?;
        composed.inexact = inexact;
        if row.alone {
            composed.body.own = None;
        }
        Ok(composed)
    }

    /// A body that is sent as it is.
    fn payload(&self, bytes: &[u8], row: &Row) -> Result<Composed> {
        if let (Some(theirs), Some(target)) = (&row.path, self.plan.targets.first()) {
            let ours = path(self.plan, target);
            if !ours.ends_with(theirs.as_str()) {
                return Err(Error::usage(
                    format!("the request is for {theirs}, and requests go to {ours}"),
                    format!("choose the {Endpoint} of {theirs}, or write {CustomEndpoint} {theirs}"),
                ));
            }
        }
        let tree: Value = serde_json::from_slice(bytes)
            .map_err(|e| Error::usage(format!("a request body is not JSON: {e}"), "write a JSON object"))?;
        let isl = match (&tree["messages"], self.plan.prompts.chat_template) {
            (Value::Array(messages), true) => {
                self.tokenizer.count(&self.tokenizer.template()?.render(messages, tree.get("tools"))?)
            }
            _ => self.texts(&tree),
        };
        let osl = ["max_completion_tokens", "max_tokens", "max_output_tokens"].iter().find_map(|f| tree[f].as_u64());
        Ok(Composed {
            body: Body {
                bytes: bytes.to_vec(),
                own: None,
                results: tree.as_object().map_or(0, |body| results(self.plan.endpoint, body)),
            },
            isl,
            osl: osl.and_then(|n| u32::try_from(n).ok()),
            inexact: false,
            characters: 0,
        })
    }

    #[allow(clippy::too_many_arguments, reason = "one caller for synthetic turns and one for a file's")]
    fn compose(
        &self,
        item: Item,
        mut messages: Vec<Message>,
        mut isl: u32,
        system: Option<&str>,
        osl: Option<u32>,
        extra: Option<&Map<String, Value>>,
        tools: Option<&Value>,
    ) -> Result<Composed> {
        let first = item.turn() == 0;
        let mut head: Option<String> = match (&self.system, system) {
            (Some((ours, _)), Some(theirs)) => Some(format!("{ours}\n\n{theirs}")),
            (Some((ours, _)), None) => Some(ours.to_string()),
            (None, theirs) => theirs.map(str::to_owned),
        };
        let mut marked = false;
        if let Some(marker) = self.plan.prompts.context.cache_bust {
            let mark = mark(self.plan.seed, item.conversation());
            let on_system = matches!(marker, Marker::SystemPrefix | Marker::SystemSuffix);
            let before = matches!(marker, Marker::SystemPrefix | Marker::FirstTurnPrefix);
            let place = match &mut head {
                Some(head) if on_system => Some(head),
                _ if first => messages.iter_mut().find_map(|m| m.texts.first_mut()?.contents.first_mut()),
                _ => None,
            };
            if let Some(text) = place {
                *text = if before { format!("{mark}\n\n{text}") } else { format!("{text}\n\n{mark}") };
                marked = true;
            }
        }
        if self.plan.prompts.chat_template {
            isl = self.rendered(head.as_deref().filter(|_| first), &messages, tools)?;
        } else if marked {
            isl = messages.iter().map(|m| self.said(m)).sum::<u32>()
                + head.as_deref().filter(|_| first).map_or(0, |h| self.tokenizer.count(h));
        } else if first {
            isl += match (&self.system, system) {
                (Some((_, tokens)), None) => *tokens,
                _ => head.as_deref().map_or(0, |h| self.tokenizer.count(h)),
            };
        }
        let content = RequestContent {
            model: payload::model(self.plan, item.conversation()),
            system: head.as_deref(),
            messages: &messages,
            osl,
            extra,
        };
        let said = messages.iter().flat_map(Message::contents).chain(head.as_deref().filter(|_| first));
        let characters = u32::try_from(said.map(|text| text.chars().count()).sum::<usize>()).unwrap_or(u32::MAX);
        Ok(Composed { body: request_body(self.plan, &content)?, isl, osl, inexact: false, characters })
    }

    fn prefix(&self, item: Item) -> Option<&Prompt> {
        if self.prefixes.is_empty() || item.turn() > 0 {
            return None;
        }
        let mut rng = ItemRng::new(self.plan.seed, Stream::PrefixChoice, item.conversation() as u64);
        Some(&self.prefixes[rng.below(self.prefixes.len())])
    }

    /// Nothing stands before the prompt but what the template puts there.
    fn is_bare(&self) -> bool {
        let context = &self.plan.prompts.context;
        self.prefixes.is_empty()
            && self.system.is_none()
            && context.user_tokens.is_none()
            && context.cache_bust.is_none()
    }

    fn block(&self) -> u32 {
        self.plan.prompts.replay.as_ref().map_or(512, |replay| replay.block)
    }

    /// Tokens of a message's texts.
    fn said(&self, message: &Message) -> u32 {
        if self.plan.use_server_token_count {
            return 0;
        }
        let verbatim = message.verbatim.as_ref().map_or(0, |v| self.texts(v));
        verbatim + message.contents().map(|text| self.tokenizer.count(text)).sum::<u32>()
    }

    /// Tokens of the texts of a body or a message: those under the fields in which endpoints take them.
    fn texts(&self, tree: &Value) -> u32 {
        if self.plan.use_server_token_count {
            return 0;
        }
        match tree {
            Value::String(text) => self.tokenizer.count(text),
            Value::Array(list) => list.iter().map(|v| self.texts(v)).sum(),
            Value::Object(fields) => {
                let texts = fields.iter().filter(|(name, _)| TEXT_FIELDS.contains(&name.as_str()));
                texts.map(|(_, v)| self.texts(v)).sum()
            }
            _ => 0,
        }
    }

    /// Tokens of what the model sees.
    fn rendered(&self, system: Option<&str>, messages: &[Message], tools: Option<&Value>) -> Result<u32> {
        let system = system.map(|text| json!({"role": "system", "content": text}));
        let told = messages.iter().map(|m| match &m.verbatim {
            Some(verbatim) => verbatim.clone(),
            None => {
                json!({"role": m.role(), "content": m.contents().collect::<Vec<_>>().join("\n")})
            }
        });
        let all: Vec<Value> = system.into_iter().chain(told).collect();
        let seen = self.tokenizer.template()?.render(&all, tools)?;
        Ok(self.tokenizer.count(&seen))
    }
}

/// The fields of a turn's body alone: its own, and the model that it asks, where it names one.
fn asked(plan: &Plan, turn: &Turn) -> Option<Map<String, Value>> {
    let mut fields = turn.extra.clone();
    if let Some(which) = turn.model.filter(|_| plan.models.len() > 1) {
        let model = plan.models[which as usize % plan.models.len()].clone();
        fields.get_or_insert_default().insert("model".into(), model.into());
    }
    fields
}

/// Most tokens of all prefixes together.
const MOST_OF_PREFIXES: f64 = 1e8;

fn draft_tokens(prefix: Option<&Prompt>, isl: u32) -> u32 {
    prefix.map_or(0, |p| p.tokens) + isl
}

/// Tokens of a row, about.
fn estimate(row: &Row) -> f64 {
    match &row.turn.content {
        Content::Length { isl, .. } => f64::from(*isl),
        Content::Payload(bytes) => bytes.len() as f64,
        Content::Messages(messages) => messages.iter().flat_map(|m| m.contents()).map(|t| t.len() as f64).sum(),
    }
}

/// A mark that no other conversation of this seed has, but by a chance of one in 2⁴⁸.
fn mark(seed: u64, conversation: usize) -> String {
    let bits = ItemRng::new(seed, Stream::Marker, conversation as u64).next_bits() >> 16;
    format!("[rid:{bits:012x}]")
}

/// The places in which endpoints take texts.
const TEXT_FIELDS: [&str; 8] = ["messages", "content", "text", "prompt", "input", "inputs", "system", "instructions"];
