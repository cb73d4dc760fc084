//! The same drain over HTTP/2 with the h2 crate on tokio: a task a stream, 250 streams a connection, what came given
//! back to the windows.

use crate::options::Options;
use crate::{Tally, body};
use bytes::Bytes;
use h2::client::{Builder, SendRequest};
use ringload_engine::clock::{SECOND, monotonic};
use std::cell::Cell;
use std::rc::Rc;
use std::time::Duration;
use tokio::net::TcpStream;
use tokio::task::{LocalSet, spawn_local};

/// Bytes are those of DATA frames.
pub(crate) fn drain(options: &Options) -> Tally {
    let tally = Rc::new(Cell::new(Tally::default()));
    let end = monotonic() + options.seconds * SECOND;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("runtime");
    let local = LocalSet::new();
    runtime.block_on(local.run_until(async {
        for first in (0..options.streams).step_by(STREAMS) {
            let socket = TcpStream::connect(options.addr).await.expect("connect");
            socket.set_nodelay(true).expect("nodelay");
            let (client, connection) = Builder::new()
                .initial_window_size(WINDOW)
                .initial_connection_window_size(WINDOW)
                .initial_max_send_streams(STREAMS)
                .handshake::<_, Bytes>(socket)
                .await
                .expect("handshake");
            spawn_local(connection);
            for _ in first..options.streams.min(first + STREAMS) {
                spawn_local(stream_of(client.clone(), options.addr.to_string(), body(options).into(), tally.clone()));
            }
        }
        tokio::time::sleep(Duration::from_nanos(end.saturating_sub(monotonic()))).await;
    }));
    tally.get()
}

async fn stream_of(client: SendRequest<Bytes>, host: String, body: Bytes, tally: Rc<Cell<Tally>>) {
    let mut client = client;
    let add = |bytes: usize, responses: u64| {
        let mut sum = tally.get();
        sum.bytes += bytes as u64;
        sum.reads += 1;
        sum.responses += responses;
        tally.set(sum);
    };
    loop {
        client = client.ready().await.expect("ready");
        let request = http::Request::post(format!("http://{host}/v1/chat/completions"))
            .header("content-type", "application/json")
            .body(())
            .expect("request");
        let (response, mut send) = client.send_request(request, false).expect("request");
        send.send_data(body.clone(), true).expect("body");
        let mut stream = response.await.expect("response").into_body();
        while let Some(data) = stream.data().await {
            let data = data.expect("data");
            let _ = stream.flow_control().release_capacity(data.len());
            add(data.len(), 0);
        }
        add(0, 1);
    }
}

/// Streams of a connection, as the mock allows them.
const STREAMS: usize = 250;
const WINDOW: u32 = 16 << 20;
