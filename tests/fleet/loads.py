"""Scenes of loads that are shared: what is sent, when, and what is reported."""

import json
import os
import subprocess
import time
from pathlib import Path

from parts import BINARY, HERE, SERVER, Bursting, Bus, Fleet, Machines, Recorder, Wire, check, common, counts, lines, one, scene

LOADS = {
    "rate": ["--request-rate", "60", "--benchmark-duration", "3"],
    "ramp": ["--request-rate", "60", "--request-rate-ramp-duration", "2", "--benchmark-duration", "3"],
    "series": ["--request-rate-series", "SERIES", "--benchmark-duration", "3"],
    "stages": ["--stage", "rate=20,for=1s", "--stage", "rate=20,to=80,for=2s"],
    "constant": ["--request-rate", "50", "--arrival-pattern", "constant", "--request-count", "120"],
    "trace": ["--input-file", "TRACE", "--fixed-schedule"],
    "warm-up": ["--request-rate", "50", "--request-count", "60", "--warmup-request-count", "21", "--warmup-request-rate", "40"],
    "users": ["--user-centric-rate", "40", "--num-users", "7", "--benchmark-duration", "3"],
    "conversations": ["--request-rate", "40", "--num-conversations", "30", "--session-turns-mean", "2"],
    "concurrency": ["--concurrency", "8", "--request-count", "150"],
    "ramped concurrency": ["--concurrency", "8", "--concurrency-ramp-duration", "1", "--request-count", "150"],
    "sessions": ["--concurrency", "8", "--num-conversations", "40", "--session-turns-mean", "2"],
    "cap": ["--request-rate", "60", "--concurrency", "40", "--benchmark-duration", "3"],
}
# Places of a closed loop, and later turns, take what comes free: their instants are no schedule's.
UNSCHEDULED = ["concurrency", "ramped concurrency", "sessions", "users", "conversations"]


def files(dir):
    """The files that loads name."""
    series, trace = Path(dir, "series.csv"), Path(dir, "trace.jsonl")
    series.write_text("offset_s,rate\n0,10\n1,90\n2,30\n3,60\n")
    rows = [{"timestamp": k * k % 23 + 20 * k, "input_length": 10 + k % 9, "output_length": 4} for k in range(120)]
    rows.sort(key=lambda row: row["timestamp"])
    trace.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return {"SERIES": str(series), "TRACE": str(trace)}


def schedule(dir):
    """The scheduled instants of a run, from the first."""
    at = sorted(line["metadata"]["credit_issued_ns"] for line in lines(dir))
    return [a - at[0] for a in at]


@scene
def split(bus, dir):
    """Four members send what one process sends: the same bytes, at the same instants where there is a schedule."""
    server = Recorder()
    named = files(dir)
    for name, load in LOADS.items():
        args = common(server, *[named.get(word, word) for word in load])
        # On a busy machine what falls due near the end is taken up too late, and not sent: by one process as by four.
        for attempt in range(3):
            done = one(args, f"{dir}/{name}-one-{attempt}")
            alone = server.taken()
            fleet = Fleet(bus, 4, args, f"{dir}/{name}-fleet-{attempt}")
            codes = fleet.wait()
            shared = server.taken()
            check(f"{name}: all members end with 0", set(codes.values()) == {0}, f"{codes} {fleet.said(0)} {done.stdout[-300:]}")
            if len(shared) == len(alone):
                break
        same = sorted(b for _, b in shared) == sorted(b for _, b in alone)
        check(f"{name}: {len(shared)} requests with the bodies of one process", same, f"{len(shared)} for {len(alone)}")
        report = fleet.report()
        members = report["summary"]["fleet"]["members"]
        known = max(m["clock_uncertainty_ns"] for m in members)
        if name not in UNSCHEDULED:
            there, here = schedule(fleet.dir), schedule(f"{dir}/{name}-one-{attempt}")
            worst = max(abs(a - b) for a, b in zip(there, here))
            check(f"{name}: scheduled within {worst / 1e3:.1f} µs of its instants (clocks known to ±{known / 1e3:.1f} µs)", worst <= 2 * known, worst)
        # The measured phase of a fleet begins 2 s after its warm-up, so that all know of it.
        if name not in ("concurrency", "ramped concurrency", "sessions", "warm-up"):
            in_order = [sorted(s, key=lambda s: (s[1], s[0])) for s in (shared, alone)]
            late = sorted(abs(a - b) for (a, _), (b, _) in zip(*in_order))
            check(f"{name}: came within {late[len(late) // 2] * 1e3:.1f} ms (median), {late[-1] * 1e3:.0f} ms (all) of its instants", late[-1] < 0.5, late[-1])
        check(f"{name}: accounting", counts(report)["issued"] + warmed(report) == len(shared) and not report["summary"]["violations"], counts(report))
        check(f"{name}: four members in the report", len(members) == 4)


def warmed(report):
    return report["summary"]["warmup_counts"]["issued"]


@scene
def durations(bus, dir):
    """A closed loop that lasts its time: no member goes on longer, and the accounting balances."""
    server = Recorder()
    fleet = Fleet(bus, 4, common(server, "--concurrency", "8", "--benchmark-duration", "2"), f"{dir}/durations")
    check("all members end with 0", set(fleet.wait().values()) == {0}, fleet.said(0))
    came = server.taken()
    report = fleet.report()
    check(f"{len(came)} came, within {came[-1][0]:.2f} s", came[-1][0] < 2.2 and counts(report)["issued"] == len(came), counts(report))
    check("the accounting balances", not report["summary"]["violations"], report["summary"]["violations"])


@scene
def figures(bus, dir):
    """The figures of a fleet are those of all its records: of its logs, read again, digit for digit."""
    server = Recorder()
    args = common(server, *LOADS["rate"], "--slice-duration", "1", "--keep-records", "--goodput", "time_to_first_token:30")
    fleet = Fleet(bus, 4, args, f"{dir}/figures")
    check("all members end with 0", set(fleet.wait().values()) == {0}, fleet.said(0))
    logs = sorted(str(p) for p in fleet.dir.rglob("*ringload_records.log"))
    check("four logs are kept", len(logs) == 4, logs)
    done = subprocess.run([BINARY, "merge", *logs, "--artifact-dir", f"{dir}/again", "--allow-invalid"], capture_output=True, text=True, timeout=60)
    check("they are merged", done.returncode == 0, done.stdout + done.stderr)
    one, other = fleet.report()["summary"], json.loads(Path(dir, "again/ringload_report.json").read_text())["summary"]
    for part in ["metrics", "counts", "goodput", "slices", "rate", "histograms", "steady", "confidence"]:
        check(f"{part} are the same to the last digit", one.get(part) == other.get(part), f"{one.get(part)} {other.get(part)}")
    records = lines(fleet.dir)
    latencies = sorted(r["metrics"]["request_latency"]["value"] for r in records)
    metric = one["metrics"]["request_latency"]
    rank = 0.5 * (len(latencies) - 1)
    low, high = latencies[int(rank)], latencies[min(int(rank) + 1, len(latencies) - 1)]
    check("the median latency is that of the lines of all records", abs(metric["p50"] - (low + (high - low) * (rank % 1))) < 1e-9, metric)


@scene
def histograms(bus, dir):
    """Members leave sums and histograms of their records: counts and means are those of the records, percentiles within 3 digits."""
    server = Recorder()
    args = common(server, *LOADS["constant"], "--goodput", "time_to_first_token:30", "--fleet-merge", "histograms", "--keep-records")
    fleet = Fleet(bus, 4, args, f"{dir}/histograms")
    check("all members end with 0", set(fleet.wait().values()) == {0}, fleet.said(0))
    check("120 requests came", len(server.taken()) == 120)
    logs = sorted(str(p) for p in fleet.dir.rglob("*ringload_records.log"))
    done = subprocess.run([BINARY, "merge", *logs, "--artifact-dir", f"{dir}/exactly", "--allow-invalid"], capture_output=True, text=True, timeout=60)
    check(f"{len(logs)} logs are merged", done.returncode == 0 and len(logs) == 4, done.stdout + done.stderr)
    report, exact = fleet.report(), json.loads(Path(dir, "exactly/ringload_report.json").read_text())["summary"]
    summary = report["summary"]
    good = ["good", "good_request_fraction", "interval", "slos"]
    for part, one, other in [("counts", summary["counts"], exact["counts"]), ("errors", summary["errors"], exact["errors"]),
                             ("goodput", *([s["goodput"][key] for key in good] for s in (summary, exact)))]:
        check(f"{part} are the same to the last digit", one == other, f"{one} {other}")
    # Instants are moved one by one, and those of a record all by one shift: what the clocks drift within a request lies between.
    known = 2 * max(m["clock_uncertainty_ns"] for m in report["summary"]["fleet"]["members"]) / 1e9
    apart = abs(summary["benchmark_duration_s"] - exact["benchmark_duration_s"])
    check(f"the durations are {apart * 1e6:.1f} µs apart (clocks known to {known * 1e6:.1f} µs)", apart <= known)
    worst = 0
    for tag, metric in summary["metrics"].items():
        of_all = exact["metrics"][tag]
        check(f"{tag}: mean, least and greatest", all(abs(metric[k] - of_all[k]) <= 1e-6 * abs(of_all[k]) for k in ("avg", "min", "max") if k in metric), f"{metric} {of_all}")
        worst = max([worst, *(abs(metric[k] - of_all[k]) / (abs(of_all[k]) or 1) for k in ("p50", "p90", "p99") if k in metric)])
    check(f"percentiles are within {worst * 100:.3f} %", worst < 0.001)
    check("the report says what is bucketed", "percentiles are bucketed" in " ".join((fleet.dir / "report.txt").read_text().split()))
    check("and the verdict what it did not judge", "by_histograms" in [f["gate"] for f in report["verdict"]["findings"]])
    check("no lines of requests are exported", not (fleet.dir / "profile_export.jsonl").exists())


@scene
def bursts(bus, dir):
    """Behind a proxy that holds output back a fleet of sums is SUSPECT as one of records."""
    server = Bursting()
    statuses, networks = {}, {}
    for merge in ("records", "histograms"):
        args = common(server, "--request-rate", "20", "--arrival-pattern", "constant", "--request-count", "100", "--fleet-merge", merge)
        fleet = Fleet(bus, 3, args, f"{dir}/bursts-{merge}")
        check(f"{merge}: all members end with 0", set(fleet.wait().values()) == {0}, fleet.said(0))
        report = fleet.report()
        statuses[merge] = {f["gate"]: f["status"] for f in report["verdict"]["findings"]}.get("buffering")
        networks[merge] = report["summary"]["network"]
    check("buffering is SUSPECT in both", set(statuses.values()) == {"SUSPECT"}, statuses)
    one, other = (networks[merge]["bursts"] for merge in ("records", "histograms"))
    check(f"bursts of {one['events_per_burst']:.2f} and {other['events_per_burst']:.2f} events", all(3.5 < b["events_per_burst"] <= 4 for b in (one, other)), f"{one} {other}")
    check("the parts of the time to first token are there", networks["histograms"]["first_token"]["all"]["requests"] == 100, networks["histograms"])


@scene
def capacity(bus, dir):
    """The largest load that holds, found by three members."""
    server = Recorder()
    args = ["--url", server.url, "-m", "m", "--streaming", "--random-seed", "7", "--isl", "20", "--no-probe", "--num-dataset-entries", "50",
            "--allow-invalid", "--goodput", "time_to_first_token:60", "--from", "10", "--to", "30", "--probe-duration", "2", "--tolerance", "0.5"]
    fleet = Fleet(bus, 3, args, f"{dir}/capacity", command="capacity")
    codes = fleet.wait(240)
    check("the others end with 0, the leader with 0 or 1", codes[1] == codes[2] == 0 and codes[0] in (0, 1), f"{codes} {fleet.said(0)} {fleet.said(1)}")
    found = json.loads((fleet.dir / "ringload_capacity.json").read_text())
    check(f"{len(found['probes'])} probes by the fleet", len(found["probes"]) > 0)
    sent = sum(json.loads(p.read_text())["summary"]["counts"]["issued"] for p in fleet.dir.rglob("ringload_report.json"))
    came = len(server.taken())
    check(f"{came} requests came, {sent} are in the reports of its probes", sent == came)


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
def skews(bus, dir):
    """Machines whose clocks stand 2 h ahead and 500 s behind: intervals hold the truth, slices and rates are right (needs root)."""
    aligned(f"{dir}/skews")


@scene
def delays(bus, dir):
    """The same, and a wire that holds what one of them sends for 1 ms and what it receives for 9 ms (needs root, /dev/net/tun and cc)."""
    uncertain = aligned(f"{dir}/delays", delay=(1_000, 9_000))
    check(f"the clock behind the wire is known to {uncertain[2] / 1e6:.2f} ms, the other to {uncertain[1] / 1e6:.2f} ms", 4e6 < uncertain[2] < 20e6)


def aligned(dir, delay=None):
    """Plays a constant rate on machines whose clocks stand apart, one of them with a delay: how well each clock is known, in ns."""
    ahead = [0, 7_200, -500]
    with Machines(ahead) as machines:
        if delay:
            machines.delay(3, *delay)
        bus, server = Bus(HERE), Recorder(host=HERE)
        args = common(server, "--request-rate", "60", "--arrival-pattern", "constant", "--benchmark-duration", "8", "--slice-duration", "1")
        fleet = Fleet(bus, 3, args, dir, machines=True)
        told = heard(bus, fleet, 12)
        codes = fleet.wait()
        bus.end()
    check("all members end with 0", set(codes.values()) == {0}, f"{codes} {fleet.said(0)} {fleet.said(1)}")
    report = fleet.report()
    for member in report["summary"]["fleet"]["members"][1:]:
        truth = -ahead[member["rank"]] * 1_000_000_000
        least, most = member["clock_ahead_ns"]
        check(f"member {member['rank']}: {least - truth} … {most - truth} ns around the truth", least <= truth <= most)
        of_it = [clock for rank, clock in told if rank == member["rank"]]
        held = [clock for clock in of_it if clock["least"] <= truth <= clock["most"]]
        check(f"and {len(held)} of {len(of_it)} times while it ran", len(held) == len(of_it) > 5, of_it[:3])
    at = schedule(fleet.dir)
    gaps = [b - a for a, b in zip(at, at[1:])]
    known = max(m["clock_uncertainty_ns"] for m in report["summary"]["fleet"]["members"])
    worst = max(abs(gap - 1e9 / 60) for gap in gaps)
    check(f"arrivals are 1/60 s apart within {worst / 1e3:.1f} µs (known to ±{known / 1e3:.1f} µs)", worst <= 2 * known + 2, worst)
    slices = json.loads((fleet.dir / "profile_export_aiperf_timeslices.json").read_text())["timeslices"]
    numbers = [round(s["request_count"]["avg"]) for s in slices]
    off = 4 if delay else 2
    check(f"60 requests a slice: {numbers}", all(abs(n - 60) <= off for n in numbers[1:-2]), numbers)
    return {member["rank"]: member["clock_uncertainty_ns"] for member in report["summary"]["fleet"]["members"]}


def heard(bus, fleet, seconds):
    """The clocks that the members tell with their signs of life, for so long."""
    wire = Wire(bus, f"ringload.{fleet.run}.heartbeat.*")
    beats = [json.loads(body) for _, _, body in wire.hear(time.monotonic() + seconds)]
    return [(beat["rank"], beat["clock"]) for beat in beats if beat.get("clock")]


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
