"""Scenes of faults: who is missing, who is refused, who is lost, and what becomes of the run."""

import json
import os
import shutil
import signal
import subprocess
import time
from pathlib import Path

from loads import LOADS
from parts import BINARY, HERE, Bus, Fleet, Machines, Recorder, check, common, counts, scene, say, until_came

@scene
def refused(bus, dir):
    """A member with another command line, or another dataset, is refused by name."""
    server = Recorder()
    args = common(server, *LOADS["rate"])
    for name, other, words in [
        ("another rate", [a if a != "60" else "61" for a in args], ["member 1", "profiling.load.rate"]),
        ("another seed", [a if a != "7" else "8" for a in args], ["member 1", "seed"]),
    ]:
        fleet = Fleet(bus, 2, args, f"{dir}/{name}", ranks=[0])
        fleet.start(bus, 1, other)
        codes = fleet.wait()
        check(f"{name}: both end with 2", set(codes.values()) == {2}, f"{codes} {fleet.said(0)} {fleet.said(1)}")
        check(f"{name}: the leader says {words}", all(word in fleet.said(0) for word in words), fleet.said(0))
    datasets = []
    for k in range(2):
        datasets.append(f"{dir}/dataset-{k}.jsonl")
        Path(datasets[k]).write_text("".join(json.dumps({"text": f"prompt {i} of {k}"}) + "\n" for i in range(9)))
    common_dir = Path(dir, "same")
    for k in range(2):
        Path(dir, f"machine-{k}").mkdir()
        shutil.copy(datasets[k], f"{dir}/machine-{k}/prompts.jsonl")
    fleet = Fleet(bus, 2, args, common_dir, ranks=[])
    for k in range(2):
        os.chdir(f"{dir}/machine-{k}")
        fleet.start(bus, k, common(server, "--input-file", "prompts.jsonl", "--custom-dataset-type", "single_turn", *LOADS["rate"]))
    os.chdir(dir)
    codes = fleet.wait()
    check("another dataset: both end with 2", set(codes.values()) == {2}, f"{codes} {fleet.said(0)} {fleet.said(1)}")
    check("another dataset: the leader says so", "member 1" in fleet.said(0) and "request bodies" in fleet.said(0), fleet.said(0))
    # The same program, which takes itself for another version.
    other = Path(dir, "ringload-other")
    version = subprocess.run([BINARY, "--version"], capture_output=True, text=True).stdout.split()[-1].encode()
    other.write_bytes(Path(BINARY).read_bytes().replace(version, version[:-1] + b"9"))
    other.chmod(0o755)
    fleet = Fleet(bus, 2, args, f"{dir}/version", ranks=[0])
    fleet.binary = str(other)
    fleet.start(bus, 1, args)
    codes = fleet.wait()
    check("another version: both end with 2", set(codes.values()) == {2}, f"{codes} {fleet.said(0)} {fleet.said(1)}")
    check("another version: the leader says which", "member 1" in fleet.said(0) and version.decode() in fleet.said(0), fleet.said(0))
    check("nothing was sent", server.came == [])


@scene
def too_few(bus, dir):
    """A member that does not come is named."""
    server = Recorder()
    fleet = Fleet(bus, 3, common(server, *LOADS["rate"], "--fleet-wait", "3"), f"{dir}/few", ranks=[0, 2])
    codes = fleet.wait()
    check("both end with 2", set(codes.values()) == {2}, f"{codes}")
    check("the missing one is named", "members 1 of 3" in fleet.said(0), fleet.said(0))


@scene
def late(bus, dir):
    """A member that starts late is waited for; one that comes when all is over starts nothing."""
    server = Recorder()
    args = common(server, *LOADS["constant"])
    fleet = Fleet(bus, 2, args, f"{dir}/late", ranks=[0])
    time.sleep(3)
    fleet.start(bus, 1, args)
    check("both end with 0", set(fleet.wait().values()) == {0}, fleet.said(0))
    check("120 requests came", len(server.taken()) == 120)
    fleet.start(bus, 1, args)
    check("one that comes afterwards ends with 0", fleet.wait()[1] == 0, fleet.said(1))
    check("and sends nothing", server.came == [])


def broken(bus, dir, how, on_loss):
    server = Recorder()
    args = common(server, "--request-rate", "60", "--benchmark-duration", "16", "--fleet-silence", "3", "--fleet-on-loss", on_loss)
    fleet = Fleet(bus, 3, args, f"{dir}/{how.name}-{on_loss}")
    until_came(server, 60)
    os.kill(fleet.members[2].pid, how)
    lost = fleet.members.pop(2)
    codes = fleet.wait()
    lost.kill()
    lost.wait()
    check("leader and other member end with 0", (codes[0], codes[1]) == (0, 0), f"{codes} {fleet.said(0)} {fleet.said(1)}")
    report = fleet.report()
    found = [f["gate"] for f in report["verdict"]["findings"]]
    check("INVALID, by member_lost", report["verdict"]["status"] == "INVALID" and "member_lost" in found, found)
    member = report["summary"]["fleet"]["members"][2]
    check(f"its loss is counted: {member.get('lost_requests')} requests", member["lost"] and not report["summary"]["violations"], member)
    came = len(server.taken())
    issued = counts(report)["issued"]
    check(f"{came} came, {issued} are in the figures", issued <= came)
    return came


@scene
def killed(bus, dir):
    """A member is killed in mid-run: the others end, or go on; nothing is unaccounted for."""
    early = broken(bus, dir, signal.SIGKILL, "abort")
    whole = broken(bus, dir, signal.SIGKILL, "continue")
    check("abort ends the load, continue does not", early < whole)


@scene
def paused(bus, dir):
    """A member is stopped in mid-run, and counts as lost."""
    broken(bus, dir, signal.SIGSTOP, "abort")


@scene
def partition(bus, dir):
    """A member without its network for 4 s, and for 10 s: no loss within the silence that is allowed, a loss beyond it (needs root)."""
    with Machines([0, 3_600, 0]):
        bus, server = Bus(HERE), Recorder(host=HERE)
        for cut, silence, on_loss, lost in [(4, 10, "abort", False), (10, 20, "abort", False), (10, 3, "abort", True), (10, 3, "continue", False)]:
            name = f"cut for {cut} s, silence of {silence} s, {on_loss}"
            # Requests of a member without a network fail, and are retried by nobody; what matters is the accounting.
            args = common(server, "--request-rate", "30", "--benchmark-duration", str(cut + 9), "--fleet-silence", str(silence),
                          "--fleet-on-loss", on_loss)
            fleet = Fleet(bus, 3, args, f"{dir}/cut-{cut}-{silence}-{on_loss}", machines=True)
            until_came(server, 45)
            Machines.call("cut", 3)
            time.sleep(cut)
            Machines.call("heal", 3)
            codes = fleet.wait(120)
            came = len(server.taken())
            report = fleet.report()
            check(f"{name}: the leader ends with 0", codes[0] == 0 and codes[1] == 0, f"{codes} {fleet.said(0)} {fleet.said(1)}")
            member = report["summary"]["fleet"]["members"][2]
            gates = [f["gate"] for f in report["verdict"]["findings"]]
            check(f"{name}: {'lost' if lost else 'not lost'}", bool(member.get("lost")) == lost == ("member_lost" in gates), f"{member} {gates}")
            check(f"{name}: the accounting balances", not report["summary"]["violations"], report["summary"]["violations"])
            say(f"{name}: {came} came, {counts(report)['issued']} are in the figures, {counts(report).get('lost_with_member', 0)} lost")
            if not lost:
                check(f"{name}: all members end with 0", set(codes.values()) == {0}, f"{codes} {fleet.said(2)}")
        bus.end()


@scene
def signals(bus, dir):
    """A signal at the leader, or at another member, ends the load of all in order, and the records of all are in the report."""
    server = Recorder()
    args = common(server, "--request-rate", "60", "--benchmark-duration", "30", "--shutdown-grace", "2")
    for name, rank in [("leader", 0), ("other", 2)]:
        fleet = Fleet(bus, 3, args, f"{dir}/signal-{name}")
        until_came(server, 90, 120)
        fleet.members[rank].terminate()
        codes = fleet.wait()
        came = len(server.taken())
        check(f"{name}: the leader ends with 130", codes[0] == 130, f"{codes} {fleet.said(0)}")
        check(f"{name}: the others end with 0", codes[1] == codes[2] == 0, f"{codes} {fleet.said(1)} {fleet.said(2)}")
        report = fleet.report()
        check(f"{name}: all of {came} requests are in the report", 90 <= counts(report)["issued"] == came < 1_700, counts(report))
        check(f"{name}: nothing is lost, and the accounting balances", not report["summary"]["violations"] and not any(m.get("lost") for m in report["summary"]["fleet"]["members"]))


@scene
def leader_killed(bus, dir):
    """The leader is killed: the others end their load, and keep their logs, from which a report is made."""
    server = Recorder()
    args = common(server, "--request-rate", "60", "--benchmark-duration", "20", "--fleet-silence", "3")
    fleet = Fleet(bus, 3, args, f"{dir}/leader")
    until_came(server, 60)
    fleet.members[0].kill()
    codes = fleet.wait()
    check("the others end with 2", (codes[1], codes[2]) == (2, 2), f"{codes} {fleet.said(1)}")
    merged(fleet, 3, dir)


@scene
def bus_gone(bus, dir):
    """The bus is killed for good: members finish what is planned, keep their logs, and a report is made of them."""
    bus = Bus()
    server = Recorder()
    args = common(server, "--request-rate", "60", "--benchmark-duration", "4", "--fleet-silence", "2")
    fleet = Fleet(bus, 2, args, f"{dir}/gone")
    until_came(server, 30)
    bus.kill()
    codes = fleet.wait(120)
    came = len(server.taken())
    check("no member ends with 0", 0 not in codes.values(), f"{codes}")
    report = merged(fleet, 2, dir)
    check(f"all of {came} requests are in the merged report", counts(report)["issued"] == came, counts(report))
    bus.end()


@scene
def bus_restarted(bus, dir):
    """The bus is killed and started again in mid-run: the run comes to its end."""
    bus = Bus()
    server = Recorder()
    args = common(server, "--request-rate", "60", "--benchmark-duration", "8", "--fleet-silence", "5")
    fleet = Fleet(bus, 2, args, f"{dir}/restarted")
    until_came(server, 60)
    bus.kill()
    time.sleep(2)
    bus.start()
    codes = fleet.wait(120)
    check("all members end with 0", set(codes.values()) == {0}, f"{codes} {fleet.said(0)} {fleet.said(1)}")
    report = fleet.report()
    check("no member counts as lost", not any(m.get("lost") for m in report["summary"]["fleet"]["members"]))
    check("all requests are there", counts(report)["issued"] == len(server.taken()), counts(report))
    bus.end()


def merged(fleet, size, dir):
    logs = sorted(str(p) for p in fleet.dir.rglob("*ringload_records.log"))
    logs += [str(p) for p in fleet.dir.glob(".ringload-*.records")]
    out = f"{dir}/merged-{fleet.run}"
    done = subprocess.run([BINARY, "merge", *logs, "--artifact-dir", out, "--allow-invalid"], capture_output=True, text=True, timeout=60)
    check(f"{len(logs)} logs for {size} members", len(logs) == size)
    check(f"{len(logs)} logs are merged", done.returncode == 0, done.stdout + done.stderr + str(logs))
    report = json.loads(Path(out, "ringload_report.json").read_text())
    check("the accounting of the merged report balances", not report["summary"]["violations"], report["summary"]["violations"])
    check(f"it has {size} members", len(report["summary"]["fleet"]["members"]) == size)
    return report
