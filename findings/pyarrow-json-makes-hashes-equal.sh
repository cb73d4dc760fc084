#!/usr/bin/env bash
# pyarrow 26.0.1 (PyPI): its reader of JSON Lines turns whole numbers from 2^63 on into floating point, so that different block hashes become equal.
#
# Expected before it was run: unsigned numbers of 64 bits, as the Arrow format has them, or an error.
# Seen: five blocks of a trace of prefix-cache hashes are one block after reading, without an error or a warning: the share of prompts that a cache could
# answer is overstated. One hash of the upper half is enough for the whole column, so that also small and middle numbers are floating point then. DuckDB and
# pandas keep all digits; polars does too where the first rows have such numbers, and raises an error where they come late.
# With a schema that says uint64 pyarrow reads them right.
# Output seen (pyarrow 26.0.1; duckdb 2.0.1; pandas 3.1.1; polars 2.1.0):
#     pyarrow: list<item: double>, 1 of 5 hashes
#     pyarrow, schema with uint64: list<item: uint64>, 5 of 5 hashes
#     duckdb: HUGEINT[], 5 of 5 hashes
#     pandas: 5 of 5 hashes
#     polars: List(Int128), 5 of 5 hashes
# Source: https://arrow.apache.org/docs/python/json.html and https://docs.vllm.ai/en/latest/features/automatic_prefix_caching.html
set -euo pipefail
folder=$(mktemp -d); trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv env
env/bin/pip --quiet --disable-pip-version-check install pyarrow==26.0.1 duckdb==2.0.1 pandas==3.1.1 polars==2.1.0
cat > seen.py <<'PY'
import json

import duckdb
import pandas
import polars
import pyarrow
import pyarrow.json

FIRST = 2**63 + 12345  # a hash of 64 bits, its highest bit set, as half of all have
with open("trace.jsonl", "w") as f:
    for i in range(4):
        row = {"timestamp": 1000 * i, "input_length": 1024, "output_length": 10, "hash_ids": [FIRST + i, FIRST + i + 1]}
        f.write(json.dumps(row) + "\n")


def told(name, rows, kind=""):
    hashes = {block for row in rows for block in row}
    print(f"{name}: {kind}{len(hashes)} of 5 hashes")
    return len(hashes)


plain = pyarrow.json.read_json("trace.jsonl")["hash_ids"]
schema = pyarrow.schema([("hash_ids", pyarrow.list_(pyarrow.uint64()))])
exact = pyarrow.json.read_json("trace.jsonl", parse_options=pyarrow.json.ParseOptions(explicit_schema=schema))["hash_ids"]
duck = duckdb.sql("select hash_ids, typeof(hash_ids) from read_json('trace.jsonl')").fetchall()
polar = polars.read_ndjson("trace.jsonl")["hash_ids"]
seen = [
    told("pyarrow", plain.to_pylist(), f"{plain.type}, "),
    told("pyarrow, schema with uint64", exact.to_pylist(), f"{exact.type}, "),
    told("duckdb", [row for row, _ in duck], f"{duck[0][1]}, "),
    told("pandas", pandas.read_json("trace.jsonl", lines=True)["hash_ids"]),
    told("polars", polar.to_list(), f"{polar.dtype}, "),
]
assert seen == [1, 5, 5, 5, 5] and pyarrow.types.is_floating(plain.type.value_type), "pyarrow alone made them equal"
print("as it was found")
PY
env/bin/python seen.py
