//! The run's control. `tests/models` looks at each order in which threads may meet in it; here they meet on the machine's own cores.

use super::Control;

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
