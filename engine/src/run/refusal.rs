//! What can be done where the kernel refuses io_uring.

use crate::driver::Refusal;

/// What its user can do.
pub(super) fn remedy(refusal: Refusal) -> &'static str {
    match refusal {
        Refusal::Absent => "use --io epoll, or allow io_uring in the sandbox (seccomp)",
        Refusal::Forbidden => "use --io epoll, or allow io_uring (`sysctl kernel.io_uring_disabled=0`, seccomp)",
        Refusal::TooOld => "use --io epoll, or Linux 6.1 or later",
        Refusal::LockedMemory(_) => {
            "raise it (`ulimit -l`, LimitMEMLOCK= in systemd, --ulimit memlock= in docker), use fewer --cores, or --io epoll"
        }
        Refusal::NoDescriptor => "raise the limit of open files (`ulimit -n`)",
        Refusal::Silent | Refusal::Other(_) => "use --io epoll",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn epoll_is_offered_for_what_only_the_ring_lacks() {
        for errno in [libc::ENOSYS, libc::EPERM, libc::EINVAL, libc::ENOMEM] {
            assert!(remedy(Refusal::from(errno)).contains("--io epoll"), "{errno}");
        }
        assert!(remedy(Refusal::LockedMemory(None)).contains("ulimit -l"));
    }
}
