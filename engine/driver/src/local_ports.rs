//! Local ports of connections, in shares (`IP_LOCAL_PORT_RANGE`, Linux 6.3).

use socket2::{Domain, Socket, Type};
use std::ops::RangeInclusive;
use std::os::fd::AsRawFd;

/// The local ports that the driver `index` of `of` should take, so that no two take the same; `None` where one has all,
/// or the kernel knows no shares.
pub(super) fn share(index: usize, of: usize) -> Option<RangeInclusive<u16>> {
    let ports = part(&std::fs::read_to_string("/proc/sys/net/ipv4/ip_local_port_range").ok()?, index, of)?;
    let probe = Socket::new(Domain::IPV4, Type::STREAM.cloexec(), None).ok()?;
    bound(&probe, &ports).then_some(ports)
}

/// Has the kernel choose the local port of a connection that is to be made among these. Whether it will.
pub(super) fn bound(socket: &Socket, ports: &RangeInclusive<u16>) -> bool {
    let range = u32::from(*ports.end()) << 16 | u32::from(*ports.start());
    // SAFETY: the descriptor is open, and the option value is a u32 of the given size that outlives the call.
    let rc = unsafe {
        libc::setsockopt(
            socket.as_raw_fd(),
            libc::IPPROTO_IP,
            IP_LOCAL_PORT_RANGE,
            (&raw const range).cast(),
            size_of::<u32>() as libc::socklen_t,
        )
    };
    rc == 0
}

/// A part of the machine's local ports, the first and the last of which are `all`.
fn part(all: &str, index: usize, of: usize) -> Option<RangeInclusive<u16>> {
    let mut ends = all.split_whitespace().map(|port| port.parse::<u16>().ok());
    let (first, last) = (ends.next()??, ends.next()??);
    let count = usize::from(last.checked_sub(first)?) + 1;
    if of <= 1 || index >= of || count < of {
        return None;
    }
    let begin = |index: usize| usize::from(first) + count * index / of;
    Some(begin(index) as u16..=(begin(index + 1) - 1) as u16)
}

const IP_LOCAL_PORT_RANGE: libc::c_int = 51;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_are_all_ports_and_none_twice() {
        for of in [2, 3, 7, 64] {
            let parts: Vec<_> = (0..of).map(|index| part("32768\t60999\n", index, of).unwrap()).collect();
            assert_eq!((*parts[0].start(), *parts[of - 1].end()), (32_768, 60_999));
            assert!(parts.windows(2).all(|pair| pair[0].end() + 1 == *pair[1].start()), "{parts:?}");
        }
        assert_eq!(part("1 65535", 1, 2), Some(32_768..=65_535));
    }

    #[test]
    fn one_has_all_and_too_few_are_not_shared() {
        for (all, index, of) in [("1 9", 0, 1), ("1 2", 0, 3), ("9 1", 0, 2), ("", 0, 2), ("1 9", 2, 2)] {
            assert_eq!(part(all, index, of), None);
        }
    }
}
