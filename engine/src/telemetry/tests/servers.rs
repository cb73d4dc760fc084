//! What each server writes, and what is found in it.

use super::super::{Collector, ServerFigures, Window};
use crate::clock::SECOND;

/// The figures of a window between two pages, with one scrape inside it.
fn figures(before: &str, inside: &str) -> ServerFigures {
    let mut collector = Collector::new("u");
    collector.handle_scrape(before, SECOND, 1, Window::Before);
    collector.handle_scrape(inside, 2 * SECOND, 1, Window::Inside);
    assert_eq!(collector.endpoint().bad_lines, 0);
    ServerFigures::of(&[collector]).unwrap()
}

#[test]
fn servers_of_unequal_buckets_are_added_in_the_bounds_that_all_have() {
    let page = |name: &str, bounds: [(&str, u32); 3], count: u32, sum: f64| {
        let buckets = bounds.map(|(bound, up_to)| format!("{name}_bucket{{le=\"{bound}\"}} {up_to}\n")).concat();
        format!(
            "# TYPE {name} histogram\n{buckets}{name}_bucket{{le=\"+Inf\"}} {count}\n{name}_sum {sum}\n{name}_count {count}\n"
        )
    };
    let (vllm, sglang) = ("vllm:request_queue_time_seconds", "sglang:queue_time_seconds");
    let of_vllm = |one, two, count, sum| page(vllm, [("1.0", one), ("2.0", two), ("10.0", count)], count, sum);
    let of_sglang = |four, count, sum| page(sglang, [("1.0", 0), ("4.0", four), ("10.0", count)], count, sum);
    let collected = |before: &str, inside: &str| {
        let mut collector = Collector::new("u");
        collector.handle_scrape(before, SECOND, 1, Window::Before);
        collector.handle_scrape(inside, 2 * SECOND, 1, Window::Inside);
        collector
    };
    // Ten of 1.5 s at each of the first two servers, two of 0.5 s at the third.
    let first = collected(&of_vllm(0, 0, 0, 0.0), &of_vllm(0, 10, 10, 15.0));
    let second = collected(&of_sglang(0, 0, 0.0), &of_sglang(10, 10, 15.0));
    let third = collected(&of_vllm(0, 0, 0, 0.0), &of_vllm(2, 2, 2, 1.0));
    let queue = ServerFigures::of(&[first, second, third]).unwrap().queue.unwrap();
    assert_eq!((queue.count, queue.avg_ms), (22.0, 31.0 / 22.0 * 1e3));
    // 2 up to 1 s, 22 up to 10 s: the 11th is 9 of 20 into the bucket between.
    assert_eq!(queue.p50_ms, Some(5_050.0));
}

#[test]
fn shares_are_of_the_servers_that_count_both_and_each_server_is_named_once() {
    let page = |server: &str, hits: Option<u32>, queries: u32| {
        let hits = hits.map_or_else(String::new, |hits| {
            format!("# TYPE {server}:prefix_cache_hits_total counter\n{server}:prefix_cache_hits_total {hits}\n")
        });
        format!(
            "{hits}# TYPE {server}:prefix_cache_queries_total counter\n{server}:prefix_cache_queries_total {queries}\n"
        )
    };
    let collected = |before: String, inside: String| {
        let mut collector = Collector::new("u");
        collector.handle_scrape(&before, SECOND, 1, Window::Inside);
        collector.handle_scrape(&inside, 2 * SECOND, 1, Window::Inside);
        collector
    };
    let sglang = "# TYPE sglang:num_running_reqs gauge\nsglang:num_running_reqs 1\n";
    let counts_both = || collected(page("vllm", Some(0), 0), page("vllm", Some(30), 40));
    let endpoints = [
        counts_both(),
        collected(sglang.into(), sglang.into()),
        // One that does not count its hits is no server without hits.
        collected(page("vllm", None, 0), page("vllm", None, 960)),
    ];
    let mut figures = ServerFigures::of(&endpoints).unwrap();
    let hits = figures.prefix_hits.unwrap();
    assert_eq!((hits.part, hits.whole), (30.0, 40.0));
    assert_eq!(figures.servers.iter().filter(|server| *server == "vLLM").count(), 1, "{:?}", figures.servers);
    // A stretch of which nothing else is told has its share too.
    figures.cut(&[counts_both()], std::iter::once((0, SECOND, 3 * SECOND)));
    assert_eq!(figures.slices.iter().map(|slice| slice.prefix_hits).collect::<Vec<_>>(), [Some(0.75)]);
}

#[test]
fn vllm() {
    let page = |running: u32, waiting: u32, count: u32| {
        let tokens = count * 10;
        format!(
            "# HELP vllm:num_requests_running Number of requests in model execution batches.\n\
             # TYPE vllm:num_requests_running gauge\n\
             vllm:num_requests_running{{engine=\"0\",model_name=\"m\"}} {running}.0\n\
             # TYPE vllm:num_requests_waiting gauge\n\
             vllm:num_requests_waiting{{engine=\"0\",model_name=\"m\"}} {waiting}.0\n\
             # TYPE vllm:num_requests_waiting_by_reason gauge\n\
             vllm:num_requests_waiting_by_reason{{engine=\"0\",reason=\"capacity\"}} 99.0\n\
             # TYPE vllm:kv_cache_usage_perc gauge\n\
             vllm:kv_cache_usage_perc{{engine=\"0\",model_name=\"m\"}} 0.25\n\
             # TYPE vllm:prefix_cache_queries_total counter\n\
             vllm:prefix_cache_queries_total{{engine=\"0\",model_name=\"m\"}} {tokens}.0\n\
             # TYPE vllm:prefix_cache_queries_created gauge\n\
             vllm:prefix_cache_queries_created{{engine=\"0\",model_name=\"m\"}} 1.7e+09\n\
             # TYPE vllm:prefix_cache_hits_total counter\n\
             vllm:prefix_cache_hits_total{{engine=\"0\",model_name=\"m\"}} {count}.0\n\
             # TYPE vllm:num_preemptions_total counter\n\
             vllm:num_preemptions_total{{engine=\"0\",model_name=\"m\"}} {count}.0\n\
             # TYPE vllm:prompt_tokens_total counter\n\
             vllm:prompt_tokens_total{{engine=\"0\",model_name=\"m\"}} {tokens}.0\n\
             # TYPE vllm:generation_tokens_total counter\n\
             vllm:generation_tokens_total{{engine=\"0\",model_name=\"m\"}} 1.2e+03\n\
             # TYPE vllm:spec_decode_num_draft_tokens_total counter\n\
             vllm:spec_decode_num_draft_tokens_total{{engine=\"0\"}} {tokens}.0\n\
             # TYPE vllm:spec_decode_num_accepted_tokens_total counter\n\
             vllm:spec_decode_num_accepted_tokens_total{{engine=\"0\"}} {count}.0\n\
             # TYPE vllm:request_queue_time_seconds histogram\n\
             vllm:request_queue_time_seconds_bucket{{engine=\"0\",le=\"0.3\",model_name=\"m\"}} {count}.0\n\
             vllm:request_queue_time_seconds_bucket{{engine=\"0\",le=\"+Inf\",model_name=\"m\"}} {count}.0\n\
             vllm:request_queue_time_seconds_count{{engine=\"0\",model_name=\"m\"}} {count}.0\n\
             vllm:request_queue_time_seconds_sum{{engine=\"0\",model_name=\"m\"}} {}\n",
            f64::from(count) * 0.02
        )
    };
    let found = figures(&page(0, 0, 100), &page(7, 3, 150));
    assert_eq!((found.running.unwrap().avg, found.waiting.unwrap().max), (7.0, 3.0));
    assert_eq!((found.kv_use.unwrap().avg, found.preemptions), (0.25, Some(50)));
    assert_eq!((found.prefix_hits.unwrap().share(), found.accepted_drafts.unwrap().share()), (0.1, 0.1));
    assert_eq!((found.tokens.prompt, found.tokens.generation), (Some(500.0), Some(0.0)));
    let queue = found.queue.unwrap();
    assert!((queue.avg_ms - 20.0).abs() < 1e-9 && queue.count == 50.0, "{queue:?}");
    assert!(!queue.p99_is_over && found.servers == ["vLLM"]);
}

#[test]
fn sglang_counts_one_rank() {
    let page = |n: u32| {
        format!(
            "# TYPE sglang:num_running_reqs gauge\n\
             sglang:num_running_reqs{{engine_type=\"unified\",model_name=\"m\",pp_rank=\"0\",tp_rank=\"0\"}} {n}.0\n\
             sglang:num_running_reqs{{engine_type=\"unified\",model_name=\"m\",pp_rank=\"0\",tp_rank=\"1\"}} {n}.0\n\
             # TYPE sglang:num_queue_reqs gauge\nsglang:num_queue_reqs{{tp_rank=\"0\"}} 2.0\n\
             # TYPE sglang:token_usage gauge\nsglang:token_usage{{tp_rank=\"0\"}} 0.4\n\
             # TYPE sglang:prompt_tokens_total counter\nsglang:prompt_tokens_total{{model_name=\"m\"}} {n}.0\n\
             # TYPE sglang:num_retracted_requests_total counter\nsglang:num_retracted_requests_total {n}.0\n"
        )
    };
    let found = figures(&page(1), &page(5));
    assert_eq!((found.running.unwrap().avg, found.waiting.unwrap().avg), (5.0, 2.0));
    assert_eq!((found.tokens.prompt, found.preemptions), (Some(4.0), Some(4)));
    assert_eq!(found.servers, ["SGLang"]);
}

#[test]
fn tensorrt_llm_and_triton() {
    let page = |n: u32| {
        format!(
            "# TYPE trtllm_num_requests_running gauge\ntrtllm_num_requests_running{{model_name=\"m\"}} {n}.0\n\
             # TYPE trtllm_kv_cache_utilization gauge\ntrtllm_kv_cache_utilization{{model_name=\"m\"}} 0.5\n\
             # TYPE trtllm_generation_tokens_total counter\ntrtllm_generation_tokens_total{{model_name=\"m\"}} {n}.0\n\
             # HELP nv_inference_queue_duration_us Cumulative inference queuing duration in microseconds\n\
             # TYPE nv_inference_queue_duration_us counter\n\
             nv_inference_queue_duration_us{{model=\"m\",version=\"1\"}} {n}000\n\
             # TYPE nv_energy_consumption counter\nnv_energy_consumption{{gpu_uuid=\"GPU-1\"}} {n}.5\n"
        )
    };
    let mut collector = Collector::new("u");
    collector.handle_scrape(&page(2), SECOND, 1, Window::Before);
    collector.handle_scrape(&page(6), 2 * SECOND, 1, Window::Inside);
    let metrics = collector.metrics();
    let triton = metrics.iter().find(|m| m.name == "nv_inference_queue_duration_us").unwrap();
    assert_eq!((triton.unit.as_deref(), triton.help.starts_with("Cumulative")), (Some("us"), true));
    let found = ServerFigures::of(&[collector]).unwrap();
    assert_eq!((found.running.unwrap().avg, found.tokens.generation), (6.0, Some(4.0)));
    assert_eq!(found.servers, ["TensorRT-LLM"]);
}

#[test]
fn dynamo_and_llama_cpp() {
    let page = |n: u32| {
        format!(
            "# TYPE dynamo_frontend_inflight_requests gauge\ndynamo_frontend_inflight_requests{{model=\"m\"}} {n}\n\
             # TYPE dynamo_frontend_queued_requests gauge\ndynamo_frontend_queued_requests{{model=\"m\"}} 1\n"
        )
    };
    let found = figures(&page(1), &page(4));
    assert_eq!((found.running.unwrap().avg, found.waiting.unwrap().avg), (4.0, 1.0));
    let page = |n: u32| {
        format!(
            "# HELP llamacpp:prompt_tokens_total Number of prompt tokens processed.\n\
             # TYPE llamacpp:prompt_tokens_total counter\nllamacpp:prompt_tokens_total {n}\n\
             # TYPE llamacpp:tokens_predicted_total counter\nllamacpp:tokens_predicted_total {n}\n\
             # TYPE llamacpp:requests_processing gauge\nllamacpp:requests_processing 1\n\
             # TYPE llamacpp:requests_deferred gauge\nllamacpp:requests_deferred 6\n"
        )
    };
    let found = figures(&page(10), &page(30));
    assert_eq!((found.tokens.prompt, found.tokens.generation), (Some(20.0), Some(20.0)));
    assert_eq!((found.waiting.unwrap().avg, found.kv_use), (6.0, None));
    assert_eq!(found.servers, ["llama.cpp"]);
}

#[test]
fn open_metrics_names_are_those_of_the_text_format() {
    let open = |n: u32| {
        format!(
            "# TYPE vllm:prompt_tokens counter\n# UNIT vllm:prompt_tokens tokens\n\
             vllm:prompt_tokens_total{{engine=\"0\"}} {n}.0 1700000000.5 # {{trace_id=\"a\"}} 1.0 1700000000.1\n\
             vllm:prompt_tokens_created{{engine=\"0\"}} 1.7e9\n# EOF\n"
        )
    };
    assert_eq!(figures(&open(3), &open(8)).tokens.prompt, Some(5.0));
}
