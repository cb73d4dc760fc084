//! The seam to the engine: what its branches have not brought yet.

use ringload_engine::workload::Workload;
use std::io::{self, Write};

/// Writes `inputs.json`. Becomes `workload.write_inputs(to)`.
pub(crate) fn write_inputs(workload: &Workload, to: &mut dyn Write) -> io::Result<()> {
    to.write_all(b"{\"data\":[")?;
    for (i, entry) in workload.entries.iter().enumerate() {
        let comma = if i == 0 { "" } else { "," };
        write!(
            to,
            "{comma}{{\"session_id\":\"{}\",\"payloads\":[",
            entry.session_id
        )?;
        to.write_all(&entry.body)?;
        to.write_all(b"]}")?;
    }
    to.write_all(b"]}\n")
}
