//! HTTP/2: a thread beside each worker, which hands it the connections that speak it.
//!
//! One `tokio` runtime per thread. The answers are those of the workers ([`Stream`](crate::stream::Stream), `page`);
//! only framing and waiting are here. The events of all streams of a connection that are due together may share a
//! write.
//!
//! The thread ends when its worker does. With [`Timing::Batching`](crate::Timing) it has an engine of its own.

mod exchange;
mod pacer;
mod wire;

use std::io;
use std::rc::Rc;
use std::sync::Arc;

use bytes::Bytes;
use mio::net::TcpStream;
use rustls::server::Acceptor;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::Notify;
use tokio::sync::mpsc::UnboundedReceiver;
use tokio::task::{LocalSet, spawn_local};
use tokio_rustls::LazyConfigAcceptor;

use crate::shared::Shared;
use crate::tls::Tls;

use exchange::Exchange;
use pacer::Pacer;
use wire::Wire;

/// Serves the connections that come, until no more can.
pub(crate) fn run(
    shared: Arc<Shared>,
    tls: Option<Tls>,
    mut connections: UnboundedReceiver<TcpStream>,
) -> io::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_io().enable_time().build()?;
    let local = LocalSet::new();
    runtime.block_on(local.run_until(async move {
        let pacer = Rc::new(Pacer::new(shared.clone())?);
        let waker = spawn_local(pacer.clone().run());
        while let Some(socket) = connections.recv().await {
            let open = Open(shared.clone());
            let (pacer, tls) = (pacer.clone(), tls.clone());
            spawn_local(async move {
                // What fails here is the client's to notice.
                let _ = connect(socket, tls, &open.0, pacer).await;
            });
        }
        waker.abort();
        Ok(())
    }))
}

/// An open connection is counted.
struct Open(Arc<Shared>);

impl Drop for Open {
    fn drop(&mut self) {
        self.0.close();
    }
}

type Failure = Box<dyn std::error::Error>;

async fn connect(socket: TcpStream, tls: Option<Tls>, shared: &Arc<Shared>, pacer: Rc<Pacer>) -> Result<(), Failure> {
    let socket = tokio::net::TcpStream::from_std(socket.into())?;
    let wire = Wire::new(socket, shared.clone());
    let Some(tls) = tls else {
        return serve(wire, shared, pacer).await;
    };
    let hello = LazyConfigAcceptor::new(Acceptor::default(), wire).await?;
    tokio::time::sleep(shared.config.delays.handshake).await;
    serve(hello.into_stream(tls.http2).await?, shared, pacer).await
}

async fn serve(io: impl AsyncRead + AsyncWrite + Unpin, shared: &Arc<Shared>, pacer: Rc<Pacer>) -> Result<(), Failure> {
    let mut connection = h2::server::Builder::new()
        .max_concurrent_streams(shared.config.h2_max_streams)
        .initial_window_size(WINDOW_BYTES)
        .initial_connection_window_size(WINDOW_BYTES)
        .handshake::<_, Bytes>(io)
        .await?;
    let cut = Rc::new(Notify::new());
    loop {
        let (request, respond) = tokio::select! {
            accepted = connection.accept() => match accepted {
                Some(accepted) => accepted?,
                None => return Ok(()),
            },
            () = cut.notified() => return Ok(()),
        };
        let exchange = Exchange::new(shared.clone(), pacer.clone(), cut.clone(), respond);
        spawn_local(exchange.run(request));
    }
}

/// How much of the bodies may be under way before it is read.
const WINDOW_BYTES: u32 = 4 << 20;
