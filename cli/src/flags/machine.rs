//! How this machine drives the load: flags of ringload's own, checks and their part of the plan.

use super::values;
use clap::{Args, ValueEnum};
use ringload_engine::clock::{MICRO, Nanos};
use ringload_engine::plan::{Cores, Io, Stamps};
use ringload_engine::{Error, Result};
use std::path::PathBuf;

/// How this machine drives the load.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Machine")]
pub(crate) struct MachineArgs {
    /// Cores to pin workers to: `auto` takes idle physical cores, watched for 0.1 s, but for the first of several; a
    /// number is a count (`4`), anything with a comma or dash a list (`0-3,6`; core 3 alone: `3,`) [default: auto].
    #[arg(long, value_name = "CORES", value_parser = values::cores)]
    pub(crate) cores: Option<Cores>,

    /// What moves the bytes: io_uring where it is allowed, else epoll.
    #[arg(long, value_enum, default_value = "auto")]
    pub(crate) io: IoArg,

    /// Who stamps arrivals: the kernel by reads, the kernel by segments (needs CAP_NET_RAW), or the read itself.
    #[arg(long, value_enum, default_value = "kernel")]
    pub(crate) stamps: StampsArg,

    /// Run workers under SCHED_FIFO (needs CAP_SYS_NICE).
    #[arg(long)]
    pub(crate) fifo: bool,

    /// Deliberate wait for a batch of reads, in microseconds; kernel stamps make it harmless
    /// [default: 200, up to 1000 where tokens and requests take long; 0 with --stamps user].
    #[arg(long, value_name = "MICROSECONDS", value_parser = clap::value_parser!(u64).range(..=100_000))]
    pub(crate) batch_wait_us: Option<u64>,

    /// File of the calibrations that runs are compared with
    /// [default: RINGLOAD_CALIBRATION, else ringload/calibration.json in XDG_CACHE_HOME or ~/.cache].
    #[arg(long, value_name = "FILE")]
    pub(crate) calibration_file: Option<PathBuf>,

    /// Profile the built-in mock server, started on other cores: needs nothing else; 64 in flight and two SLOs unless
    /// said otherwise.
    #[arg(long, conflicts_with_all = ["url", "api_key_file"])]
    pub(crate) demo: bool,
}

/// What moves the bytes.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub(crate) enum IoArg {
    /// io_uring where it is allowed, else epoll.
    Auto,
    /// io_uring or fail.
    Uring,
    /// epoll.
    Epoll,
}

/// Who stamps arrivals.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum StampsArg {
    /// The kernel.
    Kernel,
    /// The kernel, each segment by itself, whatever the client does (needs CAP_NET_RAW).
    Packet,
    /// The read.
    User,
}

/// What the flags on the machine come to.
pub(super) struct Machine {
    pub(super) io: Io,
    pub(super) stamps: Stamps,
    pub(super) cores: Cores,
    pub(super) fifo: bool,
    pub(super) batch_wait: Nanos,
    pub(super) longest_batch_wait: Nanos,
}

impl MachineArgs {
    /// How this machine drives the load.
    pub(super) fn plan(&self) -> Result<Machine> {
        let stamps = match self.stamps {
            StampsArg::Kernel => Stamps::Kernel,
            StampsArg::Packet => Stamps::Packet,
            StampsArg::User => Stamps::User,
        };
        let (batch_wait, longest_batch_wait) = batch_wait(self, stamps)?;
        Ok(Machine {
            io: match self.io {
                IoArg::Auto => Io::Auto,
                IoArg::Uring => Io::Uring,
                IoArg::Epoll => Io::Epoll,
            },
            stamps,
            cores: self.cores.clone().unwrap_or(Cores::Auto),
            fifo: self.fifo,
            batch_wait,
            longest_batch_wait,
        })
    }
}

/// The wait for a batch, and how long it may become.
fn batch_wait(machine: &MachineArgs, stamps: Stamps) -> Result<(Nanos, Nanos)> {
    match (machine.batch_wait_us, stamps) {
        (Some(us), Stamps::User) if us > 0 => Err(Error::usage(
            "--batch-wait-us with --stamps user: the wait would be in every token's time",
            "drop one of them; kernel stamps keep the wait out of the figures",
        )),
        (Some(us), _) => Ok((us * MICRO, us * MICRO)),
        (None, Stamps::Kernel | Stamps::Packet) => Ok((200 * MICRO, 1_000 * MICRO)),
        (None, Stamps::User) => Ok((0, 0)),
    }
}

#[cfg(test)]
mod tests {
    use crate::flags::testing::made;
    use ringload_engine::plan::Stamps;

    #[test]
    fn a_batch_wait_is_only_taken_where_it_cannot_be_seen() {
        let waits = |flags| {
            let plan = made(flags);
            (plan.stamps, plan.batch_wait, plan.longest_batch_wait)
        };
        assert_eq!(waits("-m x"), (Stamps::Kernel, 200_000, 1_000_000));
        assert_eq!(waits("-m x --stamps packet"), (Stamps::Packet, 200_000, 1_000_000));
        assert_eq!(waits("-m x --stamps user"), (Stamps::User, 0, 0));
        assert_eq!(waits("-m x --batch-wait-us 300"), (Stamps::Kernel, 300_000, 300_000));
    }
}
