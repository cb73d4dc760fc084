//! Questions to the name servers: each name that a host stands for, both families at once.

use super::DnsFailure;
use crate::plan::Family;
use hickory_resolver::TokioResolver;
use hickory_resolver::proto::rr::{Name, RecordType};
use std::future::poll_fn;
use std::net::IpAddr;
use std::pin::pin;
use std::task::{Context, Poll};
use std::time::Duration;

/// The name servers, and what a host is completed with before they are asked.
#[derive(Clone)]
pub(super) struct Servers {
    pub(super) resolver: TokioResolver,
    /// Hosts with fewer dots are completed first (resolv.conf(5)).
    pub(super) ndots: usize,
    /// What a host without a final dot is completed with, in turn.
    pub(super) suffixes: Vec<Name>,
    pub(super) family: Family,
    /// Longest wait for the answer of one family after the other family has an address.
    pub(super) delay: Duration,
}

/// The addresses of an answer, and the least of their TTLs in seconds.
#[derive(Debug, PartialEq)]
pub(super) struct Addresses {
    pub(super) ips: Vec<IpAddr>,
    pub(super) ttl: u32,
}

type Outcome = Result<Addresses, DnsFailure>;

impl Servers {
    /// Asks for each name that the host stands for until one has an address.
    ///
    /// # Errors
    /// What stood in the way of the last name; that a name exists without an address is not lost behind names that do
    /// not exist.
    pub(super) async fn lookup(&self, host: &str) -> Outcome {
        let name = Name::from_ascii(host).map_err(|e| DnsFailure::Other(e.to_string()))?;
        let mut failure = DnsFailure::NoSuchName;
        for name in candidates(name, self.ndots, &self.suffixes) {
            match (self.ask(&name).await, failure) {
                (Ok(found), _) => return Ok(found),
                (Err(DnsFailure::NoSuchName), DnsFailure::NoAddress) => failure = DnsFailure::NoAddress,
                (Err(other), _) => failure = other,
            }
        }
        Err(failure)
    }

    async fn ask(&self, name: &Name) -> Outcome {
        match self.family {
            Family::V4 => self.one(name, RecordType::A).await,
            Family::V6 => self.one(name, RecordType::AAAA).await,
            Family::Any => self.both(name).await,
        }
    }

    async fn one(&self, name: &Name, kind: RecordType) -> Outcome {
        let found = self.resolver.lookup(name.clone(), kind).await;
        let found = found.map_err(|e| DnsFailure::from(&e))?;
        let answers = found.answers();
        let ips: Vec<IpAddr> = answers.iter().filter_map(|r| r.data.ip_addr()).collect();
        if ips.is_empty() {
            return Err(DnsFailure::NoAddress);
        }
        let ttl = answers.iter().map(|r| r.ttl).min().unwrap_or(0);
        Ok(Addresses { ips, ttl })
    }

    /// Both families at once. An answer that is late or never comes holds the other up by `delay` at most (RFC 8305
    /// §3). An address of one family counts whatever is said of the other, and whichever answer comes first.
    async fn both(&self, name: &Name) -> Outcome {
        let mut v6 = pin!(self.one(name, RecordType::AAAA));
        let mut v4 = pin!(self.one(name, RecordType::A));
        let (mut six, mut four): (Option<Outcome>, Option<Outcome>) = (None, None);
        let mut poll = |cx: &mut Context<'_>, until: fn(Option<&Outcome>, Option<&Outcome>) -> bool| {
            if six.is_none()
                && let Poll::Ready(outcome) = v6.as_mut().poll(cx)
            {
                six = Some(outcome);
            }
            if four.is_none()
                && let Poll::Ready(outcome) = v4.as_mut().poll(cx)
            {
                four = Some(outcome);
            }
            if until(six.as_ref(), four.as_ref()) { Poll::Ready(()) } else { Poll::Pending }
        };
        poll_fn(|cx| poll(cx, |six, four| settles(six) || settles(four) || six.is_some() && four.is_some())).await;
        let rest = poll_fn(|cx| poll(cx, |six, four| six.is_some() && four.is_some()));
        // Without its answer within the delay, a family has no part in this look-up.
        let _ = tokio::time::timeout(self.delay, rest).await;
        merged(four, six)
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
