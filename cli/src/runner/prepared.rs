//! What the runs of one command line share.

use crate::flags::{HookArgs, ProfileArgs, TelemetryArgs};
use crate::live::exporter::Exporter;
use crate::live::signals;
use crate::runner::calibrations::StoredCalibrations;
use crate::runner::role::Lead;
use ringload_engine::plan::Plan;
use ringload_engine::workload::Workload;
use std::sync::Arc;

/// What runs share: prompts, kept for the next run that wants the same, and the calibrations that all are held against.
pub(crate) struct Prepared {
    workload: Option<(String, Arc<Workload>)>,
    calibrations: StoredCalibrations,
    telemetry: TelemetryArgs,
    exporter: Option<Exporter>,
    hooks: HookArgs,
    fleet: Option<Arc<dyn Lead>>,
}

/// What a run takes of it.
pub(super) struct Parts<'a> {
    pub(super) workload: &'a Arc<Workload>,
    pub(super) calibrations: &'a StoredCalibrations,
    pub(super) telemetry: &'a TelemetryArgs,
    pub(super) exporter: Option<&'a Exporter>,
    pub(super) hooks: &'a HookArgs,
    pub(super) fleet: Option<&'a dyn Lead>,
}

impl Prepared {
    /// Nothing prepared yet, on the machine of these flags, and on those of a fleet that this process leads.
    pub(crate) fn on(args: &ProfileArgs, fleet: Option<Arc<dyn Lead>>) -> Self {
        Self {
            fleet,
            workload: None,
            calibrations: StoredCalibrations::read(args.machine.calibration_file.as_deref()),
            telemetry: args.telemetry.clone(),
            exporter: None,
            hooks: args.hooks.clone(),
        }
    }

    /// Whether other processes share the load.
    pub(crate) fn has_fleet(&self) -> bool {
        self.fleet.is_some()
    }

    /// Whether the records of all requests come to this process.
    pub(crate) fn has_records(&self) -> bool {
        self.fleet.as_ref().is_none_or(|fleet| fleet.has_records())
    }

    /// The workload of a plan: the last one, where it was made from the same parts of the plan.
    ///
    /// # Errors
    /// When it cannot be made.
    pub(crate) fn workload(&mut self, plan: &Plan) -> anyhow::Result<Arc<Workload>> {
        let key = key(plan)?;
        if let Some((_, workload)) = self.workload.as_ref().filter(|(kept, _)| *kept == key) {
            return Ok(Arc::clone(workload));
        }
        self.workload = None;
        let plan = plan.clone();
        let made = Arc::new(signals::unless_stopped(move || Workload::prepare(&plan))??);
        self.workload = Some((key, Arc::clone(&made)));
        Ok(made)
    }

    /// The workload of a plan, and what else runs share.
    ///
    /// # Errors
    /// When it cannot be made, or the port of the live figures cannot be had.
    pub(super) fn of(&mut self, plan: &Plan, quiet: bool) -> anyhow::Result<Parts<'_>> {
        if let Some(address) = self.telemetry.prometheus_port.filter(|_| self.exporter.is_none()) {
            self.exporter = Some(Exporter::start(address, quiet)?);
        }
        self.workload(plan)?;
        match &self.workload {
            Some((_, workload)) => Ok(Parts {
                workload,
                calibrations: &self.calibrations,
                telemetry: &self.telemetry,
                exporter: self.exporter.as_ref(),
                hooks: &self.hooks,
                fleet: self.fleet.as_deref(),
            }),
            None => Err(ringload_engine::Error::bug("a workload was made and is not there").into()),
        }
    }
}

/// What of a plan its requests depend on: all of it but when they are sent and what they are held against.
fn key(plan: &Plan) -> anyhow::Result<String> {
    let mut value = serde_json::to_value(plan)?;
    if let Some(fields) = value.as_object_mut() {
        if let Some(prompts) = fields.get_mut("prompts").and_then(serde_json::Value::as_object_mut) {
            prompts.remove("runs_before");
        }
        fields.insert("warmup_conversations".into(), plan.warmup_conversations().into());
        for field in ["warmup", "profiling", "slos", "network", "slice", "cores", "core_range", "limits"] {
            fields.remove(field);
        }
    }
    Ok(value.to_string())
}
