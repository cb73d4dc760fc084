//! Why the kernel refuses a driver, in words, and what can be done about it.

use super::thread::locked_memory_limit;

/// Why [`Uring`](super::Uring) is refused with an error number, and what its user can do.
#[must_use]
pub fn refusal(errno: i32) -> (String, &'static str) {
    match errno {
        libc::ENOSYS => (
            "the kernel has no io_uring, or a sandbox hides it".into(),
            "use --io epoll, or allow io_uring in the sandbox (seccomp)",
        ),
        libc::EPERM | libc::EACCES => (
            "io_uring is forbidden here (kernel.io_uring_disabled, or the sandbox)".into(),
            "use --io epoll, or allow io_uring (`sysctl kernel.io_uring_disabled=0`, seccomp)",
        ),
        libc::EINVAL | libc::EOPNOTSUPP => (
            "the kernel's io_uring lacks what ringload needs (deferred task work, Linux 6.1)".into(),
            "use --io epoll, or Linux 6.1 or later",
        ),
        libc::ENOMEM => {
            let limit = match locked_memory_limit() {
                Some(bytes) => format!("{} KiB", bytes / 1024),
                None => "unlimited".into(),
            };
            (
                format!("the limit of locked memory ({limit}) has no room for the rings of all workers"),
                "raise it (`ulimit -l`, LimitMEMLOCK= in systemd, --ulimit memlock= in docker), use fewer --cores, or --io epoll",
            )
        }
        libc::EMFILE | libc::ENFILE => {
            ("no descriptor is free for a ring".into(), "raise the limit of open files (`ulimit -n`)")
        }
        libc::ETIME => ("io_uring does not report what it reads here".into(), "use --io epoll"),
        e => (std::io::Error::from_raw_os_error(e).to_string(), "use --io epoll"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_refusal_says_what_to_do_and_no_bare_number() {
        let known = [libc::ENOSYS, libc::EPERM, libc::EINVAL, libc::ENOMEM, libc::EMFILE, libc::ETIME, libc::EIO];
        for errno in known {
            let (what, remedy) = refusal(errno);
            assert!(what.len() > 20 && remedy.len() > 10, "{what}: {remedy}");
        }
        assert!(refusal(libc::ENOMEM).1.contains("ulimit -l"));
        assert!(refusal(libc::EINVAL).0.contains("6.1"));
    }
}
