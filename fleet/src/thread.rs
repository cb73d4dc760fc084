//! The thread on which everything of the control plane runs: off the cores that carry the load.

use crate::error::{Error, Result};
use std::future::Future;
use std::sync::mpsc;
use tokio::runtime::{Builder, Handle};
use tokio::sync::oneshot;

/// A thread with a runtime of its own. It ends with this value.
pub(crate) struct ControlThread {
    handle: Handle,
    end: Option<oneshot::Sender<()>>,
    thread: Option<std::thread::JoinHandle<()>>,
}

impl ControlThread {
    pub(crate) fn start() -> Result<Self> {
        let failed = |e: std::io::Error| {
            Error::environment(
                format!("the fleet's control thread could not be started ({e})"),
                "raise the limits of processes and open files",
            )
        };
        let runtime = Builder::new_current_thread().enable_all().build().map_err(failed)?;
        let handle = runtime.handle().clone();
        let (end, ended) = oneshot::channel::<()>();
        let run = move || {
            runtime.block_on(async {
                // Either is the end: said, or by the end of whoever could say it.
                let _ = ended.await;
            });
            runtime.shutdown_background();
        };
        let thread = std::thread::Builder::new().name("fleet".into()).spawn(run).map_err(failed)?;
        Ok(Self { handle, end: Some(end), thread: Some(thread) })
    }

    /// Does something on the thread; this one waits for what comes of it.
    pub(crate) fn ask<T: Send + 'static>(&self, work: impl Future<Output = T> + Send + 'static) -> Result<T> {
        let (tell, told) = mpsc::channel();
        self.handle.spawn(async move {
            // Nobody listens any more when the process ends.
            let _ = tell.send(work.await);
        });
        told.recv().map_err(|_| Error::environment("the fleet's control thread has ended", "run again"))
    }

    /// Does something on the thread, and goes on.
    pub(crate) fn spawn(&self, work: impl Future<Output = ()> + Send + 'static) -> tokio::task::AbortHandle {
        self.handle.spawn(work).abort_handle()
    }
}

impl Drop for ControlThread {
    fn drop(&mut self) {
        drop(self.end.take());
        if let Some(thread) = self.thread.take() {
            // A thread that panicked has ended too.
            let _ = thread.join();
        }
    }
}
