//! Why the kernel refuses io_uring.

use super::thread::locked_memory_limit;
use std::fmt;

/// Why [`Uring`](super::Uring) is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// The kernel has no io_uring, or a sandbox hides it.
    Absent,
    /// It is forbidden, by `kernel.io_uring_disabled` or a sandbox.
    Forbidden,
    /// The kernel is older than Linux 6.1.
    TooOld,
    /// Locked memory is limited to so many bytes; `None`: it is not, and there is none left.
    LockedMemory(Option<u64>),
    /// No descriptor is free.
    NoDescriptor,
    /// Reads are not reported.
    Silent,
    /// Another error number.
    Other(i32),
}

impl From<i32> for Refusal {
    /// Of an error number that [`Uring::new`](super::Uring::new) or [`Uring::probe`](super::Uring::probe) gave.
    fn from(errno: i32) -> Self {
        match errno {
            libc::ENOSYS => Self::Absent,
            libc::EPERM | libc::EACCES => Self::Forbidden,
            libc::EINVAL | libc::EOPNOTSUPP => Self::TooOld,
            libc::ENOMEM => Self::LockedMemory(locked_memory_limit()),
            libc::EMFILE | libc::ENFILE => Self::NoDescriptor,
            libc::ETIME => Self::Silent,
            other => Self::Other(other),
        }
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Absent => f.write_str("the kernel has no io_uring, or a sandbox hides it"),
            Self::Forbidden => f.write_str("io_uring is forbidden here (kernel.io_uring_disabled, or the sandbox)"),
            Self::TooOld => {
                f.write_str("the kernel's io_uring lacks what ringload needs (deferred task work, Linux 6.1)")
            }
            Self::LockedMemory(limit) => {
                f.write_str("the limit of locked memory (")?;
                match limit {
                    Some(bytes) => write!(f, "{} KiB", bytes / 1024)?,
                    None => f.write_str("unlimited")?,
                }
                f.write_str(") has no room for the rings of all workers")
            }
            Self::NoDescriptor => f.write_str("no descriptor is free for a ring"),
            Self::Silent => f.write_str("io_uring does not report what it reads here"),
            Self::Other(errno) => std::io::Error::from_raw_os_error(*errno).fmt(f),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_refusal_says_more_than_a_number() {
        let known = [libc::ENOSYS, libc::EPERM, libc::EINVAL, libc::ENOMEM, libc::EMFILE, libc::ETIME, libc::EIO];
        for errno in known {
            assert!(Refusal::from(errno).to_string().len() > 15, "{errno}");
        }
        assert!(Refusal::from(libc::EINVAL).to_string().contains("6.1"));
    }
}
