//! Prompts against the length that was asked for, by the server's count.

use super::super::case::{Case, Found};
use super::super::finding::{Direction, Effect, Finding, Scope, Status};
use super::super::wording::shown_share;
use super::share;
use crate::measure::InputFigures;
use crate::plan::{Statistic, metric as tags};
use crate::setting::Setting;

pub(super) fn findings(case: &Case<'_>) -> Vec<Finding> {
    let characters = characters(case);
    let length = if characters.is_some() { None } else { input_length(case) };
    [characters, length, growth(case)].into_iter().flatten().collect()
}

/// Prompts of another length than was asked for, by the server's own count.
fn input_length(case: &Case<'_>) -> Option<Finding> {
    let input = &case.summary.workload.input;
    let differing = share(input.differing, input.compared);
    if differing <= OTHER_LENGTH {
        return None;
    }
    let (asked, got) = (mean(input.tokens, input), mean(input.usage_tokens, input));
    if let Some(why) = unjudged(case, got > asked) {
        return Some(not_asked(case, differing, why));
    }
    let direction = if got > asked { Direction::Raised } else { Direction::Lowered };
    let moved = (got - asked).abs() / got;
    let tokens = &case.summary.tokens;
    let (who, remedy) = match tokens.approximate {
        true => (
            format!("the tokenizer {}, which is not the model's", tokens.tokenizer),
            format!(
                "name the model's own tokenizer ({}), so that prompts have the length asked for",
                Setting::Tokenizer
            ),
        ),
        false => (
            format!("the tokenizer {}", tokens.tokenizer),
            format!(
                "see whether {} names the model's own tokenizer; {} counts what the model's template adds; or the server puts something before the prompt",
                Setting::Tokenizer,
                Setting::ChatTemplate
            ),
        ),
    };
    Some(
        Found::new("input_length", Scope::Workload)
            .measured(differing, OTHER_LENGTH, "ratio")
            .at_least(Status::Suspect)
            .at_most(Status::Suspect)
            .moving(case.effects(&tags::TIME_TO_FIRST_TOKEN, direction, moved))
            .says(
                format!(
                    "{} of {} prompts ({}) have over 10 % and over 64 tokens more or fewer by the server's count than by {who}: {got:.1} each on average \
                     instead of {asked:.1}; bound: suspect over {}",
                    input.differing,
                    input.compared,
                    shown_share(differing),
                    shown_share(OTHER_LENGTH)
                ),
                remedy,
            ),
    )
}

/// Why a count of the server's that is another (and `more`) is no fault of the prompts: they hold more than text, whose
/// tokens the server alone counts, or the plan says no length.
fn unjudged(case: &Case<'_>, more: bool) -> Option<&'static str> {
    let (prompts, payload) = (&case.plan.prompts, &case.plan.payload);
    if more && (payload.images.is_some() || payload.audio.is_some() || payload.videos.is_some()) {
        return Some("prompts hold images or audio, or video, which the server alone counts");
    }
    let file = prompts.replay.is_some() && prompts.isl.mean <= 0.0;
    file.then_some("the prompts are a file's, which asks for no length and may hold images or audio")
}

/// A note: what the server counts of prompts of which it alone can.
fn not_asked(case: &Case<'_>, differing: f64, why: &str) -> Finding {
    let input = &case.summary.workload.input;
    Found::new("input_length", Scope::Workload).measured(differing, OTHER_LENGTH, "ratio").says(
        format!(
            "prompts have {:.1} tokens each on average by the server's count and {:.1} of text by the tokenizer {}: {why}, so that this is not judged",
            mean(input.usage_tokens, input),
            mean(input.tokens, input),
            case.summary.tokens.tokenizer
        ),
        format!("read input lengths by the server's usage (usage_prompt_tokens); those of text take the model's own tokenizer ({})", Setting::Tokenizer),
    )
}

/// A usage that counts characters where it says tokens.
fn characters(case: &Case<'_>) -> Option<Finding> {
    let input = &case.summary.workload.input;
    let each = input.characters_per_token.filter(|each| *each > LEAST_CHARACTERS)?;
    let ratio = share(input.usage_tokens, input.tokens);
    if input.compared == 0 || (ratio / each - 1.0).abs() > OTHER_LENGTH {
        return None;
    }
    Some(
        Found::new("usage_counts_characters", Scope::Workload)
            .measured(ratio, each, "ratio")
            .moving(prompt_raised(case, (input.usage_tokens - input.tokens) as f64 / input.compared as f64))
            .says(
                format!(
                    "the server's usage counts characters: it has {:.1} prompt tokens a request where prompts have {:.1} tokens by the tokenizer {} and {:.1} \
                     characters; its prompt tokens are in no figure but the metrics of usage",
                    mean(input.usage_tokens, input),
                    mean(input.tokens, input),
                    case.summary.tokens.tokenizer,
                    mean(input.tokens, input) * each
                ),
                format!("read the input lengths of the client's tokenizer ({}), not those of usage", Setting::Tokenizer),
            ),
    )
}

/// Prompt tokens that became more while the response came: a server that takes a generation up elsewhere and counts
/// what was generated by then as prompt.
fn growth(case: &Case<'_>) -> Option<Finding> {
    let input = &case.summary.workload.input;
    (input.growing > 0).then(|| {
        let each = input.growth as f64 / case.summary.counts.succeeded.max(1) as f64;
        Found::new("prompt_growth", Scope::Workload).counted(input.growing, "requests").moving(prompt_raised(case, each)).says(
            format!(
                "the prompt tokens of {} of {} responses grew while they came, by {:.1} tokens on average: the server counts output as prompt (as one does \
                 that moves a generation to another worker), so its prompt tokens are too many and its output tokens can be too few",
                input.growing,
                case.summary.counts.succeeded,
                input.growth as f64 / input.growing as f64
            ),
            format!("look for moved or restarted generations in the server's log; take lengths by the client's tokenizer ({})", Setting::Tokenizer),
        )
    })
}

/// That the server's count of a prompt is higher by so many tokens on average: of no figure that is asked for.
fn prompt_raised(case: &Case<'_>, tokens: f64) -> Option<Effect> {
    case.effect(&tags::USAGE_PROMPT_TOKENS, Statistic::Avg, Direction::Raised, tokens)
}

fn mean(tokens: u64, input: &InputFigures) -> f64 {
    tokens as f64 / input.compared as f64
}

/// The share of prompts that may be of another length.
const OTHER_LENGTH: f64 = 0.1;
/// Characters of a token under which a count of the one cannot be told from one of the other.
const LEAST_CHARACTERS: f64 = 1.5;
