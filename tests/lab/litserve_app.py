"""A model of words in LitServe: started as `litserve_app.py PORT ACCOUNT FAULT`. A line of JSON in the file ACCOUNT for each generation; where the file
FAULT exists, the generation fails after three words."""

import json
import pathlib
import sys
import time

import litserve

PORT, ACCOUNT, FAULT = int(sys.argv[1]), pathlib.Path(sys.argv[2]), pathlib.Path(sys.argv[3])


class Words(litserve.LitAPI):
    def setup(self, device):
        pass

    def predict(self, request, context):
        entry = {"received": time.monotonic(), "cached": 0, "reasoning": 0, "complete": False}
        entry["prompt"] = sum(len(m["content"].split()) if isinstance(m, dict) else len(m.content.split()) for m in request.messages)
        length = context.get("max_completion_tokens") or context.get("max_tokens") or 16
        time.sleep(0.03)
        for i in range(length):
            if FAULT.exists() and i == 3:
                raise RuntimeError("the engine died")
            entry.setdefault("first", time.monotonic())
            entry["tokens"] = i + 1
            counts = {"prompt_tokens": entry["prompt"], "completion_tokens": i + 1, "total_tokens": entry["prompt"] + i + 1}
            yield {"role": "assistant", "content": "word ", **counts}
            time.sleep(0.01)
        entry["complete"] = True
        with ACCOUNT.open("a") as account:
            account.write(json.dumps(entry) + "\n")


if __name__ == "__main__":
    # A generation a worker.
    server = litserve.LitServer(Words(spec=litserve.OpenAISpec()), accelerator="cpu", workers_per_device=4)
    server.run(host="127.0.0.1", port=PORT, generate_client_file=False, num_api_servers=1)
