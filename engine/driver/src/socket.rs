//! Sockets: made, tuned, written to, and let go. Shared by the drivers for real sockets.

use super::local_ports;
use super::message::send_stamped;
use super::stamp::CONTROL_BYTES;
use super::{Options, TcpFacts};
use crate::TcpOptions;
use crate::clock::{MICRO, Nanos};
use socket2::{Domain, Protocol, SockAddr, Socket, TcpKeepalive, Type};
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::os::fd::{AsRawFd, RawFd};
use std::time::Duration;

/// A new socket for a connection to `addr`: over TCP with Nagle off, and what the options ask for; `turn` chooses the
/// local address. `left` of its [`tries`] are left, this one included.
pub(super) fn open(
    addr: &SockAddr,
    nonblocking: bool,
    options: &Options,
    (turn, left): (u64, u64),
) -> Result<Socket, i32> {
    let local = addr.domain() == Domain::UNIX;
    let protocol = (!local).then_some(Protocol::TCP);
    let socket = Socket::new(addr.domain(), Type::STREAM.cloexec(), protocol).map_err(|e| number(&e))?;
    socket.set_nonblocking(nonblocking).map_err(|e| number(&e))?;
    if local {
        return Ok(socket);
    }
    socket.set_tcp_nodelay(true).map_err(|e| number(&e))?;
    if let Some(tcp) = &options.tcp {
        tune(&socket, tcp).map_err(|e| number(&e))?;
    }
    if let Some(ports) = &options.local_ports
        && left > choices(addr, options)
    {
        local_ports::bound(&socket, ports);
    }
    if let Some(ip) = source(addr, options, turn) {
        bind(&socket, ip).map_err(|e| number(&e))?;
    }
    if options.stamps {
        stamp(socket.as_raw_fd(), RECEIVE_STAMPS);
    }
    Ok(socket)
}

/// How often a connection to `addr` may be tried that finds no free port: from each local address that it can choose,
/// and where its local ports are bounded, from each again, without the bound.
pub(super) fn tries(addr: &SockAddr, options: &Options) -> u64 {
    choices(addr, options) * if options.local_ports.is_some() { 2 } else { 1 }
}

/// Local addresses that a connection to `addr` can choose from; 1 where the choice is the kernel's.
fn choices(addr: &SockAddr, options: &Options) -> u64 {
    (fitting(addr, options).count() as u64).max(1)
}

fn source(addr: &SockAddr, options: &Options, turn: u64) -> Option<IpAddr> {
    let choice = turn % choices(addr, options);
    fitting(addr, options).nth(choice as usize)
}

fn fitting(addr: &SockAddr, options: &Options) -> impl Iterator<Item = IpAddr> {
    let domain = addr.domain();
    options.source_ips.iter().copied().filter(move |ip| Domain::for_address(SocketAddr::new(*ip, 0)) == domain)
}

fn tune(socket: &Socket, tcp: &TcpOptions) -> io::Result<()> {
    if let Some(bytes) = tcp.send_buffer {
        socket.set_send_buffer_size(bytes as usize)?;
    }
    if let Some(bytes) = tcp.receive_buffer {
        socket.set_recv_buffer_size(bytes as usize)?;
    }
    if let Some(idle) = tcp.keepalive {
        socket.set_tcp_keepalive(&TcpKeepalive::new().with_time(Duration::from_nanos(idle)))?;
    }
    if let Some(timeout) = tcp.user_timeout {
        socket.set_tcp_user_timeout(Some(Duration::from_nanos(timeout)))?;
    }
    Ok(())
}

/// Takes a local address but leaves the port to the connect, which may then use one port for several peers.
fn bind(socket: &Socket, ip: IpAddr) -> io::Result<()> {
    let one: libc::c_int = 1;
    // SAFETY: the descriptor is open, and the option value is an int of the given size that outlives the call. A kernel
    // without the option binds a port at once, which only makes ports scarcer.
    unsafe {
        libc::setsockopt(
            socket.as_raw_fd(),
            libc::IPPROTO_IP,
            libc::IP_BIND_ADDRESS_NO_PORT,
            (&raw const one).cast(),
            size_of::<libc::c_int>() as libc::socklen_t,
        );
    }
    socket.bind(&SocketAddr::new(ip, 0).into())
}

/// Stamps of what arrives, by software.
pub(super) const RECEIVE_STAMPS: libc::c_uint = libc::SOF_TIMESTAMPING_RX_SOFTWARE | libc::SOF_TIMESTAMPING_SOFTWARE;

/// Has the kernel stamp, and report stamps, as the flags say; whether it does. One that refuses the receive stamps
/// leaves them missing, which every read then counts as a fallback.
pub(super) fn stamp(fd: RawFd, flags: libc::c_uint) -> bool {
    // SAFETY: the option value is a c_uint of the given size that outlives the call.
    let rc = unsafe {
        libc::setsockopt(
            fd,
            libc::SOL_SOCKET,
            libc::SO_TIMESTAMPING,
            (&raw const flags).cast(),
            size_of::<libc::c_uint>() as libc::socklen_t,
        )
    };
    rc == 0
}

/// One read of what is there, into `buffer`, with its stamp in `control` where stamps are the kernel's: the bytes of
/// both; none is the peer's close.
pub(super) fn receive(
    fd: RawFd,
    buffer: &mut [u8],
    control: &mut [u8; CONTROL_BYTES],
    stamps: bool,
) -> Result<(usize, usize), i32> {
    let mut io = libc::iovec { iov_base: buffer.as_mut_ptr().cast(), iov_len: buffer.len() };
    // SAFETY: an all-zero msghdr is valid.
    let mut message: libc::msghdr = unsafe { std::mem::zeroed() };
    message.msg_iov = &raw mut io;
    message.msg_iovlen = 1;
    if stamps {
        message.msg_control = control.as_mut_ptr().cast();
        message.msg_controllen = CONTROL_BYTES as _;
    }
    // SAFETY: the message names the caller's buffer and control block, both writable for the call.
    let n = unsafe { libc::recvmsg(fd, &mut message, libc::MSG_DONTWAIT) };
    if n < 0 {
        return Err(errno());
    }
    Ok((n as usize, (message.msg_controllen as usize).min(CONTROL_BYTES)))
}

/// Acknowledges what was read (`TCP_QUICKACK`), where the kernel would wait up to 40 ms (`TCP_DELACK_MIN`) for bytes of
/// this side to send that with. The kernel forgets the option by itself (tcp(7)), so that it is set after each read. A
/// socket that is not TCP refuses it, and has nothing to acknowledge.
pub(super) fn acknowledge(socket: &Socket) {
    let _ = socket.set_tcp_quickack(true);
}

/// What the kernel took of a send that was tried once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum SendOutcome {
    /// All of it.
    All,
    /// So many bytes: either no more fit for now, or the error number came after them.
    Part(usize, Option<i32>),
    /// It failed before the kernel took a byte: the error number.
    Nothing(i32),
}

/// Sends what fits at once, `stamped` or not: how many bytes were taken, and the error number that ended it.
pub(super) fn send_now(fd: RawFd, bytes: &[u8], stamped: bool) -> (usize, Option<i32>) {
    let mut sent = 0;
    while sent < bytes.len() {
        let rest = &bytes[sent..];
        match if stamped { send_stamped(fd, rest).map_err(|e| number(&e)) } else { send_once(fd, rest) } {
            Ok(n) => sent += n,
            Err(libc::EINTR) => {}
            Err(libc::EAGAIN) => break,
            Err(e) => return (sent, Some(e)),
        }
    }
    (sent, None)
}

fn send_once(fd: RawFd, bytes: &[u8]) -> Result<usize, i32> {
    // SAFETY: `bytes` is readable for its whole length during the call.
    let n = unsafe { libc::send(fd, bytes.as_ptr().cast(), bytes.len(), libc::MSG_DONTWAIT | libc::MSG_NOSIGNAL) };
    usize::try_from(n).map_err(|_| errno())
}

/// The outcome of a first try; what is left over is for a slower path.
pub(super) fn first_try(fd: RawFd, bytes: &[u8], stamped: bool) -> SendOutcome {
    match send_now(fd, bytes, stamped) {
        (n, None) if n == bytes.len() => SendOutcome::All,
        (0, Some(e)) => SendOutcome::Nothing(e),
        (n, error) => SendOutcome::Part(n, error),
    }
}

/// Whether both directions of a connection have ended, as by a reset: what is sent on it fails at once.
pub(super) fn is_over(fd: RawFd) -> bool {
    poll_now(fd, 0) & libc::POLLHUP != 0
}

/// Whether neither the peer's end (FIN) nor a reset has arrived, whatever is still to be read before it; nor, if it has
/// to be `silent`, anything to be read. POLLERR alone is a stamp in the error queue: behind a reset both directions
/// have ended.
pub(super) fn is_open(fd: RawFd, silent: bool) -> bool {
    let told = if silent { libc::POLLRDHUP | libc::POLLIN } else { libc::POLLRDHUP };
    poll_now(fd, told) & !libc::POLLERR == 0
}

/// What holds of `events` and of the ends that are always told, now.
fn poll_now(fd: RawFd, events: libc::c_short) -> libc::c_short {
    let mut polled = libc::pollfd { fd, events, revents: 0 };
    // SAFETY: one pollfd is writable for the length of the call, which does not wait.
    let n = unsafe { libc::poll(&mut polled, 1, 0) };
    if n == 1 { polled.revents } else { 0 }
}

/// Bytes in the send queue that the peer has not acknowledged (`SIOCOUTQ`).
pub(super) fn unacknowledged(fd: RawFd) -> Option<usize> {
    let mut queued: libc::c_int = 0;
    // SAFETY: `queued` is a writable int for the length of the call, as the request expects.
    let rc = unsafe { libc::ioctl(fd, libc::TIOCOUTQ, &mut queued) };
    (rc == 0).then(|| usize::try_from(queued).unwrap_or(0))
}

/// What the kernel knows of a TCP connection (`TCP_INFO`); `None` for another kind of socket.
pub(super) fn tcp_facts(fd: RawFd) -> Option<TcpFacts> {
    tcp_info(fd).map(|info| TcpFacts {
        round_trip: (1..NO_SAMPLE).contains(&info.tcpi_min_rtt).then(|| Nanos::from(info.tcpi_min_rtt) * MICRO),
        retransmits: info.tcpi_total_retrans,
    })
}

/// The name of the congestion control of a TCP connection (`TCP_CONGESTION`); `None` for another kind of socket.
pub(super) fn congestion_control(fd: RawFd) -> Option<String> {
    let mut name = [0_u8; 16];
    let mut length = name.len() as libc::socklen_t;
    // SAFETY: `name` is writable for `length` bytes during the call, and `length` says how many were written after it.
    let rc = unsafe {
        libc::getsockopt(fd, libc::IPPROTO_TCP, libc::TCP_CONGESTION, name.as_mut_ptr().cast(), &raw mut length)
    };
    let name = name.split(|byte| *byte == 0).next().filter(|name| rc == 0 && !name.is_empty())?;
    Some(String::from_utf8_lossy(name).into_owned())
}

fn tcp_info(fd: RawFd) -> Option<libc::tcp_info> {
    // SAFETY: `tcp_info` is plain numbers, for all of which zero is a value; an older kernel fills only its front.
    let mut info: libc::tcp_info = unsafe { std::mem::zeroed() };
    let mut length = size_of::<libc::tcp_info>() as libc::socklen_t;
    // SAFETY: `info` is writable for `length` bytes during the call, and `length` says how many were written after it.
    let rc =
        unsafe { libc::getsockopt(fd, libc::IPPROTO_TCP, libc::TCP_INFO, (&raw mut info).cast(), &raw mut length) };
    (rc == 0).then_some(info)
}

/// What the kernel says of the segments of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Count {
    /// Data segments that came, sent again ones included.
    pub(super) segments: u32,
    /// Bytes of data of the largest that the peer may send.
    pub(super) largest: u32,
}

/// The segments of a TCP connection, by the kernel's count; `None` for another kind of socket, or a kernel that does
/// not count them.
pub(super) fn segments(fd: RawFd) -> Option<Count> {
    let info = tcp_info(fd)?;
    // The option of time stamps, as a rule, takes 12 bytes of each.
    let largest = info.tcpi_advmss.saturating_sub(12);
    (info.tcpi_data_segs_in > 0).then_some(Count { segments: info.tcpi_data_segs_in, largest })
}

/// `tcpi_min_rtt` before the first sample: all ones in the kernel, 0 where the field is unknown to it.
const NO_SAMPLE: u32 = u32::MAX;

/// The error number of the last failed call on this thread.
pub(super) fn errno() -> i32 {
    std::io::Error::last_os_error().raw_os_error().unwrap_or(libc::EIO)
}

/// The error number inside an [`std::io::Error`].
pub(super) fn number(e: &std::io::Error) -> i32 {
    e.raw_os_error().unwrap_or(libc::EIO)
}
