#!/usr/bin/env bash
# together-ai 0.52.0 (npm) and together 3.1.1 (PyPI) beside openai 7.55.0 and groq-sdk 1.6.0 (npm): a stream whose events are named, be it `message`, is empty.
#
# Expected before it was run: the name of an event is of no account, as the type of an event without one is `message` by the standard.
# Seen: of a stream whose events carry `event: message` both clients of Together give out nothing: no chunk, no error, the loop just ends, and so it is with any
# other name. `id:` and `retry:` do no harm. The other clients give out the same tokens with and without a name. Servers that write their events by a
# library for server-sent events often name them; an application that counts tokens sees an empty answer with status 200.
# Output seen (together-ai 0.52.0, openai 7.55.0, groq-sdk 1.6.0; together 3.1.1):
#     data alone: together-ai 3, openai 3, groq-sdk 3, together (Python) 3
#     id: 1: together-ai 3, openai 3, groq-sdk 3, together (Python) 3
#     retry: 1000: together-ai 3, openai 3, groq-sdk 3, together (Python) 3
#     event: message: together-ai 0, openai 3, groq-sdk 3, together (Python) 0
#     event: chunk: together-ai 0, openai 3, groq-sdk 3, together (Python) 0
# Source: https://html.spec.whatwg.org/multipage/server-sent-events.html#dispatchMessage
set -euo pipefail
folder=$(mktemp -d); trap 'rm -rf "$folder"' EXIT
cd "$folder"
npm install --silent --no-fund --no-audit together-ai@0.52.0 openai@7.55.0 groq-sdk@1.6.0 >/dev/null
python3 -m venv env
env/bin/pip --quiet --disable-pip-version-check install together==3.1.1
cat > ask.py <<'PY'
import sys

from together import Together

client = Together(api_key="none", base_url=sys.argv[1], max_retries=0)
made = client.chat.completions.create(model="m", messages=[{"role": "user", "content": "x"}], stream=True)
print(sum(1 for chunk in made if chunk.choices[0].delta.content))
PY
cat > seen.mjs <<'JS'
import { execFile } from "node:child_process";
import http from "node:http";
import { promisify } from "node:util";
import Groq from "groq-sdk";
import OpenAI from "openai";
import Together from "together-ai";

const token = JSON.stringify({
  id: "1", object: "chat.completion.chunk", created: 1, model: "m", choices: [{ index: 0, delta: { role: "assistant", content: "word " }, finish_reason: null }],
});
let field = "";
const server = http.createServer((asked, answer) => {
  asked.resume();
  asked.on("end", () => {
    answer.writeHead(200, { "content-type": "text/event-stream" });
    answer.end([token, token, token, "[DONE]"].map((data) => `${field}data: ${data}\n\n`).join(""));
  });
});
await new Promise((ready) => server.listen(0, "127.0.0.1", ready));
const baseURL = `http://127.0.0.1:${server.address().port}/v1`;
const run = promisify(execFile);

async function byClient(Client) {
  const client = new Client({ apiKey: "none", baseURL, maxRetries: 0 });
  let tokens = 0;
  for await (const chunk of await client.chat.completions.create({ model: "m", messages: [{ role: "user", content: "x" }], stream: true }))
    if (chunk.choices[0].delta.content) tokens += 1;
  return tokens;
}

let right = true;
for (field of ["", "id: 1\n", "retry: 1000\n", "event: message\n", "event: chunk\n"]) {
  const seen = { "together-ai": await byClient(Together), openai: await byClient(OpenAI), "groq-sdk": await byClient(Groq) };
  seen["together (Python)"] = Number((await run("env/bin/python", ["ask.py", baseURL])).stdout);
  console.log(`${field ? field.trim() : "data alone"}: ` + Object.entries(seen).map(([name, tokens]) => `${name} ${tokens}`).join(", "));
  for (const [name, tokens] of Object.entries(seen)) right &&= tokens === (name.startsWith("together") && field.startsWith("event") ? 0 : 3);
}
server.close();
server.closeAllConnections();
console.log(right ? "as it was found" : "it has changed");
process.exitCode = right ? 0 : 1;
JS
node seen.mjs
