-- The same streamed chat request that `floor` sends; TOKENS from the environment.
local tokens = os.getenv("TOKENS") or "64"
wrk.method = "POST"
wrk.path = "/v1/chat/completions"
wrk.headers["Content-Type"] = "application/json"
wrk.body = '{"model":"floor","messages":[{"role":"user","content":"drain"}],"stream":true,"stream_options":{"include_usage":true},"max_completion_tokens":' .. tokens .. '}'
