"""The tools: where they are, how they are called, and what they report.

What a tool reports becomes a dict with any of `ttft`, `itl` (a mean gap for each request) and `gap` (every gap by itself), each (p50, p99) in ms.
"""

import json
import os
import pathlib
import re
import shutil
import subprocess
from dataclasses import dataclass


@dataclass
class Load:
    """What a tool is asked for."""

    url: str
    concurrency: int
    seconds: float
    requests: int
    """For tools that take no duration."""
    tokens: int
    tokenizer: str
    out: pathlib.Path
    """A folder of its own."""

    @property
    def body(self):
        return json.dumps({
            "model": "mock", "messages": [{"role": "user", "content": "how fast can the same stream be read by another " * 2}],
            "stream": True, "stream_options": {"include_usage": True}, "max_completion_tokens": self.tokens,
        })


def ringload(path, load):
    return [path, "profile", "-m", "mock", "--url", load.url, "--streaming", "--concurrency", f"{load.concurrency}", "--benchmark-duration", f"{load.seconds}",
            "--isl", "32", "--osl", f"{load.tokens}", "--use-server-token-count", "--cores", "0,", "--ui", "none", "--allow-invalid",
            "--artifact-dir", f"{load.out}/a"]


def ringload_says(load, _):
    summary = json.loads((load.out / "a/profile_export_aiperf.json").read_text())
    gaps = next(h for h in json.loads((load.out / "a/ringload_report.json").read_text())["summary"]["histograms"] if h["tag"] == "inter_chunk_latency")
    points = {p["name"]: p["ms"] for p in gaps["percentiles"]}
    return {"ttft": of(summary["time_to_first_token"]), "itl": of(summary["inter_token_latency"]), "gap": of(points)}


def aiperf(path, load):
    return [path, "profile", "--model", "mock", "--tokenizer", load.tokenizer, "--endpoint-type", "chat", "--streaming", "--url", load.url,
            "--concurrency", f"{load.concurrency}", "--request-count", f"{load.requests}", "--isl", "32", "--osl", f"{load.tokens}", "--ui", "none",
            "--no-server-metrics", "--no-gpu-telemetry", "--workers-max", "2", "--use-server-token-count", "--export-level", "summary",
            "--artifact-dir", f"{load.out}/a"]


def aiperf_says(load, _):
    found = next((load.out / "a").rglob("profile_export_aiperf.json"))
    summary = json.loads(found.read_text())
    names = {"ttft": "time_to_first_token", "itl": "inter_token_latency", "gap": "inter_chunk_latency"}
    return {ours: of(summary[theirs]) for ours, theirs in names.items() if theirs in summary}


def guidellm(path, load):
    return [path, "run", "--backend", f"kind=openai_http,target={load.url},model=mock", "--profile", f"kind=concurrent,streams={load.concurrency}",
            "--constraint", f"kind=max_requests,count={load.requests}", "--data", f"kind=synthetic_text,prompt_tokens=32,output_tokens={load.tokens}",
            "--tokenizer", f"kind=hf_auto,model={load.tokenizer}", "--disable-progress", "--output", f"kind=json,path={load.out}/report.json"]


def guidellm_says(load, _):
    metrics = json.loads((load.out / "report.json").read_text())["benchmarks"][0]["metrics"]
    names = {"ttft": "time_to_first_token_ms", "itl": "inter_token_latency_ms"}
    return {ours: of(metrics[theirs]["successful"]["percentiles"]) for ours, theirs in names.items()}


def inference_perf(path, load):
    config = {
        "api": {"type": "completion", "streaming": True},
        "data": {"type": "random", "input_distribution": exactly(32, load.requests), "output_distribution": exactly(load.tokens, load.requests)},
        "load": {"type": "concurrent", "num_workers": 2, "worker_max_concurrency": load.concurrency, "worker_max_tcp_connections": load.concurrency,
                 "stages": [{"concurrency_level": load.concurrency, "num_requests": load.requests}]},
        "server": {"type": "vllm", "model_name": "mock", "base_url": load.url, "ignore_eos": True},
        "tokenizer": {"pretrained_model_name_or_path": load.tokenizer},
        "report": {"request_lifecycle": {"per_stage": False, "use_server_output_tokens": True}},
        "storage": {"local_storage": {"path": f"{load.out}/a"}},
    }
    # YAML holds JSON.
    (load.out / "config.yml").write_text(json.dumps(config))
    return [path, "--config_file", f"{load.out}/config.yml"]


def inference_perf_says(load, _):
    latency = json.loads((load.out / "a/summary_lifecycle_metrics.json").read_text())["successes"]["latency"]
    names = {"ttft": "time_to_first_token", "itl": "time_per_output_token", "gap": "inter_token_latency"}
    seconds = {ours: (latency[theirs]["median"], latency[theirs]["p99"]) for ours, theirs in names.items()}
    return {name: (p50 * 1e3, p99 * 1e3) for name, (p50, p99) in seconds.items()}


def exactly(tokens, count):
    return {"min": tokens, "max": tokens, "mean": tokens, "std_dev": 0, "total_count": count}


def oha(path, load):
    (load.out / "body").write_text(load.body)
    return [path, "--no-tui", "--output-format", "json", "-z", f"{load.seconds:.0f}s", "-c", f"{load.concurrency}", "-m", "POST", "-T", "application/json",
            "-D", f"{load.out}/body", f"{load.url}/v1/chat/completions"]


def oha_says(_, printed):
    """Its first byte is that of the head, which the mock sends with the first token."""
    report = json.loads(printed[printed.index("{"):])
    first = report.get("firstBytePercentiles") or {}
    return {"ttft": (first["p50"] * 1e3, first["p99"] * 1e3)} if first.get("p99") else {}


def wrk(path, load):
    return [path, "-t1", f"-c{load.concurrency}", f"-d{load.seconds:.0f}s", "--timeout", "60s", "-s", "bench/compare/drain.lua", load.url]


def h2load(path, load):
    (load.out / "body").write_text(load.body)
    return [path, "--h1", "-t1", "-c", f"{load.concurrency}", "-D", f"{load.seconds:.0f}", "-d", f"{load.out}/body", "-H", "content-type: application/json",
            f"{load.url}/v1/chat/completions"]


def nothing(_load, _printed):
    return {}


def of(figures):
    return (figures["p50"], figures["p99"])


@dataclass
class Tool:
    name: str
    variable: str
    program: str
    command: object
    says: object
    needs_tokenizer: bool = False
    most: int = 100_000
    """The largest concurrency that it is asked for: what takes minutes to start its streams is left out above."""

    def find(self):
        asked = os.environ.get(self.variable) or self.program
        return shutil.which(asked)

    def version(self, path):
        for flag in (("-v",) if self.program == "wrk" else ("--version", "version")):
            run = subprocess.run([path, flag], capture_output=True, text=True, timeout=120)
            line = next((l for l in (run.stdout + run.stderr).splitlines() if re.search(r"\d+\.\d+", l)), None)
            if line and (run.returncode == 0 or self.program == "wrk"):
                return line.strip()
        python = pathlib.Path(path).resolve().parent / "python"
        ask = f"import importlib.metadata; print(importlib.metadata.version({self.program!r}))"
        run = subprocess.run([python, "-c", ask], capture_output=True, text=True) if python.exists() else None
        return run.stdout.strip() if run and run.returncode == 0 else "unknown"


TOOLS = [
    Tool("ringload", "RINGLOAD", "target/release/ringload", ringload, ringload_says),
    Tool("aiperf", "AIPERF", "aiperf", aiperf, aiperf_says, True, 2_000),
    Tool("guidellm", "GUIDELLM", "guidellm", guidellm, guidellm_says, True, 2_000),
    Tool("inference-perf", "INFERENCE_PERF", "inference-perf", inference_perf, inference_perf_says, True, 2_000),
    Tool("oha", "OHA", "oha", oha, oha_says),
    Tool("wrk", "WRK", "wrk", wrk, nothing),
    Tool("h2load", "H2LOAD", "h2load", h2load, nothing),
]
