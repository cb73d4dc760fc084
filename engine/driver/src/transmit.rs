//! When the last byte of a send left this machine, and when the peer acknowledged it (`SO_TIMESTAMPING`, its half for
//! what is sent).
//!
//! A send asks for the stamps of its own last byte by a control message (Linux 4.5), so that other sends of the
//! connection cost nothing. The kernel puts two into the error queue of the socket, one when the byte was handed to the
//! network card, one when its acknowledgement came, each with the place of the byte in the stream
//! (`SOF_TIMESTAMPING_OPT_ID`). One `recvmmsg` takes both.

use super::Transmission;
use super::socket;
use super::stamp::{Stamper, control_messages};
use crate::clock;
use std::os::fd::RawFd;

/// The sends of a connection whose last byte the kernel is to stamp.
#[derive(Default)]
pub(super) struct Marks {
    places: Places,
    /// Bytes that the connection was given since places are counted. Wraps, as the kernel's count does.
    given: u32,
    /// Those of which something is still to come, in the order of sending.
    waiting: Vec<Mark>,
    /// The error queue may have something.
    due: bool,
}

/// Whether stamps name the place of their byte.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
enum Places {
    /// The kernel was not asked for it.
    #[default]
    Unasked,
    Counted,
    /// The kernel cannot say it: nothing is stamped.
    Unknown,
}

struct Mark {
    name: u32,
    /// The place of its last byte.
    last: u32,
    at: Transmission,
    /// Something came that was not reported.
    news: bool,
}

impl Marks {
    /// A send of so many bytes, which is to be stamped where it has a name. `idle`: the kernel has taken all that was
    /// sent before. Whether the kernel is to be asked for stamps.
    pub(super) fn send(&mut self, fd: RawFd, bytes: usize, name: Option<u32>, idle: bool) -> bool {
        if self.places == Places::Unasked {
            if name.is_none() || !idle {
                return false;
            }
            self.places = if count_places(fd) { Places::Counted } else { Places::Unknown };
        }
        if self.places == Places::Unknown {
            return false;
        }
        self.given = self.given.wrapping_add(bytes as u32);
        let Some(name) = name else {
            return false;
        };
        if self.waiting.len() == MOST_WAITING {
            self.waiting.remove(0);
        }
        let last = self.given.wrapping_sub(1);
        self.waiting.push(Mark { name, last, at: Transmission::default(), news: false });
        self.due = true;
        true
    }

    /// Whether what is left of earlier sends ends in a byte that is to be stamped.
    pub(super) fn wants_rest(&self) -> bool {
        self.waiting.last().is_some_and(|mark| mark.at.sent.is_none())
    }

    /// The kernel says that the error queue has something. Whether that is of a stamp.
    pub(super) fn notified(&mut self) -> bool {
        self.due |= self.places == Places::Counted;
        self.places == Places::Counted
    }

    /// Whether the error queue has to be looked at.
    #[inline]
    pub(super) fn is_due(&self) -> bool {
        self.due
    }

    /// Takes what the kernel has said since, and tells it by the names of the sends.
    #[cold]
    pub(super) fn take(&mut self, fd: RawFd, stamper: &Stamper, on: &mut dyn FnMut(u32, Transmission)) {
        self.due = false;
        while take_errors(fd, |control| self.note(control, stamper)) == AT_ONCE {}
        self.settle_merged();
        for mark in self.waiting.iter_mut().filter(|mark| mark.news) {
            mark.news = false;
            on(mark.name, mark.at);
        }
        if let Some(last) = self.waiting.iter().rposition(|mark| mark.at.acknowledged.is_some()) {
            self.waiting.drain(..=last);
        }
    }

    /// A byte that went in one segment with the last byte of a later send has no stamps of its own: the segment's are
    /// the later one's.
    fn settle_merged(&mut self) {
        let mut later = Transmission::default();
        for mark in self.waiting.iter_mut().rev() {
            let before = mark.at;
            mark.at.sent = before.sent.or(later.sent);
            mark.at.acknowledged = before.acknowledged.or(later.acknowledged);
            mark.news |= mark.at != before;
            later = mark.at;
        }
    }

    fn note(&mut self, control: &[u8], stamper: &Stamper) {
        let Some(stamp) = Stamp::of(control) else {
            return;
        };
        let Some(mark) = self.waiting.iter_mut().find(|mark| mark.last == stamp.place) else {
            return;
        };
        let at = stamper.left(control, clock::monotonic());
        let instant = match stamp.kind {
            SENT => &mut mark.at.sent,
            ACKNOWLEDGED => &mut mark.at.acknowledged,
            _ => return,
        };
        // A segment that is sent again is stamped again.
        if instant.is_none() && at.is_some() {
            *instant = at;
            mark.news = true;
        }
    }
}

/// What one message of the error queue is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Stamp {
    kind: u32,
    /// The place of the byte that was stamped.
    place: u32,
}

impl Stamp {
    /// Whether it says when the byte, or the datagram, of this place was handed to the network card.
    pub(super) fn is_of(self, place: u32) -> bool {
        self.kind == SENT && self.place == place
    }

    /// From the `sock_extended_err` of a message, where that is about a stamp.
    pub(super) fn of(control: &[u8]) -> Option<Self> {
        let (_, _, error) = control_messages(control).find(|(level, kind, _)| {
            matches!((*level, *kind), (libc::SOL_IP, libc::IP_RECVERR) | (libc::SOL_IPV6, libc::IPV6_RECVERR))
        })?;
        let number = |at: usize| Some(u32::from_ne_bytes(error.get(at..at + 4)?.try_into().ok()?));
        let origin = *error.get(4)?;
        let stamp = Self { kind: number(8)?, place: number(12)? };
        (origin == libc::SO_EE_ORIGIN_TIMESTAMPING).then_some(stamp)
    }
}

/// `SCM_TSTAMP_SND` and `SCM_TSTAMP_ACK` of `linux/errqueue.h`.
const SENT: u32 = 0;
const ACKNOWLEDGED: u32 = 2;

/// Sends of a connection that wait for their stamps at most: the kernel loses some where its queue is full.
const MOST_WAITING: usize = 64;

/// Messages of the error queue that are taken by one call: those of four sends.
const AT_ONCE: usize = 8;
/// Room for the control messages of one, in words.
const CONTROL_WORDS: usize = 24;

/// Has stamps name their bytes by their place in the stream, from the next byte on (`SOF_TIMESTAMPING_OPT_ID_TCP`,
/// Linux 6.2; before, from the first byte that is not acknowledged: a stamp of a connection that had some then is
/// nobody's). The kernel keeps the receive stamps.
fn count_places(fd: RawFd) -> bool {
    let old = socket::RECEIVE_STAMPS | libc::SOF_TIMESTAMPING_OPT_ID | libc::SOF_TIMESTAMPING_OPT_TSONLY;
    [old | libc::SOF_TIMESTAMPING_OPT_ID_TCP, old].into_iter().any(|flags| socket::stamp(fd, flags))
}

/// Takes messages from the error queue, [`AT_ONCE`] at most, and shows the control messages of each; how many.
pub(super) fn take_errors(fd: RawFd, mut on: impl FnMut(&[u8])) -> usize {
    let mut control = [[0_u64; CONTROL_WORDS]; AT_ONCE];
    // SAFETY: an all-zero mmsghdr is valid.
    let mut messages: [libc::mmsghdr; AT_ONCE] = unsafe { std::mem::zeroed() };
    for (message, control) in messages.iter_mut().zip(&mut control) {
        message.msg_hdr.msg_control = control.as_mut_ptr().cast();
        message.msg_hdr.msg_controllen = size_of_val(control) as _;
    }
    let flags = libc::MSG_ERRQUEUE | libc::MSG_DONTWAIT;
    // SAFETY: each message names a control block of its own and no data, all of them writable for the call, which does
    // not wait.
    let taken = unsafe {
        libc::syscall(
            libc::SYS_recvmmsg,
            fd,
            messages.as_mut_ptr(),
            AT_ONCE as libc::c_uint,
            flags,
            std::ptr::null_mut::<libc::timespec>(),
        )
    };
    let taken = usize::try_from(taken).unwrap_or(0).min(AT_ONCE);
    for (message, control) in messages.iter().zip(&control).take(taken) {
        #[allow(clippy::unnecessary_cast, reason = "musl's field is 32 bits wide")]
        let length = (message.msg_hdr.msg_controllen as usize).min(size_of_val(control));
        let bytes: [u8; CONTROL_WORDS * 8] = std::array::from_fn(|i| control[i / 8].to_ne_bytes()[i % 8]);
        on(&bytes[..length]);
    }
    taken
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A `sock_extended_err` behind a header, as the kernel writes it.
    fn error(level: libc::c_int, kind: libc::c_int, origin: u8, info: u32, place: u32) -> Vec<u8> {
        let mut bytes = Vec::new();
        bytes.extend(48_u64.to_ne_bytes());
        bytes.extend(level.to_ne_bytes());
        bytes.extend(kind.to_ne_bytes());
        bytes.extend(42_u32.to_ne_bytes());
        bytes.extend([origin, 0, 0, 0]);
        bytes.extend(info.to_ne_bytes());
        bytes.extend(place.to_ne_bytes());
        bytes.resize(48, 0);
        bytes
    }

    /// A software stamp on the wall clock.
    fn stamped(wall: clock::Nanos) -> Vec<u8> {
        let mut bytes = Vec::new();
        bytes.extend(64_u64.to_ne_bytes());
        bytes.extend(libc::SOL_SOCKET.to_ne_bytes());
        bytes.extend(libc::SCM_TIMESTAMPING.to_ne_bytes());
        bytes.extend((wall / clock::SECOND).to_ne_bytes());
        bytes.extend((wall % clock::SECOND).to_ne_bytes());
        bytes.resize(64, 0);
        bytes
    }

    #[test]
    fn a_message_of_the_error_queue_says_what_and_of_which_byte() {
        let expected = Some(Stamp { kind: ACKNOWLEDGED, place: 7 });
        for (level, kind) in [(libc::SOL_IP, libc::IP_RECVERR), (libc::SOL_IPV6, libc::IPV6_RECVERR)] {
            let bytes = [stamped(1), error(level, kind, 4, ACKNOWLEDGED, 7)].concat();
            assert_eq!(Stamp::of(&bytes), expected);
        }
        let other = error(libc::SOL_IP, libc::IP_RECVERR, libc::SO_EE_ORIGIN_ICMP, 2, 7);
        assert_eq!(Stamp::of(&other), None);
        assert_eq!(Stamp::of(&stamped(1)), None);
        assert_eq!(Stamp::of(&error(libc::SOL_IP, libc::IP_RECVERR, 4, 2, 7)[..24]), None);
    }

    fn counted() -> Marks {
        Marks { places: Places::Counted, ..Marks::default() }
    }

    fn note(marks: &mut Marks, stamper: &Stamper, kind: u32, place: u32) {
        let wall = clock::realtime() - 5;
        let message = [stamped(wall), error(libc::SOL_IP, libc::IP_RECVERR, 4, kind, place)].concat();
        marks.note(&message, stamper);
    }

    /// A descriptor that is none: its error queue has nothing.
    const NONE: RawFd = -1;

    fn told(marks: &mut Marks, stamper: &Stamper) -> Vec<(u32, bool, bool)> {
        let mut told = Vec::new();
        marks.take(NONE, stamper, &mut |name, at| {
            told.push((name, at.sent.is_some(), at.acknowledged.is_some()));
        });
        told
    }

    #[test]
    fn stamps_find_their_sends_by_the_place_of_the_last_byte_also_where_that_wraps() {
        let stamper = Stamper::new(true);
        let mut marks = counted();
        marks.given = u32::MAX - 99;
        assert!(marks.send(NONE, 50, Some(1), true));
        assert!(!marks.send(NONE, 10, None, true), "it has no name");
        assert!(marks.send(NONE, 100, Some(2), false));
        assert!(marks.is_due() && marks.wants_rest());
        let (first, second) = (u32::MAX - 50, 59);
        // Of the first half of the second send, and of nobody's.
        note(&mut marks, &stamper, SENT, 3);
        assert_eq!(told(&mut marks, &stamper), []);
        note(&mut marks, &stamper, SENT, first);
        assert_eq!(told(&mut marks, &stamper), [(1, true, false)]);
        assert!(!marks.is_due() && marks.wants_rest());
        note(&mut marks, &stamper, SENT, second);
        note(&mut marks, &stamper, ACKNOWLEDGED, first);
        note(&mut marks, &stamper, 1, second);
        assert_eq!(told(&mut marks, &stamper), [(1, true, true), (2, true, false)]);
        assert!(marks.notified() && marks.is_due() && !marks.wants_rest());
        note(&mut marks, &stamper, ACKNOWLEDGED, second);
        assert_eq!(told(&mut marks, &stamper), [(2, true, true)]);
        assert!(marks.waiting.is_empty());
    }

    #[test]
    fn a_send_that_was_merged_with_a_later_one_has_its_stamps() {
        let stamper = Stamper::new(true);
        let mut marks = counted();
        assert!(marks.send(NONE, 10, Some(1), true) && marks.send(NONE, 10, Some(2), true));
        note(&mut marks, &stamper, ACKNOWLEDGED, 19);
        note(&mut marks, &stamper, SENT, 19);
        assert_eq!(told(&mut marks, &stamper), [(1, true, true), (2, true, true)]);
        assert!(marks.waiting.is_empty());
        (0..200).for_each(|name| assert!(marks.send(NONE, 10, Some(name), true)));
        assert_eq!(marks.waiting.len(), MOST_WAITING);
    }

    #[test]
    fn nothing_is_stamped_where_the_kernel_cannot_name_it() {
        let mut marks = Marks::default();
        assert!(!marks.send(NONE, 10, None, true));
        assert!(!marks.send(NONE, 10, Some(1), false), "an earlier send is under way");
        assert!(!marks.send(NONE, 10, Some(1), true));
        assert!(!marks.is_due() && !marks.notified());
    }
}
