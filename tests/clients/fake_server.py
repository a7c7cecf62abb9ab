# SPDX-License-Identifier: Apache-2.0
"""The embedded web page before a server that only pretends: fixed models, answers by what is asked, invented metrics.

Every answer streams word by word. What the last user message holds decides:
  "code"     a Python block and a table          "inject"   what an attacker would write
  "slow"     many words, one each 30 ms          "fail"     a 500                  "busy"  a 429 with Retry-After
  "tool"     a call of get_weather               "break off" the connection ends in the middle
  "json"     a JSON object                       otherwise  an echo
"""

import gzip
import http.server
import json
import pathlib
import subprocess
import threading
import time

CODE = """Here is a function:

```python
def fibonacci(n: int) -> int:
    \"\"\"The n-th number, from 0.\"\"\"
    a, b = 0, 1
    for _ in range(n):
        a, b = b, a + b  # no recursion
    return a
```

It runs in **linear** time. Some values, and `fibonacci(30)` is 832040:

| n | fibonacci(n) |
|--:|-------------:|
| 5 | 5 |
| 10 | 55 |
| 20 | 6765 |

1. Each step needs only the *two* numbers before it.
2. See [the article](https://example.org/fibonacci) for more.
"""

INJECT = """<script>window.injected = 1</script>
<img src=x onerror="window.injected = 2">
<svg onload="window.injected = 3"><style>body{display:none}</style></svg>

![pixel](https://evil.example/?q=secret) [click](javascript:window.injected=4) <a href="javascript:alert(1)">x</a>

[data](data:text/html,<script>alert(1)</script>) [local](/metrics)

```html
<script>window.injected = 5</script><img src=x onerror="window.injected=6">
```

```"><img/src/onerror=window.injected=7>
text
```

| a<script>window.injected=8</script> | b |
|---|:-:|
| <iframe src="https://evil.example"></iframe> | c |
"""


def text_of(content):
    """The words of a message, which may be parts."""
    if isinstance(content, list):
        return " ".join(part["text"] for part in content if part["type"] == "text")
    return content


def answer_to(text):
    if "code" in text:
        return CODE
    if "inject" in text:
        return INJECT
    if "json" in text:
        return '{"city": "Paris", "population": 2102650, "tags": ["capital", "river"]}'
    if "slow" in text:
        return " ".join(f"word{index}" for index in range(400))
    return f"You said: {text}"


class FakeServer:
    def __init__(self, writer):
        self.key = None  # the key that is asked for
        self.requests = []  # bodies of chat completions
        self.cancelled = threading.Event()
        self.folder = None
        self.writer = writer
        self.started = time.time()
        self.tokens = 0

    def start(self, folder):
        subprocess.run([self.writer, folder], check=True)
        listing = json.loads(pathlib.Path(folder, "FILES.json").read_text())
        self.headers = listing["headers"]
        self.files = {each["path"]: each for each in listing["files"]}
        self.folder = pathlib.Path(folder)
        for each in listing["files"]:
            if each["gzip"]:
                packed = (self.folder / each["gzip"]).read_bytes()
                assert gzip.decompress(packed) == (self.folder / each["content"]).read_bytes(), each["path"]
        owner = self

        class Handler(_Handler):
            server_state = owner

        self.http = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.http.daemon_threads = True
        threading.Thread(target=self.http.serve_forever, daemon=True).start()
        self.url = f"http://127.0.0.1:{self.http.server_address[1]}"

    def stop(self):
        self.http.shutdown()

    def metrics(self):
        seconds = time.time() - self.started
        lines = []
        for name, value in {
            "requests_running": 3 + int(seconds / 2) % 4, "requests_waiting": int(seconds) % 3,
            "prompt_tokens_total": 5000 * seconds, "cached_tokens_total": 3100 * seconds,
            "output_tokens_total": 180 * seconds + 40 * (int(seconds) % 5), "cache_used_bytes": 3.2e9,
            "cache_capacity_bytes": 8e9, "preemptions_total": 2,
            'requests_total{route="/v1/chat/completions",code="200"}': int(9 * seconds),
            'requests_total{route="/v1/chat/completions",code="429"}': 3,
            'requests_total{route="/v1/models",code="200"}': 12,
            'key_requests_total{name="web shop"}': 812, 'key_requests_total{name="night \\"jobs\\""}': 91,
            'key_prompt_tokens_total{name="web shop"}': 1812345, 'key_prompt_tokens_total{name="night \\"jobs\\""}': 99120,
            'key_output_tokens_total{name="web shop"}': 212345, 'key_output_tokens_total{name="night \\"jobs\\""}': 19120,
        }.items():
            lines.append(f"paddock_{name} {value}")
        for name, low in (("time_to_first_token_seconds", 0.2), ("time_between_tokens_seconds", 0.02)):
            total = int(10 * seconds) + 4
            for factor, share in ((1, 0.3), (2, 0.8), (4, 0.98), (8, 1)):
                lines.append(f'paddock_{name}_bucket{{le="{low * factor}"}} {int(total * share)}')
            lines += [f'paddock_{name}_bucket{{le="+Inf"}} {total}', f"paddock_{name}_count {total}"]
        lines += ["process_resident_memory_bytes 6.1e+10", f"process_start_time_seconds {self.started - 93000}"]
        return "\n".join(lines) + "\n"


class _Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server_state = None

    def log_message(self, *_):
        pass

    def reply(self, status, body, headers):
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def refuse(self, status, sentence, headers=None):
        self.reply(status, json.dumps({"error": {"message": sentence}}).encode(),
                   {"Content-Type": "application/json", **(headers or {})})

    def is_allowed(self):
        state = self.server_state
        if state.key is None or self.headers.get("Authorization") == f"Bearer {state.key}":
            return True
        self.refuse(401, "No such key.")
        return False

    def do_GET(self):
        state = self.server_state
        file = state.files.get(self.path)
        if file:
            if self.headers.get("If-None-Match") == file["etag"]:
                return self.reply(304, b"", {**state.headers, "ETag": file["etag"]})
            packed = file["gzip"] and "gzip" in self.headers.get("Accept-Encoding", "")
            body = (state.folder / (file["gzip"] if packed else file["content"])).read_bytes()
            extra = {"Content-Encoding": "gzip"} if packed else {}
            return self.reply(200, body, {**state.headers, "Content-Type": file["content_type"], "ETag": file["etag"], **extra})
        if self.path in ("/v1/models", "/metrics") and not self.is_allowed():
            return None
        if self.path == "/v1/models":
            models = [{"id": "llama-4-scout", "object": "model", "pricing": {"prompt": 0.2, "completion": 0.6},
                       "input_modalities": ["text", "image"], "image_limits": {"images": 5, "bytes": 1 << 20}},
                      {"id": "smollm2-135m", "object": "model", "input_modalities": ["text"]}]
            return self.reply(200, json.dumps({"object": "list", "data": models}).encode(), {"Content-Type": "application/json"})
        if self.path == "/metrics":
            return self.reply(200, state.metrics().encode(), {"Content-Type": "text/plain; version=0.0.4"})
        return self.refuse(404, "Nothing is here.")

    def do_POST(self):
        state = self.server_state
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        if not self.is_allowed():
            return
        state.requests.append(body)
        text = next((text_of(message["content"]) for message in reversed(body["messages"]) if message["role"] != "assistant"), "")
        if "fail" in text:
            return self.refuse(500, "The model has <b>stumbled</b>.")
        if "busy" in text:
            return self.refuse(429, "Too many requests.", {"Retry-After": "7"})
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.send_header("Connection", "close")
        self.end_headers()
        self.close_connection = True
        try:
            self.stream(body, text)
        except (BrokenPipeError, ConnectionResetError):
            state.cancelled.set()

    def event(self, delta, finish=None):
        chunk = {"object": "chat.completion.chunk", "choices": [{"index": 0, "delta": delta, "finish_reason": finish}]}
        self.data(chunk)

    def data(self, chunk):
        # In two writes and with either line end, as proxies may cut and change it.
        line = f"data: {json.dumps(chunk, ensure_ascii=False)}\r\n\r\n".encode()
        self.wfile.write(line[: len(line) // 2])
        self.wfile.flush()
        self.wfile.write(line[len(line) // 2 :])
        self.wfile.flush()

    def stream(self, body, text):
        self.event({"role": "assistant", "content": ""})
        if "tool" in text and body.get("tools"):
            call = {"index": 0, "id": "call_1", "type": "function", "function": {"name": "get_weather", "arguments": ""}}
            self.event({"tool_calls": [call]})
            for piece in ('{"city": ', '"Zürich"', "}"):
                self.event({"tool_calls": [{"index": 0, "function": {"arguments": piece}}]})
            self.event({}, "tool_calls")
            count = 12
        else:
            pieces = answer_to(text).split(" ")
            for index, piece in enumerate(pieces):
                if "break off" in text and index == 2:
                    return
                self.event({"content": piece if index == 0 else " " + piece})
                time.sleep(0.03 if "slow" in text else 0.002)
            self.event({}, "stop")
            count = len(pieces)
        usage = {"prompt_tokens": 120, "completion_tokens": count, "prompt_tokens_details": {"cached_tokens": 100}}
        self.data({"choices": [], "usage": usage})
        self.wfile.write(b"data: [DONE]\n\n")
