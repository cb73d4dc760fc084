//! What can go wrong between the members of a fleet: played by the scenes of `tests/fleet/run` on a real nats-server.

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
        what: "a member with another plan or seed",
        becomes: "refused by name with the field that differs; nothing is sent, all exit 2",
        name: "refused",
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
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/fleet/run");
    let script = std::fs::read_to_string(path).expect("the scenes");
    for scene in SCENES {
        assert!(script.contains(&format!("@scene\ndef {}(", scene.name)), "no scene `{}`", scene.name);
    }
}
