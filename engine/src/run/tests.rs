//! The run's control and its memory. `tests/models` looks at each order in which threads may meet in them; here they
//! meet on the machine's own cores.

use super::finished::{Finished, Log, read_all};
use super::merge::{Member, Merge};
use super::phase_barrier::PhaseBarrier;
use super::reread::left_by;
use super::shift::Shift;
use crate::clock::{MILLI, RealtimeOffset, SECOND};
use crate::control::Control;
use crate::control::{Allowance, Budget};
use crate::error::Error;
use crate::measure::testing::facts;
use crate::plan::Io;
use crate::record::testing::{failed, streamed};
use crate::record::{Cause, LogWriter, PhaseKind};
use std::sync::atomic::Ordering;

#[test]
fn an_abort_is_one_stop_and_no_interruption() {
    let control = Control::new(1);
    control.abort();
    assert_eq!((control.stops(), control.interrupted()), (1, false));
    control.stop();
    assert_eq!((control.stops(), control.interrupted()), (2, true));
}

#[test]
fn an_abort_after_a_stop_changes_nothing() {
    let control = Control::new(1);
    control.stop();
    control.abort();
    assert_eq!((control.stops(), control.interrupted()), (1, true));
}

#[test]
fn stops_without_end_stay_stops_of_somebody_else() {
    for own in [false, true] {
        let control = Control::new(1);
        if own {
            control.abort();
        }
        (0..1_000).for_each(|_| control.stop());
        assert!(control.interrupted() && control.asked() > 2);
    }
}

#[test]
fn stops_and_aborts_that_meet_are_each_counted_once() {
    for _ in 0..if cfg!(miri) { 5 } else { 2_000 } {
        let control = Control::new(1);
        std::thread::scope(|scope| {
            scope.spawn(|| control.abort());
            scope.spawn(|| control.abort());
            scope.spawn(|| control.stop());
        });
        // The run's own wish counts where it came first, and is nothing where somebody had asked already.
        assert!([1, 2].contains(&control.asked()));
        assert!(control.interrupted());
    }
}

fn left(budget: &Budget) -> i64 {
    budget.left.load(Ordering::Relaxed)
}

#[test]
fn within_its_part_an_answer_draws_nothing() {
    let budget = Budget::new(8 << 20, 64);
    let mut one = budget.part();
    assert!(budget.allows(&mut one, 64 << 10));
    assert_eq!((one, left(&budget)), (budget.part(), 4 << 20));
}

#[test]
fn one_that_wants_all_leaves_the_others_their_part() {
    let budget = Budget::new(8 << 20, 64);
    let (mut greedy, mut held) = (budget.part(), 0);
    while budget.allows(&mut greedy, held + 1000) {
        held += 1000;
    }
    assert!(held > (2 << 20) && held <= (2 << 20) + (64 << 10), "{held}");
    let mut modest = budget.part();
    assert!(budget.allows(&mut modest, 64 << 10));
    assert!(!budget.allows(&mut modest, 80 << 10));
    budget.restore(&mut greedy);
    assert_eq!(left(&budget), 4 << 20, "all of it comes back");
    assert!(budget.allows(&mut modest, 80 << 10));
}

#[test]
fn where_parts_are_tiny_the_modest_have_a_quarter_that_the_greedy_cannot_take() {
    // As in an open loop without a cap: room for far more answers than there are.
    let budget = Budget::new(32 << 20, 131_072);
    let mut greedy: Vec<_> = (0..40).map(|_| (budget.part(), 0)).collect();
    for _ in 0..2_000 {
        for (allowance, held) in &mut greedy {
            if budget.allows(allowance, *held + 4096) {
                *held += 4096;
            }
        }
    }
    let mut modest: Vec<_> = (0..100).map(|_| budget.part()).collect();
    assert!(modest.iter_mut().all(|m| budget.allows(m, 60 << 10)));
}

#[test]
fn what_all_hold_never_passes_the_whole() {
    const WHOLE: usize = 1 << 20;
    for answers in [1, 3, 10, 1000] {
        let budget = Budget::new(WHOLE as u64, answers as u64);
        let mut all: Vec<_> = (0..answers).map(|_| (budget.part(), 0_usize)).collect();
        for round in 0..20_000_usize {
            let (allowance, held) = &mut all[(round * 7919) % answers];
            let wanted = *held + 1 + (round * 104_729) % 3000;
            if budget.allows(allowance, wanted) {
                *held = wanted;
            } else {
                *held = 0;
                budget.restore(allowance);
            }
            let sum: usize = all.iter().map(|a| a.1).sum();
            assert!(sum <= WHOLE, "{sum} of {answers}");
        }
    }
}

#[test]
fn a_record_takes_what_it_has_and_brings_it_back() {
    let budget = Budget::new(4096, 1);
    let record = crate::record::testing::streamed(0, 0, 1, &[1; 5000]);
    let before = left(&budget);
    budget.hold(record.bytes());
    assert!(left(&budget) <= before - 5000 * 8);
    assert!(!budget.allows(&mut Allowance::default(), 1));
    budget.give(record.bytes());
    assert_eq!(left(&budget), before);
}

/// What came of three workers of which the last does `part` and the others wait for all to be ready.
fn three(barrier: &PhaseBarrier<'_>, part: impl FnOnce() + Send) -> [Option<()>; 3] {
    std::thread::scope(|scope| {
        let waiting = [(); 2].map(|()| scope.spawn(|| barrier.play(|| barrier.meet())));
        let last = scope.spawn(|| {
            barrier.play(|| {
                part();
                barrier.meet()
            })
        });
        let [a, b] = waiting.map(|worker| worker.join().unwrap());
        [a, b, last.join().unwrap()]
    })
}

#[test]
fn workers_meet_and_begin_each_phase_at_one_instant() {
    let control = Control::new(3);
    let barrier = PhaseBarrier::new(&control, Io::Auto, 3, None);
    assert_eq!(three(&barrier, || {}), [Some(()); 3]);
    let begun = std::thread::scope(|scope| {
        let workers = [(); 3].map(|()| {
            scope.spawn(|| {
                let begin = |kind| barrier.play(|| barrier.begin(kind));
                (begin(PhaseKind::Warmup), begin(PhaseKind::Profiling))
            })
        });
        workers.map(|worker| worker.join().unwrap())
    });
    let expected = (Some(barrier.start(PhaseKind::Warmup)), Some(barrier.start(PhaseKind::Profiling)));
    assert_eq!(begun, [expected; 3]);
    assert!(barrier.failure().is_none() && control.stops() == 0);
}

#[test]
fn a_worker_that_panics_before_all_are_ready_ends_the_wait_of_the_others() {
    let control = Control::new(3);
    let barrier = PhaseBarrier::new(&control, Io::Auto, 3, None);
    assert_eq!(three(&barrier, || panic!("on purpose")), [None; 3]);
    let error = barrier.failure().unwrap().to_string();
    assert!(error.contains("a worker panicked") && error.contains("report it"), "{error}");
    assert!(control.stops() > 1, "those in mid-phase end at once");
}

#[test]
fn a_worker_that_never_came_to_be_ends_the_wait_of_the_others() {
    let control = Control::new(3);
    let barrier = PhaseBarrier::new(&control, Io::Auto, 3, None);
    let met = std::thread::scope(|scope| {
        let waiting = [(); 2].map(|()| scope.spawn(|| barrier.play(|| barrier.meet())));
        barrier.fail(crate::error::Error::environment("no thread", "raise the limit"));
        waiting.map(|worker| worker.join().unwrap())
    });
    assert_eq!(met, [None; 2]);
    assert_eq!(barrier.failure().unwrap().to_string(), "no thread: raise the limit");
}

/// Three workers of which the last gets no ring: whether each goes on with epoll.
fn one_without_a_ring(barrier: &PhaseBarrier<'_>) -> [Option<bool>; 3] {
    std::thread::scope(|scope| {
        [None, None, Some(libc::ENOMEM)]
            .map(|refused| scope.spawn(move || barrier.play(|| barrier.all_on_epoll(refused))))
            .map(|worker| worker.join().unwrap())
    })
}

#[test]
fn where_one_worker_gets_no_ring_all_use_epoll_and_the_reason_is_kept() {
    let control = Control::new(3);
    let barrier = PhaseBarrier::new(&control, Io::Auto, 3, None);
    assert_eq!(one_without_a_ring(&barrier), [Some(true); 3]);
    let note = barrier.note().unwrap();
    assert!(note.contains("1 of 3 workers") && note.contains("locked memory"), "{note}");
}

#[test]
fn where_io_uring_is_insisted_on_a_ring_that_is_missing_ends_the_run() {
    let control = Control::new(3);
    let barrier = PhaseBarrier::new(&control, Io::Uring, 3, None);
    assert_eq!(one_without_a_ring(&barrier), [None; 3]);
    let error = barrier.failure().unwrap().to_string();
    assert!(error.contains("1 of 3 workers") && error.contains("ulimit -l"), "{error}");
}

#[test]
#[cfg_attr(miri, ignore)]
fn what_was_measured_before_a_worker_failed_is_kept() {
    let dir = tempfile::tempdir().unwrap();
    let left = |records: &[crate::record::Record]| {
        let mut log = LogWriter::create(&dir.path().join("log")).unwrap();
        for record in records {
            log.append(record).unwrap();
        }
        let mut facts = facts();
        facts.unfinished = true;
        facts.profiling.planned = Some(5);
        left_by(&log.finish_to_read(), facts, RealtimeOffset::sample()).unwrap()
    };
    assert!(left(&[]).is_none(), "nothing was measured");
    let record = |k| streamed(k, SECOND + k * MILLI, MILLI, &[MILLI]);
    let cut = failed(record(2), Cause::Reset, 200, "reset");
    let (shard, facts, _) = left(&[record(0), record(1), cut]).unwrap();
    let counts = shard.phase(PhaseKind::Profiling);
    assert_eq!((counts.issued, counts.recorded()), (3, 3));
    assert!(facts.unfinished);
    let phase = facts.profiling;
    assert_eq!((phase.start, phase.never_due), (SECOND, 2));
    assert_eq!(phase.end, record(2).instants.end);
}

#[test]
fn a_phase_begins_when_the_gate_says_so_and_its_error_ends_the_run() {
    let control = Control::new(1);
    let gate: super::Gate = Box::new(|kind| match kind {
        PhaseKind::Warmup => Ok(77),
        PhaseKind::Profiling => Err(Error::environment("a member is not there", "start it")),
    });
    let barrier = PhaseBarrier::new(&control, Io::Auto, 1, Some(&gate));
    assert_eq!((barrier.begin(PhaseKind::Warmup).ok(), control.is_measured(77)), (Some(77), false));
    assert!(barrier.begin(PhaseKind::Profiling).is_err());
    assert!(barrier.failure().is_some_and(|error| error.to_string().contains("a member is not there")));
}

/// Three members, whose clocks stand apart, left the requests of one run: it is the run that one process left with all
/// of them. What is known of a member that was lost is in it, and what is not is counted.
#[test]
#[cfg_attr(miri, ignore)]
fn the_logs_of_members_are_one_run_on_the_clock_of_the_first() {
    const BASE: u64 = 8_000 * SECOND;
    let offset = RealtimeOffset::sample();
    let dir = tempfile::tempdir().unwrap();
    let left = |name: &str, requests: &[u64], behind: i64| {
        let mut log = LogWriter::create(&dir.path().join(name)).unwrap();
        for k in requests {
            let record = streamed(*k, BASE + k * MILLI, MILLI, &[MILLI]).shifted(-behind);
            log.append(&record).unwrap();
        }
        let log = log.finish_to_read();
        let mut facts = facts();
        facts.profiling.planned = Some(4);
        let (shard, mut facts, seen) = left_by(&log, facts, offset).unwrap().unwrap();
        facts.unfinished = false;
        Finished { shard, facts, logs: vec![Log::here(log, seen)], sums: None, offset, here: true, failure: None }
    };
    let member = |finished, shift, lost| Member { finished, shift: Shift::constant(shift), lost };
    let hour = 3_600 * SECOND as i64;
    let lost = member(left("c", &[2, 5], -hour), -hour, Some(3));
    assert_eq!(lost.lost_requests(), 2, "of four that were planned two have records");
    let mut merge = Merge::new(left("a", &[0, 3, 6, 9], 0));
    merge.add(member(left("b", &[1, 4, 7], hour / 2), hour / 2, None));
    merge.add(lost);
    let merged = merge.finish(4);
    let mut records: Vec<_> = read_all(&merged.logs).unwrap().map(|record| record.unwrap()).collect();
    records.sort_by_key(|record| record.k);
    for record in &records {
        assert_eq!(record.instants, streamed(record.k, BASE + record.k * MILLI, MILLI, &[MILLI]).instants);
    }
    assert_eq!(records.iter().map(|record| record.k).collect::<Vec<_>>(), [0, 1, 2, 3, 4, 5, 6, 7, 9]);
    let phase = merged.facts.profiling;
    assert_eq!((phase.start, phase.end), (BASE, records.iter().map(|record| record.instants.end).max().unwrap()));
    assert_eq!((phase.planned, phase.never_due, phase.lost_with_member), (Some(16), 1, 6));
    assert_eq!(merged.shard.phase(PhaseKind::Profiling).issued, 9);
    assert_eq!(merged.facts.wall_start_ns, offset.to_realtime(BASE));
}
