//! The inputs of workers, made from a plan without a name service, a handshake or a socket.

use crate::api::{http1_head, http2_head};
use crate::control::{Budget, Control};
use crate::plan::Plan;
use crate::wire::{http1, http2, tls};
use crate::worker::{Shared, Targets};
use crate::workload::Workload;
use socket2::SockAddr;
use std::net::SocketAddr;

/// The inputs of workers: the request bodies of a plan, and its first target at invented addresses, without TLS.
pub struct WorkerInputs<'p> {
    plan: &'p Plan,
    workload: Workload,
    heads: [http1::RequestHead; 1],
    heads2: [Option<http2::RequestHead>; 1],
    addrs: [Vec<SockAddr>; 1],
    tls: [Option<tls::Client>; 1],
    control: Control,
    workers: usize,
}

impl<'p> WorkerInputs<'p> {
    /// The inputs of so many workers.
    ///
    /// # Panics
    /// When bodies or heads cannot be made from the plan.
    #[must_use]
    pub fn new(plan: &'p Plan, http2: bool, addresses: u8, workers: usize) -> Self {
        let target = &plan.targets[0];
        let address = |last| SocketAddr::from(([127, 0, 0, last], 1)).into();
        Self {
            plan,
            workload: Workload::prepare(plan).expect("the plan's bodies"),
            heads: [http1_head(plan, target).expect("the plan's head")],
            heads2: [http2.then(|| http2_head(plan, target).expect("the plan's head"))],
            addrs: [(1..=addresses).map(address).collect()],
            tls: [None],
            control: Control::new(workers),
            workers,
        }
    }

    /// Characters for each token of the prompts.
    #[must_use]
    pub fn characters_per_token(&self) -> Option<f64> {
        self.workload.characters_per_token()
    }

    /// What the workers share, `holders` responses dividing the plan's memory between them.
    #[must_use]
    pub fn shared(&self, holders: u64) -> Shared<'_> {
        let targets = Targets { heads: &self.heads, heads2: &self.heads2, addrs: &self.addrs, tls: &self.tls };
        let budget = Budget::new(self.plan.limits.buffered_bytes.unwrap_or(8 << 30), holders);
        Shared::new(self.plan, &self.workload, targets, &self.control, budget, NONCE, self.workers)
    }
}

/// Of no meaning, and the same in all runs: so are the request ids.
const NONCE: u64 = 7;
