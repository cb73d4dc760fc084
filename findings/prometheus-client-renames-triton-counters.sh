#!/usr/bin/env bash
# prometheus-client 0.26.0 (PyPI): its parser gives counters of the text format another name, and the two parsers in it disagree over one exposition.
#
# Expected before it was run: a parser returns the names that stand in the text, as Prometheus itself stores them.
# Seen: Triton's `nv_inference_count` comes out as the sample `nv_inference_count_total`, a name that Triton never wrote: a script that reads the
# documented name finds nothing, and one written against it finds nothing in Prometheus. The parser for OpenMetrics in the same package refuses the same
# lines with an error. A counter whose TYPE line lacks (as in a part of an exposition) keeps its name, so that one metric has two names.
# Output seen (0.26.0):
#     text: nv_inference_count_total 5.0
#     text, without TYPE: nv_inference_count 5.0
#     OpenMetrics: ValueError
# Source: https://docs.nvidia.com/deeplearning/triton-inference-server/user-guide/docs/user_guide/metrics.html and
# https://prometheus.io/docs/instrumenting/exposition_formats/ (no rule of names in the text format).
set -euo pipefail
folder=$(mktemp -d); trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv env
env/bin/pip --quiet --disable-pip-version-check install prometheus-client==0.26.0
env/bin/python - <<'PY'
from prometheus_client import parser
from prometheus_client.openmetrics import parser as openmetrics

TYPE = "# TYPE nv_inference_count counter\n"
LINE = 'nv_inference_count{model="m",version="1"} 5\n'


def read(parse, text):
    try:
        return [f"{s.name} {float(s.value)}" for family in parse(text) for s in family.samples][0]
    except ValueError as e:
        return type(e).__name__


seen = {
    "text": read(parser.text_string_to_metric_families, TYPE + LINE),
    "text, without TYPE": read(parser.text_string_to_metric_families, LINE),
    "OpenMetrics": read(openmetrics.text_string_to_metric_families, TYPE + LINE + "# EOF\n"),
}
for how, what in seen.items():
    print(f"{how}: {what}")
assert list(seen.values()) == ["nv_inference_count_total 5.0", "nv_inference_count 5.0", "ValueError"], "three answers to one line"
print("as it was found")
PY
