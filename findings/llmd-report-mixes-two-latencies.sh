#!/usr/bin/env bash
# llmd-benchmark-report 0.2.1 (llm-d's common format for results): its field `inter_token_latency` holds another quantity for each tool.
#
# Expected before it was run: one field, one meaning; vLLM's single gaps go elsewhere than the mean of a request that AIPerf calls by the same name.
# Seen: the converter takes what each tool names so. The same 20 answers, of 101 tokens each, 10 ms apart but for two stalls of a second, become a p99 of
# 1 s per token from `vllm bench serve` (every gap is a value) and of 0.0298 s from AIPerf (each request is one value, its mean). The units differ as well,
# ms per token and s per token. A comparison of servers through this format compares the tools.
# Output seen (0.2.1):
#     vLLM bench: p99 1000.0 ms/token
#     AIPerf: p99 0.0298 s/token
# Source: https://docs.vllm.ai/en/latest/benchmarking/cli.html (ITL) and AIPerf's metrics reference (Inter Token Latency: (latency - TTFT) / (tokens - 1)).
set -euo pipefail
folder=$(mktemp -d); trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv env
env/bin/pip --quiet --disable-pip-version-check install llmd-benchmark-report==0.2.1
cat > seen.py <<'PY'
import json
import pathlib
import statistics

import numpy
from llmd_benchmark_report import native_to_br0_2 as convert

GAPS = [10.0] * 98 + [1000.0] * 2  # ms, of one answer
REQUESTS = 20
every = GAPS * REQUESTS
means = [statistics.fmean(GAPS)] * REQUESTS
tokens = (len(GAPS) + 1) * REQUESTS

vllm = {
    "date": "20261130-120000", "num_prompts": REQUESTS, "completed": REQUESTS, "request_rate": "inf", "max_concurrency": 1,
    "total_input_tokens": 20 * REQUESTS, "total_output_tokens": tokens, "output_throughput": 1.0, "total_token_throughput": 2.0,
    "request_throughput": 0.1, "mean_itl_ms": statistics.fmean(every), "median_itl_ms": statistics.median(every),
    "std_itl_ms": statistics.pstdev(every), "p99_itl_ms": float(numpy.percentile(every, 99)),
    "mean_ttft_ms": 50.0, "mean_tpot_ms": statistics.fmean(means), "mean_e2el_ms": 50.0 + sum(GAPS),
}
aiperf = {
    "request_count": {"unit": "requests", "avg": REQUESTS},
    "input_sequence_length": {"unit": "tokens", "avg": 20, "min": 20, "max": 20},
    "output_sequence_length": {"unit": "tokens", "avg": len(GAPS) + 1, "min": len(GAPS) + 1, "max": len(GAPS) + 1},
    "inter_token_latency": {"unit": "ms", "avg": statistics.fmean(means), "p50": statistics.median(means),
                            "p99": float(numpy.percentile(means, 99))},
    "time_to_first_token": {"unit": "ms", "avg": 50.0},
    "request_latency": {"unit": "ms", "avg": 50.0 + sum(GAPS)},
    "output_token_throughput": {"unit": "tokens/sec", "avg": 1.0},
    "total_token_throughput": {"unit": "tokens/sec", "avg": 2.0},
    "request_throughput": {"unit": "requests/sec", "avg": 0.1},
    "input_config": {"endpoint": {"model_names": ["m"]}, "loadgen": {"concurrency": 1}},
}
seen = {}
for name, workload, native in (("vLLM bench", "vllm-benchmark", vllm), ("AIPerf", "aiperf", aiperf)):
    pathlib.Path(f"{workload}.json").write_text(json.dumps(native))
    read = convert.import_vllm_benchmark if workload == "vllm-benchmark" else convert.import_aiperf
    report = read(f"{workload}.json").dump()
    field = report["results"]["request_performance"]["aggregate"]["latency"]["inter_token_latency"]
    seen[name] = (round(field["p99"], 4), field["units"])
    print(f"{name}: p99 {seen[name][0]} {seen[name][1]}")
assert seen == {"vLLM bench": (1000.0, "ms/token"), "AIPerf": (0.0298, "s/token")}, "one field, two quantities"
print("as it was found")
PY
env/bin/python seen.py
