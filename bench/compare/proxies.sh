#!/usr/bin/env bash
# Whose times are reported behind real proxies: with their packaged defaults and a line that names the server, and cured.
#
#   bench/compare/proxies.sh [ROUNDS] [FOLDER]      needs two cores, python3, some of nginx, haproxy, lighttpd, apache2, and a ringload ($RINGLOAD)
#
# The server makes 32 tokens, one each 20 ms. Each run is a closed loop of 8 over some seconds ($SECONDS_EACH, 5), beside $BUSY processes (1) that
# spin without a core of their own. A proxy that buffers has to be found (gate `buffering`, scope path, with its own cure), by about what
# the server knows, and nothing may be blamed on the client; for one that does not there is no finding. Runs in which the client waited for a core for over a tenth of
# the time are shown and not counted. FOLDER keeps a line of JSON for each run. $PROXIES names some of the proxies.
set -euo pipefail
cd "$(dirname "$0")/../.."
bin=${RINGLOAD:-target/release/ringload} rounds=${1:-3} out=$(mktemp -d) keep=${2:-} port=9141 back=9142 mock= proxy= spinning=()
keep=${keep:-$out/keep}
trap 'kill $mock $proxy ${spinning[@]+"${spinning[@]}"} 2>/dev/null || true; rm -rf "$out"' EXIT
mkdir -p "$keep"

nginx_conf() { # a line for the location
  cat <<C
daemon off; error_log $out/proxy.err; pid $out/nginx.pid; worker_processes auto;
events { worker_connections 768; }
http { sendfile on; tcp_nopush on; types_hash_max_size 2048; access_log off; gzip on;
  client_body_temp_path $out/b; proxy_temp_path $out/p; fastcgi_temp_path $out/f; uwsgi_temp_path $out/u; scgi_temp_path $out/s;
  server { listen 127.0.0.1:$port; location / { proxy_pass http://127.0.0.1:$back; $1 } } }
C
}

start() { # proxy cured: becomes the proxy
  local cured=$2
  case $1 in
  nginx)
    nginx_conf "$([ "$cured" = yes ] && echo 'proxy_buffering off;')" >"$out/conf"
    exec nginx -p "$out" -c "$out/conf"
    ;;
  haproxy)
    {
      printf 'defaults\n mode http\n timeout connect 5000\n timeout client 50000\n timeout server 50000\n'
      if [ "$cured" = yes ]; then printf ' option http-no-delay\n'; fi
      printf 'frontend f\n bind 127.0.0.1:%s\n default_backend b\nbackend b\n server s 127.0.0.1:%s\n' $port $back
    } >"$out/conf"
    exec haproxy -db -f "$out/conf"
    ;;
  lighttpd)
    {
      printf 'server.modules = ("mod_proxy")\nserver.document-root = "%s"\nserver.port = %s\nserver.bind = "127.0.0.1"\nserver.errorlog = "%s"\n' "$out" $port "$out/proxy.err"
      printf 'proxy.server = ("" => (("host" => "127.0.0.1", "port" => %s)))\n' $back
      if [ "$cured" = yes ]; then printf 'server.stream-response-body = 2\n'; fi
    } >"$out/conf"
    exec lighttpd -D -f "$out/conf"
    ;;
  apache2)
    {
      printf 'ServerRoot /usr/lib/apache2\nServerName proxy\nPidFile %s/apache.pid\nErrorLog %s/proxy.err\nListen 127.0.0.1:%s\n' "$out" "$out" $port
      for module in mpm_event authz_core proxy proxy_http; do printf 'LoadModule %s_module modules/mod_%s.so\n' $module $module; done
      printf 'ProxyPass / http://127.0.0.1:%s/\n' $back
    } >"$out/conf"
    exec apache2 -D FOREGROUND -f "$out/conf"
    ;;
  esac
}

# As `ringload mock`, but over HTTP/1.0 as well, which nginx speaks by default: what it is sent in chunks it hands on one by one, buffering or not.
upstream() {
  exec python3 - $back <<'P'
import asyncio, json, sys
def event(**more):
    data = {"id": "c", "object": "chat.completion.chunk", "created": 1, "model": "mock", "system_fingerprint": "fp_0123456789", **more}
    return b"data: " + json.dumps(data).encode() + b"\n\n"
def choice(delta, finish=None):
    return event(choices=[{"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish}])
USAGE = event(choices=[], usage={"prompt_tokens": 8, "completion_tokens": 32, "total_tokens": 40})
HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n%s\r\n\r\n"
async def serve(reader, writer):
    loop = asyncio.get_running_loop()
    try:
        while True:
            head = (await reader.readuntil(b"\r\n\r\n")).lower()
            length = [line.split(b":")[1] for line in head.split(b"\r\n") if line.startswith(b"content-length")]
            await reader.readexactly(int(length[0]) if length else 0)
            chunked = b"http/1.1" in head.split(b"\r\n")[0]
            part = (lambda data: b"%x\r\n%s\r\n" % (len(data), data)) if chunked else bytes
            begun = loop.time()
            for k in range(1, 33):
                await asyncio.sleep(max(0, begun + 0.02 * k - loop.time()))
                first = HEAD % (b"Transfer-Encoding: chunked" if chunked else b"Connection: close") if k == 1 else b""
                writer.write(first + part(choice({"content": " word"})))
            writer.write(part(choice({}, "length") + USAGE + b"data: [DONE]\n\n") + (b"0\r\n\r\n" if chunked else b""))
            await writer.drain()
            if not chunked:
                break
    except (asyncio.IncompleteReadError, ConnectionError):
        pass
    writer.close()
async def main():
    async with await asyncio.start_server(serve, "127.0.0.1", int(sys.argv[1])) as server:
        await server.serve_forever()
asyncio.run(main())
P
}

run() { # proxy cured round
  start "$1" "$2" >"$out/proxy.out" 2>&1 &
  proxy=$!
  until (exec 3<>/dev/tcp/127.0.0.1/$port) 2>/dev/null; do
    kill -0 $proxy 2>/dev/null || { cat "$out/proxy.out" >&2; exit 1; }
    sleep 0.05
  done
  rm -rf "$out/a"
  "$bin" profile -m mock --url http://127.0.0.1:$port --streaming --concurrency 8 --benchmark-duration "${SECONDS_EACH:-5}" --osl 32 --isl 8 \
    --use-server-token-count --ui none --no-server-metrics --no-gpu-telemetry --artifact-dir "$out/a" --allow-invalid >/dev/null 2>"$out/err" || cat "$out/err" >&2
  kill $proxy && wait $proxy 2>/dev/null || true
  proxy=
  python3 - "$out/a/ringload_report.json" "$@" <<'P' >>"$keep/proxies.jsonl"
import json, sys
report, proxy, cured, round_ = sys.argv[1:]
report = json.load(open(report))
summary, verdict = report["summary"], report["verdict"]
metric = {tag: m["avg"] for tag, m in summary["metrics"].items() if "avg" in m}
told = [{k: f.get(k) for k in ("gate", "scope", "status", "value", "effects", "evidence", "remedy")} for f in verdict["findings"]]
print(json.dumps({"proxy": proxy, "cured": cured == "yes", "round": int(round_), "verdict": verdict["status"], "ttft": metric["time_to_first_token"],
                  "itl": metric["inter_token_latency"], "requests": summary["counts"]["succeeded"], "length_s": summary["phase_duration_s"], "waited_s": summary["client"]["cores"][0]["run_delay_s"],
                  "findings": told}))
P
}

if [ -z "${SUM:-}" ]; then
  upstream >"$out/mock.err" 2>&1 &
  mock=$!
  for _ in $(seq "${BUSY:-1}"); do
    (while :; do :; done) &
    spinning+=($!)
  done
  : >"$keep/proxies.jsonl"
  for round in $(seq "$rounds"); do
    for name in ${PROXIES:-nginx haproxy lighttpd apache2}; do
      if ! command -v "$name" >/dev/null; then continue; fi
      for cured in no yes; do run "$name" $cured "$round"; done
    done
  done
fi

python3 - "$keep/proxies.jsonl" <<'P'
import json, sys
CURES = {"nginx": "proxy_buffering off", "haproxy": "option http-no-delay", "lighttpd": "server.stream-response-body = 2"}
wrong = 0
print("| proxy | cured | round | TTFT | ITL | client waited for a core | verdict | worse than a note | TTFT held, reported / true | right |")
print("|" + "---|" * 10)
for r in map(json.loads, open(sys.argv[1])):
    bad = [f for f in r["findings"] if f["status"] != "VALID"]
    holds = r["proxy"] in CURES and not r["cured"]
    names = ", ".join(f"{f['gate']} ({f['scope']}, {f['status']})" for f in bad) or "–"
    by_client = [f for f in bad if f["scope"] == "client"]
    held = "–"
    if holds:
        found = next((f for f in r["findings"] if f["gate"] == "buffering"), None)
        true = r["ttft"] - 21
        said = next((e["most"] for e in (found or {}).get("effects") or [] if (e["tag"], e["statistic"]) == ("time_to_first_token", "avg")), 0)
        held = f"{said:.0f} / {true:.0f} ms"
        right = bool(found) and found["status"] == "SUSPECT" and CURES[r["proxy"]] in found["remedy"] and true / 2 <= said <= true * 2 and not by_client
    else:
        right = r["verdict"] == "VALID"
    overloaded = r["waited_s"] > 0.1 * r["length_s"]
    wrong += not right and not overloaded
    print(f"| {r['proxy']} | {'yes' if r['cured'] else 'no'} | {r['round']} | {r['ttft']:.1f} ms | {r['itl']:.2f} ms | {r['waited_s']:.2f} s | {r['verdict']} | {names} | {held} | {'yes' if right else 'overloaded' if overloaded else '**no**'} |")
print(f"\n{wrong} wrong.")
P
