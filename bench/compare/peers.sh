#!/usr/bin/env bash
# Load generators side by side: the same streams from the same mock, each tool alone on core 0, the mock on core 1, rounds interleaved.
#
#   bench/compare/peers.sh FOLDER [CONCURRENCY...]      default: 16 128 1024
#
# Needs two cores, python3 (3.9 or later), and `cargo build --release -p ringload -p ringload-bench`. FOLDER gets `runs.tsv` (a line for each run),
# `table.md` (medians), `versions.txt`, and of the last run of each tool and concurrency what it printed; with ROUNDS=0 its lines are summed up again.
#
# Hugging Face's inference-benchmarker is not driven: it is in no registry (its repository has to be built), and nobody has written its lines in peers_tools.py.
#
# Tools that are not found are left out, and said. Where they are, and how to get them:
#
#   AIPERF          pip install aiperf            (in a virtual environment of its own, as the next two; path to its `aiperf`)
#   GUIDELLM        pip install guidellm
#   INFERENCE_PERF  pip install inference-perf    (Python 3.12 or later)
#   OHA             cargo install oha
#   WRK, H2LOAD     apt install wrk nghttp2-client
#   RINGLOAD        target/release/ringload       (the mock too)
#   TOKENIZER       a folder with tokenizer.json, for the three from PyPI, which will not start without one: for instance
#                   `huggingface-cli download Qwen/Qwen2.5-0.5B-Instruct tokenizer.json tokenizer_config.json config.json --local-dir DIR`
#
# ROUNDS (3) of every cell; SECONDS_EACH (5) of load for tools that take a duration, about as much for those that take a number of requests; TOOLS
# names some; OUTPUT_TOKENS (64) a response. The mock's first token comes after 50 ms and the next each 10 ms, or each C/100 ms from 1 000 streams on, so that
# it is never asked for much over 100 000 tokens a second.
set -euo pipefail
cd "$(dirname "$0")/../.."
if [ $# -lt 1 ]; then sed -n '2,/^set/{/^set/d;s/^# \{0,1\}//;p}' bench/compare/peers.sh >&2; exit 2; fi
ulimit -n "$(ulimit -Hn)"
# The script itself stays off the tools' core.
exec env PYTHONDONTWRITEBYTECODE=1 taskset -c 1 python3 bench/compare/peers.py "$@"
