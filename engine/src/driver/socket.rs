//! Sockets: made, tuned, written to, and let go. Shared by the drivers for real sockets.

use super::Sending;
use socket2::{Domain, Protocol, Socket, Type};
use std::net::SocketAddr;
use std::os::fd::{AsRawFd, RawFd};

/// A new TCP socket with Nagle off and, where asked, kernel receive stamps.
pub(super) fn open(addr: &SocketAddr, nonblocking: bool, stamps: bool) -> Result<Socket, i32> {
    let socket = Socket::new(
        Domain::for_address(*addr),
        Type::STREAM.cloexec(),
        Some(Protocol::TCP),
    )
    .map_err(|e| number(&e))?;
    socket
        .set_nonblocking(nonblocking)
        .map_err(|e| number(&e))?;
    socket.set_tcp_nodelay(true).map_err(|e| number(&e))?;
    if stamps {
        let flags: libc::c_uint =
            libc::SOF_TIMESTAMPING_RX_SOFTWARE | libc::SOF_TIMESTAMPING_SOFTWARE;
        // SAFETY: the descriptor is open, and the option value is a c_uint of the given size that outlives the call.
        // A kernel that refuses it leaves stamps missing, which every read then counts as a fallback.
        unsafe {
            libc::setsockopt(
                socket.as_raw_fd(),
                libc::SOL_SOCKET,
                libc::SO_TIMESTAMPING,
                (&raw const flags).cast(),
                size_of::<libc::c_uint>() as libc::socklen_t,
            );
        }
    }
    Ok(socket)
}

/// Sends what fits at once: how many bytes were taken, or the error number.
pub(super) fn send_now(fd: RawFd, bytes: &[u8]) -> Result<usize, i32> {
    let mut sent = 0;
    while sent < bytes.len() {
        let rest = &bytes[sent..];
        // SAFETY: `rest` is readable for its whole length during the call.
        let n = unsafe {
            libc::send(
                fd,
                rest.as_ptr().cast(),
                rest.len(),
                libc::MSG_DONTWAIT | libc::MSG_NOSIGNAL,
            )
        };
        if n >= 0 {
            sent += n as usize;
            continue;
        }
        match errno() {
            libc::EINTR => {}
            libc::EAGAIN => break,
            e => return Err(e),
        }
    }
    Ok(sent)
}

/// The outcome of a first try, given the bytes that are left over to a slower path.
pub(super) fn first_try(fd: RawFd, bytes: &[u8]) -> (Sending, usize) {
    match send_now(fd, bytes) {
        Ok(n) if n == bytes.len() => (Sending::Done, n),
        Ok(n) => (Sending::Pending, n),
        Err(e) => (Sending::Failed(e), 0),
    }
}

/// Bytes in the send queue that the peer has not acknowledged (`SIOCOUTQ`).
pub(super) fn unacknowledged(fd: RawFd) -> Option<usize> {
    let mut queued: libc::c_int = 0;
    // SAFETY: `queued` is a writable int for the length of the call, as the request expects.
    let rc = unsafe { libc::ioctl(fd, libc::TIOCOUTQ, &mut queued) };
    (rc == 0).then(|| usize::try_from(queued).unwrap_or(0))
}

/// The error number of the last failed call on this thread.
pub(super) fn errno() -> i32 {
    std::io::Error::last_os_error()
        .raw_os_error()
        .unwrap_or(libc::EIO)
}

/// The error number inside an [`std::io::Error`].
pub(super) fn number(e: &std::io::Error) -> i32 {
    e.raw_os_error().unwrap_or(libc::EIO)
}
