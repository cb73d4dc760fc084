//! What the metrics of a request are made of, kept for every request of a run in some 20 bytes.

use super::row::{NUMBERS, Reader, Writer, unzigzag, zigzag};
use super::server_time::ServerTimes;
use super::tokens::{TokenCounts, TokenSource};
use crate::arrival::NARROW;
use crate::clock::Nanos;
use crate::record::{Lags, Outcome, Phases, Record};

/// The numbers of which the metrics of one request are made: lengths in nanoseconds, counts, and no text.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Basis {
    pub(super) state: State,
    pub(super) issued: Nanos,
    /// As [`Record::k`].
    pub(super) k: u64,
    /// Scheduled → issued.
    pub(super) late: Nanos,
    pub(super) phases: Phases,
    pub(super) times: Times,
    pub(super) tokens: Tokens,
    pub(super) wire: Wire,
    pub(super) intervals: Widths,
    /// Those of its connection are 0 where they are not over [`NARROW`].
    pub(super) lags: Lags,
    pub(super) server: ServerTimes,
}

/// How much earlier than stated output events, the head and the end can have arrived: nothing where none is over
/// [`NARROW`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Widths {
    pub(super) first: Nanos,
    pub(super) last: Nanos,
    pub(super) widest: Nanos,
    /// The end of the response.
    pub(super) end: Nanos,
    /// Its first byte, or the end of its head.
    pub(super) begin: Nanos,
}

/// From when to when.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Times {
    /// Issued → first output event.
    pub(super) first: Option<Nanos>,
    /// First → second output event.
    pub(super) second: Option<Nanos>,
    /// Issued → first output event that is not reasoning.
    pub(super) visible: Option<Nanos>,
    /// Request sent → first output event.
    pub(super) first_from_send: Option<Nanos>,
    /// Scheduled → first output event.
    pub(super) scheduled_first: Option<Nanos>,
    /// Issued → head complete.
    pub(super) setup: Option<Nanos>,
    /// Issued → last output event, or the end.
    pub(super) latency: Nanos,
    /// Scheduled → end.
    pub(super) response: Nanos,
}

/// Numbers of tokens.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Tokens {
    pub(super) isl: u32,
    pub(super) requested: Option<u32>,
    /// As [`TokenCounts::output`].
    pub(super) output: Option<u32>,
    /// As [`TokenCounts::reasoning`].
    pub(super) reasoning: Option<u32>,
    /// The server's counts, in the order of [`crate::record::Usage`]: prompt, completion, total, reasoning, read from a
    /// cache, written to one.
    pub(super) usage: [Option<u32>; 6],
    /// The client's own count of an output that the server counted.
    pub(super) client: Option<u32>,
}

/// Bytes that went over the connection.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Wire {
    pub(super) reused: bool,
    pub(super) bytes_sent: u64,
    pub(super) bytes_received: u64,
    pub(super) reads: u32,
}

/// The outcome of a request, as far as its metrics ask.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum State {
    #[default]
    Succeeded,
    Failed,
    /// Cut off at the end of the run, or cancelled.
    Unfinished,
}

impl Basis {
    pub(super) fn of(record: &Record, tokens: &TokenCounts) -> Self {
        let at = &record.instants;
        Self {
            state: match record.outcome {
                Outcome::Succeeded => State::Succeeded,
                Outcome::Failed(_) => State::Failed,
                Outcome::InFlight | Outcome::Cancelled => State::Unfinished,
            },
            issued: at.issued,
            k: record.k,
            late: at.issued.saturating_sub(at.scheduled),
            phases: at.phases(),
            times: Times::of(record),
            tokens: Tokens::of(record, tokens),
            wire: Wire {
                reused: record.connection_reused,
                bytes_sent: record.bytes_sent,
                bytes_received: record.bytes_received,
                reads: record.reads,
            },
            intervals: Widths::of(record),
            lags: match record.lags.set_up() > NARROW {
                true => record.lags,
                false => Lags { dispatch: record.lags.dispatch, ..Lags::default() },
            },
            server: ServerTimes::of(record),
        }
    }

    /// Output sequence length.
    pub(super) fn osl(&self) -> Option<u32> {
        self.tokens.osl()
    }

    /// The end, not before the issue.
    pub(super) fn end(&self) -> Nanos {
        self.issued.saturating_add(self.phases.total())
    }

    /// As numbers of which most are the same for most requests: each is told by how far it is from what the ones before
    /// it say.
    pub(super) fn row(&self) -> [u64; NUMBERS] {
        let mut row = Writer::new();
        let p = &self.phases;
        row.put(self.issued);
        row.put(self.k);
        row.put(self.late);
        for phase in [p.queue, p.dns, p.tcp, p.tls, p.send, p.wait, p.receive] {
            row.put(phase);
        }
        self.times.put(&mut row, self.late, &Guess::of(self.late, p));
        self.tokens.put(&mut row);
        row.put(self.wire.bytes_sent);
        row.put(self.wire.bytes_received);
        row.put(self.wire.reads.into());
        let by = &self.intervals;
        for width in [by.first, by.last, by.widest, by.end, by.begin] {
            row.put(width);
        }
        row.put(zigzag(self.lags.dispatch.wrapping_sub(self.late)));
        for lag in [self.lags.queue, self.lags.lookup, self.lags.connect, self.lags.handshake] {
            row.put(lag);
        }
        self.server.put(&mut row);
        // What changes from request to request stands low.
        let state = match self.state {
            State::Succeeded => 0,
            State::Failed => 1,
            State::Unfinished => 2,
        };
        row.put(row.present() << 3 | u64::from(self.wire.reused) << 2 | state);
        row.numbers()
    }

    pub(super) fn from_row(numbers: &[u64; NUMBERS]) -> Self {
        let shape = numbers[NUMBERS - 1];
        let mut row = Reader::new(numbers, shape >> 3);
        let (issued, k, late) = (row.take(), row.take(), row.take());
        let phases = Phases {
            queue: row.take(),
            dns: row.take(),
            tcp: row.take(),
            tls: row.take(),
            send: row.take(),
            wait: row.take(),
            receive: row.take(),
        };
        let times = Times::take(&mut row, late, &Guess::of(late, &phases));
        let tokens = Tokens::take(&mut row);
        let wire = Wire {
            bytes_sent: row.take(),
            bytes_received: row.take(),
            reads: row.take() as u32,
            reused: shape & 4 != 0,
        };
        let intervals =
            Widths { first: row.take(), last: row.take(), widest: row.take(), end: row.take(), begin: row.take() };
        let lags = Lags {
            dispatch: unzigzag(row.take()).wrapping_add(late),
            queue: row.take(),
            lookup: row.take(),
            connect: row.take(),
            handshake: row.take(),
        };
        let server = ServerTimes::take(&mut row);
        let state = match shape & 3 {
            0 => State::Succeeded,
            1 => State::Failed,
            _ => State::Unfinished,
        };
        Self { state, issued, k, late, phases, times, tokens, wire, intervals, lags, server }
    }
}

impl Widths {
    fn of(record: &Record) -> Self {
        let by = &record.intervals;
        let widths = Self { first: by.first, last: by.last, widest: by.widest, end: by.end, begin: by.begin };
        if widths.are_wide() { widths } else { Self::default() }
    }

    /// Whether one of them is over [`NARROW`].
    pub(super) fn are_wide(&self) -> bool {
        self.widest.max(self.end).max(self.begin) > NARROW
    }
}

impl Times {
    fn of(record: &Record) -> Self {
        let at = &record.instants;
        let since = |from: Nanos, to: Option<Nanos>| to.map(|to| to.saturating_sub(from));
        Self {
            first: since(at.issued, at.first_token),
            second: record.gaps.first().copied(),
            visible: since(at.issued, at.first_visible_token),
            first_from_send: at.send_end.and_then(|sent| since(sent, at.first_token)),
            scheduled_first: since(at.scheduled, at.first_token),
            setup: since(at.issued, at.head_end),
            latency: at.last_token.unwrap_or(at.end).saturating_sub(at.issued),
            response: at.end.saturating_sub(at.scheduled),
        }
    }

    fn put(&self, row: &mut Writer, late: Nanos, guess: &Guess) {
        row.time(self.first, guess.first_byte);
        let first = self.first.unwrap_or(guess.first_byte);
        row.time(self.second, 0);
        row.time(self.visible, first);
        row.time(self.first_from_send, first.wrapping_sub(guess.sent));
        row.time(self.scheduled_first, first.wrapping_add(late));
        row.time(self.setup, guess.first_byte);
        row.put(zigzag(self.latency.wrapping_sub(guess.total)));
        row.put(zigzag(self.response.wrapping_sub(guess.response)));
    }

    fn take(row: &mut Reader<'_>, late: Nanos, guess: &Guess) -> Self {
        let first = row.time(guess.first_byte);
        let from = first.unwrap_or(guess.first_byte);
        Self {
            first,
            second: row.time(0),
            visible: row.time(from),
            first_from_send: row.time(from.wrapping_sub(guess.sent)),
            scheduled_first: row.time(from.wrapping_add(late)),
            setup: row.time(guess.first_byte),
            latency: unzigzag(row.take()).wrapping_add(guess.total),
            response: unzigzag(row.take()).wrapping_add(guess.response),
        }
    }
}

impl Tokens {
    fn of(record: &Record, tokens: &TokenCounts) -> Self {
        let usage = record.usage;
        let by_server = usage.is_some() && tokens.source == TokenSource::Usage;
        Self {
            isl: tokens.input.unwrap_or(record.isl),
            requested: record.requested_osl,
            output: tokens.output,
            reasoning: tokens.reasoning,
            usage: usage.map_or([None; 6], |usage| {
                [usage.prompt, usage.completion, usage.total, usage.reasoning, usage.cached, usage.cache_written]
            }),
            client: tokens.client.filter(|_| by_server).map(|c| c.osl()),
        }
    }

    /// Output sequence length, as [`TokenCounts::osl`].
    fn osl(&self) -> Option<u32> {
        self.output.map(|output| output.saturating_add(self.reasoning.unwrap_or(0)))
    }

    fn put(&self, row: &mut Writer) {
        row.put(self.isl.into());
        row.count(self.requested, 0);
        row.count(self.output, self.requested.unwrap_or(0));
        row.count(self.reasoning, 0);
        let osl = self.osl().unwrap_or(0);
        let [prompt, completion, total, reasoning, cached, written] = self.usage;
        row.count(prompt, self.isl);
        row.count(completion, osl);
        row.count(total, sum(prompt, completion));
        row.count(reasoning, self.reasoning.unwrap_or(0));
        row.count(cached, 0);
        row.count(written, 0);
        row.count(self.client, osl);
    }

    fn take(row: &mut Reader<'_>) -> Self {
        let isl = row.take() as u32;
        let requested = row.count(0);
        let output = row.count(requested.unwrap_or(0));
        let reasoning = row.count(0);
        let mut tokens = Self { isl, requested, output, reasoning, ..Self::default() };
        let osl = tokens.osl().unwrap_or(0);
        let (prompt, completion) = (row.count(isl), row.count(osl));
        let total = row.count(sum(prompt, completion));
        tokens.usage = [prompt, completion, total, row.count(reasoning.unwrap_or(0)), row.count(0), row.count(0)];
        tokens.client = row.count(osl);
        tokens
    }
}

/// What the total of a usage is, as a rule.
fn sum(prompt: Option<u32>, completion: Option<u32>) -> u32 {
    prompt.unwrap_or(0).wrapping_add(completion.unwrap_or(0))
}

/// What the phases of a request say of its other lengths. Sums wrap: they are guesses, and what is told is how far they
/// are off.
struct Guess {
    sent: Nanos,
    first_byte: Nanos,
    total: Nanos,
    response: Nanos,
}

impl Guess {
    fn of(late: Nanos, p: &Phases) -> Self {
        let sum = |parts: &[Nanos]| parts.iter().fold(0u64, |a, b| a.wrapping_add(*b));
        let sent = sum(&[p.queue, p.dns, p.tcp, p.tls, p.send]);
        let first_byte = sent.wrapping_add(p.wait);
        let total = first_byte.wrapping_add(p.receive);
        Self { sent, first_byte, total, response: total.wrapping_add(late) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_greatest_numbers_are_kept() {
        let far = Basis {
            state: State::Unfinished,
            issued: u64::MAX,
            k: u64::MAX,
            late: u64::MAX,
            phases: Phases { wait: u64::MAX, ..Phases::default() },
            times: Times { first: Some(u64::MAX), second: Some(0), latency: u64::MAX, ..Times::default() },
            tokens: Tokens {
                output: Some(u32::MAX),
                reasoning: Some(u32::MAX),
                usage: [Some(u32::MAX), None, Some(0), None, Some(1), None],
                ..Tokens::default()
            },
            wire: Wire { bytes_received: u64::MAX, reads: u32::MAX, ..Wire::default() },
            intervals: Widths { widest: u64::MAX, ..Widths::default() },
            lags: Lags { dispatch: 1, handshake: u64::MAX, ..Lags::default() },
            server: ServerTimes { remainder: Some(i64::MIN), ..ServerTimes::default() },
        };
        for basis in [far, Basis::default()] {
            assert_eq!(Basis::from_row(&basis.row()), basis);
        }
    }
}
