#!/usr/bin/env bash
# parse-prometheus-text-format 1.1.1 (npm): of a histogram with labels it keeps the buckets of the last label set, and neither labels, sum nor count.
#
# Expected before it was run: an entry for each set of labels, with buckets, sum and count, as it has them for gauges and summaries with labels.
# Seen: every histogram of vLLM has at least the labels `engine` and `model_name`. Two engines of one server, of which the first has answered 5 requests
# in 10 ms each and the second 1 in 3 s, come out as one entry with the bucket counts of the second alone: a dashboard in JavaScript shows the
# last engine as if it were the server, and has no mean. The same lines without labels are whole, as in the package's own example.
# Output seen (parse-prometheus-text-format 1.1.1 on an exposition of prometheus-client 0.26.0):
#     written: engine 0: 5 requests, sum 0.05; engine 1: 1 requests, sum 3.0
#     read, with labels: [{"buckets":{"0.1":"0.0","1.0":"0.0","+Inf":"1.0"}}]
#     read, without: [{"buckets":{"0.1":"5.0","1.0":"5.0","+Inf":"6.0"},"count":"6.0","sum":"3.05"}]
# Source: https://prometheus.io/docs/instrumenting/exposition_formats/ and https://docs.vllm.ai/en/latest/usage/metrics.html
set -euo pipefail
folder=$(mktemp -d); trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv env
env/bin/pip --quiet --disable-pip-version-check install prometheus-client==0.26.0
npm install --silent --no-fund --no-audit parse-prometheus-text-format@1.1.1 >/dev/null
cat > write.py <<'PY'
import pathlib

from prometheus_client import CollectorRegistry, Histogram, generate_latest

NAME, HELP, BUCKETS = "vllm:time_to_first_token_seconds", "Time to first token.", (0.1, 1.0)
TIMES = {"0": [0.01] * 5, "1": [3.0]}
for file, labels in (("labels.txt", ["model_name", "engine"]), ("plain.txt", [])):
    registry = CollectorRegistry()
    histogram = Histogram(NAME, HELP, labels, buckets=BUCKETS, registry=registry)
    for engine, times in TIMES.items():
        for t in times:
            (histogram.labels("m", engine) if labels else histogram).observe(t)
    pathlib.Path(file).write_bytes(generate_latest(registry))
print("written: " + "; ".join(f"engine {engine}: {len(times)} requests, sum {round(sum(times), 3)}" for engine, times in TIMES.items()))
PY
env/bin/python write.py
cat > read.mjs <<'JS'
import assert from "node:assert";
import fs from "node:fs";
import parse from "parse-prometheus-text-format";

const [labels, plain] = ["labels.txt", "plain.txt"].map((file) => {
  const families = parse(fs.readFileSync(file, "utf8"));
  return families.find((family) => family.type === "HISTOGRAM").metrics;
});
console.log("read, with labels: " + JSON.stringify(labels));
console.log("read, without: " + JSON.stringify(plain));
assert.deepStrictEqual(labels, [{ buckets: { 0.1: "0.0", "1.0": "0.0", "+Inf": "1.0" } }], "one entry, of the last engine");
assert(plain.length === 1 && plain[0].count === "6.0" && plain[0].sum !== undefined);
JS
node read.mjs
echo "as it was found"
