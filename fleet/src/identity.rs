//! Which member of which run a process is, by what its launcher has put into its environment. Pure.

use crate::error::{Error, Result};
use crate::names::name_of;

/// What the command line says of a member's identity.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RequestedIdentity {
    /// Its rank, from 0.
    pub rank: Option<usize>,
    /// How many members there are.
    pub size: Option<usize>,
    /// What the run is called.
    pub run: Option<String>,
    /// Whether the index of a Slurm job array is the rank.
    pub by_array: bool,
}

/// Which member of which run a process is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity {
    /// Its rank, from 0; the member of rank 0 leads.
    pub rank: usize,
    /// How many members there are.
    pub size: usize,
    /// What the run is called, in the letters that NATS allows.
    pub run: String,
}

/// A launcher, and the variables by which it tells a process who it is.
struct Launcher {
    name: &'static str,
    rank: &'static str,
    size: Option<&'static str>,
}

/// In the order in which they are asked: under `mpirun` within a Slurm job the variables of Slurm are those of the MPI
/// daemon, one for each node. Kubernetes tells no size.
const LAUNCHERS: [Launcher; 5] = [
    Launcher { name: "Open MPI", rank: "OMPI_COMM_WORLD_RANK", size: Some("OMPI_COMM_WORLD_SIZE") },
    Launcher { name: "PMI", rank: "PMI_RANK", size: Some("PMI_SIZE") },
    Launcher { name: "Slurm", rank: "SLURM_PROCID", size: Some("SLURM_NTASKS") },
    Launcher { name: "Kubernetes", rank: "JOB_COMPLETION_INDEX", size: None },
    Launcher { name: "a Slurm job array", rank: "SLURM_ARRAY_TASK_ID", size: Some("SLURM_ARRAY_TASK_COUNT") },
];

impl Identity {
    /// The identity of a process with the environment `variable`.
    ///
    /// # Errors
    /// When rank, size or name of the run are said by nobody, or are not what they can be, or contradict each other.
    pub fn of(given: &RequestedIdentity, variable: &dyn Fn(&str) -> Option<String>) -> Result<Self> {
        let launcher = LAUNCHERS.iter().filter(|launcher| is_asked(launcher, given, variable)).find(|launcher| {
            // A batch script itself has the rank 0 of a step that it is not.
            variable(launcher.rank).is_some()
        });
        let told = launcher.map(|launcher| number(launcher.rank, variable)).transpose()?.flatten();
        let rank = given.rank.or(told).ok_or_else(|| {
            Error::usage(
                "the rank of this process in the fleet is not known",
                "give each a rank from 0, or start them by srun, mpirun or an Indexed Job",
            )
        })?;
        // Whoever says the rank himself need not be asked how many there are by a launcher that he passes over.
        let of_launcher = match (given.rank, launcher) {
            (None, Some(Launcher { size: Some(size), .. })) => number(size, variable)?,
            _ => None,
        };
        let size = match (given.size, of_launcher) {
            (Some(given), Some(told)) if given != told => {
                let name = launcher.map_or("the launcher", |launcher| launcher.name);
                return Err(Error::usage(
                    format!("the fleet is to have {given} members, but {name} started {told}"),
                    "write the number that was started, or leave it out",
                ));
            }
            (Some(size), _) | (None, Some(size)) => size,
            (None, None) => {
                return Err(Error::usage("the size of the fleet is not known", "write its size beside its address"));
            }
        };
        if rank >= size {
            return Err(Error::usage(
                format!("rank {rank} of a fleet of {size}: ranks go from 0 to {}", size.saturating_sub(1)),
                "give each member a rank of its own below the size",
            ));
        }
        Ok(Self { rank, size, run: run_of(given, variable)? })
    }
}

fn is_asked(launcher: &Launcher, given: &RequestedIdentity, variable: &dyn Fn(&str) -> Option<String>) -> bool {
    match launcher.rank {
        "SLURM_ARRAY_TASK_ID" => given.by_array,
        // Each task of a job array has a step of its own, whose only rank is 0.
        "SLURM_PROCID" => !given.by_array && variable("SLURM_STEP_ID").is_some(),
        _ => true,
    }
}

fn number(name: &str, variable: &dyn Fn(&str) -> Option<String>) -> Result<Option<usize>> {
    let Some(text) = variable(name) else { return Ok(None) };
    text.trim().parse().map(Some).map_err(|_| {
        Error::usage(format!("{name} is `{text}`, which is no number"), "give the member's rank and the fleet's size")
    })
}

/// What the run is called: two steps of one Slurm job share the job's number.
fn run_of(given: &RequestedIdentity, variable: &dyn Fn(&str) -> Option<String>) -> Result<String> {
    let slurm = || {
        let (job, step) = (variable("SLURM_JOB_ID")?, variable("SLURM_STEP_ID")?);
        Some(format!("{job}_{step}"))
    };
    let array = || given.by_array.then(|| variable("SLURM_ARRAY_JOB_ID")).flatten();
    let by_launcher = || array().or_else(|| variable("PMIX_NAMESPACE")).or_else(slurm);
    let run = given.run.clone().or_else(by_launcher).filter(|run| !run.is_empty()).ok_or_else(|| {
        Error::usage(
            "the run has no name, by which its members find each other",
            "write the same name for all of them, and another one for each run",
        )
    })?;
    Ok(name_of(&run))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn identity(given: &RequestedIdentity, variables: &[(&str, &str)]) -> Result<Identity> {
        let variable = |name: &str| variables.iter().find(|(n, _)| *n == name).map(|(_, value)| (*value).to_owned());
        Identity::of(given, &variable)
    }

    fn is(rank: usize, size: usize, run: &str) -> Result<Identity> {
        Ok(Identity { rank, size, run: run.into() })
    }

    #[test]
    fn each_launcher_says_who_a_process_is() {
        let run = RequestedIdentity { run: Some("r".into()), ..RequestedIdentity::default() };
        let sized = RequestedIdentity { size: Some(3), ..run.clone() };
        let slurm = [("SLURM_PROCID", "1"), ("SLURM_NTASKS", "3"), ("SLURM_JOB_ID", "77"), ("SLURM_STEP_ID", "2")];
        let open_mpi = [("OMPI_COMM_WORLD_RANK", "2"), ("OMPI_COMM_WORLD_SIZE", "3"), ("PMIX_NAMESPACE", "a.b:1")];
        let mpich = [("PMI_RANK", "0"), ("PMI_SIZE", "3")];
        assert_eq!(identity(&RequestedIdentity::default(), &slurm), is(1, 3, "77_2"));
        assert_eq!(identity(&RequestedIdentity::default(), &open_mpi), is(2, 3, "a_2eb_3a1"));
        assert_eq!(identity(&run, &mpich), is(0, 3, "r"));
        assert_eq!(identity(&sized, &[("JOB_COMPLETION_INDEX", "2")]), is(2, 3, "r"));
        // Under `mpirun` in a Slurm job, Slurm's rank is the daemon's.
        assert_eq!(identity(&RequestedIdentity::default(), &[&slurm[..], &open_mpi].concat()), is(2, 3, "a_2eb_3a1"));
    }

    #[test]
    fn what_is_said_goes_before_what_the_launcher_says_and_a_contradiction_is_an_error() {
        let given = |rank, size| RequestedIdentity { rank, size, run: Some("r".into()), by_array: false };
        let slurm = [("SLURM_PROCID", "1"), ("SLURM_NTASKS", "3"), ("SLURM_STEP_ID", "0")];
        assert_eq!(identity(&given(Some(4), Some(8)), &slurm), is(4, 8, "r"));
        let error = identity(&given(None, Some(8)), &slurm).unwrap_err();
        assert!(error.what.contains("8 members") && error.what.contains("Slurm started 3"), "{error}");
        let error = identity(&given(Some(3), Some(3)), &[]).unwrap_err();
        assert!(error.what.contains("rank 3 of a fleet of 3"), "{error}");
    }

    #[test]
    fn nothing_is_guessed() {
        let sized = RequestedIdentity { size: Some(2), run: Some("r".into()), ..RequestedIdentity::default() };
        // A batch script, and a task of a job array, are no member by themselves.
        let batch = [("SLURM_PROCID", "0"), ("SLURM_JOB_ID", "5"), ("SLURM_ARRAY_TASK_ID", "1")];
        assert!(identity(&sized, &batch).unwrap_err().what.contains("rank of this process"));
        let array = RequestedIdentity { by_array: true, ..sized.clone() };
        assert_eq!(identity(&array, &batch), is(1, 2, "r"));
        assert!(
            identity(&RequestedIdentity { rank: Some(0), ..RequestedIdentity::default() }, &[])
                .unwrap_err()
                .what
                .contains("the size of the fleet")
        );
        let nameless = RequestedIdentity { rank: Some(0), run: None, ..sized.clone() };
        assert!(identity(&nameless, &[("SLURM_JOB_ID", "5")]).unwrap_err().what.contains("no name"));
        let error = identity(&sized, &[("PMI_RANK", "x")]).unwrap_err();
        assert!(error.what.contains("PMI_RANK is `x`"), "{error}");
    }
}
