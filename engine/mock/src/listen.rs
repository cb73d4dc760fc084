//! One listening socket per thread, all on the same port.

use std::io;
use std::net::SocketAddr;

use mio::net::TcpListener;
use socket2::{Domain, Protocol, Socket, Type};

use crate::error::Error;

/// Listens `threads` times on `address`; port 0 is chosen by the first socket and shared by the others. The kernel
/// spreads connections over the sockets by a hash of their addresses.
pub(crate) fn listeners(address: SocketAddr, threads: usize) -> Result<(SocketAddr, Vec<TcpListener>), Error> {
    let refused = |source| Error::Listen { address, source };
    // Without SO_REUSEPORT first: a second server on the same port must fail, not take half of the connections.
    drop(bind(address, false).map_err(refused)?);
    let first = listen(address).map_err(refused)?;
    let bound = first.local_addr().map_err(refused)?;
    let mut all = vec![first];
    for _ in 1..threads {
        all.push(listen(bound).map_err(refused)?);
    }
    Ok((bound, all))
}

fn listen(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = bind(address, true)?;
    socket.listen(BACKLOG)?;
    Ok(TcpListener::from_std(socket.into()))
}

fn bind(address: SocketAddr, shared: bool) -> io::Result<Socket> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    socket.set_reuse_address(true)?;
    socket.set_reuse_port(shared)?;
    socket.set_nonblocking(true)?;
    socket.bind(&address.into())?;
    Ok(socket)
}

/// Connections that may wait to be accepted; the kernel lowers it to `net.core.somaxconn`.
const BACKLOG: i32 = 16_384;
