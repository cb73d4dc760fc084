//! The command line.

use std::net::{SocketAddr, ToSocketAddrs};

pub(crate) struct Options {
    pub(crate) addr: SocketAddr,
    pub(crate) io: String,
    pub(crate) streams: usize,
    pub(crate) tokens: u64,
    pub(crate) seconds: u64,
    pub(crate) core: usize,
    pub(crate) batch_us: u64,
    pub(crate) token_bytes: u64,
    pub(crate) probe: bool,
}

pub(crate) const USAGE: &str = "usage: floor HOST:PORT [--io bare|epoll|uring|tokio-uring|h2] [--streams N] [--tokens T] [--seconds S] [--core C] [--batch-us B] [--token-bytes B] [--probe]";

pub(crate) fn parse(mut args: impl Iterator<Item = String>) -> Result<Options, String> {
    let mut options = Options {
        addr: SocketAddr::from(([127, 0, 0, 1], 8000)),
        io: "bare".into(),
        streams: 64,
        tokens: 64,
        seconds: 5,
        core: 0,
        batch_us: 0,
        token_bytes: 0,
        probe: false,
    };
    while let Some(arg) = args.next() {
        let mut value = || args.next().ok_or(format!("{arg} needs a value"));
        let number = |v: String| v.parse::<u64>().map_err(|_| format!("`{v}` is not a number"));
        match arg.as_str() {
            "--io" => {
                options.io = value()?;
                if !DRAINS.contains(&options.io.as_str()) {
                    return Err(format!("--io {} is not one of {}", options.io, DRAINS.join(", ")));
                }
            }
            "--streams" => options.streams = number(value()?)? as usize,
            "--tokens" => options.tokens = number(value()?)?,
            "--seconds" => options.seconds = number(value()?)?,
            "--core" => options.core = number(value()?)? as usize,
            "--probe" => options.probe = true,
            "--token-bytes" => options.token_bytes = number(value()?)?,
            "--batch-us" => options.batch_us = number(value()?)?,
            addr => {
                let addr = addr.trim_start_matches("http://").trim_end_matches('/');
                options.addr = addr
                    .to_socket_addrs()
                    .ok()
                    .and_then(|mut a| a.next())
                    .ok_or(format!("`{addr}` is not HOST:PORT"))?;
            }
        }
    }
    Ok(options)
}

const DRAINS: [&str; 5] = ["bare", "epoll", "uring", "tokio-uring", "h2"];
