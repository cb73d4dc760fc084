//! What can be done where the kernel refuses io_uring.

use crate::driver::Refusal;
use crate::setting::Setting::{Cores, Io};

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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn epoll_is_offered_for_what_only_the_ring_lacks() {
        for errno in [libc::ENOSYS, libc::EPERM, libc::EINVAL, libc::ENOMEM] {
            assert!(remedy(Refusal::from(errno)).contains("`plan.io` epoll"), "{errno}");
        }
        assert!(remedy(Refusal::LockedMemory(None)).contains("ulimit -l"));
    }
}
