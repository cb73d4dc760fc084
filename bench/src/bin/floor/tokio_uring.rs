//! The same drain on the tokio-uring crate: a task a stream, one read at a time.

use crate::options::Options;
use crate::{Tally, over, request};
use ringload_engine::clock::{SECOND, monotonic};
use std::cell::Cell;
use std::rc::Rc;
use std::time::Duration;
use tokio_uring::net::TcpStream;

pub(crate) fn drain(options: &Options) -> Tally {
    let tally = Rc::new(Cell::new(Tally::default()));
    let end = monotonic() + options.seconds * SECOND;
    let entries = (2 * options.streams as u32).next_power_of_two().clamp(256, 16_384);
    let summed = tally.clone();
    tokio_uring::builder().entries(entries).start(async move {
        for _ in 0..options.streams {
            let stream = TcpStream::connect(options.addr).await.expect("connect");
            stream.set_nodelay(true).expect("nodelay");
            tokio_uring::spawn(stream_of(stream, request(options), summed.clone()));
        }
        tokio::time::sleep(Duration::from_nanos(end.saturating_sub(monotonic()))).await;
    });
    tally.get()
}

async fn stream_of(stream: TcpStream, request: Vec<u8>, tally: Rc<Cell<Tally>>) {
    let mut request = request;
    let mut buffer = vec![0_u8; 4096];
    let (sent, back) = stream.write_all(request).await;
    sent.expect("send");
    request = back;
    loop {
        let (read, back) = stream.read(buffer).await;
        buffer = back;
        let n = read.expect("read");
        assert_ne!(n, 0, "the server closed a stream");
        let mut sum = tally.get();
        sum.bytes += n as u64;
        sum.reads += 1;
        let ended = over(&buffer[..n]);
        sum.responses += u64::from(ended);
        tally.set(sum);
        if ended {
            let (sent, back) = stream.write_all(request).await;
            sent.expect("send");
            request = back;
        }
    }
}
