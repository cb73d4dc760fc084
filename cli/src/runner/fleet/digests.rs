//! What a member will send, in a few bytes that can be held against those of others.

use ring::digest::{Context, SHA256};
use ringload_engine::plan::{Load, Plan};
use ringload_engine::workload::Workload;
use std::io::{self, Write};

/// The digests of what a plan sends: its request bodies, which are made from dataset, tokenizer and seed; the instants
/// of a trace, which no plan shows; the tokenizer by its name.
///
/// # Errors
/// When a request body cannot be read back from the disk.
pub(super) fn digests(plan: &Plan, workload: &Workload) -> io::Result<Vec<(String, String)>> {
    let mut bodies = Digest(Context::new(&SHA256));
    workload.write_inputs(&mut bodies)?;
    let mut schedule = Digest(Context::new(&SHA256));
    for phase in plan.warmup.iter().chain([&plan.profiling]) {
        if let Load::Fixed { trace, .. } = &phase.load {
            trace.0.iter().try_for_each(|at| schedule.write_all(&at.to_le_bytes()))?;
        }
    }
    Ok(vec![
        ("tokenizer".into(), workload.tokenizer().0.to_owned()),
        ("request bodies (dataset, tokenizer or seed)".into(), bodies.hex()),
        ("instants of the trace".into(), schedule.hex()),
    ])
}

struct Digest(Context);

impl Digest {
    fn hex(self) -> String {
        self.0.finish().as_ref().iter().map(|byte| format!("{byte:02x}")).collect()
    }
}

impl Write for Digest {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.update(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
