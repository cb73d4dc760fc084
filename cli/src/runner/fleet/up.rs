//! A fleet on this machine, for a first try: its members are processes of this program, and a bus is started for them
//! where none is named.

use crate::exit::Exit;
use crate::flags::UpArgs;
use crate::live::signals;
use crate::result::run::fresh_id;
use crate::runner::server::allowed_cores;
use crate::terminal::eprint_line;
use ringload_engine::{Error, Result};
use rustix::process::{Pid, Signal, kill_process};
use std::net::{Ipv4Addr, TcpListener};
use std::process::{Child, Command, Stdio};
use tempfile::TempDir;

/// Starts the members, waits for them, and ends as the leader does.
///
/// # Errors
/// When a process cannot be started.
pub(crate) fn up(args: &UpArgs) -> Result<Exit> {
    let bus = args.fleet.is_none().then(Bus::start).transpose()?;
    let url = bus.as_ref().map_or_else(|| args.fleet.clone().unwrap_or_default(), |bus| bus.url.clone());
    let run = format!("up-{}", fresh_id());
    let program = std::env::current_exe().map_err(|e| unstarted("ringload", &e))?;
    let cores = allowed_cores();
    let mut members = Members(Vec::new());
    for rank in 0..args.members {
        let mut command = Command::new(&program);
        command.args(&args.command).env("RINGLOAD_FLEET", &url).env("RINGLOAD_FLEET_RUN", &run);
        command.args(["--fleet-size", &args.members.to_string(), "--fleet-rank", &rank.to_string()]);
        if !args.command.iter().any(|word| word == "--cores" || word.starts_with("--cores=")) {
            command.args(["--cores", &own_cores(&cores, rank, args.members)]);
        }
        if rank > 0 {
            command.stdout(Stdio::null());
        }
        members.0.push(command.stdin(Stdio::null()).spawn().map_err(|e| unstarted("a member", &e))?);
    }
    let status = members.wait();
    drop(bus);
    Ok(status.map_or(Exit::Usage, super::exit_of))
}

/// The cores of one of so many members, as `--cores` takes them: some each, or one that others have too.
fn own_cores(cores: &[usize], rank: usize, members: usize) -> String {
    let own: Vec<String> = cores.iter().skip(rank).step_by(members).map(ToString::to_string).collect();
    match (own.as_slice(), cores) {
        ([], []) => "1".into(),
        ([], _) => format!("{},", cores[rank % cores.len()]),
        // With a comma it is a list, and not a count.
        (own, _) => format!("{},", own.join(",")),
    }
}

/// The processes of the members; those that are left end with this value.
struct Members(Vec<Child>);

impl Members {
    /// Waits for all: the exit status of the leader.
    fn wait(&mut self) -> Option<u8> {
        let mut told = false;
        loop {
            let mut left = 0;
            for member in &mut self.0 {
                left += usize::from(matches!(member.try_wait(), Ok(None)));
            }
            if left == 0 {
                break;
            }
            if signals::wait(0.05) {
                if !told {
                    self.signal(Signal::TERM);
                    told = true;
                }
                std::thread::sleep(std::time::Duration::from_millis(50));
            }
        }
        let leader = self.0.first_mut()?.try_wait().ok()??;
        leader.code().and_then(|code| u8::try_from(code).ok())
    }

    fn signal(&mut self, signal: Signal) {
        // The number of one that has ended may be another's by now.
        let alive = self.0.iter_mut().filter_map(|member| matches!(member.try_wait(), Ok(None)).then_some(member.id()));
        for id in alive {
            if let Some(pid) = i32::try_from(id).ok().and_then(Pid::from_raw) {
                let _ = kill_process(pid, signal);
            }
        }
    }
}

impl Drop for Members {
    fn drop(&mut self) {
        for member in &mut self.0 {
            if matches!(member.try_wait(), Ok(None)) {
                let _ = member.kill();
                let _ = member.wait();
            }
        }
    }
}

/// A nats-server of its own, with its storage in a temporary folder.
struct Bus {
    server: Child,
    url: String,
    _storage: TempDir,
}

impl Bus {
    fn start() -> Result<Self> {
        let storage = tempfile::tempdir().map_err(|e| unstarted("a folder for the bus", &e))?;
        let free = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).and_then(|listener| listener.local_addr());
        let port = free.map_err(|e| unstarted("the bus", &e))?.port();
        let server = Command::new("nats-server")
            .args(["-a", "127.0.0.1", "-p", &port.to_string(), "-js", "-sd"])
            .arg(storage.path())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .map_err(|e| {
                Error::environment(
                    format!("nats-server could not be started ({e})"),
                    "install it (https://nats.io/download, or the package nats-server), or name a bus with --fleet",
                )
            })?;
        eprint_line(format_args!("fleet: nats-server at 127.0.0.1:{port}, used by these members only"));
        Ok(Self { server, url: format!("nats://127.0.0.1:{port}"), _storage: storage })
    }
}

impl Drop for Bus {
    fn drop(&mut self) {
        // It holds nothing that outlives the run.
        let _ = self.server.kill();
        let _ = self.server.wait();
    }
}

fn unstarted(what: &str, e: &std::io::Error) -> Error {
    Error::environment(format!("{what} could not be started ({e})"), "raise the limits of processes and open files")
}

#[cfg(test)]
mod tests {
    use super::own_cores;

    #[test]
    fn members_have_cores_of_their_own_as_long_as_there_are_some() {
        let of =
            |cores: &[usize], members| (0..members).map(|rank| own_cores(cores, rank, members)).collect::<Vec<_>>();
        assert_eq!(of(&[0, 1, 2, 3, 8], 2), ["0,2,8,", "1,3,"]);
        assert_eq!(of(&[4, 5], 3), ["4,", "5,", "4,"]);
        assert_eq!(of(&[], 1), ["1"]);
    }
}
