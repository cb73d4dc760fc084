use super::*;

fn settings(dimensions: Vec<Dimension>) -> Settings {
    Settings { dimensions, most_trials: 30, initial_trials: 5, patience: 10, seed: 42 }
}

fn concurrency(high: f64) -> Dimension {
    Dimension { low: 1.0, high, whole: true }
}

/// Plays a search on figures that are known: the objective, and by how much each bound is broken.
fn played(settings: Settings, figures: impl Fn(&[f64]) -> (f64, Vec<f64>)) -> Optimizer {
    let mut search = Optimizer::new(settings);
    while let Some(values) = search.propose() {
        let (objective, broken) = figures(&values);
        let violations = broken.into_iter().map(Some).collect();
        search.record(Trial { values, objective: Some(objective), violations });
        assert!(search.trials().len() <= 200);
    }
    search
}

fn best(search: &Optimizer) -> &Trial {
    &search.trials()[search.best().unwrap()]
}

/// Noise of one part in a hundred, the same for the same values.
fn noisy(value: f64, at: f64) -> f64 {
    let unit = ItemRngLike(at.to_bits()).unit();
    value * (1.0 + 0.02 * (unit - 0.5))
}

struct ItemRngLike(u64);

impl ItemRngLike {
    fn unit(&self) -> f64 {
        crate::random::derive(self.0, 1) as f64 / u64::MAX as f64
    }
}

#[test]
fn the_peak_of_a_throughput_curve_is_found_among_a_thousand_loads_in_a_third_of_the_trials_of_a_grid() {
    // Throughput that rises to 120 requests in flight and falls behind them.
    let curve = |c: f64| c / (1.0 + (c / 120.0).powi(2));
    let search = played(settings(vec![concurrency(1000.0)]), |v| (noisy(curve(v[0]), v[0]), vec![]));
    let found = best(&search);
    assert!(curve(found.values[0]) > 0.97 * curve(120.0), "{found:?} after {}", search.trials().len());
    assert!(search.trials().len() <= 25, "{} {:?}", search.trials().len(), search.ended());
}

#[test]
fn the_largest_load_under_a_bound_is_found_and_no_load_over_it_is_the_best() {
    // Latency grows to 200 ms at 360 in flight; tokens grow with the load.
    let search = played(settings(vec![concurrency(1000.0)]), |v| {
        let latency = 20.0 + 0.5 * v[0];
        (1000.0 * v[0] / (v[0] + 50.0), vec![latency / 200.0 - 1.0])
    });
    let found = best(&search);
    assert!(found.holds() && (300.0..=360.0).contains(&found.values[0]), "{found:?}");
}

#[test]
fn two_dimensions_are_searched_together() {
    let space = vec![concurrency(256.0), Dimension { low: 0.0, high: 1.0, whole: false }];
    let search = played(settings(space), |v| {
        let (a, b) = ((v[0] / 32.0).ln(), v[1] - 0.3);
        (100.0 - 4.0 * a * a - 60.0 * b * b, vec![])
    });
    assert!(best(&search).objective.unwrap() > 97.0, "{:?}", best(&search));
}

#[test]
fn a_small_space_is_tried_whole_and_nothing_twice() {
    let search = played(Settings { patience: 100, ..settings(vec![concurrency(4.0)]) }, |v| (v[0], vec![]));
    let mut tried: Vec<f64> = search.trials().iter().map(|t| t.values[0]).collect();
    tried.sort_by(f64::total_cmp);
    assert!(tried.windows(2).all(|two| two[0] < two[1]), "{tried:?}");
    assert_eq!(best(&search).values, [4.0]);
}

#[test]
fn one_seed_tries_one_sequence_and_another_seed_another() {
    let values = |seed: u64| {
        let search = played(Settings { seed, ..settings(vec![concurrency(1000.0)]) }, |v| (v[0].sqrt(), vec![]));
        search.trials().iter().map(|t| t.values[0]).collect::<Vec<_>>()
    };
    assert_eq!(values(1), values(1));
    assert_ne!(values(1), values(2));
}

#[test]
fn a_search_says_why_it_has_ended() {
    let most = Settings { most_trials: 6, ..settings(vec![concurrency(1e6)]) };
    assert_eq!(played(most, |v| (v[0], vec![])).ended(), Some(Ended::MaxIterations));
    let flat = played(settings(vec![concurrency(1e6)]), |v| (noisy(100.0, v[0]) / 5.0 + 80.0, vec![]));
    let early = [Some(Ended::PlateauCv), Some(Ended::NothingExpected), Some(Ended::ImprovementPatience)];
    assert!(early.contains(&flat.ended()) && flat.trials().len() < 20, "{:?} {}", flat.ended(), flat.trials().len());
    // A run without the figure is tried once, and is no best.
    let mut search = Optimizer::new(settings(vec![concurrency(8.0)]));
    while let Some(values) = search.propose() {
        search.record(Trial { values, objective: None, violations: vec![None] });
    }
    assert_eq!((search.best(), search.ended()), (None, Some(Ended::Exhausted)));
}

#[test]
fn places_and_values_are_each_others_inverse() {
    for dimension in [concurrency(1000.0), Dimension { low: -3.0, high: 5.0, whole: false }] {
        for place in [0.0, 0.2, 0.5, 1.0] {
            let there = dimension.place(dimension.value(place));
            let off = if dimension.whole { 0.1 } else { 1e-9 };
            assert!((there - place).abs() <= off, "{dimension:?} {place} {there}");
        }
    }
}

#[test]
fn probabilities_are_those_of_the_tables() {
    for (z, expected) in [(0.0, 0.5), (1.0, 0.841_344_75), (-1.96, 0.024_997_90), (3.0, 0.998_650_10)] {
        assert!((normal::probability(z) - expected).abs() < 2e-7, "{z}");
    }
}
