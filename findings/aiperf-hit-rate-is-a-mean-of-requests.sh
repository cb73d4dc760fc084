#!/usr/bin/env bash
# aiperf 0.13.0 (PyPI): `analyze-trace` calls a mean of the requests' shares a hit rate, and the first request of a prefix has a context, too.
#
# Expected before it was run: the hit rate is the share of the trace's prompt tokens (or blocks) that an unlimited cache would hold, as a server counts it, and
# context is what came from the cache.
# Seen: of 50 chats of 512 tokens that share their only block, and 50 documents of 51 200 tokens each of which comes once, a cache has 25 088 of 2.6 million tokens,
# 1 %. The report says a hit rate of 0.49: each request has the same weight, however long. "Context Length" is another account: all blocks that the trace
# has more than once at the same place, the first time included and whether or not the blocks before them are the same. Of prompts that share their second
# block alone, where no cache of prefixes has anything, it says a hit rate of 0 and a context of half of the prompt.
# Output seen (aiperf 0.13.0):
#     chats and documents: a cache has 25088 of 2585600 tokens, 0.010; hit rate 0.490, context 256 of 25856 tokens a request
#     a second block in common: a cache has 0 of 20480 tokens, 0.000; hit rate 0.000, context 512 of 1024 tokens a request
# Source: https://github.com/kvcache-ai/Mooncake (the trace's format)
set -euo pipefail
folder=$(mktemp -d); trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv env
env/bin/pip --quiet --disable-pip-version-check install aiperf==0.13.0
cat > seen.py <<'PY'
import json
import subprocess

BLOCK = 512


def write(name, prompts):
    with open(name, "w") as file:
        for at, blocks in enumerate(prompts):
            file.write(json.dumps({"timestamp": 100 * at, "input_length": BLOCK * len(blocks), "output_length": 10, "hash_ids": blocks}) + "\n")


def cached(prompts):
    """Tokens of an unlimited cache of prefixes, and all."""
    known, hits = set(), 0
    for blocks in prompts:
        prefixes = [tuple(blocks[: i + 1]) for i in range(len(blocks))]
        hits += sum(prefix in known for prefix in prefixes)
        known.update(prefixes)
    return BLOCK * hits, BLOCK * sum(map(len, prompts))


def analyzed(name):
    command = ["env/bin/aiperf", "analyze-trace", name, "--block-size", str(BLOCK), "--output-file", f"{name}.json"]
    subprocess.run(command, check=True, capture_output=True)
    with open(f"{name}.json") as file:
        return json.load(file)


mixed = [blocks for i in range(50) for blocks in ([1], [1000 + 100 * i + b for b in range(100)])]
second = [[10 + i, 7] for i in range(20)]
for name, prompts in (("chats and documents", mixed), ("a second block in common", second)):
    write("trace.jsonl", prompts)
    hits, tokens = cached(prompts)
    told = analyzed("trace.jsonl")
    rate, context = told["cache_hit_rate"], told["context_length_stats"]["mean"]
    print(f"{name}: a cache has {hits} of {tokens} tokens, {hits / tokens:.3f}; hit rate {rate:.3f}, context {context:.0f} of {tokens / len(prompts):.0f} tokens a request")
    if prompts is mixed:
        assert hits / tokens < 0.01 and abs(rate - 0.49) < 1e-9, "a mean of requests"
    else:
        assert hits == 0 and rate == 0 and context == BLOCK, "a context that no cache of prefixes has"
print("as it was found")
PY
env/bin/python seen.py
