//! One question to the name servers: each in turn, the next as soon as one fails or is silent.

use super::DnsFailure;
use hickory_resolver::TokioResolver;
use hickory_resolver::proto::rr::{Name, RecordType};
use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use tokio::task::JoinSet;
use tokio::time::{Instant, timeout_at};

/// The addresses of an answer, and the least of their TTLs in seconds.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Addresses {
    pub(super) ips: Vec<IpAddr>,
    pub(super) ttl: u32,
}

/// The outcome of a question.
pub(super) type Outcome = Result<Addresses, DnsFailure>;

/// The name servers in the order in which they are asked; cheap to clone.
///
/// As with the C library, a server that fails or cannot say anything (SERVFAIL, REFUSED, NOTIMP) is followed by the
/// next, and all are asked as many times as `attempts` of resolv.conf(5) says, each for its `timeout`. Unlike with the
/// C library, a server that is silent is not waited for until then: the next is asked beside it after 250 ms, and at
/// once where it was silent before.
#[derive(Clone)]
pub(super) struct NameServers {
    servers: Arc<[Arc<Server>]>,
    attempts: usize,
    /// How long a server has a question for itself.
    silence: Duration,
}

/// A name server.
struct Server {
    /// Asks it alone, once.
    resolver: TokioResolver,
    /// It left the last question without an answer for longer than another server.
    silent: AtomicBool,
}

impl NameServers {
    /// The servers that these resolvers ask, one each. The next is asked no sooner than one family waits for the other.
    pub(super) fn new(
        resolvers: impl IntoIterator<Item = TokioResolver>,
        attempts: usize,
        of_families: Duration,
    ) -> Self {
        let server = |resolver| Arc::new(Server { resolver, silent: AtomicBool::new(false) });
        Self {
            servers: resolvers.into_iter().map(server).collect(),
            attempts: attempts.max(1),
            silence: SILENCE.max(of_families),
        }
    }

    /// Asks for the addresses of one family.
    ///
    /// # Errors
    /// That there is none, by the word of a server; or why no server could say.
    pub(super) async fn ask(&self, name: &Name, kind: RecordType) -> Outcome {
        let mut told = DnsFailure::TimedOut;
        for _ in 0..if self.servers.is_empty() { 0 } else { self.attempts } {
            match self.ask_each(name, kind).await {
                Err(failure) if !decides(&failure) => told = weightier(told, failure),
                outcome => return outcome,
            }
        }
        Err(told)
    }

    /// Asks each server once, until one decides.
    async fn ask_each(&self, name: &Name, kind: RecordType) -> Outcome {
        let mut open = JoinSet::new();
        let mut outcomes: Vec<Option<Outcome>> = Vec::with_capacity(self.servers.len());
        let mut turn = Instant::now();
        loop {
            while let Some(server) = self.servers.get(outcomes.len())
                && turn <= Instant::now()
            {
                let (index, server, name) = (outcomes.len(), Arc::clone(server), name.clone());
                let silence = if server.silent.load(Ordering::Relaxed) { Duration::ZERO } else { self.silence };
                turn = Instant::now() + silence;
                open.spawn(async move { (index, server.ask(name, kind).await) });
                outcomes.push(None);
            }
            let ended = match outcomes.len() < self.servers.len() {
                true => timeout_at(turn, open.join_next()).await.unwrap_or_default(),
                false => open.join_next().await,
            };
            match ended {
                Some(Ok((index, outcome))) => {
                    if matches!(&outcome, Err(failure) if !decides(failure)) {
                        turn = Instant::now();
                    }
                    outcomes[index] = Some(outcome);
                }
                Some(Err(e)) => return Err(DnsFailure::Other(e.to_string())),
                // The next server's turn has come.
                None => continue,
            }
            if let Some(outcome) = decided(&outcomes, self.servers.len()) {
                self.note_silence(&outcomes);
                return outcome;
            }
        }
    }

    fn note_silence(&self, outcomes: &[Option<Outcome>]) {
        for (server, outcome) in self.servers.iter().zip(outcomes) {
            let silent = matches!(outcome, None | Some(Err(DnsFailure::TimedOut)));
            server.silent.store(silent, Ordering::Relaxed);
        }
    }
}

impl Server {
    async fn ask(&self, name: Name, kind: RecordType) -> Outcome {
        let found = self.resolver.lookup(name, kind).await;
        let found = found.map_err(|e| DnsFailure::from(&e))?;
        let answers = found.answers();
        let ips: Vec<IpAddr> = answers.iter().filter_map(|r| r.data.ip_addr()).collect();
        if ips.is_empty() {
            return Err(DnsFailure::NoAddress);
        }
        let ttl = answers.iter().map(|r| r.ttl).min().unwrap_or(0);
        Ok(Addresses { ips, ttl })
    }
}

/// Whether a failure is what the name server knows of the name, so that no other is asked.
fn decides(failure: &DnsFailure) -> bool {
    matches!(failure, DnsFailure::NoSuchName | DnsFailure::NoAddress)
}

/// What the servers asked so far, of so many, come to. Addresses count whoever has them. That there are none counts
/// once those before have failed: one behind the others need not know the names that the first knows.
fn decided(outcomes: &[Option<Outcome>], servers: usize) -> Option<Outcome> {
    if let Some(Some(found)) = outcomes.iter().find(|outcome| matches!(outcome, Some(Ok(_)))) {
        return Some(found.clone());
    }
    let mut told = DnsFailure::TimedOut;
    for outcome in outcomes {
        match outcome {
            Some(Err(failure)) if decides(failure) => return Some(Err(failure.clone())),
            Some(Err(failure)) => told = weightier(told, failure.clone()),
            Some(Ok(_)) | None => return None,
        }
    }
    (outcomes.len() == servers).then_some(Err(told))
}

/// Of two failures the one that says more: the first that is more than silence.
fn weightier(first: DnsFailure, second: DnsFailure) -> DnsFailure {
    if first == DnsFailure::TimedOut { second } else { first }
}

/// How long a name server has the question for itself: a hundred times as long as one nearby takes, and short beside
/// the time that a connection may take.
const SILENCE: Duration = Duration::from_millis(250);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_count_at_once_and_their_absence_in_turn() {
        let found = Ok(Addresses { ips: vec!["10.0.0.1".parse().unwrap()], ttl: 1 });
        let none = Err(DnsFailure::NoSuchName);
        let broken = Err(DnsFailure::Refused("SERVFAIL".into()));
        let late = Err(DnsFailure::TimedOut);
        let of = |outcomes: &[Option<&Outcome>]| decided(&outcomes.iter().map(|o| o.cloned()).collect::<Vec<_>>(), 3);
        assert_eq!(of(&[None, Some(&found)]), Some(found.clone()));
        assert_eq!(of(&[None, Some(&none)]), None, "the first may still know it");
        assert_eq!(of(&[Some(&late), Some(&none)]), Some(none.clone()));
        assert_eq!(of(&[Some(&none), None]), Some(none.clone()));
        assert_eq!(of(&[Some(&broken), Some(&late)]), None, "the third is still to be asked");
        assert_eq!(of(&[Some(&late), Some(&broken), Some(&late)]), Some(broken.clone()));
        assert_eq!(of(&[Some(&late), Some(&late), Some(&late)]), Some(late.clone()));
    }
}
