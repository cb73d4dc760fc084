//! Sends that ask the kernel for the stamps of their last byte, by a control message (Linux 4.5).

use std::io;
use std::os::fd::RawFd;

/// A send whose last byte is to be stamped.
#[repr(C)]
pub(super) struct StampedMessage {
    header: libc::msghdr,
    io: libc::iovec,
    control: StampsAsked,
}

/// A control message with the stamps that a send asks for.
#[repr(C, align(8))]
struct StampsAsked {
    length: usize,
    level: libc::c_int,
    kind: libc::c_int,
    flags: u32,
    padding: u32,
}

impl StampedMessage {
    /// Of bytes that stay where they are as long as the kernel may read the message.
    pub(super) fn new(bytes: &[u8]) -> Box<Self> {
        let control = StampsAsked {
            // Without the padding, as CMSG_LEN counts.
            length: size_of::<StampsAsked>() - size_of::<u32>(),
            level: libc::SOL_SOCKET,
            kind: libc::SO_TIMESTAMPING,
            flags: libc::SOF_TIMESTAMPING_TX_SOFTWARE | libc::SOF_TIMESTAMPING_TX_ACK,
            padding: 0,
        };
        let io = libc::iovec { iov_base: bytes.as_ptr().cast_mut().cast(), iov_len: bytes.len() };
        // SAFETY: an all-zero msghdr is valid.
        let header: libc::msghdr = unsafe { std::mem::zeroed() };
        let mut message = Box::new(Self { header, io, control });
        message.header.msg_iov = &raw mut message.io;
        message.header.msg_iovlen = 1;
        message.header.msg_control = (&raw mut message.control).cast();
        message.header.msg_controllen = size_of::<StampsAsked>() as _;
        message
    }

    /// The message, valid as long as this is and does not move out of its box.
    pub(super) fn header(&self) -> *const libc::msghdr {
        &raw const self.header
    }
}

/// Sends what fits at once of `bytes`, and has the last byte of that stamped: how many bytes were taken.
pub(super) fn send_stamped(fd: RawFd, bytes: &[u8]) -> io::Result<usize> {
    let message = StampedMessage::new(bytes);
    // SAFETY: the message names its own parts and `bytes`, all of them readable for the call.
    let n = unsafe { libc::sendmsg(fd, message.header(), libc::MSG_DONTWAIT | libc::MSG_NOSIGNAL) };
    usize::try_from(n).map_err(|_| io::Error::last_os_error())
}
