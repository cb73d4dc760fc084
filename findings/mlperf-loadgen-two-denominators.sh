#!/usr/bin/env bash
# MLPerf LoadGen 6.0.17 (PyPI mlcommons-loadgen), Server scenario with token latencies: its samples a second and its tokens a second are of two durations.
#
# Expected before it was run: with ten tokens in every answer, "Completed tokens per second" is ten times "Completed samples per second".
# Seen: the samples but one are divided by the time of the last completion, the tokens of all of them by the same time. Of 20 queries the ratio is 10.53
# tokens an answer, of 40 it is 10.26: n / (n - 1) too many. Over the 270 000 queries of a submission nobody sees it; in the short runs that are made while a
# server is tuned, tokens a query come out wrong, and rates of two lengths of run do not compare.
# Output seen (6.0.17; rates differ from run to run, the ratios do not):
#     20 queries of 10 tokens: 15.42 samples/s, 162.36 tokens/s: 10.53 tokens a sample
#     40 queries of 10 tokens: 15.33 samples/s, 157.22 tokens/s: 10.26 tokens a sample
# Source: https://github.com/mlcommons/inference/tree/master/loadgen (results.cc) and the MLPerf Inference Rules, Scenarios.
set -euo pipefail
folder=$(mktemp -d); trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv env
env/bin/pip --quiet --disable-pip-version-check install mlcommons-loadgen==6.0.17
cat > seen.py <<'PY'
import array
import pathlib
import re
import sys
import threading
import time

import mlperf_loadgen as loadgen

TOKENS = 10
queries = int(sys.argv[1])


def answer(query):
    first, whole = array.array("B", bytes(4)), array.array("B", bytes(4 * TOKENS))
    time.sleep(0.01)
    loadgen.FirstTokenComplete([loadgen.QuerySampleResponse(query.id, *first.buffer_info())])
    time.sleep(0.02)
    loadgen.QuerySamplesComplete([loadgen.QuerySampleResponse(query.id, *whole.buffer_info(), TOKENS)])


def issue(samples):
    for sample in samples:
        threading.Thread(target=answer, args=(sample,)).start()


settings = loadgen.TestSettings()
settings.scenario, settings.mode = loadgen.TestScenario.Server, loadgen.TestMode.PerformanceOnly
settings.server_target_qps, settings.server_target_latency_ns = 20, 10**10
settings.min_query_count = settings.max_query_count = queries
settings.min_duration_ms = 100
settings.use_token_latencies, settings.ttft_latency, settings.tpot_latency = True, 2 * 10**9, 10**9
system, library = loadgen.ConstructSUT(issue, lambda: None), loadgen.ConstructQSL(100, 100, lambda _: None, lambda _: None)
loadgen.StartTest(system, library, settings)
loadgen.DestroyQSL(library)
loadgen.DestroySUT(system)
summary = pathlib.Path("mlperf_log_summary.txt").read_text()
samples, tokens = (float(re.search(rf"Completed {what} per second *: *([0-9.]+)", summary)[1]) for what in ("samples", "tokens"))
print(f"{queries} queries of {TOKENS} tokens: {samples} samples/s, {tokens} tokens/s: {tokens / samples:.2f} tokens a sample")
assert abs(tokens / samples - TOKENS * queries / (queries - 1)) < 0.03, "it was n / (n - 1) too many"
PY
for queries in 20 40; do env/bin/python seen.py $queries; done
echo "as it was found"
