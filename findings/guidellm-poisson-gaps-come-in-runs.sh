#!/usr/bin/env bash
# guidellm 0.8.1 (PyPI): `poisson` arrivals come in runs of ten equal gaps, and 200 requests at a rate of 20 go out at over 30 a second.
#
# Expected before it was run: the gaps between requests are independent; a gap says nothing of the next one, and the rate is 20 give or take a tenth.
# Seen: each of the ten worker processes draws its gaps from a generator of its own with the same seed, and all add them to one clock. So each gap
# comes ten times, one after the other: 51 ms nine times, 1 ms ten times, 16 ms ten times, and so on. 200 requests are 20 draws: with the seed that comes
# with it their mean is 32 ms where 50 were asked for, so that the first 200 requests are 31 a second, and no repeat shows it, as the seed is fixed. Bursts and
# pauses of ten are no Poisson process: queues, and with them the tail of the time to the first token, are other ones than those of independent arrivals.
# Here its scheduler runs with a backend that answers at once. By the command, `--profile kind=poisson,rate=20`, an HTTP server sees the same gaps, give
# or take some milliseconds; the command needs PyTorch with CUDA besides, several gigabytes, which the scheduler does not.
# Output seen:
#     200 requests at 20/s: planned at 30.9/s, sent at 30.9/s
#     planned gaps, ms: 51 51 51 51 51 51 51 51 51 1 1 1 1 1 1 1 1 1 1 16 16 16 16 16 16 16 16 16 16 13 13 13 13 13 13 13 13 13 13 67
#     different gaps: 21 of 199
# Source: https://github.com/vllm-project/guidellm (README, Load Patterns)
set -euo pipefail
folder=$(mktemp -d); trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv env
pip=(env/bin/pip --quiet --disable-pip-version-check install --no-compile)
"${pip[@]}" culsans click eval_type_backport faker ftfy 'httpx[http2]<1' loguru msgpack more-itertools numpy pydantic pydantic-settings pyyaml rich tabulate transformers uvloop
"${pip[@]}" --no-deps guidellm==0.8.1
cat > seen.py <<'PY'
import asyncio
import statistics
import time

from guidellm.scheduler import AsyncPoissonStrategy, MaxNumberConstraint, NonDistributedEnvironment, Scheduler
from guidellm.scheduler.schemas.conversation import ConversationGraph, ConversationNode
from guidellm.schemas import GenerationRequest

RATE, REQUESTS = 20, 200


class Backend:
    """Answers at once."""

    processes_limit = requests_limit = None
    info = {}

    async def process_startup(self):
        pass

    async def validate(self):
        pass

    async def process_shutdown(self):
        pass

    async def resolve(self, request, request_info, history=None):
        request_info.timings.request_start = request_info.timings.request_end = time.time()
        yield "answer", request_info


def conversation(i):
    node = ConversationNode[GenerationRequest](node_id="0", agent_id="a", request=GenerationRequest(request_id=str(i)))
    return ConversationGraph[GenerationRequest](graph_id=str(i), nodes={"0": node})


async def run():
    planned, sent = [], []
    limit = MaxNumberConstraint(args={"kind": "max_requests", "count": REQUESTS})
    conversations = [conversation(i) for i in range(REQUESTS)]
    run = Scheduler().run(conversations, Backend(), AsyncPoissonStrategy(rate=RATE), NonDistributedEnvironment(), max_requests=limit)
    async for _, _, info, _ in run:
        if info.status == "completed":
            planned.append(info.timings.targeted_start)
            sent.append(info.timings.request_start)
    return sorted(planned), sorted(sent)


def rate(times):
    return (len(times) - 1) / (times[-1] - times[0])


if __name__ == "__main__":
    planned, sent = asyncio.run(run())
    print(f"{len(sent)} requests at {RATE}/s: planned at {rate(planned):.1f}/s, sent at {rate(sent):.1f}/s")
    gaps = [round(1e6 * (b - a)) for a, b in zip(planned, planned[1:])]
    print("planned gaps, ms: " + " ".join(f"{gap / 1000:.0f}" for gap in gaps[:40]))
    ordered = sorted(gaps)
    different = sum(b - a > 5 for a, b in zip(ordered, ordered[1:])) + 1
    print(f"different gaps: {different} of {len(gaps)}")
    assert len(sent) == REQUESTS and different < len(gaps) / 5, "gaps come in runs"
    assert rate(planned) > 1.3 * RATE and rate(sent) > 1.3 * RATE, "and few draws make the rate"
    print("as it was found")
PY
env/bin/python seen.py 2>/dev/null
