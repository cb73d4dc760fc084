//! Many of everything.

use std::sync::atomic::AtomicBool;
use std::thread;
use std::time::Duration;

use ringload_mock::{Config, Timing, run_until, start};

use crate::client::{Client, chat, paced, post, serve};

#[test]
fn a_connection_serves_many_requests() {
    let server = serve(Timing::Unpaced);
    let mut client = Client::connect(server.addr());
    for round in 1..=500 {
        let response = client.chat(&format!(r#","max_tokens":{}"#, round % 20 + 1));
        assert_eq!(response.sent_ns().len(), round % 20 + 1);
    }
    let state = server.state();
    assert_eq!((state.finished, state.connections_accepted), (500, 1));
}

#[test]
fn requests_that_were_sent_together_are_answered_in_order() {
    let server = paced(1, 0);
    let mut client = Client::connect(server.addr());
    let requests = (1..=50).map(|tokens| {
        let body = chat(&format!(r#","max_tokens":{tokens}"#));
        post("/v1/chat/completions", &body)
    });
    client.send(requests.collect::<String>().as_bytes());
    for tokens in 1..=50 {
        assert_eq!(client.response().sent_ns().len(), tokens);
    }
    assert_eq!(server.state().peak_in_flight, 1);
}

#[test]
fn a_thread_holds_a_thousand_streams_at_once() {
    let server = paced(1_000, 1);
    let mut clients: Vec<Client> = (0..1_000).map(|_| Client::connect(server.addr())).collect();
    let request = post("/v1/chat/completions", &chat(r#","max_tokens":8,"mock":{"ttft_ms":3000}"#));
    for client in &mut clients {
        client.send(request.as_bytes());
    }
    for client in &mut clients {
        assert_eq!(client.response().sent_ns().len(), 8);
    }
    let state = server.state();
    assert_eq!((state.finished, state.output_tokens), (1_000, 8_000));
    assert_eq!((state.in_flight, state.peak_in_flight), (0, 1_000));
}

#[test]
fn threads_share_a_port() {
    let config = Config { threads: 4, cores: vec![0], timing: Timing::Unpaced, ..Config::default() };
    let server = start(config).unwrap();
    let addr = server.addr();
    let clients: Vec<_> =
        (0..40).map(|_| thread::spawn(move || Client::connect(addr).chat("").sent_ns().len())).collect();
    for client in clients {
        assert_eq!(client.join().unwrap(), 16);
    }
    assert_eq!(server.state().finished, 40);
    assert_eq!(server.arrivals().len(), 40);
    server.stop();
    assert!(std::net::TcpStream::connect(addr).is_err());
}

#[test]
fn a_server_runs_until_it_is_told_to_stop() {
    static STOP: AtomicBool = AtomicBool::new(false);
    let server = thread::spawn(|| run_until(Config::default(), &STOP));
    thread::sleep(Duration::from_millis(20));
    STOP.store(true, std::sync::atomic::Ordering::Relaxed);
    assert!(server.join().unwrap().is_ok());
}
