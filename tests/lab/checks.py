"""What is held against the server's own account, in each protocol that a front speaks."""

import json
import os
import pathlib
import subprocess
import tempfile
import threading
import time

COUNT = 24
LENGTH = 16
# Flags and scheme of each protocol.
PROTOCOLS = {
    "HTTP/1.1": ("http", ["--http1.1"]),
    "HTTP/1.1, TLS": ("https", ["--http1.1"]),
    "HTTP/2, TLS": ("https", ["--http2"]),
    "HTTP/2, clear": ("http", ["--http2"]),
}
# Findings that say that output was held back on its way.
HELD_BACK = {"buffering", "delayed_ack", "coalesced"}


class Seen(Exception):
    """What differs from the server's account."""


def expect(holds, text):
    if not holds:
        raise Seen(text)


class Drive:
    """One front in one protocol: runs ringload against it and reads its report."""

    def __init__(self, url, protocol, authority, model="lab"):
        _, flags = PROTOCOLS[protocol]
        self.base = [os.environ["RINGLOAD"], "profile", "--model", model, "--url", url, "--streaming", "--isl", "20", "--osl", str(LENGTH), *flags,
                     "--no-probe", "--no-server-metrics", "--no-gpu-telemetry", "--random-seed", "7", "--allow-invalid", "--ui", "none", "--quiet",
                     "--request-timeout-seconds", "30"]
        if url.startswith("https"):
            self.base += ["--cacert", authority]

    def run(self, *flags):
        with tempfile.TemporaryDirectory() as folder:
            done = subprocess.run([*self.base, *flags, "--artifact-dir", folder], capture_output=True, text=True, timeout=120)
            report = pathlib.Path(folder) / "ringload_report.json"
            expect(report.exists(), f"ringload ended with {done.returncode}: {done.stderr.strip()[-300:]}")
            return json.loads(report.read_text())


def failures(report):
    return {cause: n for cause, n in report["summary"]["counts"]["failed"].items() if n}


def all_succeed(report, count):
    counts = report["summary"]["counts"]
    expect(counts["succeeded"] == count, f"{counts['succeeded']} of {count} succeeded, failed: {failures(report)}")


def metric(report, tag):
    return report["summary"]["metrics"][tag]


def total(report, tag):
    value = metric(report, tag)
    return round(value.get("sum", value.get("avg", 0)))


def middle(values):
    ordered = sorted(values)
    return ordered[len(ordered) // 2]


def accounts(drive, upstream):
    """Requests, tokens of both directions, cached and reasoning tokens, and the sense of the time to first token. A busy machine holds output back
    as well, so that this is said of a front only when it happens twice."""
    seen = account(drive, upstream)
    return account(drive, upstream) if seen["events"] != "one by one" else seen


def account(drive, upstream):
    upstream.clear()
    report = drive.run("--concurrency", "8", "--request-count", str(COUNT))
    all_succeed(report, COUNT)
    made = upstream.account
    expect(len(made) == COUNT and all(e["complete"] for e in made), f"the server made {len(made)} answers")
    for tag, field in (("total_usage_completion_tokens", "tokens"), ("total_usage_prompt_tokens", "prompt"), ("total_osl", "tokens"),
                       ("total_usage_prompt_cache_read_tokens", "cached"), ("total_usage_reasoning_tokens", "reasoning")):
        ours, theirs = total(report, tag), sum(e[field] for e in made)
        expect(ours == theirs, f"{tag} is {ours}, the server's {theirs}")
    ours = metric(report, "time_to_first_token")
    theirs = sorted(1000 * (e["first"] - e["received"]) for e in made)
    expect(ours["min"] >= theirs[0], f"TTFT of {ours['min']:.2f} ms is sooner than the server's first write, {theirs[0]:.2f} ms")
    found = {f["gate"] for f in report["verdict"]["findings"]}
    held = ours["p50"] - middle(theirs) > 50
    expect(not held or found & HELD_BACK, f"TTFT p50 is {ours['p50']:.0f} ms, the server's {middle(theirs):.0f} ms, and no finding says why")
    network = report["summary"]["network"]
    target = network["targets"][0]
    events = "held back, and told" if held else "one by one"
    return {"events": events, "connections": network["connections"]["made"], "names": target.get("server") or target.get("via")}


def cut(drive, upstream):
    """The server goes away in mid-stream: no answer counts as one, whatever the front makes of it."""
    upstream.clear()
    upstream.fault = "cut"
    try:
        report = drive.run("--concurrency", "4", "--request-count", "8")
    finally:
        upstream.fault = None
    counts = report["summary"]["counts"]
    expect(counts["succeeded"] == 0, f"{counts['succeeded']} cut answers count as successes")
    return ", ".join(failures(report))


def in_band(drive, upstream):
    """The server says in the stream that it failed."""
    upstream.clear()
    upstream.fault = "error"
    try:
        report = drive.run("--concurrency", "4", "--request-count", "8")
    finally:
        upstream.fault = None
    expect(failures(report) == {"in_band_error": 8}, f"failed: {failures(report)}")
    return "in_band_error"


def idle(drive, upstream):
    """Requests that come as often as the front closes idle connections: none fails for it."""
    upstream.clear()
    report = drive.run("--request-rate", "1", "--arrival-pattern", "constant", "--request-count", "5")
    all_succeed(report, 5)
    return "5 of 5"


def limit(drive, upstream):
    """More requests than the front answers on a connection."""
    upstream.clear()
    report = drive.run("--concurrency", "2", "--request-count", "40")
    all_succeed(report, 40)
    made = report["summary"]["network"]["connections"]["made"]
    return f"40 over {made} connection{'' if made == 1 else 's'}"


def reload(drive, upstream, front):
    """The front takes a new configuration under load."""
    upstream.clear()
    timer = threading.Timer(0.8, front.reload)
    timer.start()
    try:
        report = drive.run("--concurrency", "8", "--request-count", "80")
    finally:
        timer.join()
    time.sleep(0.5)
    lost = failures(report)
    expect(report["summary"]["counts"]["succeeded"] + sum(lost.values()) == 80, "requests are missing in the accounting")
    return "nothing lost" if not lost else ", ".join(f"{n} {cause}" for cause, n in lost.items())
