//! A running server.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use mio::Waker;
use tokio::sync::mpsc::unbounded_channel;

use crate::config::{Config, Protocol};
use crate::error::{Error, setup};
use crate::http2;
use crate::listen::listeners;
use crate::shared::{Shared, State};
use crate::tls::{Certificates, Identity, prepare};
use crate::truth::Truth;
use crate::worker::Worker;

/// Starts a server; it answers when this returns.
pub fn start(config: Config) -> Result<Server, Error> {
    config.check()?;
    let (tls, certificates) = config.tls.as_ref().map(prepare).transpose()?.unzip();
    let (addr, listeners) = listeners(config.address, config.threads)?;
    let cores = config.cores.clone();
    let mut server =
        Server { addr, certificates, shared: Arc::new(Shared::new(config)), threads: Vec::new(), http2: Vec::new() };
    for (index, listener) in listeners.into_iter().enumerate() {
        let core = (!cores.is_empty()).then(|| cores[index % cores.len()]);
        let mut http2 = None;
        if server.shared.config.protocol != Protocol::Http1 {
            let (give, take) = unbounded_channel();
            let (shared, tls) = (server.shared.clone(), tls.clone());
            let builder = thread::Builder::new().name(format!("mock-h2-{index}"));
            let handle =
                builder.spawn(move || run(core, || http2::run(shared, tls, take))).map_err(setup("a thread"))?;
            server.http2.push(handle);
            http2 = Some(give);
        }
        let (worker, waker) =
            Worker::new(server.shared.clone(), listener, tls.clone(), http2).map_err(setup("an event loop"))?;
        let builder = thread::Builder::new().name(format!("mock-{index}"));
        let handle = builder.spawn(move || run(core, || worker.run())).map_err(setup("a thread"))?;
        server.threads.push((waker, handle));
    }
    Ok(server)
}

/// Serves until `stop` is set. To learn the address that port 0 became, use [`start`].
pub fn run_until(config: Config, stop: &AtomicBool) -> Result<(), Error> {
    let server = start(config)?;
    while !stop.load(Relaxed) {
        thread::sleep(STOP_CHECK);
    }
    server.stop();
    Ok(())
}

/// A running server; dropping it stops it.
#[derive(Debug)]
pub struct Server {
    addr: SocketAddr,
    certificates: Option<Certificates>,
    shared: Arc<Shared>,
    threads: Vec<(Waker, JoinHandle<()>)>,
    http2: Vec<JoinHandle<()>>,
}

impl Server {
    /// Where it listens, with the real port.
    #[must_use]
    pub fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// With TLS: the certificate of the authority that signed the generated certificates, as PEM.
    #[must_use]
    pub fn ca_pem(&self) -> Option<&str> {
        self.certificates.as_ref().map(|certificates| certificates.ca_pem.as_str())
    }

    /// With TLS: a client's certificate, signed by the generated authority.
    #[must_use]
    pub fn client_identity(&self) -> Option<&Identity> {
        self.certificates.as_ref().map(|certificates| &certificates.client)
    }

    /// Closes all connections and waits for the threads to end.
    pub fn stop(self) {
        drop(self);
    }

    /// Reads and writes nothing from now on until `length` has passed. The schedules go on: what became due goes out at
    /// once then.
    pub fn freeze(&self, length: Duration) {
        self.shared.freeze(length);
    }

    /// When the last byte of each generation request was read (`CLOCK_MONOTONIC`, ns), in order; the last 1 000 000 are
    /// kept.
    #[must_use]
    pub fn arrivals(&self) -> Vec<u64> {
        self.shared.arrivals()
    }

    /// The counters now.
    #[must_use]
    pub fn state(&self) -> State {
        self.shared.state()
    }

    /// What was done for every request that is over; with [`Config::truth`].
    #[must_use]
    pub fn truth(&self) -> Truth {
        self.shared.notes.truth()
    }

    /// Forgets the arrivals and what is noted, and sets the counters to what is in flight.
    pub fn reset(&self) {
        self.shared.reset();
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.shared.stop.store(true, Relaxed);
        for (waker, _) in &self.threads {
            // A thread that cannot be woken has ended.
            let _ = waker.wake();
        }
        // A waker that is closed wakes no more: they are kept until the threads have ended. Those for HTTP/2 end after
        // their workers.
        let (wakers, workers): (Vec<_>, Vec<_>) = self.threads.drain(..).unzip();
        for thread in workers.into_iter().chain(self.http2.drain(..)) {
            if thread.join().is_err() {
                eprintln!("mock server: a thread panicked; please report it with the message above");
            }
        }
        drop(wakers);
    }
}

fn run(core: Option<usize>, work: impl FnOnce() -> io::Result<()>) {
    if let Some(id) = core {
        let pinned = core_affinity::set_for_current(core_affinity::CoreId { id });
        if !pinned {
            eprintln!("mock server: cannot pin a thread to core {id}; choose one of those in `taskset -p $$`");
        }
    }
    if let Err(error) = work() {
        eprintln!("mock server: a thread has ended: {error}; start the server again");
    }
}

/// [`run_until`] notices this late that it was stopped.
const STOP_CHECK: Duration = Duration::from_millis(50);
