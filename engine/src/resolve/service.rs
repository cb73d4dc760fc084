//! Look-ups for workers during the run: one thread off their cores, answers by a socket that a driver can wait for.

use super::race::Enough;
use super::reply::{Found, Reply, encode};
use super::{Answer, DELAY_DURING, DnsError, Files, Names, runtime};
use crate::clock::{self, MILLI, Nanos};
use crate::driver;
use crate::error::{Error, Result};
use crate::plan::{Dns, Network};
use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::os::unix::net::UnixStream;
use std::pin::pin;
use std::rc::Rc;
use std::thread::JoinHandle;
use std::time::Duration;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::task::LocalSet;
use tokio::time::timeout;

/// The thread that looks names up; it ends when this is dropped, open questions unanswered.
pub struct Service {
    questions: UnboundedSender<Message>,
    thread: Option<JoinHandle<()>>,
}

/// A worker's end of the service.
pub struct Line {
    /// The end that asks: the worker's.
    pub asker: Asker,
    /// Where the answers come, as [`super::Decoder`] reads them; non-blocking.
    pub answers: UnixStream,
}

/// Asks for one worker.
#[derive(Clone)]
pub struct Asker {
    line: usize,
    questions: UnboundedSender<Message>,
}

impl Asker {
    /// Asks where a name is; the answer bears `token`. Never waits. False when the service has ended: no answer will
    /// come.
    #[must_use]
    pub fn ask(&self, token: u64, host: &str, port: u16) -> bool {
        let ask = Ask { line: self.line, token, asked: clock::monotonic() };
        self.questions.send(Message::Ask(ask, (host.to_owned(), port))).is_ok()
    }
}

impl Service {
    /// Starts the service with a line for each worker; it keeps off the cores of the workers.
    ///
    /// # Errors
    /// When this machine gives no thread or socket.
    pub fn start(network: &Network, cores: &[usize], workers: usize) -> Result<(Self, Vec<Line>)> {
        Self::with_files(network, &Files::read(), cores, workers)
    }

    pub(super) fn with_files(
        network: &Network,
        files: &Files,
        cores: &[usize],
        workers: usize,
    ) -> Result<(Self, Vec<Line>)> {
        let (questions, asked) = unbounded_channel();
        let (mut ours, mut lines) = (Vec::new(), Vec::new());
        for line in 0..workers {
            let (here, there) = pair().map_err(|e| unable(&e))?;
            ours.push(here);
            lines.push(Line { asker: Asker { line, questions: questions.clone() }, answers: there });
        }
        let (network, files, cores) = (network.clone(), files.clone(), cores.to_vec());
        let runtime = runtime()?;
        let thread = std::thread::Builder::new()
            .name("names".into())
            .spawn(move || {
                driver::keep_off(&cores);
                let names = Names::new(&network, &files, DELAY_DURING);
                let keep = network.dns != Dns::Always;
                LocalSet::new().block_on(&runtime, serve(names, keep, ours, asked));
            })
            .map_err(|e| unable(&e))?;
        let service = Self { questions, thread: Some(thread) };
        Ok((service, lines))
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        // A thread that is gone needs no telling.
        let _ = self.questions.send(Message::Stop);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

enum Message {
    Ask(Ask, Key),
    Stop,
}

#[derive(Clone, Copy)]
struct Ask {
    line: usize,
    token: u64,
    asked: Nanos,
}

type Key = (String, u16);

/// State that the look-ups of the service share.
struct State {
    /// Whether answers are kept for their TTL and equal questions share a look-up.
    keep: bool,
    kept: HashMap<Key, Answer>,
    waiting: HashMap<Key, Vec<Ask>>,
    /// What one address family of a name has while the other is still being asked: those that wait have it.
    early: HashMap<Key, Answer>,
    writers: Vec<UnboundedSender<Vec<u8>>>,
}

async fn serve(names: Names, keep: bool, lines: Vec<UnixStream>, mut questions: UnboundedReceiver<Message>) {
    let mut writers = Vec::new();
    for line in lines {
        let (replies, queue) = unbounded_channel();
        writers.push(replies);
        tokio::task::spawn_local(write(line, queue));
    }
    let state = Rc::new(RefCell::new(State {
        keep,
        kept: HashMap::new(),
        waiting: HashMap::new(),
        early: HashMap::new(),
        writers,
    }));
    while let Some(Message::Ask(ask, key)) = questions.recv().await {
        if !state.borrow_mut().admit(ask, &key) {
            continue;
        }
        let (names, state) = (names.clone(), Rc::clone(&state));
        tokio::task::spawn_local(async move {
            let early = RefCell::new(None);
            let awake = Awake::default();
            let tell = |found: Answer| -> Enough {
                state.borrow_mut().tell_early(ask, &key, &found, awake.now());
                early.replace(Some(found));
                // How the connects go is the workers' to see.
                Box::pin(std::future::pending())
            };
            let outcome = awake.during(names.lookup(&key.0, key.1, &tell)).await;
            state.borrow_mut().settle(ask, key, early.into_inner(), &outcome, awake.now());
        });
    }
}

/// When the thread was last seen to run while a look-up was under way. An answer that comes then is seen at once; of
/// one that is seen after a stop, it is not known when in the stop it came.
struct Awake {
    last: Cell<Nanos>,
}

impl Default for Awake {
    fn default() -> Self {
        Self { last: Cell::new(clock::monotonic()) }
    }
}

impl Awake {
    /// Waits for a look-up, and notes now and then that the thread runs. The first tick behind a stop notes nothing: an
    /// answer that came in it is read behind the timer.
    async fn during<T>(&self, look_up: impl Future<Output = T>) -> T {
        let mut look_up = pin!(look_up);
        let mut late = false;
        loop {
            if let Ok(outcome) = timeout(TICK, &mut look_up).await {
                return outcome;
            }
            let now = clock::monotonic();
            late = !late && now.saturating_sub(self.last.get()) > STOPPED;
            if !late {
                self.last.set(now);
            }
        }
    }

    /// Since when what is seen now can have been there, and now.
    fn now(&self) -> Seen {
        let at = clock::monotonic();
        let since = self.last.get();
        let stopped = at.saturating_sub(since) > STOPPED;
        Seen { since: if stopped { since } else { at }, at }
    }
}

/// When something was seen, and since when it can have been there.
#[derive(Clone, Copy)]
struct Seen {
    since: Nanos,
    at: Nanos,
}

impl Seen {
    fn at(at: Nanos) -> Self {
        Self { since: at, at }
    }
}

/// How often a look-up notes that its thread runs.
const TICK: Duration = Duration::from_millis(10);
/// A thread that did not run for so long was stopped, or kept off its core.
const STOPPED: Nanos = 25 * MILLI;

impl State {
    /// Whether a look-up has to be made.
    fn admit(&mut self, ask: Ask, key: &Key) -> bool {
        if !self.keep {
            return true;
        }
        let now = clock::monotonic();
        if let Some(kept) = self.kept.get(key).filter(|a| now < a.valid_until).cloned() {
            self.reply(ask, Seen::at(now), Ok((&kept, false)));
            return false;
        }
        if let Some(found) = self.early.get(key).cloned() {
            self.reply(ask, Seen::at(now), Ok((&found, true)));
        }
        let waiting = self.waiting.entry(key.clone()).or_default();
        waiting.push(ask);
        waiting.len() == 1
    }

    /// One family has addresses, and the other may have some later.
    fn tell_early(&mut self, ask: Ask, key: &Key, found: &Answer, seen: Seen) {
        let asks = if self.keep { self.waiting.get(key).cloned().unwrap_or_default() } else { vec![ask] };
        for ask in asks {
            self.reply(ask, seen, Ok((found, true)));
        }
        if self.keep {
            self.early.insert(key.clone(), found.clone());
        }
    }

    /// The look-up has ended. Who has had `early` is told the rest.
    fn settle(
        &mut self,
        ask: Ask,
        key: Key,
        early: Option<Answer>,
        outcome: &std::result::Result<Answer, DnsError>,
        seen: Seen,
    ) {
        self.early.remove(&key);
        let asks = if self.keep { self.waiting.remove(&key).unwrap_or_default() } else { vec![ask] };
        let had = early.map_or_else(Vec::new, |early| early.addrs);
        let rest = outcome.as_ref().map(|answer| {
            let addrs = answer.addrs.iter().filter(|addr| !had.contains(addr)).copied().collect();
            Answer { addrs, ..answer.clone() }
        });
        for ask in asks {
            self.reply(ask, seen, rest.as_ref().map(|rest| (rest, false)).map_err(|e| *e));
        }
        if let (true, Ok(answer)) = (self.keep, outcome) {
            self.kept.insert(key, answer.clone());
        }
    }

    /// Tells a worker addresses, and whether more may follow; or why there are none.
    fn reply(&self, ask: Ask, seen: Seen, outcome: std::result::Result<(&Answer, bool), &DnsError>) {
        let mut bytes = Vec::new();
        let reply = Reply {
            token: ask.token,
            started: ask.asked,
            since: seen.since.max(ask.asked),
            ended: seen.at,
            outcome: match outcome {
                Ok((answer, more)) => Ok(Found { addrs: answer.addrs.clone(), valid_until: answer.valid_until, more }),
                Err(error) => Err(error.to_string()),
            },
        };
        encode(&reply, &mut bytes);
        // A worker that has closed its channel wants no answer.
        let _ = self.writers[ask.line].send(bytes);
    }
}

/// Writes to one worker, which may be slow to read, without holding up the others.
async fn write(line: UnixStream, mut queue: UnboundedReceiver<Vec<u8>>) {
    let Ok(line) = tokio::net::UnixStream::from_std(line) else {
        return;
    };
    while let Some(bytes) = queue.recv().await {
        let mut rest = &bytes[..];
        while !rest.is_empty() {
            match line.try_write(rest) {
                Ok(n) => rest = &rest[n..],
                Err(e) if e.kind() == std::io::ErrorKind::WouldBlock => {
                    if line.writable().await.is_err() {
                        return;
                    }
                }
                Err(_) => return,
            }
        }
    }
}

fn pair() -> std::io::Result<(UnixStream, UnixStream)> {
    let (a, b) = UnixStream::pair()?;
    a.set_nonblocking(true)?;
    b.set_nonblocking(true)?;
    Ok((a, b))
}

fn unable(error: &std::io::Error) -> Error {
    Error::environment(
        format!("the thread that looks names up could not be started ({error})"),
        "raise the limits of processes and open files",
    )
}
