//! Questions to the name servers: each name that a host stands for, both families at once.

use super::DnsFailure;
use super::ask::{Addresses, NameServers, Outcome};
use crate::plan::Family;
use hickory_resolver::proto::rr::{Name, RecordType};
use std::future::poll_fn;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

/// The name servers, and what a host is completed with before they are asked.
#[derive(Clone)]
pub(super) struct Servers {
    pub(super) servers: NameServers,
    /// Hosts with fewer dots are completed first (resolv.conf(5)).
    pub(super) ndots: usize,
    /// What a host without a final dot is completed with, in turn.
    pub(super) suffixes: Vec<Name>,
    pub(super) family: Family,
    /// Longest wait for the answer of one family after the other family has an address, before that is made use of.
    pub(super) delay: Duration,
}

/// Takes what is found while the other family is still being asked. Its future ends when that is enough.
pub(super) type Early<'a, T> = &'a dyn Fn(T) -> Enough;

/// Ends when what was found is enough.
pub(super) type Enough = Pin<Box<dyn Future<Output = ()>>>;

/// Both families of a name, as far as they are known.
struct Families<'a> {
    /// IPv6 first.
    asked: [Pin<Box<dyn Future<Output = Outcome> + 'a>>; 2],
    four: Option<Outcome>,
    six: Option<Outcome>,
}

impl Servers {
    /// Asks for each name that the host stands for until one has an address.
    ///
    /// # Errors
    /// What stood in the way of the last name; that a name exists without an address is not lost behind names that do
    /// not exist.
    pub(super) async fn lookup(&self, host: &str, early: Early<'_, Addresses>) -> Outcome {
        // As bytes: the library's reading of text refuses names that are looked up elsewhere (`-a`).
        let labels = host.strip_suffix('.').unwrap_or(host).split('.').map(str::as_bytes);
        let mut name = Name::from_labels(labels).map_err(|e| DnsFailure::Other(e.to_string()))?;
        name.set_fqdn(host.ends_with('.'));
        let mut failure = DnsFailure::NoSuchName;
        for name in candidates(name, self.ndots, &self.suffixes) {
            match (self.ask(&name, early).await, failure) {
                (Ok(found), _) => return Ok(found),
                (Err(DnsFailure::NoSuchName), DnsFailure::NoAddress) => failure = DnsFailure::NoAddress,
                (Err(other), _) => failure = other,
            }
        }
        Err(failure)
    }

    async fn ask(&self, name: &Name, early: Early<'_, Addresses>) -> Outcome {
        match self.family {
            Family::V4 => self.servers.ask(name, RecordType::A).await,
            Family::V6 => self.servers.ask(name, RecordType::AAAA).await,
            Family::Any => self.both(name, early).await,
        }
    }

    /// Both families at once. What one has is made use of after `delay`, and the other is waited for beside that, for
    /// [`LATE`] (RFC 8305 §3). An address of one family counts whatever is said of the other, and whichever answer
    /// comes first.
    async fn both(&self, name: &Name, early: Early<'_, Addresses>) -> Outcome {
        let asked: [Pin<Box<dyn Future<Output = Outcome>>>; 2] =
            [RecordType::AAAA, RecordType::A].map(|kind| Box::pin(self.servers.ask(name, kind)) as _);
        let mut families = Families { asked, four: None, six: None };
        poll_fn(|cx| families.poll(cx, |f| settles(f.four.as_ref()) || settles(f.six.as_ref()) || f.known())).await;
        let rest = poll_fn(|cx| families.poll(cx, Families::known));
        if tokio::time::timeout(self.delay, rest).await.is_err()
            && let Some(Ok(found)) = families.four.as_ref().or(families.six.as_ref())
        {
            let mut enough = early(found.clone());
            let rest = poll_fn(|cx| match enough.as_mut().poll(cx) {
                Poll::Ready(()) => Poll::Ready(()),
                Poll::Pending => families.poll(cx, Families::known),
            });
            // Without its answer by then, a family has no part in this look-up.
            let _ = tokio::time::timeout(LATE, rest).await;
        }
        merged(families.four, families.six)
    }
}

impl Families<'_> {
    /// Takes what has come, until that is what `until` wants.
    fn poll(&mut self, cx: &mut Context<'_>, until: fn(&Self) -> bool) -> Poll<()> {
        let [v6, v4] = &mut self.asked;
        for (question, outcome) in [(v6, &mut self.six), (v4, &mut self.four)] {
            if outcome.is_none()
                && let Poll::Ready(found) = question.as_mut().poll(cx)
            {
                *outcome = Some(found);
            }
        }
        if until(self) { Poll::Ready(()) } else { Poll::Pending }
    }

    fn known(&self) -> bool {
        self.four.is_some() && self.six.is_some()
    }
}

/// Whether an answer decides the look-up, but for a delay. That there is no such name holds for every record of it
/// (RFC 8020 §2), but some servers say so of a name that has an address of the other family (RFC 4074 §4.2).
fn settles(outcome: Option<&Outcome>) -> bool {
    matches!(outcome, Some(Ok(_) | Err(DnsFailure::NoSuchName)))
}

fn merged(four: Option<Outcome>, six: Option<Outcome>) -> Outcome {
    match (four, six) {
        (Some(Ok(mut four)), Some(Ok(six))) => {
            four.ips.extend(six.ips);
            Ok(Addresses { ips: four.ips, ttl: four.ttl.min(six.ttl) })
        }
        (Some(Ok(found)), _) | (_, Some(Ok(found))) => Ok(found),
        // That one family has no address says less than why the other could not be asked.
        (Some(Err(DnsFailure::NoAddress)), Some(Err(failure)))
        | (Some(Err(failure)), _)
        | (None, Some(Err(failure))) => Err(failure),
        (None, None) => Err(DnsFailure::TimedOut),
    }
}

/// The names that a host stands for, in the order of resolv.conf(5): one with as many dots as `ndots` says as it is
/// first, others last.
fn candidates(name: Name, ndots: usize, suffixes: &[Name]) -> Vec<Name> {
    if name.is_fqdn() {
        return vec![name];
    }
    let mut all: Vec<Name> = Vec::with_capacity(suffixes.len() + 1);
    for suffix in suffixes {
        // A name that is too long with a suffix is not asked for.
        if let Ok(completed) = name.clone().append_domain(suffix)
            && !all.contains(&completed)
        {
            all.push(completed);
        }
    }
    let is_first = usize::from(name.num_labels()) > ndots;
    let mut itself = name;
    itself.set_fqdn(true);
    all.insert(if is_first { 0 } else { all.len() }, itself);
    all
}

/// How long one family's answer may be behind the other's and still have a part in the look-up: as long as an address
/// has to connect where there is another.
const LATE: Duration = Duration::from_secs(2);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_host_stands_for_names_in_the_order_of_resolv_conf() {
        let suffixes = ["corp.example", "example"].map(|s| Name::from_ascii(s).unwrap());
        let names = |host: &str, ndots| {
            let all = candidates(Name::from_ascii(host).unwrap(), ndots, &suffixes);
            all.iter().map(ToString::to_string).collect::<Vec<_>>().join(" ")
        };
        assert_eq!(names("gpu", 1), "gpu.corp.example. gpu.example. gpu.");
        assert_eq!(names("gpu.a", 1), "gpu.a. gpu.a.corp.example. gpu.a.example.");
        assert_eq!(names("gpu.a", 2), "gpu.a.corp.example. gpu.a.example. gpu.a.");
        assert_eq!(names("gpu.", 5), "gpu.");
        assert_eq!(names("my_gpu", 1), "my_gpu.corp.example. my_gpu.example. my_gpu.");
    }

    #[test]
    fn one_family_is_enough_and_the_weightier_failure_is_told() {
        let some = |ip: &str, ttl| Some(Ok(Addresses { ips: vec![ip.parse().unwrap()], ttl }));
        let none = |failure| Some(Err(failure));
        assert_eq!(merged(some("10.0.0.1", 9), some("fd00::1", 7)).unwrap().ttl, 7);
        assert_eq!(merged(some("10.0.0.1", 9), none(DnsFailure::TimedOut)).unwrap().ttl, 9);
        assert_eq!(merged(None, some("fd00::1", 7)).unwrap().ttl, 7);
        assert_eq!(merged(none(DnsFailure::NoAddress), none(DnsFailure::TimedOut)), Err(DnsFailure::TimedOut));
        assert_eq!(merged(none(DnsFailure::NoSuchName), None), Err(DnsFailure::NoSuchName));
        assert_eq!(merged(None, none(DnsFailure::NoSuchName)), Err(DnsFailure::NoSuchName));
    }
}
