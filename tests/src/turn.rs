//! Which tests run beside each other, and on which driver.

use ringload_engine::driver::Uring;
use std::fmt;
use std::sync::{OnceLock, PoisonError, RwLock, RwLockReadGuard};

/// A driver, as `--io` names it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Io {
    /// `--io uring`
    Uring,
    /// `--io epoll`
    Epoll,
}

impl Io {
    /// The name that the flag takes.
    #[must_use]
    pub fn flag(self) -> &'static str {
        match self {
            Self::Uring => "uring",
            Self::Epoll => "epoll",
        }
    }

    /// The name that the report gives.
    #[must_use]
    pub fn reported(self) -> &'static str {
        match self {
            Self::Uring => "io_uring",
            Self::Epoll => "epoll",
        }
    }
}

impl fmt::Display for Io {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.flag())
    }
}

/// Runs the test on each driver, beside other tests.
pub fn on_both(test: impl Fn(Io)) {
    let _turn = together();
    each(test);
}

/// Runs the test on each driver while no other test runs: for what a busy machine would make look different.
pub fn alone_on_both(test: impl Fn(Io)) {
    let _turn = TURNS.write().unwrap_or_else(PoisonError::into_inner);
    each(test);
}

/// Keeps the tests away that have to be alone.
pub fn together() -> RwLockReadGuard<'static, ()> {
    TURNS.read().unwrap_or_else(PoisonError::into_inner)
}

fn each(test: impl Fn(Io)) {
    for io in [Io::Uring, Io::Epoll] {
        match refusal(io) {
            Some(reason) => println!("not on {io}: {reason}"),
            None => {
                println!("on {io}");
                test(io);
            }
        }
    }
}

/// Why this kernel or sandbox does not let the driver be.
fn refusal(io: Io) -> Option<&'static str> {
    static URING: OnceLock<Option<String>> = OnceLock::new();
    match io {
        Io::Epoll => None,
        Io::Uring => URING
            .get_or_init(|| {
                let errno = Uring::new(1, true).err()?;
                let error = std::io::Error::from_raw_os_error(errno);
                Some(format!("io_uring is refused here ({error})"))
            })
            .as_deref(),
    }
}

static TURNS: RwLock<()> = RwLock::new(());
