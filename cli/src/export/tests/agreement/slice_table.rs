//! The table of slices against their JSON.

use super::Run;
use crate::export::csv;
use serde_json::Value;

impl Run {
    pub(super) fn the_table_of_slices_has_the_figures_of_the_json(&self) {
        let slices = self.slices["timeslices"].as_array().unwrap();
        let mut given = 0;
        for row in self.slice_table.lines().skip(1) {
            let cells: Vec<&str> = row.split(',').collect();
            let [_, start, end, header, unit, statistic, value] = cells[..] else {
                panic!("seed {}: {row}", self.seed);
            };
            let start: u64 = start.parse().unwrap();
            let slice = slices.iter().find(|slice| slice["start_ns"] == start).unwrap();
            assert_eq!(slice["end_ns"].to_string(), end, "{row}");
            let summary = &self.outcome.summary;
            let all = summary.slices.iter().flat_map(|s| &s.slices);
            let mut metrics = all.flat_map(|slice| &slice.metrics);
            let metric = metrics.find(|m| m.info.header == header).unwrap();
            let figures = &slice[metric.info.tag];
            assert_eq!(figures["unit"], unit, "{row}");
            let figure = match &figures[statistic] {
                Value::Bool(marked) => f64::from(u8::from(*marked)),
                figure => figure.as_f64().unwrap(),
            };
            assert_eq!(csv::cell(figure), value, "seed {}: {row}", self.seed);
            given += 1;
        }
        let beside = ["unit", "count"];
        let figures = slices
            .iter()
            .flat_map(|slice| slice.as_object().unwrap().values())
            .filter_map(Value::as_object)
            .flat_map(|figures| figures.keys().filter(|key| !beside.contains(&key.as_str())));
        assert_eq!(given, figures.count(), "seed {}", self.seed);
    }
}
