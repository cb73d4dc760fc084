"""A server of the chat API that keeps its own account: what it read, what it wrote and when, request by request.

It speaks HTTP/1.1 with keep-alive and chunks, one write an event, as vLLM does: role and first token together, usage in an event of its own. Of the
tokens the first two are reasoning, and three of each prompt come from a cache, so that these counts can be held against the client's."""

import json
import socket
import threading
import time

FIRST_TOKEN_S = 0.03
TOKEN_S = 0.01
REASONING = 2
CACHED = 3


class Upstream:
    """Listens on a port of 127.0.0.1; `account` has a dict for each generation. `fault` is what becomes of those that begin from now on:
    None, `cut` (the connection closes after three events) or `error` (an event that says that the generation failed)."""

    def __init__(self):
        self.listener = socket.create_server(("127.0.0.1", 0), backlog=512)
        self.port = self.listener.getsockname()[1]
        self.account = []
        self.connections = 0
        self.fault = None
        self.lock = threading.Lock()
        threading.Thread(target=self._accept, daemon=True).start()

    def clear(self):
        with self.lock:
            self.account, self.connections = [], 0

    def _accept(self):
        while True:
            connection, _ = self.listener.accept()
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            with self.lock:
                self.connections += 1
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection):
        try:
            reader = connection.makefile("rb")
            while request := read_request(reader):
                if not self._answer(connection, *request):
                    break
        except OSError:
            pass
        finally:
            connection.close()

    def _answer(self, connection, method, path, body):
        """Whether the connection goes on."""
        if method == "POST" and path.endswith("/chat/completions"):
            return self._generate(connection, json.loads(body))
        card = {"id": "lab", "object": "model", "owned_by": "lab", "created": 1, "model_path": "lab", "is_generation": True, "max_total_num_tokens": 8192}
        plain(connection, {"object": "list", "data": [card], "status": "ok", **card})
        return True

    def _generate(self, connection, asked):
        length = asked.get("max_completion_tokens") or asked.get("max_tokens") or 16
        words = sum(len(m["content"].split()) for m in asked["messages"])
        entry = {"received": time.monotonic(), "prompt": words, "tokens": 0, "reasoning": 0, "cached": CACHED, "complete": False}
        with self.lock:
            self.account.append(entry)
            number, fault = len(self.account), self.fault
        made = {"id": f"chatcmpl-{number}", "object": "chat.completion.chunk", "created": 1, "model": asked.get("model", "lab")}
        connection.sendall(b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ncache-control: no-cache\r\ntransfer-encoding: chunked\r\n\r\n")
        time.sleep(FIRST_TOKEN_S)
        for i in range(length):
            if fault == "cut" and i == 3:
                connection.shutdown(socket.SHUT_RDWR)
                return False
            if fault == "error" and i == 3:
                event(connection, {"error": {"message": "the engine died", "type": "server_error", "code": 500}})
                break
            delta = {"reasoning_content": "thought "} if i < REASONING else {"content": "word "}
            if i == 0:
                delta["role"] = "assistant"
            end = "length" if i + 1 == length else None
            entry.setdefault("first", time.monotonic())
            event(connection, {**made, "choices": [{"index": 0, "delta": delta, "finish_reason": end}]})
            entry["tokens"], entry["reasoning"] = i + 1, min(i + 1, REASONING)
            time.sleep(TOKEN_S)
        else:
            entry["complete"] = True
            usage = {
                "prompt_tokens": words, "completion_tokens": length, "total_tokens": words + length,
                "prompt_tokens_details": {"cached_tokens": CACHED}, "completion_tokens_details": {"reasoning_tokens": min(length, REASONING)},
            }
            if (asked.get("stream_options") or {}).get("include_usage"):
                event(connection, {**made, "choices": [], "usage": usage})
        chunk(connection, b"data: [DONE]\n\n")
        connection.sendall(b"0\r\n\r\n")
        return True


def read_request(reader):
    """(method, path, body) of the next request, or None at the end of the connection."""
    line = reader.readline().split()
    if len(line) < 3:
        return None
    fields = {}
    while (field := reader.readline()) not in (b"\r\n", b""):
        name, _, value = field.partition(b":")
        fields[name.strip().lower()] = value.strip()
    if fields.get(b"expect"):
        return None
    if b"chunked" in fields.get(b"transfer-encoding", b""):
        body = b""
        while size := int(reader.readline().split(b";")[0], 16):
            body += reader.read(size)
            reader.readline()
        reader.readline()
    else:
        body = reader.read(int(fields.get(b"content-length", 0)))
    return line[0].decode(), line[1].decode(), body


def plain(connection, value):
    body = json.dumps(value).encode()
    connection.sendall(b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n%s" % (len(body), body))


def event(connection, value):
    chunk(connection, b"data: " + json.dumps(value).encode() + b"\n\n")


def chunk(connection, data):
    connection.sendall(b"%x\r\n%s\r\n" % (len(data), data))
