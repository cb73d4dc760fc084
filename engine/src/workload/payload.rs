//! What a turn holds beside its first text: more texts, the passages of a ranking, images, audio; and the model that
//! it names.

use super::lengths::{Lengths, draw};
use super::prompt::{Prompt, Prompts};
use super::turns::Item;
use super::{Workload, media};
use crate::error::{Error, Result};
use crate::plan::{Length, ModelChoice, Plan};
use crate::plan::{Message, Texts};
use crate::random::{ItemRng, Stream};
use crate::setting::Setting;

impl Workload {
    /// Holds what a plan asks against the limits of lengths and counts; nothing is made.
    ///
    /// # Errors
    /// When the lengths are nonsense, or something is over a limit.
    pub(crate) fn check(plan: &Plan) -> Result<()> {
        Lengths::of_plan(plan)?;
        check(plan)
    }
}

/// Refuses what would be too much.
pub(super) fn check(plan: &Plan) -> Result<()> {
    let payload = &plan.payload;
    let most = |length: Length| length.mean + 9.0 * length.stddev;
    for (setting, count) in
        [(Setting::Texts, f64::from(payload.texts)), (Setting::Passages, most(payload.passages.count))]
    {
        if count > MAX_TEXTS {
            return Err(Error::usage(
                format!("{setting}: {count} texts in a request pass the limit of {MAX_TEXTS}"),
                "choose fewer",
            ));
        }
    }
    if payload.texts == 0 {
        return Err(Error::usage(format!("{} is 0", Setting::Texts), "write 1 or more"));
    }
    let longest = most(payload.passages.tokens);
    if longest > MAX_TOKENS {
        return Err(Error::usage(
            format!("{}: passages of {longest} tokens pass the limit of {MAX_TOKENS}", Setting::PassageTokens),
            "choose a smaller mean or deviation",
        ));
    }
    media::check(plan)
}

/// The message of a turn, whose first text is `prompt`; and the tokens of all its texts.
pub(super) fn message(plan: &Plan, prompts: &Prompts<'_>, item: Item, prompt: Prompt) -> (Message, u32) {
    let mut tokens = prompt.tokens;
    let mut more = |count: u32, length: Length, stream: Stream| -> Vec<String> {
        let texts = (1..=count).map(|n| {
            let item = Item::of(item.conversation() + n as usize * STRIDE, item.turn());
            let text = prompts.one(item, draw(length, plan.seed, stream, item.0));
            tokens += text.tokens;
            text.text
        });
        texts.collect()
    };
    let texts = if !plan.endpoint.takes_texts() {
        tokens = 0;
        Vec::new()
    } else if plan.endpoint.ranks() {
        let count = draw(plan.payload.passages.count, plan.seed, Stream::Passages, item.0);
        let passages = more(count, plan.payload.passages.tokens, Stream::Passages);
        vec![named("query", vec![prompt.text]), named("passages", passages)]
    } else {
        let rest = more(plan.payload.texts - 1, plan.prompts.isl, Stream::InputLength);
        let all = std::iter::once(prompt.text).chain(rest);
        vec![named("", all.collect())]
    };
    let mut message = Message { texts, ..Message::default() };
    media::attach(plan, item, &mut message);
    (message, tokens)
}

/// The model that a conversation names.
pub(super) fn model(plan: &Plan, conversation: usize) -> &str {
    let n = plan.models.len();
    let chosen = match plan.payload.models {
        ModelChoice::RoundRobin => conversation % n,
        ModelChoice::Random => ItemRng::new(plan.seed, Stream::Model, conversation as u64).below(n),
    };
    &plan.models[chosen]
}

fn named(name: &str, contents: Vec<String>) -> Texts {
    Texts { name: name.to_owned(), contents }
}

/// Most texts of one request.
const MAX_TEXTS: f64 = 1_000.0;
/// Most tokens of a passage.
const MAX_TOKENS: f64 = 1_048_576.0;
/// What tells the further texts of a turn apart from the first texts of other conversations: more than there are of
/// these.
const STRIDE: usize = 1 << 29;

#[cfg(test)]
mod tests {
    use super::super::{Hub, Tokenizer};
    use super::*;
    use crate::api::tests::plan;
    use crate::plan::{EndpointKind, TokenizerSource};

    fn builtin() -> Tokenizer {
        Tokenizer::load(&TokenizerSource::Builtin, &Hub::from_env()).unwrap()
    }

    #[test]
    fn a_ranking_has_a_query_and_passages_of_their_own_lengths() {
        let tokenizer = builtin();
        let mut plan = plan(EndpointKind::CohereRankings);
        plan.payload.passages.count = Length { mean: 5.0, stddev: 2.0 };
        plan.payload.passages.tokens = Length { mean: 20.0, stddev: 3.0 };
        let prompts = Prompts::new(&tokenizer, plan.seed).unwrap();
        let mut counts = Vec::new();
        for i in 0..50 {
            let item = Item::of(i, 0);
            let query = prompts.one(item, 8);
            let (message, tokens) = message(&plan, &prompts, item, query.clone());
            assert_eq!(message.texts[0], named("query", vec![query.text]));
            assert_eq!(message.texts[1].name, "passages");
            let passages = &message.texts[1].contents;
            let counted: u32 = passages.iter().map(|p| tokenizer.count(p)).sum();
            assert_eq!(tokens, 8 + counted);
            counts.push(passages.len());
        }
        let mean = counts.iter().sum::<usize>() as f64 / 50.0;
        assert!((mean - 5.0).abs() < 1.5, "{mean}");
        assert!(counts.iter().any(|n| *n != counts[0]));
    }

    #[test]
    fn a_batch_has_as_many_texts_as_asked_for_and_none_twice() {
        let tokenizer = builtin();
        let mut plan = plan(EndpointKind::Embeddings);
        plan.payload.texts = 4;
        plan.prompts.isl = Length { mean: 12.0, stddev: 0.0 };
        let prompts = Prompts::new(&tokenizer, plan.seed).unwrap();
        let mut seen = std::collections::HashSet::new();
        for i in 0..30 {
            let item = Item::of(i, 0);
            let (message, tokens) = message(&plan, &prompts, item, prompts.one(item, 12));
            assert_eq!(tokens, 48);
            assert_eq!(message.texts[0].contents.len(), 4);
            assert!(message.contents().all(|text| seen.insert(text.to_owned())));
        }
    }

    #[test]
    fn models_are_taken_in_turn_or_drawn_by_conversation() {
        let mut plan = plan(EndpointKind::Chat);
        plan.models = vec!["a".into(), "b".into()];
        let names = |plan: &Plan| (0..40).map(|i| model(plan, i).to_owned()).collect::<String>();
        assert_eq!(names(&plan), "ab".repeat(20));
        plan.payload.models = ModelChoice::Random;
        let drawn = names(&plan);
        assert_eq!(drawn, names(&plan));
        let share = drawn.matches('a').count();
        assert!((8..32).contains(&share) && drawn != "ab".repeat(20), "{drawn}");
    }
}
