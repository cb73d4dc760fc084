//! What is measured: rounds of many events, with what they use up made ready outside the measure.

use std::time::{Duration, Instant};

/// One case of a stage.
pub struct Case {
    /// Its name in its stage.
    pub name: String,
    /// What a round is counted in: events, unless the name says otherwise.
    pub events: u64,
    /// Bytes that a round takes in, or gives where it takes none in; 0 where there are none.
    pub bytes: u64,
    make: Box<dyn Fn() -> Box<dyn Round>>,
    apart: Option<Box<dyn Fn() -> Box<dyn Round>>>,
}

/// A round that can be run again and again.
pub trait Round {
    /// Makes ready what the next run uses up: not measured.
    fn ready(&mut self) {}

    /// What is measured.
    fn run(&mut self);
}

impl<F: FnMut()> Round for F {
    fn run(&mut self) {
        self();
    }
}

impl Case {
    /// A case of which `make` prepares the rounds.
    pub fn new<R: Round + 'static>(
        name: impl Into<String>,
        events: usize,
        bytes: usize,
        make: impl Fn() -> R + 'static,
    ) -> Self {
        Self {
            name: name.into(),
            events: events as u64,
            bytes: bytes as u64,
            make: Box::new(move || Box::new(make())),
            apart: None,
        }
    }

    /// Takes the rounds of `apart` off: what is in the case's rounds that the case is not about.
    #[must_use]
    pub fn less<R: Round + 'static>(mut self, apart: impl Fn() -> R + 'static) -> Self {
        self.apart = Some(Box::new(move || Box::new(apart())));
        self
    }

    /// Whether something is [taken off](Self::less).
    #[must_use]
    pub fn has_apart(&self) -> bool {
        self.apart.is_some()
    }

    /// Its rounds.
    #[must_use]
    pub fn rounds(&self) -> Box<dyn Round> {
        (self.make)()
    }

    /// The rounds that are taken off.
    #[must_use]
    pub fn apart(&self) -> Option<Box<dyn Round>> {
        self.apart.as_ref().map(|make| make())
    }

    /// A clock for it, made ready once.
    #[must_use]
    pub fn stopwatch(&self) -> Stopwatch {
        Stopwatch { events: self.events, rounds: self.rounds(), apart: self.apart() }
    }
}

/// Times the events of one case.
pub struct Stopwatch {
    events: u64,
    rounds: Box<dyn Round>,
    apart: Option<Box<dyn Round>>,
}

impl Stopwatch {
    /// The time of `events` events: that of as many rounds as hold them, in proportion. What is taken off runs in turn
    /// with the rest, so that both see the same machine.
    pub fn time(&mut self, events: u64) -> Duration {
        let rounds = events.div_ceil(self.events);
        let (mut all, mut off) = (Duration::ZERO, Duration::ZERO);
        for _ in 0..rounds {
            all += time(&mut *self.rounds);
            if let Some(apart) = &mut self.apart {
                off += time(&mut **apart);
            }
        }
        all.saturating_sub(off).mul_f64(events as f64 / (rounds * self.events) as f64)
    }
}

fn time(round: &mut dyn Round) -> Duration {
    round.ready();
    let begun = Instant::now();
    round.run();
    begun.elapsed()
}

/// Runs rounds, the first two of them uncounted.
pub fn count(round: &mut dyn Round, rounds: u64) {
    for _ in 0..2 {
        round.ready();
        round.run();
    }
    for _ in 0..rounds {
        round.ready();
        counted(round);
    }
}

/// A function of its own, also in the binary: callgrind counts while it runs (`--toggle-collect`).
#[inline(never)]
fn counted(round: &mut dyn Round) {
    round.run();
    // A call in the last place would become a jump, and the function would seem to end before it.
    std::hint::black_box(round);
}
