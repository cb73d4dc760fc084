"""What a first use costs beside AIPerf: `--version`, and `profile` of 64 streamed requests from the start of the program to its end, in turns.

usage: first_use.py RINGLOAD AIPERF URL [VERSIONS] [PROFILES] [TOKENIZER]

Prints CPU seconds (user and system, of all processes) and wall seconds of each run, and the ratios of each pair. Both use one server (`ringload mock`) and
one tokenizer, a name in the cache of the hub. On a machine with other work the CPU seconds say more.
"""
import os, resource, shutil, statistics, subprocess, sys, tempfile, time

RINGLOAD, AIPERF, URL = sys.argv[1:4]
VERSIONS, PROFILES, TOKENIZER = (sys.argv[4:] + ["9", "3", "gpt2"][len(sys.argv) - 4 :])[:3]
COMMON = f"--model mock --url {URL} --endpoint-type chat --streaming --concurrency 8 --request-count 64 --isl 100 --osl 16 --tokenizer {TOKENIZER}"


def run(command):
    before, begun = resource.getrusage(resource.RUSAGE_CHILDREN), time.monotonic()
    ended = subprocess.run(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    wall, after = time.monotonic() - begun, resource.getrusage(resource.RUSAGE_CHILDREN)
    if ended.returncode:
        sys.exit(f"{command[0]} ended with {ended.returncode}: {ended.stderr[-500:]}")
    return {"cpu": after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime, "wall": wall}


def pairs(name, count, ringload, aiperf):
    seen = []
    for i in range(count):
        took = {}
        for command in (ringload, aiperf) if i % 2 == 0 else (aiperf, ringload):
            with tempfile.TemporaryDirectory() as folder:
                took[command[0]] = run([word.replace("FOLDER", folder) for word in command])
        seen.append((took[RINGLOAD], took[AIPERF]))
    for what in ("cpu", "wall"):
        rows = " ".join(f"{ours[what]:.3f}/{theirs[what]:.2f}" for ours, theirs in seen)
        ratios = [theirs[what] / max(ours[what], 1e-4) for ours, theirs in seen]
        print(f"{name} {what} s (ringload/AIPerf): {rows} | AIPerf takes " + " ".join(f"{r:.0f}" for r in ratios), f"times as much, median {statistics.median(ratios):.0f}", flush=True)


pairs("--version", int(VERSIONS), [RINGLOAD, "--version"], [AIPERF, "--version"])
pairs(
    "profile of 64",
    int(PROFILES),
    [RINGLOAD, "profile", *COMMON.split(), "--artifact-dir", "FOLDER/a", "--allow-invalid"],
    [AIPERF, "profile", *COMMON.split(), "--artifact-dir", "FOLDER/a", "--ui", "none"],
)
