//! A server's metrics: any text, as two scrapes.

use ringload_engine::telemetry::{Collector, Exposition, GpuFigures, ServerFigures, Window, gpus_now};

/// A text is read to its end, with and without an expectation of its series; taken in as scrapes it makes figures that
/// are finite, and a second scrape of the same text changes no counter. A byte 0 parts the texts of two scrapes.
pub fn exposition(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    let (first, second) = text.split_once('\0').unwrap_or((&text, &text));
    let (mut plain, mut expected) = (Exposition::new(first), Exposition::new(first));
    loop {
        let (a, b) = (plain.next(None), expected.next(Some("vllm:prompt_tokens_total{engine=\"0\"}")));
        // NaN differs from itself.
        assert_eq!(format!("{a:?}"), format!("{b:?}"));
        if a.is_none() {
            break;
        }
    }
    assert_eq!((plain.samples, plain.bad_lines), (expected.samples, expected.bad_lines));
    let mut collector = Collector::new("u");
    for (at, (text, window)) in
        [(first, Window::Before), (second, Window::Inside), (second, Window::After)].into_iter().enumerate()
    {
        collector.handle_scrape(text, 1 + at as u64, 1, window);
    }
    let _ = (collector.metrics(), gpus_now(&collector), collector.current().count());
    let collectors = [collector];
    let _ = GpuFigures::of(&collectors, 1.0);
    if let Some(figures) = ServerFigures::of(&collectors) {
        let finite = |gauge: Option<ringload_engine::telemetry::GaugeFigures>| gauge.is_none_or(|g| !g.avg.is_nan());
        assert!(finite(figures.running) && finite(figures.waiting), "{figures:?}");
        assert!(figures.waiting_share.is_none_or(|share| (0.0..=1.0).contains(&share)), "{figures:?}");
    }
}
