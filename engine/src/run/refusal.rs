//! What can be done where the kernel refuses io_uring, or packet sockets.

use super::os_error;
use crate::driver::{Refusal, errno};
use crate::error::Error;
use crate::setting::Setting::{Cores, Io, Stamps};

/// What its user can do.
pub(super) fn remedy(refusal: Refusal) -> String {
    match refusal {
        Refusal::Absent => format!("use {Io} epoll, or allow io_uring in the sandbox (seccomp)"),
        Refusal::Forbidden => {
            format!("use {Io} epoll, or allow io_uring (`sysctl kernel.io_uring_disabled=0`, seccomp)")
        }
        Refusal::TooOld => format!("use {Io} epoll, or Linux 6.1 or later"),
        Refusal::LockedMemory(_) => format!(
            "raise it (`ulimit -l`, LimitMEMLOCK= in systemd, --ulimit memlock= in docker), use fewer {Cores}, or {Io} epoll"
        ),
        Refusal::NoDescriptor => "raise the limit of open files (`ulimit -n`)".into(),
        Refusal::Silent | Refusal::Other(_) => format!("use {Io} epoll"),
    }
}

/// Packet sockets are refused, with that error number.
pub(super) fn no_packets(number: i32) -> Error {
    let kernel = format!("use {Stamps} kernel");
    let remedy = match number {
        errno::EPERM | errno::EACCES => format!(
            "give the program the capability CAP_NET_RAW (`setcap cap_net_raw+ep` on its file, the capability NET_RAW of its container, or root), or {kernel}"
        ),
        errno::ENOMEM | errno::ENOBUFS => format!("use fewer {Cores} (each takes 8 MiB for packets), or {kernel}"),
        errno::EMFILE | errno::ENFILE => format!("raise the limit of open files (`ulimit -n`), or {kernel}"),
        _ => kernel,
    };
    Error::environment(format!("{Stamps} packet: a packet socket is refused: {}", os_error(number)), remedy)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn packet_sockets_need_a_capability_or_memory_or_descriptors() {
        let said = |number| no_packets(number).to_string();
        for (number, word) in [
            (libc::EPERM, "CAP_NET_RAW"),
            (libc::ENOMEM, "`plan.cores`"),
            (libc::EMFILE, "ulimit -n"),
            (libc::EAFNOSUPPORT, "kernel"),
        ] {
            let said = said(number);
            assert!(said.contains(word) && said.contains("`plan.stamps` kernel"), "{said}");
        }
    }

    #[test]
    fn epoll_is_offered_for_what_only_the_ring_lacks() {
        for errno in [libc::ENOSYS, libc::EPERM, libc::EINVAL, libc::ENOMEM] {
            assert!(remedy(Refusal::from(errno)).contains("`plan.io` epoll"), "{errno}");
        }
        assert!(remedy(Refusal::LockedMemory(None)).contains("ulimit -l"));
    }
}
