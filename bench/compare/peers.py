"""Runs the tools of `peers_tools.py` one after the other against the mock; see `peers.sh`."""

import collections
import ctypes
import json
import math
import os
import pathlib
import resource
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time

from peers_tools import TOOLS, Load

BIN = pathlib.Path("target/release")
PORT = 9140
PATIENCE_S = 240
SAMPLE_S = 0.2
# A tool that starts fast sends its first request early: what starting it cost must not be taken for a part of the run.
START_S, START_SAMPLE_S = 1.0, 0.02
PAGE = os.sysconf("SC_PAGE_SIZE")
TIMES = ("ttft", "itl", "gap")
COLUMNS = ["round", "concurrency", "tool", "exit", "requests", "unfinished", "tokens", "run_s", "tokens_per_s", "peak_in_flight", "cpu_s", "cpu_run_s",
           "peak_rss_mb", "first_request_s"] + [f"{t}_{who}_{p}_ms" for t in TIMES for who in ("true", "said") for p in ("p50", "p99")]


def main():
    keep = pathlib.Path(sys.argv[1])
    levels = [int(c) for c in sys.argv[2:]] or [16, 128, 1024]
    rounds, seconds = int(os.environ.get("ROUNDS", 3)), float(os.environ.get("SECONDS_EACH", 5))
    keep.mkdir(parents=True, exist_ok=True)
    if rounds:
        adopt_orphans()
        tools = found(keep)
        with open(keep / "runs.tsv", "w") as tsv:
            print(*COLUMNS, sep="\t", file=tsv, flush=True)
            for number in range(1, rounds + 1):
                for concurrency in levels:
                    for tool, path in tools:
                        if concurrency > tool.most:
                            print(f"{tool.name}: not at {concurrency}", file=sys.stderr)
                            continue
                        row = run(tool, path, concurrency, seconds, keep)
                        row["round"] = number
                        print(*(show(row.get(c)) for c in COLUMNS), sep="\t", file=tsv, flush=True)
                        print(f"round {number}, {concurrency} streams, {tool.name}: exit {row['exit']}, {row['tokens_per_s']:.0f} tokens/s", file=sys.stderr)
    table = sum_up(keep / "runs.tsv")
    (keep / "table.md").write_text(table)
    print(table)


def found(keep):
    """The tools that are here; what is not is said."""
    tools, versions = [], []
    only = os.environ.get("TOOLS", "").split()
    for tool in TOOLS:
        if only and tool.name not in only:
            continue
        path = tool.find()
        if not path:
            print(f"{tool.name}: not found, left out; set {tool.variable}, or see how to get it at the top of peers.sh", file=sys.stderr)
        elif tool.needs_tokenizer and not os.environ.get("TOKENIZER"):
            print(f"{tool.name}: left out, as it needs a TOKENIZER; see the top of peers.sh", file=sys.stderr)
        else:
            tools.append((tool, path))
            versions.append(f"{tool.name}: {tool.version(path)}")
    uname = os.uname()
    cpu = next((l.split(":")[1].strip() for l in open("/proc/cpuinfo") if l.startswith("model name")), "unknown")
    versions.append(f"machine: {cpu}, {os.cpu_count()} cores, {uname.sysname} {uname.release}")
    (keep / "versions.txt").write_text("\n".join(versions) + "\n")
    return tools


def run(tool, path, concurrency, seconds, keep):
    tokens = int(os.environ.get("OUTPUT_TOKENS", 64))
    ttft_ms, itl_ms = 50, max(10.0, concurrency / 100)
    response_s = (ttft_ms + (tokens - 1) * itl_ms) / 1e3
    # Tools that take a number: what the pace allows in the time, but no more than the slower ones do in it.
    requests = max(2 * concurrency, math.ceil(seconds * min(concurrency / response_s, 150)))
    with tempfile.TemporaryDirectory() as folder:
        out = pathlib.Path(folder)
        log = out / "truth"
        mock = start_mock(ttft_ms, itl_ms, log)
        load = Load(f"http://127.0.0.1:{PORT}", concurrency, max(seconds, 2 * response_s), requests, tokens, os.environ.get("TOKENIZER", ""), out)
        try:
            row, printed = observe(["taskset", "-c", "0", *tool.command(path, load)])
        finally:
            mock.send_signal(signal.SIGTERM)
            mock.wait(timeout=60)
        truth = json.loads(subprocess.run([BIN / "truth", "server", log], check=True, capture_output=True, text=True).stdout)
        (keep / f"{tool.name}-{concurrency}.txt").write_text(printed.replace(folder, "TMP")[-20_000:])
        row.update(tool=tool.name, concurrency=concurrency, **held_against(truth, row))
        try:
            said = tool.says(load, printed) if row["exit"] == 0 else {}
        except (OSError, ValueError, KeyError, StopIteration, TypeError) as error:
            print(f"{tool.name}: its report could not be read: {error!r}", file=sys.stderr)
            said = {}
        for name, (p50, p99) in said.items():
            row[f"{name}_said_p50_ms"], row[f"{name}_said_p99_ms"] = p50, p99
        return row


def start_mock(ttft_ms, itl_ms, log):
    command = [BIN / "ringload", "mock", "--port", f"{PORT}", "--cores", "1,", "--ttft-ms", f"{ttft_ms}", "--itl-ms", f"{itl_ms}", "--truth-log", log]
    mock = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    until = time.monotonic() + 10
    while True:
        try:
            socket.create_connection(("127.0.0.1", PORT)).close()
            return mock
        except OSError:
            if time.monotonic() > until or mock.poll() is not None:
                raise SystemExit(f"the mock does not listen on port {PORT}: free it, or look at what it said")
            time.sleep(0.02)


def observe(command):
    """Runs a command: its exit status, CPU, memory and words. CPU over time is kept as (instant, CPU seconds of the tree)."""
    before, samples, peak, threads = children_cpu(), [], 0, {}
    with tempfile.TemporaryFile("w+") as printed:
        begun = time.monotonic()
        tool = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=printed, stderr=subprocess.STDOUT, start_new_session=True)
        while tool.poll() is None:
            rss, members = tree(tool.pid)
            threads.update(thread_cpu(members))
            now = time.monotonic()
            samples.append((now, sum(threads.values())))
            peak = max(peak, rss)
            if time.monotonic() - begun > PATIENCE_S:
                print(f"gave up on it after {PATIENCE_S} s", file=sys.stderr)
                for pid in members:
                    end(pid)
            time.sleep(START_SAMPLE_S if now - begun < START_S else SAMPLE_S)
        reap(tool.pid)
        printed.seek(0)
        words = printed.read()
    row = {"exit": tool.returncode, "cpu_s": children_cpu() - before, "peak_rss_mb": peak / 1e6, "begun": begun, "samples": samples}
    return row, words


def held_against(truth, row):
    """The server's own figures of the run, and what the client took for them."""
    first, last = truth["first_received_ns"] / 1e9, truth["last_write_ns"] / 1e9
    run_s = max(last - first, 1e-9)
    figures = {
        "requests": truth["requests"], "unfinished": truth["unfinished"], "tokens": truth["tokens"], "run_s": run_s, "tokens_per_s": truth["tokens"] / run_s,
        "peak_in_flight": truth["peak_in_flight"], "first_request_s": first - row["begun"] if first else math.nan,
        "cpu_run_s": cpu_at(row["samples"], last) - cpu_at(row["samples"], first),
    }
    for name in TIMES:
        figures[f"{name}_true_p50_ms"], figures[f"{name}_true_p99_ms"] = (truth[f"{name}_us"][p] / 1e3 for p in ("p50", "p99"))
    return figures


def cpu_at(samples, at):
    """Between two samples in proportion; before the first there was none."""
    before = (at, 0.0)
    for sample in samples:
        if sample[0] >= at:
            share = (at - before[0]) / (sample[0] - before[0]) if sample[0] > before[0] else 1
            return before[1] + share * (sample[1] - before[1])
        before = sample
    return before[1]


def tree(root):
    """Bytes resident and ids of a process and all below it. Pages that several share count for each."""
    children, facts = collections.defaultdict(list), {}
    for entry in os.listdir("/proc"):
        if not entry.isdigit():
            continue
        try:
            fields = open(f"/proc/{entry}/stat").read().rsplit(")", 1)[1].split()
        except OSError:
            continue
        children[int(fields[1])].append(int(entry))
        facts[int(entry)] = int(fields[21]) * PAGE
    rss, members, todo = 0, [], [root]
    while todo:
        pid = todo.pop()
        if pid in facts:
            members.append(pid)
            rss += facts[pid]
        todo += children[pid]
    return rss, members


def thread_cpu(pids):
    """CPU seconds of each thread so far, to the nanosecond: what is kept of one that has ended is what was seen last."""
    cpu = {}
    for pid in pids:
        for task in pathlib.Path(f"/proc/{pid}/task").glob("*"):
            try:
                cpu[task.name] = int((task / "schedstat").read_text().split()[0]) / 1e9
            except OSError:
                pass
    return cpu


def adopt_orphans():
    """What a tool leaves behind becomes a child of this process, so that its CPU is counted."""
    pr_set_child_subreaper = 36
    ctypes.CDLL(None).prctl(pr_set_child_subreaper, 1, 0, 0, 0)


def reap(session):
    """Ends and collects what is left of a tool's session."""
    for pid in tree(os.getpid())[1]:
        try:
            ours = pid != os.getpid() and os.getsid(pid) == session
        except OSError:
            continue
        if ours:
            end(pid)
            try:
                os.waitpid(pid, 0)
            except ChildProcessError:
                pass


def end(pid):
    try:
        os.kill(pid, signal.SIGKILL)
    except ProcessLookupError:
        pass


def children_cpu():
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def show(value):
    return "-" if value is None else f"{value:.4g}" if isinstance(value, float) and abs(value) < 1e3 else f"{value:.0f}" if isinstance(value, float) else value


def sum_up(path):
    """Medians over the rounds, as a table for each concurrency."""
    lines = [line.rstrip("\n").split("\t") for line in open(path)]
    cells = collections.OrderedDict()
    for line in lines[1:]:
        row = dict(zip(lines[0], line))
        cells.setdefault(int(row["concurrency"]), collections.OrderedDict()).setdefault(row["tool"], []).append(row)
    text = []
    for concurrency, tools in sorted(cells.items()):
        text += [f"\n{concurrency} streams\n",
                 "| | tokens/s | most in flight | CPU-s per M tokens, run / whole | peak RSS MB | first request s | TTFT p50 / p99 ms, true | said | ITL of requests, true | said | every gap, true | said | runs |",
                 "|---|---|---|---|---|---|---|---|---|---|---|---|---|"]
        for name, rows in tools.items():
            good = [r for r in rows if r["exit"] == "0"] or rows
            per_million = lambda key: median(good, lambda r: float(r[key]) / max(1, float(r["tokens"])) * 1e6)
            pairs = [pair(good, f"{t}_{who}") for t in TIMES for who in ("true", "said")]
            text.append(" | ".join([f"| {name}", f"{median(good, value('tokens_per_s')):.0f}", f"{median(good, value('peak_in_flight')):.0f}",
                                    f"{per_million('cpu_run_s'):.1f} / {per_million('cpu_s'):.1f}", f"{median(good, value('peak_rss_mb')):.0f}",
                                    f"{median(good, value('first_request_s')):.2f}", *pairs,
                                    f"{sum(r['exit'] == '0' for r in rows)} of {len(rows)} |"]))
    return "\n".join(text) + "\n"


def value(key):
    return lambda row: float(row[key])


def median(rows, of):
    return statistics.median(of(row) for row in rows)


def pair(rows, name):
    said = [r for r in rows if r[f"{name}_p50_ms"] != "-"]
    return " / ".join(f"{median(said, value(f'{name}_{p}_ms')):.1f}" for p in ("p50", "p99")) if said else "–"


if __name__ == "__main__":
    main()
