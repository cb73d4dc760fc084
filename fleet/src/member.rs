//! A member of a fleet: joined to its run, until it lets go.

use crate::board::{Board, mirror};
use crate::bus::Bus;
use crate::clock::Interval;
use crate::error::{Error, Result};
use crate::heartbeats;
use crate::identity::Identity;
use crate::message::{Aligned, Joined, Over};
use crate::silence::Liveness;
use crate::state::{ABOUT, Inner, LOOK_UP, Load, Options, Stopped, locked, monotonic};
use crate::thread::ControlThread;
use crate::upload;
use std::future::Future;
use std::path::Path;
use std::sync::atomic::AtomicU64;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::sync::{Notify, watch};
use tokio::task::AbortHandle;

/// A member, or why it is none.
pub enum Joining {
    /// It has joined.
    Joined(Member),
    /// Its run is over, with this exit status of the leader.
    Over(u8),
}

/// A member of a run.
pub struct Member {
    pub(crate) inner: Arc<Inner>,
    pub(crate) thread: ControlThread,
}

impl Member {
    /// Joins the run.
    ///
    /// # Errors
    /// When the bus does not answer or refuses, or another process has joined with this rank.
    pub fn join(options: Options) -> Result<Joining> {
        let thread = ControlThread::start()?;
        let stopped = Stopped::clone(&options.stopped);
        let inner = thread.ask(async move { unless_stopped(&stopped, enter(options)).await })??;
        let inner = match inner {
            Ok(inner) => Arc::new(inner),
            Err(status) => return Ok(Joining::Over(status)),
        };
        heartbeats::start(&thread, &inner);
        Ok(Joining::Joined(Self { inner, thread }))
    }

    /// Who it is.
    #[must_use]
    pub fn identity(&self) -> &Identity {
        &self.inner.options.identity
    }

    /// Name of its machine.
    #[must_use]
    pub fn host(&self) -> &str {
        &self.inner.host
    }

    /// Whether it leads.
    #[must_use]
    pub fn leads(&self) -> bool {
        self.inner.leads()
    }

    /// How far the leader's clock stands ahead of its own, as far as it is known.
    #[must_use]
    pub fn clock(&self) -> Option<Interval> {
        self.inner.clock()
    }

    /// How far the leader's clock stood ahead of its own when its measured phase began (0 for one that did not), and
    /// how far it does now: after some echoes.
    #[must_use]
    pub fn aligned(&self, began: u64) -> Option<Aligned> {
        let found = self.ask(|inner| async move {
            if !inner.leads() {
                inner.echo_about(monotonic());
                tokio::time::sleep(Duration::from_nanos(ABOUT)).await;
            }
            Ok(inner.aligned(began))
        });
        found.ok().flatten()
    }

    /// Does something on the thread of the control plane: it is to be kept off the cores of the load.
    pub fn on_its_thread(&self, work: impl FnOnce() + Send + 'static) {
        // The thread has ended with the process.
        let _ = self.thread.ask(async move { work() });
    }

    /// The load of run `number` begins to count, until what is given back ends; what it writes into `log` goes to the
    /// bus meanwhile.
    #[must_use]
    pub fn count(&self, number: u64, load: Arc<dyn Load>, log: Option<&Path>) -> Counting {
        *locked(&self.inner.load) = Some((number, load));
        let follow = log.map(|log| self.thread.spawn(upload::follow(Arc::clone(&self.inner), number, log.to_owned())));
        Counting { inner: Arc::clone(&self.inner), follow }
    }

    /// Waits for something that is done on the control thread.
    pub(crate) fn ask<T, F>(&self, work: impl FnOnce(Arc<Inner>) -> F) -> Result<T>
    where
        T: Send + 'static,
        F: Future<Output = Result<T>> + Send + 'static,
    {
        self.thread.ask(work(Arc::clone(&self.inner)))?
    }
}

/// A load that counts; ends with this value.
pub struct Counting {
    inner: Arc<Inner>,
    follow: Option<AbortHandle>,
}

impl Drop for Counting {
    fn drop(&mut self) {
        *locked(&self.inner.load) = None;
        if let Some(follow) = &self.follow {
            follow.abort();
        }
    }
}

/// What comes of work that waits for the bus, unless the wait is to end before.
async fn unless_stopped<T>(stopped: &Stopped, work: impl Future<Output = Result<T>>) -> Result<T> {
    let mut work = std::pin::pin!(work);
    loop {
        if let Ok(done) = tokio::time::timeout(LOOK_UP, work.as_mut()).await {
            return done;
        }
        if stopped() {
            return Err(Error::interrupted("interrupted while the bus was waited for"));
        }
    }
}

/// Connects and claims the rank; the exit status of a run that is over.
async fn enter(options: Options) -> Result<std::result::Result<Inner, u8>> {
    let Options { address, identity, .. } = &options;
    let heard = Arc::new(Mutex::new(Liveness::new(identity.size)));
    let events = {
        let heard = Arc::clone(&heard);
        move |connected| locked(&heard).handle_bus(connected, monotonic())
    };
    let bus = Bus::open(address, &identity.run, (options.patience, &options.on_wait), events).await?;
    if let Some(body) = bus.read("lead.over", options.patience).await? {
        let over: Over = bus.value("lead.over", &body).await?;
        return Ok(Err(over.status));
    }
    let process = format!("{}-{}", std::process::id(), monotonic());
    let host = host_name();
    let joined = Joined { process, host: host.clone(), version: options.version.clone(), size: identity.size };
    let key = format!("member.{}.joined", identity.rank);
    // A bus that many members ask at once can take a value and answer too late.
    bus.say(&key, &joined, options.patience).await?;
    let body = bus.read(&key, options.patience).await?.unwrap_or_default();
    let there = bus.value::<Joined>(&key, &body).await.ok();
    if there.as_ref().is_none_or(|there| there.process != joined.process) {
        let other = there.map_or_else(|| "another machine".into(), |there| there.host);
        return Err(Error::usage(
            format!("member {} of the run `{}` has already joined, from {other}", identity.rank, identity.run),
            "give each member a rank of its own, and each run a name of its own",
        ));
    }
    let pattern = if identity.rank == 0 { "member.>" } else { "lead.>" };
    let (tell, board) = watch::channel(Board::new());
    tokio::spawn(mirror(bus.clone(), pattern, tell));
    Ok(Ok(Inner {
        host,
        bus,
        board,
        heard,
        alignment: Mutex::default(),
        load: Mutex::default(),
        lost: Mutex::default(),
        uploaded: tokio::sync::Mutex::default(),
        began: Mutex::default(),
        sequence: AtomicU64::new(0),
        echoes_soon: Mutex::new(0..0),
        echoes_changed: Notify::new(),
        datagram_at: AtomicU64::new(0),
        bus_round_trip: AtomicU64::new(u64::MAX),
        options,
    }))
}

fn host_name() -> String {
    rustix::system::uname().nodename().to_string_lossy().into_owned()
}
