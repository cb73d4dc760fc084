//! What the machine allows: the same requests on the same sockets, drained without parsing.
//!
//! `floor URL --io bare|epoll|uring|tokio-uring|h2 --streams N --tokens T --seconds S --core C`
//!
//! * `bare` is a plain epoll loop (mio) with one `read` a ready socket: no stamps, no driver of ours.
//! * `epoll` and `uring` are the engine's drivers with kernel stamps, and nothing behind them.
//! * `tokio-uring` is the crate of that name, and `h2` the crate of that name on tokio: HTTP/2 in the clear, parsed.
//!
//! Prints CPU time per token, user and kernel apart. A response is over when a read ends in the last chunk of a chunked
//! body (HTTP/2: with its stream); the tokens are counted by the finished responses, or, with `--token-bytes`, by the
//! bytes of all of them.
#![forbid(unsafe_code)]

mod h2;
mod options;
mod tokio_uring;

use mio::net::TcpStream;
use mio::{Events, Interest, Poll, Token};
use options::Options;
use ringload_engine::clock::{SECOND, monotonic};
use ringload_engine::driver::{
    Driver, Epoll, Event, Key, Sending, Uring, prepare_thread, raise_descriptor_limit, thread_facts,
};
use std::io::{ErrorKind, Read, Write};
use std::time::Duration;

#[derive(Clone, Copy, Default)]
struct Tally {
    responses: u64,
    bytes: u64,
    reads: u64,
}

fn main() {
    let options = match options::parse(std::env::args().skip(1)) {
        Ok(options) => options,
        Err(e) => {
            eprintln!("floor: {e}\n{}", options::USAGE);
            std::process::exit(2);
        }
    };
    if options.probe {
        println!("{}", probe(&options));
        return;
    }
    let _ = raise_descriptor_limit(options.streams as u64 + 64);
    if let Err(e) = prepare_thread(options.core, false) {
        eprintln!("floor: {e}");
    }
    let before = thread_facts();
    let started = monotonic();
    let tally = match options.io.as_str() {
        "bare" => bare(&options),
        "epoll" => driven(Epoll::new(options.streams, true), &options),
        "tokio-uring" => tokio_uring::drain(&options),
        "h2" => h2::drain(&options),
        _ => driven(Uring::new(options.streams, true), &options),
    };
    let wall = (monotonic() - started) as f64 / 1e9;
    let after = thread_facts();
    let by_bytes = tally.bytes.checked_div(options.token_bytes);
    let tokens = by_bytes.unwrap_or(tally.responses * options.tokens);
    let tokens = tokens.max(1) as f64;
    let (user, system) = ((after.user - before.user) as f64, (after.system - before.system) as f64);
    println!(
        "{{\"io\":\"{}\",\"streams\":{},\"responses\":{},\"tokens_per_s\":{:.0},\"user_ns_per_token\":{:.0},\"system_ns_per_token\":{:.0},\"reads\":{},\"bytes\":{}}}",
        options.io,
        options.streams,
        tally.responses,
        tokens / wall,
        user / tokens,
        system / tokens,
        tally.reads,
        tally.bytes
    );
}

fn body(options: &Options) -> String {
    format!(
        "{{\"model\":\"floor\",\"messages\":[{{\"role\":\"user\",\"content\":\"drain\"}}],\"stream\":true,\"max_completion_tokens\":{}}}",
        options.tokens
    )
}

fn request(options: &Options) -> Vec<u8> {
    let (addr, body) = (options.addr, body(options));
    format!("POST /v1/chat/completions HTTP/1.1\r\nHost: {addr}\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}", body.len())
        .into_bytes()
}

/// Bytes on the wire of one token, by one whole response.
fn probe(options: &Options) -> u64 {
    let mut stream = std::net::TcpStream::connect(options.addr).expect("connect");
    stream.write_all(&request(options)).expect("send");
    let mut all = Vec::new();
    let mut buffer = [0_u8; 4096];
    while !over(&all) {
        let n = stream.read(&mut buffer).expect("read");
        assert_ne!(n, 0, "the server closed the stream");
        all.extend_from_slice(&buffer[..n]);
    }
    all.len() as u64 / options.tokens.max(1)
}

fn over(bytes: &[u8]) -> bool {
    bytes.ends_with(b"\r\n0\r\n\r\n") || bytes == b"0\r\n\r\n"
}

fn bare(options: &Options) -> Tally {
    let request = request(options);
    let mut tally = Tally::default();
    let mut poll = Poll::new().expect("epoll");
    let mut streams: Vec<TcpStream> = (0..options.streams)
        .map(|i| {
            let stream = std::net::TcpStream::connect(options.addr).expect("connect");
            stream.set_nodelay(true).expect("nodelay");
            stream.set_nonblocking(true).expect("nonblocking");
            let mut stream = TcpStream::from_std(stream);
            poll.registry().register(&mut stream, Token(i), Interest::READABLE).expect("register");
            stream
        })
        .collect();
    for stream in &mut streams {
        stream.write_all(&request).expect("send");
    }
    let end = monotonic() + options.seconds * SECOND;
    let mut events = Events::with_capacity(1024);
    let mut buffer = vec![0_u8; 64 << 10];
    while monotonic() < end {
        poll.poll(&mut events, Some(Duration::from_millis(50))).expect("poll");
        for event in &events {
            let stream = &mut streams[event.token().0];
            loop {
                match stream.read(&mut buffer) {
                    Ok(0) => panic!("the server closed a stream"),
                    Ok(n) => {
                        tally.bytes += n as u64;
                        tally.reads += 1;
                        if over(&buffer[..n]) {
                            tally.responses += 1;
                            stream.write_all(&request).expect("send");
                        }
                        if n < buffer.len() {
                            break;
                        }
                    }
                    Err(e) if e.kind() == ErrorKind::WouldBlock => break,
                    Err(e) => panic!("read: {e}"),
                }
            }
        }
    }
    tally
}

fn driven<D: Driver>(driver: Result<D, i32>, options: &Options) -> Tally {
    let mut driver = driver.unwrap_or_else(|e| panic!("no driver: {}", std::io::Error::from_raw_os_error(e)));
    let request = request(options);
    let mut tally = Tally::default();
    let end = monotonic() + options.seconds * SECOND;
    let mut ready: Vec<Key> = Vec::new();
    for slot in 0..options.streams as u32 {
        driver.connect(Key { slot, generation: 1 }, &options.addr.into(), u64::from(slot)).expect("connect");
    }
    while driver.now() < end {
        let until = driver.now() + SECOND / 20;
        driver
            .wait(until, options.batch_us * 1000, &mut |key, event, _| match event {
                Event::Connected { .. } => ready.push(key),
                Event::Received { bytes, .. } => {
                    tally.bytes += bytes.len() as u64;
                    tally.reads += 1;
                    if over(bytes) {
                        tally.responses += 1;
                        ready.push(key);
                    }
                }
                other => panic!("{other:?}"),
            })
            .expect("wait");
        for key in ready.drain(..) {
            assert_ne!(driver.send(key, &request), Sending::Failed(0));
        }
    }
    tally
}
