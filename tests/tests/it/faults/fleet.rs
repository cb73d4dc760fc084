//! What can go wrong between the members of a fleet: played by the scenes in `tests/fleet` on a real nats-server.

/// A fault, what becomes of the run, and the scene that plays it.
pub(super) struct Scene {
    pub(super) what: &'static str,
    pub(super) becomes: &'static str,
    pub(super) name: &'static str,
}

pub(super) const SCENES: &[Scene] = &[
    Scene {
        what: "a member is killed",
        becomes: "lost after `--fleet-silence`: the others end (`abort`) or go on (`continue`); INVALID (`member_lost`), its requests without a record are `lost_with_member`, the accounting balances",
        name: "killed",
    },
    Scene { what: "a member is stopped (SIGSTOP) and stays so", becomes: "the same", name: "paused" },
    Scene {
        what: "a member without its network for 4 s, or for 10 s with `--fleet-silence 20` (network namespaces)",
        becomes: "nothing is lost with it: requests that met the cut fail or wait, all records are there, all exit 0",
        name: "partition",
    },
    Scene {
        what: "a member without its network for 10 s with `--fleet-silence 3`",
        becomes: "with `abort` lost, as one that is killed; when its network is back it learns that the run is over, and keeps its records. With `continue` it comes back with all of them, and nothing is lost",
        name: "partition",
    },
    Scene {
        what: "a signal at the leader, or at another member",
        becomes: "the load of all ends in order: all records are in the report, nothing is lost; the leader exits 130, the others 0",
        name: "signals",
    },
    Scene {
        what: "the leader is killed",
        becomes: "the others end their load, keep their record logs, say where, exit 2; `ringload merge` makes the report",
        name: "leader_killed",
    },
    Scene {
        what: "the bus is killed for good",
        becomes: "members finish what is planned, keep their record logs, exit 2; `ringload merge` makes the report of all requests",
        name: "bus_gone",
    },
    Scene {
        what: "the bus is killed and started again in mid-run",
        becomes: "nothing: no member counts as lost, all records are there",
        name: "bus_restarted",
    },
    Scene {
        what: "a member with another plan or seed, another dataset, another version of ringload",
        becomes: "refused by name with what differs; nothing is sent, all exit 2",
        name: "refused",
    },
    Scene {
        what: "a member without the token, password or certificate that the bus asks for",
        becomes: "it says what is missing, without showing what it has; exit 2",
        name: "access",
    },
    Scene {
        what: "machines whose monotonic clocks stand hours apart (time namespaces)",
        becomes: "the interval of each member's clock holds the truth, slices and rates are right within it, latencies are untouched",
        name: "skews",
    },
    Scene {
        what: "a member that does not come",
        becomes: "after `--fleet-wait` the leader names it; nothing is sent, exit 2",
        name: "too_few",
    },
    Scene {
        what: "a member that comes late, or when all is over",
        becomes: "waited for; one that comes afterwards ends as the run did, and sends nothing",
        name: "late",
    },
];

#[test]
fn scenes_that_the_matrix_names_are_there() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/fleet");
    let files = std::fs::read_dir(folder).expect("the scenes").flatten().map(|entry| entry.path());
    let texts = files.filter(|path| path.extension().is_some_and(|ending| ending == "py"));
    let script: String = texts.map(|path| std::fs::read_to_string(path).expect("a file of scenes")).collect();
    for scene in SCENES {
        assert!(script.contains(&format!("@scene\ndef {}(", scene.name)), "no scene `{}`", scene.name);
    }
}
