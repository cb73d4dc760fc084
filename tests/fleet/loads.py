"""Scenes of loads that are shared: what is sent, when, and what is reported."""

import json
import os
import subprocess
from pathlib import Path

from parts import BINARY, SERVER, Fleet, Recorder, check, common, counts, one, scene

LOADS = {
    "rate": ["--request-rate", "60", "--benchmark-duration", "3"],
    "ramp": ["--request-rate", "60", "--request-rate-ramp-duration", "2", "--benchmark-duration", "3"],
    "constant": ["--request-rate", "50", "--arrival-pattern", "constant", "--request-count", "120"],
    "users": ["--user-centric-rate", "40", "--num-users", "7", "--benchmark-duration", "3"],
    "conversations": ["--request-rate", "40", "--num-conversations", "30", "--session-turns-mean", "2"],
    "concurrency": ["--concurrency", "8", "--request-count", "150"],
}


@scene
def split(bus, dir):
    """Four members send what one process sends: the same bodies, at the same instants where there is a schedule."""
    server = Recorder()
    for name, load in LOADS.items():
        args = common(server, *load)
        done = one(args, f"{dir}/{name}-one")
        alone = server.taken()
        fleet = Fleet(bus, 4, args, f"{dir}/{name}-fleet")
        codes = fleet.wait()
        shared = server.taken()
        check(f"{name}: all members end with 0", set(codes.values()) == {0}, f"{codes} {fleet.said(0)} {done.stdout[-300:]}")
        same = sorted(b for _, b in shared) == sorted(b for _, b in alone)
        check(f"{name}: {len(shared)} requests with the bodies of one process", same, f"{len(shared)} for {len(alone)}")
        if name != "concurrency":
            worst = max(abs(a - b) for (a, _), (b, _) in zip(sorted(shared, key=lambda s: (s[1], s[0])), sorted(alone, key=lambda s: (s[1], s[0]))))
            check(f"{name}: within {worst * 1e3:.0f} ms of its instants", worst < 0.25, worst)
        report = fleet.report()
        check(f"{name}: accounting", counts(report)["issued"] == len(shared) and not report["summary"]["violations"], counts(report))
        check(f"{name}: four members in the report", len(report["summary"]["fleet"]["members"]) == 4)


@scene
def clocks(bus, dir):
    """On one machine the clocks are the same: the interval of each member holds 0."""
    server = Recorder()
    fleet = Fleet(bus, 3, common(server, *LOADS["rate"], "--slice-duration", "1"), f"{dir}/clocks")
    check("all members end with 0", set(fleet.wait().values()) == {0}, fleet.said(0))
    for member in fleet.report()["summary"]["fleet"]["members"]:
        least, most = member["clock_ahead_ns"]
        check(f"member {member['rank']}: {least} … {most} ns holds 0", least <= 0 <= most)


@scene
def sweep(bus, dir):
    """The points of a sweep and their repeats, one after another."""
    server = Recorder()
    args = common(server, "--concurrency", "2,4", "--request-count", "40", "--num-profile-runs", "2")
    fleet = Fleet(bus, 2, args, f"{dir}/sweep")
    check("all members end with 0", set(fleet.wait(150).values()) == {0}, fleet.said(0))
    check("160 requests came", len(server.taken()) == 160)
    reports = [json.loads(p.read_text()) for p in Path(f"{dir}/sweep").rglob("ringload_report.json")]
    check("four reports of 40 requests", [counts(r)["issued"] for r in reports] == [40] * 4, [counts(r)["issued"] for r in reports])


@scene
def up(bus, dir):
    """`ringload fleet up` makes a fleet of its own, with a bus of its own."""
    server = Recorder()
    env = dict(os.environ, PATH=f"{os.path.dirname(SERVER)}:{os.environ['PATH']}")
    line = [BINARY, "fleet", "up", "-n", "3", "profile", *common(server, *LOADS["concurrency"]), "--artifact-dir", f"{dir}/up", "--ui", "none"]
    done = subprocess.run(line, capture_output=True, text=True, timeout=90, env=env)
    check("it ends with 0", done.returncode == 0, done.stdout + done.stderr)
    check("150 requests came", len(server.taken()) == 150)
    report = json.loads(Path(dir, "up/ringload_report.json").read_text())
    check("three members", len(report["summary"]["fleet"]["members"]) == 3)
