//! The batching model behind sockets.

use std::time::Duration;

use ringload_mock::{Timing, batching};

use crate::client::{Client, chat, post, serve};

const MILLI: u64 = 1_000_000;

fn engine(max_batch: usize) -> Timing {
    Timing::Batching(batching::Settings {
        max_batch,
        prefill_tokens_per_s: 1_000.0,
        decode_step_base: Duration::from_millis(10),
        decode_step_per_seq: Duration::from_millis(1),
    })
}

#[test]
fn a_lone_stream_gets_a_token_a_step_after_its_prefill() {
    let server = serve(engine(4));
    let response = Client::connect(server.addr()).chat(r#","max_tokens":10"#);
    let (sent, arrival) = (response.sent_ns(), server.arrivals()[0]);
    for (i, &at) in sent.iter().enumerate() {
        // 3 prompt tokens take 3 ms, each step takes 11 ms.
        assert!(at >= arrival + (3 + 11 * (i as u64 + 1)) * MILLI, "token {i}");
    }
}

#[test]
fn a_full_batch_makes_the_others_wait_in_order() {
    let server = serve(engine(1));
    let mut clients: Vec<Client> = (0..4).map(|_| Client::connect(server.addr())).collect();
    let request = post("/v1/chat/completions", &chat(r#","max_tokens":5"#));
    for (index, client) in clients.iter_mut().enumerate() {
        client.send(request.as_bytes());
        while server.arrivals().len() <= index {
            std::thread::sleep(Duration::from_millis(1));
        }
    }
    let spans: Vec<(u64, u64)> =
        clients.iter_mut().map(|client| client.response().sent_ns()).map(|sent| (sent[0], sent[4])).collect();
    for pair in spans.windows(2) {
        assert!(pair[0].1 <= pair[1].0, "{pair:?}");
    }
    let metrics = clients[0].get("/metrics").body;
    assert!(metrics.contains("vllm:request_queue_time_seconds_count{model_name=\"mock\"} 4\n"));
}

#[test]
fn a_client_that_goes_away_leaves_its_place() {
    let server = serve(engine(1));
    let mut first = Client::connect(server.addr());
    first.send(post("/v1/chat/completions", &chat(r#","max_tokens":1000000"#)).as_bytes());
    while server.state().output_tokens == 0 {
        std::thread::sleep(Duration::from_millis(1));
    }
    drop(first);
    assert_eq!(Client::connect(server.addr()).chat("").sent_ns().len(), 16);
}

#[test]
fn a_fault_leaves_its_place_too() {
    let server = serve(engine(1));
    let mut client = Client::connect(server.addr());
    assert!(client.chat(r#","max_tokens":1000000,"mock":{"fail_after":2}"#).complete);
    assert_eq!(client.chat("").sent_ns().len(), 16);
}
