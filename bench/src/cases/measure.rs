//! Lags and records → histograms.

use super::record::record;
use crate::case::Case;
use crate::samples::ROUND;
use ringload_engine::measure::Shard;
use std::hint::black_box;

pub(super) fn cases() -> Vec<Case> {
    vec![
        Case::new("read lags", ROUND, 0, || {
            let mut shard = Shard::new();
            move || {
                for i in 0..ROUND as u64 {
                    shard.read_lag(black_box(20_000 + (i * 7_919) % 300_000));
                }
            }
        }),
        Case::new("records, by their gaps", ROUND, 0, || {
            let mut shard = Shard::new();
            let record = record();
            move || shard.record(black_box(&record))
        }),
    ]
}
