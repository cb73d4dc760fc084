//! What a process is to a run that several may share.

use crate::exit::Exit;
use crate::flags::ProfileArgs;
use crate::result::log_head::MemberHead;
use ringload_engine::Result;
use ringload_engine::plan::Plan;
use ringload_engine::run::{Control, Finished, Gate};
use ringload_engine::workload::Workload;
use std::any::Any;
use std::path::Path;
use std::sync::Arc;

/// What a process is. A build without fleets makes the first alone.
#[cfg_attr(not(feature = "fleet"), expect(dead_code, reason = "there are no members without fleets"))]
pub(crate) enum Role {
    /// No member of a fleet.
    Alone,
    /// The member that leads.
    Leads(Arc<dyn Lead>),
    /// Another member.
    Follows(Box<dyn Follow>),
    /// A member that came when the run was over: it ends as that did.
    Late(Exit),
}

impl Role {
    /// Whether it prints what a run is: the members that follow would print the same once more each.
    pub(crate) fn reports(&self) -> bool {
        matches!(self, Self::Alone | Self::Leads(_))
    }
}

/// A run that the members have agreed on.
#[cfg_attr(not(feature = "fleet"), expect(dead_code, reason = "there are no members without fleets"))]
pub(crate) struct Shared {
    /// Which of the runs of its command line.
    pub(crate) number: u64,
    /// The leader's own share.
    pub(crate) plan: Plan,
    /// Cores of each member.
    pub(crate) counts: Vec<usize>,
}

/// The member of rank 0: it makes the runs of its command line with the others.
pub(crate) trait Lead {
    /// Waits for all members, and says what is planned: these plans, and the seed of one that names none.
    ///
    /// # Errors
    /// When members are missing, or would run something else.
    fn announce(&self, seed: u64, plans: &[&Plan], quiet: bool) -> Result<()>;

    /// Says what the next run is, and how the members share it.
    ///
    /// # Errors
    /// When a member cannot take part, or would send something else.
    fn share(&self, plan: &Plan, workload: &Workload) -> Result<Shared>;

    /// Places of other members behind the leader's own workers in the live figures.
    fn others(&self) -> usize;

    /// What the log of its share says of it.
    fn head(&self) -> MemberHead;

    /// Whether the records of the others come to it, and not sums of them alone.
    fn has_records(&self) -> bool;

    /// What says when the phases of a run begin; the members hear of each other while the other value is held.
    fn begin(&self, shared: &Shared, control: &Arc<Control>, workers: &[usize]) -> (Gate, Box<dyn Any>);

    /// One run of what all members have left. What comes from the others lies in `folder` until it is summed up.
    ///
    /// # Errors
    /// When what they left cannot be read.
    fn merge(&self, shared: Shared, own: Finished, workload: &Workload, folder: &Path) -> Result<Finished>;

    /// Leaves what was written into the folder of the results on the bus, where that is asked for.
    ///
    /// # Errors
    /// When the bus refuses it or does not answer.
    fn keep_results(&self, folder: &Path) -> Result<()>;

    /// Tells the others how it ended.
    fn over(&self, exit: Exit);
}

/// A member other than the leader.
pub(crate) trait Follow {
    /// Does what the leader says until it says that all is over. `plans` makes what this member's command line asks
    /// for, with the leader's seed.
    ///
    /// # Errors
    /// When the command line asks for something else than the leader's, or a run cannot be made.
    fn follow(&self, args: &ProfileArgs, plans: &dyn Fn(u64) -> anyhow::Result<Vec<Plan>>) -> anyhow::Result<Exit>;
}
