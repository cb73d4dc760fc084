"""What the verdict says of a proxy's path: each with its packaged defaults and remedied, three runs each, on the machine as it is and with every core busy,
held against the truth log of the built-in mock server behind it."""

import contextlib
import json
import os
import pathlib
import subprocess
import sys
import tempfile

import checks
import proxies

RUNS = 3
COUNT = 24
CONCURRENCY = 8
TOKENS = 32
MADE_MS = 20.0
METRICS = ("time_to_first_token", "inter_token_latency")
# What a proxy, the server and the client do to each other on busy cores, in ms.
NOISE_MS = 1.0
KNOWN = [proxy.name for proxy in proxies.PROXIES if not proxy.name.endswith("-usual")]


class Mock:
    """The mock server, a token each 20 ms; it writes its truth log when it ends."""

    def __init__(self, folder):
        self.log = folder / "truth.jsonl"
        self.port = proxies.free()
        self.process = subprocess.Popen([os.environ["RINGLOAD"], "mock", "--port", str(self.port), "--ttft-ms", str(MADE_MS), "--itl-ms", str(MADE_MS),
                                         "--truth-log", self.log], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        proxies.wait(self.port, self.process)

    def stop(self):
        """What it did for each request, by the request's id: times to the first token and per token, in ms."""
        self.process.terminate()
        self.process.wait(20)
        served = [json.loads(line) for line in self.log.read_text().splitlines()[1:]]
        return {s["request_id"]: times(s) for s in served if s["request_id"] and s["finished"] and s["writes"]}


def times(served):
    begun = [begun for begun, _, events in served["writes"] for _ in range(events)]
    return {"time_to_first_token": (begun[0] - served["received_ns"]) / 1e6, "inter_token_latency": (begun[-1] - begun[0]) / 1e6 / (len(begun) - 1)}


@contextlib.contextmanager
def busy(wanted):
    """One process a core that does nothing else than take it."""
    cores = os.cpu_count() if wanted else 0
    others = [subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(cores)]
    try:
        yield
    finally:
        for other in others:
            other.kill()
            other.wait()


def drive(url, flags, authority, protocol):
    """The report of one run, with its records."""
    with tempfile.TemporaryDirectory() as folder:
        command = [os.environ["RINGLOAD"], "profile", "--model", "mock", "--url", url, "--streaming", "--isl", "20", "--osl", str(TOKENS), *flags,
                   "--concurrency", str(CONCURRENCY), "--request-count", str(COUNT), "--no-server-metrics", "--no-gpu-telemetry", "--no-probe",
                   "--allow-invalid", "--ui", "none", "--quiet", "--request-timeout-seconds", "30", "--artifact-dir", folder]
        if url.startswith("https"):
            command += ["--cacert", authority]
        done = subprocess.run(command, capture_output=True, text=True, timeout=120)
        report = pathlib.Path(folder) / "ringload_report.json"
        checks.expect(report.exists(), f"{protocol}: ringload ended with {done.returncode}: {done.stderr.strip()[-300:]}")
        lines = (pathlib.Path(folder) / "profile_export.jsonl").read_text().splitlines()
        return {**json.loads(report.read_text()), "records": [json.loads(line) for line in lines]}


def judge(report, truth):
    """What one run says, against the truth; what is wrong with that."""
    checks.all_succeed(report, COUNT)
    served = [truth[r["metadata"]["x_request_id"]] for r in report["records"] if r["metadata"]["x_request_id"] in truth]
    checks.expect(len(served) == COUNT, f"{len(served)} of {COUNT} requests are in the truth log")
    verdict = report["verdict"]
    findings = {f["gate"]: f for f in verdict["findings"]}
    made = {tag: checks.mean(s[tag] for s in served) for tag in METRICS}
    raised = checks.metric(report, "time_to_first_token")["avg"] - made["time_to_first_token"]
    lowered = made["inter_token_latency"] - checks.metric(report, "inter_token_latency")["avg"]
    moved = {"time_to_first_token": raised, "inter_token_latency": lowered}
    # The server makes a token every 20 ms: those that came within 0.1 ms of the one before were held back.
    gaps = [g for r in report["records"] for g in r["metrics"]["inter_chunk_latency"]["value"]]
    together = checks.mean(g < 0.1 for g in gaps)
    holds = together > 0.5
    wrong = []
    path = findings.get("buffering")
    said = {}
    for tag, by in moved.items():
        effects = [e for e in (path or {"effects": []})["effects"] if (e["tag"], e["statistic"]) == (tag, "avg")]
        said[tag] = effects[0]["most"] if effects else 0.0
        if holds and not by / 2 <= said[tag] <= by * 2:
            wrong.append(f"{tag}: {by:.1f} ms true, {said[tag]:.1f} said")
    if holds and (path is None or path["scope"] != "path" or verdict["status"] != "SUSPECT"):
        wrong.append(f"{verdict['status']}, and the path is {'not ' if path is None else ''}named")
    if not holds and path is not None and path["status"] != "VALID":
        wrong.append("the path is named, and held nothing back")
    by_client = {gate: f["status"] for gate, f in findings.items() if f["scope"] == "client" and f["status"] != "VALID"}
    # All that moved a time, the client included, is in `moved`: what is said to be the client's at most is not over twice as much.
    for gate in by_client:
        blamed = [e["most"] for e in findings[gate]["effects"] if (e["tag"], e["statistic"], e["direction"]) == ("time_to_first_token", "avg", "raised")]
        if any(most > 2 * max(raised, 0) + NOISE_MS for most in blamed):
            wrong.append(f"{gate}: {raised:.1f} ms in all, {blamed[0]:.1f} blamed on the client")
    return {"moved": moved, "said": said, "status": verdict["status"], "client": by_client, "wrong": wrong, "holds": holds, "together": round(together, 2),
            "lag_p99_ms": percentile(report, "receive_lag"), "findings": sorted(findings)}


def percentile(report, name):
    of = report["summary"]["client"].get(name) or {}
    return next((p["ms"] for p in of.get("percentiles", []) if p["name"] == "p99"), None)


def spoken(proxy):
    """Its protocols; HTTP/2 by prior knowledge where it does not speak it under TLS."""
    return [protocol for protocol in proxy.protocols if protocol != "HTTP/2, clear" or "HTTP/2, TLS" not in proxy.protocols]


def examine(kind):
    """What was said of one proxy, by setting, protocol and machine."""
    rows = []
    for remedied in (False, True) if kind.remedy else (False,):
        with tempfile.TemporaryDirectory() as folder:
            folder = pathlib.Path(folder)
            proxy = kind()
            proxy.packaged, proxy.remedied = True, remedied
            proxy.install()
            authority = proxies.certificate(folder)
            mock = Mock(folder)
            proxy.start(folder, mock.port)
            seen = []
            try:
                for protocol in spoken(proxy):
                    scheme, flags = checks.PROTOCOLS[protocol]
                    url = f"{scheme}://localhost:{proxy.ports[protocol]}"
                    for loaded in (False, True):
                        with busy(loaded):
                            seen += [(protocol, loaded, drive(url, flags, authority, protocol)) for _ in range(RUNS)]
            finally:
                proxy.stop()
                truth = mock.stop()
        for protocol, loaded, report in seen:
            try:
                told = judge(report, truth)
            except checks.Seen as e:
                told = {"wrong": [str(e)]}
            row = {"remedied": proxy.remedy if remedied else "", "protocol": protocol, "busy": loaded, **told}
            rows.append(row)
            print(f"  {proxy.software}, {proxy.remedy if remedied else 'as packaged'}, {protocol}{', busy' if loaded else ''}: {json.dumps(told)}", flush=True)
    return rows


def what(row):
    return f"{row['remedied'] or 'as packaged'}, {row['protocol']}{', busy' if row['busy'] else ''}"


def condensed(rows):
    """A line for a setting and a protocol: what was said on the machine as it was, and with every core busy."""
    groups = {}
    for row in rows:
        groups.setdefault((row["remedied"], row["protocol"]), {}).setdefault(row["busy"], []).append(row)
    return [{"setting": remedied or "as packaged", "protocol": protocol, "as_it_was": told(runs[False]), "busy": told(runs[True])}
            for (remedied, protocol), runs in groups.items()]


def told(runs):
    """`3 of 3 SUSPECT; first token 624 ms later (623 said), a token 20.0 ms sooner (20.1 said)`, of the run in which the first token came latest."""
    right = sum(not run["wrong"] for run in runs)
    statuses = "/".join(sorted({run.get("status", "none") for run in runs}))
    text = f"{right} of {len(runs)}, {statuses}"
    held = [run for run in runs if run.get("holds")]
    if held:
        run = max(held, key=lambda run: run["moved"]["time_to_first_token"])
        first, token = ((run["moved"][tag], run["said"][tag]) for tag in METRICS)
        text += f"; first token {first[0]:.0f} ms later ({first[1]:.0f} said), a token {token[0]:.1f} ms sooner ({token[1]:.1f} said)"
    by_client = sorted({gate for run in runs for gate in run.get("client", {})})
    return text + (f"; of the client: {', '.join(by_client)}" if by_client else "")
