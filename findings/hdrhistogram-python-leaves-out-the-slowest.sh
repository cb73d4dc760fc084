#!/usr/bin/env bash
# hdrhistogram 0.10.8 (PyPI, the Python port): a value above the histogram's range is left out of count, maximum and percentiles, without an error.
#
# Expected before it was run: an exception, as the Java original throws one and the JavaScript port does, or the value counted at the upper bound.
# Seen: `record_value` returns False, which nobody reads, and the value is nowhere. Of a hundred answers of which the two slowest took 70 s, a histogram up to
# a minute (a usual choice for HTTP) says 98 values, a maximum of 10 ms and a p99 of 10 ms: the tail is missing exactly where the server stalled. The
# correction for coordinated omission drops its copies in the same way.
# Output seen (hdrhistogram 0.10.8; hdr-histogram-js 3.0.1):
#     Python: 98 of 100 values, p99 10.007 ms, max 10.007 ms
#     JavaScript: an error for the first value above the range
# Source: https://github.com/HdrHistogram/HdrHistogram_py and https://github.com/HdrHistogram/HdrHistogramJS
set -euo pipefail
folder=$(mktemp -d); trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv env
env/bin/pip --quiet --disable-pip-version-check install hdrhistogram==0.10.8
env/bin/python - <<'PY'
from hdrh.histogram import HdrHistogram

h = HdrHistogram(1, 60_000_000, 3)  # microseconds, up to a minute
told = [h.record_value(v) for v in [10_000] * 98 + [70_000_000] * 2]
p99, most = h.get_value_at_percentile(99), h.get_max_value()
print(f"Python: {h.get_total_count()} of 100 values, p99 {p99 / 1000} ms, max {most / 1000} ms")
assert h.get_total_count() == 98 and p99 == most == 10_007 and not told[-1], "the two slowest were left out"
PY
npm install --silent --no-fund --no-audit hdr-histogram-js@3.0.1 >/dev/null
node - <<'JS'
const hdr = require("hdr-histogram-js");
const h = hdr.build({ lowestDiscernibleValue: 1, highestTrackableValue: 60_000_000, numberOfSignificantValueDigits: 3, autoResize: false });
let told = "no error";
try {
  h.recordValue(70_000_000);
} catch (e) {
  told = "an error for the first value above the range";
}
console.log("JavaScript: " + told);
if (told === "no error") process.exit(1);
JS
echo "as it was found"
