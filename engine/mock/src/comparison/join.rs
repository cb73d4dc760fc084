//! The join, and the errors that come out of it.

use super::client::Client;
use super::figures::Percentiles;
use crate::truth::Served;
use serde::Serialize;
use std::collections::HashMap;

/// One output event on both sides.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Token {
    /// The client's stamp.
    pub arrived_ns: u64,
    /// When the server began the write that carried it.
    pub begun_ns: u64,
    /// When that write was over.
    pub ended_ns: u64,
    /// The last one of the client's read: its stamp is its own. Those before it in the read share that stamp.
    pub last_of_read: bool,
}

impl Token {
    /// The client's stamp − the begin of the server's write.
    #[must_use]
    pub fn error_ns(&self) -> i64 {
        difference(self.arrived_ns, self.begun_ns)
    }
}

/// A request that both sides know, with as many output events on either.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Joined {
    /// When the client took it up.
    pub issued_ns: u64,
    /// When the kernel had taken its last byte from the client.
    pub sent_ns: Option<u64>,
    /// When the server had read it.
    pub received_ns: u64,
    /// Its output events, in order.
    pub tokens: Vec<Token>,
}

impl Joined {
    /// The reported time to the first token − the server's.
    #[must_use]
    pub fn ttft_error_ns(&self) -> Option<i64> {
        let first = self.tokens.first()?;
        let client = difference(first.arrived_ns, self.issued_ns);
        Some(client - difference(first.begun_ns, self.received_ns))
    }

    /// The reported time from the send to the first token − the server's: the stamp of that token, and the way of the
    /// request from the client's kernel until the server had read it.
    #[must_use]
    pub fn from_send_error_ns(&self) -> Option<i64> {
        Some(self.tokens.first()?.error_ns() + self.sent_way_ns()?)
    }

    /// From the client's taking the request up until the kernel had its last byte: the client's own time, and the
    /// connect, if there was one.
    #[must_use]
    pub fn unsent_ns(&self) -> Option<i64> {
        Some(difference(self.sent_ns?, self.issued_ns))
    }

    /// From then until the server had read it. Negative where the server was faster than the return of the client's
    /// system call.
    #[must_use]
    pub fn sent_way_ns(&self) -> Option<i64> {
        Some(difference(self.received_ns, self.sent_ns?))
    }

    /// Each gap between two output events − the same gap between the server's writes.
    pub fn gap_errors_ns(&self) -> impl Iterator<Item = i64> {
        self.tokens.windows(2).map(|pair| pair[1].error_ns() - pair[0].error_ns())
    }

    /// The mean gap of the request − the server's.
    #[must_use]
    pub fn itl_error_ns(&self) -> Option<i64> {
        let [first, .., last] = self.tokens.as_slice() else {
            return None;
        };
        let gaps = self.tokens.len() as i64 - 1;
        Some((last.error_ns() - first.error_ns()) / gaps)
    }
}

/// Joins by id. What does not fit is counted, not dropped in silence.
#[must_use]
pub fn compare(clients: &[Client], served: &[Served]) -> Comparison {
    let ids = served.iter().filter_map(|one| Some((one.request_id.as_deref()?, one)));
    let mut by_id: HashMap<&str, &Served> = ids.collect();
    let mut comparison = Comparison::default();
    for client in clients {
        let Some(served) = by_id.remove(client.request_id.as_str()) else {
            comparison.unknown_to_server += 1;
            continue;
        };
        if served.events().count() != client.arrivals_ns.len() {
            comparison.of_other_length += 1;
            continue;
        }
        comparison.joined.push(Joined {
            issued_ns: client.issued_ns,
            sent_ns: client.sent_ns,
            received_ns: served.received_ns,
            tokens: tokens(client, served),
        });
    }
    comparison.unknown_to_client = by_id.len();
    comparison
}

fn tokens(client: &Client, served: &Served) -> Vec<Token> {
    let arrivals = &client.arrivals_ns;
    let pairs = arrivals.iter().zip(served.events()).enumerate();
    pairs
        .map(|(k, (&arrived_ns, write))| Token {
            arrived_ns,
            begun_ns: write.begun_ns,
            ended_ns: write.ended_ns(),
            last_of_read: arrivals.get(k + 1) != Some(&arrived_ns),
        })
        .collect()
}

/// The result of a join.
#[derive(Clone, Debug, Default)]
pub struct Comparison {
    /// Requests that both sides know.
    pub joined: Vec<Joined>,
    /// Requests of the client that the server has not noted.
    pub unknown_to_server: usize,
    /// Requests that the server noted and the client does not report as succeeded (warm-up, in flight at the end,
    /// failed).
    pub unknown_to_client: usize,
    /// Requests whose numbers of output events differ.
    pub of_other_length: usize,
}

/// The errors of a run, absolute values in microseconds where nothing else is said.
#[derive(Clone, Debug, Serialize)]
pub struct Errors {
    requests: usize,
    tokens: usize,
    unknown_to_server: usize,
    unknown_to_client: usize,
    of_other_length: usize,
    /// Tokens that share their stamp with a later one, of all.
    shared_share: f64,
    /// The earliest stamp, against the begin of its write: negative where it lies before it.
    earliest_us: f64,
    arrival_us: Percentiles,
    /// Of the tokens alone that have a stamp of their own.
    own_stamp_us: Percentiles,
    /// Of each request's first token.
    first_us: Percentiles,
    ttft_us: Percentiles,
    gap_us: Percentiles,
    itl_us: Percentiles,
    /// How long the server's writes took: in them the loopback carries the segment over and stamps it.
    write_us: Percentiles,
    /// From the client's taking a request up until the server had read it.
    request_way_us: Percentiles,
    /// The part of it that came before the kernel had the last byte, connects included.
    unsent_us: Percentiles,
    /// The part of it that came after.
    sent_way_us: Percentiles,
    /// Of the time from the send to the first token.
    from_send_us: Percentiles,
}

impl Comparison {
    /// The errors as figures.
    #[must_use]
    pub fn errors(&self) -> Errors {
        let tokens: Vec<Token> = self.joined.iter().flat_map(|j| j.tokens.clone()).collect();
        let of = |errors: &mut dyn Iterator<Item = i64>| Percentiles::of_ns(errors.map(i64::abs).collect());
        let shared = tokens.iter().filter(|t| !t.last_of_read).count();
        let earliest = tokens.iter().map(Token::error_ns).min().unwrap_or_default();
        let joined = self.joined.iter();
        Errors {
            requests: self.joined.len(),
            tokens: tokens.len(),
            unknown_to_server: self.unknown_to_server,
            unknown_to_client: self.unknown_to_client,
            of_other_length: self.of_other_length,
            shared_share: shared as f64 / tokens.len().max(1) as f64,
            earliest_us: earliest as f64 / 1e3,
            arrival_us: of(&mut tokens.iter().map(Token::error_ns)),
            own_stamp_us: of(&mut tokens.iter().filter(|t| t.last_of_read).map(Token::error_ns)),
            first_us: of(&mut joined.clone().filter_map(|j| Some(j.tokens.first()?.error_ns()))),
            ttft_us: of(&mut joined.clone().filter_map(Joined::ttft_error_ns)),
            gap_us: of(&mut joined.clone().flat_map(Joined::gap_errors_ns)),
            itl_us: of(&mut joined.clone().filter_map(Joined::itl_error_ns)),
            write_us: of(&mut tokens.iter().map(|t| difference(t.ended_ns, t.begun_ns))),
            unsent_us: of(&mut joined.clone().filter_map(Joined::unsent_ns)),
            sent_way_us: of(&mut joined.clone().filter_map(Joined::sent_way_ns)),
            from_send_us: of(&mut joined.clone().filter_map(Joined::from_send_error_ns)),
            request_way_us: of(&mut joined.map(|j| difference(j.received_ns, j.issued_ns))),
        }
    }
}

fn difference(a: u64, b: u64) -> i64 {
    a as i64 - b as i64
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::truth::Write;

    fn served(id: &str, writes: &[(u64, u32, u32)]) -> Served {
        Served {
            request_id: Some(id.into()),
            received_ns: 1_000,
            writes: writes.iter().map(|&write| Write::from(write)).collect(),
            ..Served::default()
        }
    }

    fn client(id: &str, arrivals_ns: &[u64]) -> Client {
        Client { request_id: id.into(), issued_ns: 900, sent_ns: Some(970), arrivals_ns: arrivals_ns.to_vec() }
    }

    #[test]
    fn errors_are_against_the_write_that_carried_the_event() {
        let server = [served("a", &[(2_000, 30, 1), (3_000, 40, 2), (4_000, 10, 1)])];
        let joined = compare(&[client("a", &[2_010, 3_020, 3_020, 4_005])], &server);
        let a = &joined.joined[0];
        let errors: Vec<i64> = a.tokens.iter().map(Token::error_ns).collect();
        assert_eq!(errors, [10, 20, 20, 5]);
        let own: Vec<bool> = a.tokens.iter().map(|t| t.last_of_read).collect();
        assert_eq!(own, [true, false, true, true]);
        // 2010 − 900 against 2000 − 1000.
        assert_eq!(a.ttft_error_ns(), Some(110));
        // 70 until it was sent, 30 until it was read, and the stamp's 10.
        assert_eq!((a.unsent_ns(), a.sent_way_ns()), (Some(70), Some(30)));
        assert_eq!(a.from_send_error_ns(), Some(40));
        assert_eq!(a.gap_errors_ns().collect::<Vec<_>>(), [10, 0, -15]);
        assert_eq!(a.itl_error_ns(), Some(-5 / 3));
        let figures = joined.errors();
        assert_eq!((figures.tokens, figures.shared_share), (4, 0.25));
        assert_eq!(figures.write_us.p50, 0.03);
        assert_eq!(figures.request_way_us.p99, 0.1);
    }

    #[test]
    fn what_does_not_fit_is_counted() {
        let server = [served("a", &[(2, 1, 1)]), served("b", &[(2, 1, 2)]), served("c", &[])];
        let clients = [client("a", &[3]), client("b", &[3]), client("d", &[3])];
        let c = compare(&clients, &server);
        assert_eq!(c.joined.len(), 1);
        let rest = (c.unknown_to_server, c.unknown_to_client, c.of_other_length);
        assert_eq!(rest, (1, 1, 1));
    }
}
