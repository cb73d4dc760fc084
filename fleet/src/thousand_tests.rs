//! A thousand members in virtual time: what they say to the leader and hear from it, by the messages that a fleet sends
//! and the parts that handle them. The figures are those of docs/design/fleet.md.

use crate::clock::{Alignment, Echo, Interval, QUARTZ};
use crate::datagrams::LENGTH;
use crate::message::{Agreed, Counters, Go, Heartbeat, Joined, Offer, Ready};
use crate::silence::Liveness;
use serde::Serialize;
use std::time::Duration;

const SIZE: usize = 1_000;
const SECOND: u64 = 1_000_000_000;
/// How long they run after the start, in seconds.
const SECONDS: u64 = 60;
/// The member that falls silent, and when.
const SILENT: (usize, u64) = (617, 30);

/// Messages and bytes, with what NATS puts around them.
#[derive(Clone, Copy, Debug, Default)]
struct Traffic {
    messages: u64,
    bytes: u64,
}

impl Traffic {
    /// `times` messages with this body under a subject.
    fn add(&mut self, subject: &str, body: usize, times: u64) {
        let around = format!("MSG {subject} 1 {body}\r\n\r\n").len();
        self.messages += times;
        self.bytes += (around + body) as u64 * times;
    }

    fn say(&mut self, subject: &str, value: &impl Serialize, times: u64) {
        self.add(subject, serde_json::to_vec(value).unwrap().len(), times);
    }
}

/// Numbers that look random.
fn noise(i: u64, below: u64) -> u64 {
    (i.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 33) % below
}

/// What the rendezvous and the start of a run take: to the leader, and from it to all.
fn start() -> [Traffic; 2] {
    let (mut to, mut from) = (Traffic::default(), Traffic::default());
    let host = "gpu-node-0617.cluster.example".to_owned();
    let digests = ["tokenizer", "request bodies (dataset, tokenizer or seed)", "instants of the trace"];
    let digests = digests.map(|name| (name.to_owned(), "0".repeat(64))).to_vec();
    for rank in 1..SIZE {
        let key = |what: &str| format!("$KV.ringload_tuesday-7.member.{rank}.{what}");
        let process = format!("{}-{}", 4_194_304 + rank, 7_200 * SECOND);
        to.say(&key("joined"), &Joined { process, host: host.clone(), version: "0.1.0".into(), size: SIZE }, 1);
        to.say(&key("agreed"), &Agreed { refused: None }, 1);
        to.say(&key("0.offer"), &Offer { cores: 64, digests: digests.clone(), refused: None }, 1);
        to.say(&key("0.ready.measurement"), &Ready { round_trip: 200_000 + rank as u64, at: 7_200 * SECOND }, 1);
    }
    let others = SIZE as u64 - 1;
    from.say("$KV.ringload_tuesday-7.lead.0.cores", &vec![64; SIZE], others);
    from.say("$KV.ringload_tuesday-7.lead.0.go.measurement", &Go { at: 7_202 * SECOND }, others);
    [to, from]
}

/// What a run of so many seconds takes: heartbeats to the leader and from it, and bytes of echoes. The leader hears
/// each, learns who falls silent, and knows each clock.
fn run() -> [Traffic; 3] {
    let [mut to, mut from, mut echoes] = [Traffic::default(); 3];
    let mut heard = Liveness::new(SIZE);
    heard.handle_bus(true, 0);
    (1..SIZE).for_each(|rank| heard.expect(rank, 0));
    let mut clocks = vec![Alignment::default(); SIZE];
    let patience = Duration::from_secs(10);
    let mut lost_at = None;
    for half in 0..SECONDS * 2 {
        for (rank, clock) in clocks.iter_mut().enumerate() {
            let now = half * SECOND / 2 + noise(rank as u64, SECOND / 2);
            if (rank, true) == (SILENT.0, now >= SILENT.1 * SECOND) {
                continue;
            }
            let done = half * 40;
            let counters =
                Counters { issued: done + 17, done, failed: 0, events: done * 200, in_flight: 17, warmup_done: 0 };
            let interval = clock.at(now, QUARTZ);
            let heartbeat = Heartbeat { rank, sequence: half + 1, run: 0, counters, ending: false, clock: interval };
            let body = serde_json::to_vec(&heartbeat).unwrap();
            let subject = format!("ringload.tuesday-7.heartbeat.{rank}");
            if rank == 0 {
                from.add(&subject, body.len(), SIZE as u64 - 1);
                continue;
            }
            to.add(&subject, body.len(), 1);
            let read: Heartbeat = serde_json::from_slice(&body).unwrap();
            assert!(heard.handle_heartbeat(read, now) && read.counters == counters);
            if half % 2 == 0 {
                let (there, back) = (90_000 + noise(half + now, 40_000), 90_000 + noise(now, 70_000));
                let ahead = rank as u64 * 3_600 * SECOND / 7;
                let (received, returned) = (now + ahead + there, now + there + back + 5_000);
                clock.add(&Echo { sent: now, received, answered: received + 5_000, returned });
                let truth = i64::try_from(ahead).unwrap();
                let Interval { least, most } = clock.at(now, QUARTZ).unwrap();
                assert!(least <= truth && truth <= most, "member {rank}: {truth} in {least}…{most}");
                // The echo, its answer and the second answer, each with the headers of IP and UDP.
                echoes.messages += 3;
                echoes.bytes += 3 * (LENGTH as u64 + 28);
            }
        }
        let silent = heard.silent((half + 1) * SECOND / 2, patience);
        if !silent.is_empty() {
            assert_eq!(silent, [SILENT.0]);
            lost_at.get_or_insert(half.div_ceil(2));
        }
    }
    let lost_at = lost_at.unwrap();
    assert!((SILENT.1 + 9..=SILENT.1 + 11).contains(&lost_at), "told {lost_at} s after the start");
    [to, from, echoes]
}

#[test]
fn a_thousand_members_say_little_and_the_leader_misses_none() {
    let [to, from] = start();
    println!("the start: {to:?} to the leader, {from:?} from it");
    assert_eq!((to.messages, from.messages), (4 * 999, 2 * 999));
    assert!(to.bytes < 1_500_000 && from.bytes < 5_000_000, "{to:?} {from:?}");
    let [to, from, echoes] = run();
    let each = |traffic: Traffic| (traffic.messages / SECONDS, traffic.bytes / SECONDS);
    println!("each second: {:?} to the leader, {:?} from it, {:?} of echoes", each(to), each(from), each(echoes));
    // One member is silent for the second half.
    assert_eq!(to.messages, 2 * 999 * SECONDS - 2 * (SECONDS - SILENT.1));
    assert_eq!(from.messages, 2 * 999 * SECONDS);
    let of_a_member = (to.bytes + from.bytes + echoes.bytes) / SECONDS / 999;
    assert!(of_a_member < 2_000, "{of_a_member} bytes a second");
}
