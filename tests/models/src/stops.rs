//! Stops, aborts and observers.

use crate::control::Control;
use loom::sync::Arc;
use loom::thread;

/// Lets two threads and this one meet; the control when all are through.
fn meet(one: fn(&Control), other: fn(&Control), this: fn(&Control)) -> Arc<Control> {
    let control = Arc::new(Control::new(1));
    let threads = [one, other].map(|part| {
        let control = Arc::clone(&control);
        thread::spawn(move || part(&control))
    });
    this(&control);
    for thread in threads {
        thread.join().unwrap();
    }
    control
}

#[test]
fn stops_that_meet_are_each_counted() {
    loom::model(|| {
        let control = meet(Control::stop, Control::stop, Control::stop);
        assert_eq!((control.asked(), control.interrupted()), (3, true));
    });
}

#[test]
fn a_stop_counts_beside_aborts_which_count_once_where_they_come_first() {
    loom::model(|| {
        let control = meet(Control::abort, Control::stop, Control::abort);
        assert!([1, 2].contains(&control.asked()));
        assert!(control.interrupted());
    });
}

#[test]
fn an_abort_is_no_interruption_at_any_instant() {
    loom::model(|| {
        let control = meet(Control::abort, Control::abort, |control| {
            assert!(!control.interrupted());
            assert!(control.asked() <= 1);
        });
        assert_eq!((control.stops(), control.interrupted()), (1, false));
    });
}

#[test]
fn an_interruption_that_was_seen_stays_one() {
    loom::model(|| {
        let control = meet(Control::abort, Control::stop, |control| {
            let before = (control.interrupted(), control.asked());
            assert!(control.interrupted() >= before.0);
            assert!(control.asked() >= before.1);
        });
        assert!(control.interrupted());
    });
}

#[test]
fn enough_is_no_interruption_and_what_a_worker_has_seen_of_it_stays() {
    loom::model(|| {
        let control = meet(Control::enough, Control::abort, |control| {
            let before = control.stops();
            assert!(control.stops() >= before);
            assert!(!control.interrupted());
        });
        let all = (control.asked(), control.stops(), control.interrupted());
        assert_eq!(all, (1, 2, false));
    });
}
