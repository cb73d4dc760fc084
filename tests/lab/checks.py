"""What is held against the server's own account, in each protocol that a proxy speaks."""

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
    """One proxy in one protocol: runs ringload against it and reads its report."""

    def __init__(self, url, protocol, authority, concurrency):
        _, flags = PROTOCOLS[protocol]
        self.concurrency = str(concurrency)
        self.base = [os.environ["RINGLOAD"], "profile", "--model", "lab", "--url", url, "--streaming", "--isl", "20", "--osl", str(LENGTH), *flags,
                     "--no-probe", "--no-server-metrics", "--no-gpu-telemetry", "--random-seed", "7", "--allow-invalid", "--ui", "none", "--quiet",
                     "--request-timeout-seconds", "30"]
        if url.startswith("https"):
            self.base += ["--cacert", authority]

    def run(self, *flags):
        with tempfile.TemporaryDirectory() as folder:
            done = subprocess.run([*self.base, *flags, "--artifact-dir", folder], capture_output=True, text=True, timeout=120)
            report = pathlib.Path(folder) / "ringload_report.json"
            expect(report.exists(), f"ringload ended with {done.returncode}: {done.stderr.strip()[-300:]}")
            lines = (pathlib.Path(folder) / "profile_export.jsonl").read_text().splitlines()
            return {**json.loads(report.read_text()), "records": [json.loads(line) for line in lines]}


def failures(report):
    return {cause: n for cause, n in report["summary"]["counts"]["failed"].items() if n}


def all_succeed(report, count):
    counts = report["summary"]["counts"]
    expect(counts["succeeded"] == count, f"{counts['succeeded']} of {count} succeeded, failed: {failures(report)}")


def metric(report, tag):
    return report["summary"]["metrics"][tag]


def total(report, tag):
    value = report["summary"]["metrics"].get(tag, {})
    return round(value.get("sum", value.get("avg", 0)))


def mean(values):
    values = list(values)
    return sum(values) / len(values)


def ways(report, account):
    """Mean times in ms from the issue to the server's read of the request, and from its first write to the first token here. A mean of differences is
    the difference of means, so that no request has to be found again on the other side."""
    wall = time.time() - time.monotonic()
    issued = [r["metadata"]["request_start_ns"] / 1e6 for r in report["records"]]
    first = [i + r["metrics"]["time_to_first_token"]["value"] for i, r in zip(issued, report["records"])]
    there = mean(1000 * (e["received"] + wall) for e in account) - mean(issued)
    return there, mean(first) - mean(1000 * (e["first"] + wall) for e in account)


def accounts(drive, upstream):
    """Requests, tokens of both directions, cached and reasoning tokens, and the sense of the time to first token. A busy machine holds output back
    as well, so that this is said of a proxy only when it happens twice."""
    seen = account(drive, upstream)
    return seen if seen["events"] == "one by one" else account(drive, upstream)


def account(drive, upstream):
    upstream.clear()
    report = drive.run("--concurrency", drive.concurrency, "--request-count", str(COUNT))
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
    there, first = ways(report, made)
    expect(there > 0 and first > 0, f"requests came {there:.2f} ms after their issue, first tokens {first:.2f} ms after the server's write")
    found = {f["gate"] for f in report["verdict"]["findings"]}
    # The server makes a token every 10 ms: events that came within 0.1 ms were sent together. (What a slow proxy writes out as fast as it can, some
    # 0.4 ms apart, is not told from a fast server.)
    gaps = [g for r in report["records"] for g in r["metrics"]["inter_chunk_latency"]["value"]]
    together = mean(g < 0.1 for g in gaps)
    held = together > 0.5
    expect(not held or found & HELD_BACK, f"{together:.0%} of the events came together, and no finding says that output was held back")
    network = report["summary"]["network"]
    target = network["targets"][0]
    events = "one by one" if together < 0.1 else f"{together:.0%} together" + (", and reported" if found & HELD_BACK else "")
    seen = {"events": "held back, and reported" if held else events, "connections": network["connections"]["made"],
            "names": target.get("server") or target.get("via")}
    return seen


def cut(drive, upstream):
    """The server goes away in mid-stream: no answer counts as one, whatever the proxy makes of it."""
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
    """Requests that come as often as the proxy closes idle connections: none fails for it."""
    upstream.clear()
    report = drive.run("--request-rate", "1", "--arrival-pattern", "constant", "--request-count", "5")
    all_succeed(report, 5)
    return "5 of 5"


def limit(drive, upstream):
    """More requests than the proxy answers on a connection."""
    upstream.clear()
    report = drive.run("--concurrency", "2", "--request-count", "40")
    all_succeed(report, 40)
    made = report["summary"]["network"]["connections"]["made"]
    return f"40 over {made} connection{'' if made == 1 else 's'}"


def reload(drive, upstream, proxy):
    """The proxy takes a new configuration under load."""
    upstream.clear()
    timer = threading.Timer(0.8, proxy.reload)
    timer.start()
    try:
        report = drive.run("--concurrency", "8", "--request-count", "80")
    finally:
        timer.join()
    time.sleep(0.5)
    lost = failures(report)
    expect(report["summary"]["counts"]["succeeded"] + sum(lost.values()) == 80, "requests are missing in the accounting")
    return "nothing lost" if not lost else ", ".join(f"{n} {cause}" for cause, n in lost.items())
