#!/usr/bin/env bash
# inference-perf 0.7.0 (PyPI): the load type `constant` has gaps as random as those of a Poisson process, and `poisson` sends on every whole second.
#
# Expected before it was run: `constant` sends at even gaps, give or take a little; `poisson` has independent gaps, and no instant is preferred.
# Seen: the gaps of `constant` vary as much as exponential ones (coefficient of variation 1), scaled so that the last request comes with the end of the stage. Of
# `poisson` the number in each second is drawn, then so many exponential gaps are scaled to fill that second: its last request always comes at the whole second
# after the start. At 1 a second that are 63 % of all requests, in every worker and every client that was started at the same time, and requests that
# follow a second's first come closer than they would: bursts that no Poisson process of that rate has. A server's queue shows it as a beat of one second.
# Output seen (0.7.0, 10 000 s of schedule; other figures in the last place in each run):
#     constant, 1/s: coefficient of variation of the gaps 1.00, none at a whole second
#     poisson, 1/s: 62.9 % of the requests at a whole second (of a Poisson process: none)
#     poisson, 4/s: 24.6 % of the requests at a whole second (of a Poisson process: none)
# Source: https://github.com/kubernetes-sigs/inference-perf/blob/main/docs/loadgen.md
set -euo pipefail
folder=$(mktemp -d); trap 'rm -rf "$folder"' EXIT
cd "$folder"
python=
for candidate in python3.14 python3.13 python3.12 python3; do
  if "$candidate" -c 'import sys; sys.exit(sys.version_info < (3, 12))' 2>/dev/null; then python=$candidate; break; fi
done
[[ $python ]] || { echo "inference-perf needs Python 3.12"; exit 1; }
"$python" -m venv env
env/bin/pip --quiet --disable-pip-version-check install inference-perf==0.7.0
env/bin/python - <<'PY'
import itertools
import math
import statistics

from inference_perf.loadgen.load_timer import ConstantLoadTimer, PoissonLoadTimer

SECONDS = 10_000


def schedule(timer):
    return list(itertools.takewhile(lambda at: at <= SECONDS + 1e-6, timer.start_timer(0.0)))


def whole(times):
    return sum(abs(at - round(at)) < 1e-6 for at in times) / len(times)


times = schedule(ConstantLoadTimer(1, SECONDS))
gaps = [b - a for a, b in itertools.pairwise([0.0, *times])]
varies = statistics.pstdev(gaps) / statistics.mean(gaps)
print(f"constant, 1/s: coefficient of variation of the gaps {varies:.2f}, {'none' if whole(times) < 0.001 else 'some'} at a whole second")
assert abs(varies - 1) < 0.1 and abs(times[-1] - SECONDS) < 1e-6, "constant has exponential gaps and ends with the stage"
for rate in (1, 4):
    times = schedule(PoissonLoadTimer(rate, SECONDS))
    share = whole(times)
    print(f"poisson, {rate}/s: {share:.1%} of the requests at a whole second (of a Poisson process: none)".replace("%", " %"))
    # Each second with a request has its last one there.
    assert abs(share - (1 - math.exp(-rate)) / rate) < 0.03, "the last request of each second comes at its end"
print("as it was found")
PY
