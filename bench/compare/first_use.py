"""What a first use costs beside AIPerf: `--version`, and `profile` of 64 streamed requests from the start of the program to its end, in turns.

usage: first_use.py RINGLOAD AIPERF URL [VERSIONS] [PROFILES] [TOKENIZER] [VLLM_BENCH]

AIPERF may be `-`, and is left out then. VLLM_BENCH is the binary of vllm-project/vllm-bench: its `--version` is held against ringload's too.

Prints CPU seconds (user and system, of all processes) and wall seconds of each run, and the ratios of each pair. Both use one server (`ringload mock`) and
one tokenizer, a name in the cache of the hub. On a machine with other work the CPU seconds say more.
"""
import os, resource, shutil, statistics, subprocess, sys, tempfile, time

RINGLOAD, AIPERF, URL = sys.argv[1:4]
VERSIONS, PROFILES, TOKENIZER, VLLM_BENCH = (sys.argv[4:] + ["9", "3", "gpt2", ""][len(sys.argv) - 4 :])[:4]
COMMON = f"--model mock --url {URL} --endpoint-type chat --streaming --concurrency 8 --request-count 64 --isl 100 --osl 16 --tokenizer {TOKENIZER}"


def run(command):
    before, begun = resource.getrusage(resource.RUSAGE_CHILDREN), time.monotonic()
    ended = subprocess.run(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    wall, after = time.monotonic() - begun, resource.getrusage(resource.RUSAGE_CHILDREN)
    if ended.returncode:
        sys.exit(f"{command[0]} ended with {ended.returncode}: {ended.stderr[-500:]}")
    return {"cpu": after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime, "wall": wall}


def pairs(name, count, ringload, other, label="AIPerf"):
    seen = []
    for i in range(count):
        took = {}
        for command in (ringload, other) if i % 2 == 0 else (other, ringload):
            with tempfile.TemporaryDirectory() as folder:
                took[command[0]] = run([word.replace("FOLDER", folder) for word in command])
        seen.append((took[RINGLOAD], took[other[0]]))
    for what in ("cpu", "wall"):
        rows = " ".join(f"{ours[what]:.4f}/{theirs[what]:.4f}" for ours, theirs in seen)
        ratios = [theirs[what] / max(ours[what], 1e-4) for ours, theirs in seen]
        print(f"{name} {what} s (ringload/{label}): {rows} | {label} takes " + " ".join(f"{r:.1f}" for r in ratios), f"times as much, median {statistics.median(ratios):.1f}", flush=True)


if VLLM_BENCH:
    pairs("--version", int(VERSIONS), [RINGLOAD, "--version"], [VLLM_BENCH, "--version"], "vllm-bench")
if AIPERF != "-":
    pairs("--version", int(VERSIONS), [RINGLOAD, "--version"], [AIPERF, "--version"])
    pairs(
        "profile of 64",
        int(PROFILES),
        [RINGLOAD, "profile", *COMMON.split(), "--artifact-dir", "FOLDER/a", "--allow-invalid"],
        [AIPERF, "profile", *COMMON.split(), "--artifact-dir", "FOLDER/a", "--ui", "none"],
    )
