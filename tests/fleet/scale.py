"""Scenes of many members, and of what the control plane costs."""

import json
import socket
import struct
import threading
import time
from pathlib import Path

from parts import Fleet, Recorder, Wire, check, common, scene, say, until_came

@scene
def many(bus, dir):
    """64 members with next to no load begin within 5 s of the readiness of the last."""
    server = Recorder()
    args = common(server, "--request-rate", "64", "--arrival-pattern", "constant", "--benchmark-duration", "4")
    began, ready = time.monotonic(), []
    fleet = Fleet(bus, 64, args, f"{dir}/many", ranks=[])
    wire = Wire(bus, f"$KV.ringload_{fleet.run}.member.*.0.ready.*")
    hear = threading.Thread(target=lambda: [ready.append(at) for at, _, _ in wire.hear(began + 290)], daemon=True)
    hear.start()
    for rank in range(64):
        fleet.start(bus, rank, args)
    codes = fleet.wait(290)
    check("all members end with 0", set(codes.values()) == {0}, f"{codes} {fleet.said(0)}")
    came = server.taken()
    first = server.began
    check(f"64 were ready, the last {first - max(ready):.2f} s before the first of {len(came)} requests", len(ready) == 64)
    say(f"all came {max(ready) - began:.0f} s after the first was started")
    told = fleet.report()["summary"]["fleet"]
    after, spread = told["start_after_ready_ns"] / 1e9, told["start_spread_ns"] / 1e6
    check(f"by their own stamps the start was {after:.3f} s after the last was ready, within {spread:.1f} ms for all", after < 5 and spread < 1000)


def control_seconds(process):
    """CPU seconds of the thread of the control plane of a process."""
    for task in Path(f"/proc/{process.pid}/task").iterdir():
        if (task / "comm").read_text().strip() == "fleet":
            return int((task / "schedstat").read_text().split()[0]) / 1e9
    return 0.0


@scene
def rest(bus, dir):
    """What the control plane of a member costs while next to nothing is sent: CPU time and bytes each second."""
    server = Recorder()
    fleet = Fleet(bus, 4, common(server, "--request-rate", "4", "--benchmark-duration", "32"), f"{dir}/rest")
    until_came(server, 4)
    time.sleep(2)
    seconds = 25
    before = {c["cid"]: c for c in bus.connections()}
    spent = {rank: control_seconds(p) for rank, p in fleet.members.items()}
    time.sleep(seconds)
    after = {c["cid"]: c for c in bus.connections()}
    spent = {rank: (control_seconds(p) - spent[rank]) / seconds for rank, p in fleet.members.items()}
    rates = sorted(sum(after[c][way] - before[c][way] for way in ("in_bytes", "out_bytes")) / seconds for c in before if c in after)
    messages = sorted(sum(after[c][way] - before[c][way] for way in ("in_msgs", "out_msgs")) / seconds for c in before if c in after)
    check("all members end with 0", set(fleet.wait().values()) == {0}, fleet.said(0))
    shown = ", ".join(f"{share * 100:.2f} %" for share in spent.values())
    check(f"of a core: {shown}", all(share < 0.01 for share in spent.values()))
    # Echoes by datagram: one of 40 bytes and two answers each second, with 28 bytes of headers each.
    check(f"through the bus {[round(r) for r in rates]} bytes/s in {[round(m, 1) for m in messages]} messages/s, and some 200 bytes/s of echoes", rates[-1] < 20_000)


def played(bus, fleet, size, own, over):
    """The heartbeats and echoes of members 1 and on, until it is over."""
    wire, echo, sequence = Wire(bus), socket.socket(socket.AF_INET, socket.SOCK_DGRAM), 0
    while not over.is_set():
        at = time.monotonic()
        sequence += 1
        counters = {"issued": sequence * 100, "done": sequence * 99, "failed": 0, "events": sequence * 5_000, "in_flight": 17, "warmup_done": 0}
        beat = {"sequence": sequence, "run": 0, "counters": counters, "ending": False, "clock": {"least": -91_234_567_890, "most": -91_234_512_345}}
        for k in range(1, size):
            wire.say(f"ringload.{fleet.run}.heartbeat.{k}", {"rank": k, **beat})
        # Each sends an echo each second, half of them now.
        for k in range(size // 2 if "lead.clock" in own else 0):
            echo.sendto(struct.pack("<QQQQQ", own["lead.clock"]["key"], k, 0, 0, 0), ("127.0.0.1", own["lead.clock"]["port"]))
        time.sleep(max(0, at + 0.5 - time.monotonic()))


@scene
def thousand(bus, dir):
    """A leader of 1 000 members, of which 999 are played: messages, bytes and CPU time of its control plane."""
    server, size = Recorder(), 1_000
    fleet = Fleet(bus, size, [], f"{dir}/thousand", ranks=[])
    key = f"$KV.ringload_{fleet.run}."
    wire = Wire(bus, key + "lead.>", key + "member.0.>")
    own, over, said = {}, threading.Event(), None
    others = threading.Thread(target=played, args=(bus, fleet, size, own, over), daemon=True)
    fleet.start(bus, 0, common(server, "--request-rate", "200", "--benchmark-duration", "40"))
    for at, subject, body in wire.hear(time.monotonic() + 90):
        name, body = subject.removeprefix(key), json.loads(body)
        own[name] = body
        if name == "member.0.joined":
            others.start()
        what, value = {
            "member.0.joined": ("joined", body),
            "lead.run": ("agreed", {}),
            "member.0.0.offer": ("0.offer", body),
            "lead.0.cores": ("0.ready.measurement", {"round_trip": 200_000}),
        }.get(name, (None, None))
        for k in range(1, size) if what else []:
            wire.say(f"{key}member.{k}.{what}", value)
        if what == "0.ready.measurement":
            said = time.monotonic()
        if name == "lead.0.go.measurement":
            say(f"the start was said {at - said:.2f} s after the last was ready")
            break
    check("the leader plans, and says when", "lead.0.go.measurement" in own, f"{sorted(own)} {fleet.said(0)}")
    time.sleep(4)
    look = lambda: (time.monotonic(), control_seconds(fleet.members[0]), {c["cid"]: c for c in bus.connections() if c.get("name") == "ringload"})  # noqa: E731
    (began, spent, before), _ = look(), time.sleep(20)
    ended, spent_then, after = look()
    each = lambda what: sum(after[c][what] - before[c][what] for c in after if c in before) / (ended - began)  # noqa: E731
    say(f"to the leader {each('out_msgs'):.0f} messages and {each('out_bytes') / 1e3:.0f} KB each second, from it {each('in_msgs'):.0f} and {each('in_bytes') / 1e3:.1f} KB")
    share = (spent_then - spent) / (ended - began)
    check(f"its control plane takes {share * 100:.1f} % of a core", share < 0.5)
    sizes = {name: len(json.dumps(body, separators=(",", ":"))) for name, body in sorted(own.items())}
    print(f"    bytes of values: {sizes}")
    over.set()
    fleet.members[0].kill()
    fleet.wait()
