#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Mixed traffic for as long as you like, and what it leaves behind. Standard library only:

    tests/clients/soak.py --program build/paddock [--minutes 20] [--clients 8] [--model PATH] [--folder FOLDER] [--growth MIB]

Starts `paddock serve` with several keys and an audit trail. Clients chat, stream, call tools, hold answers to schemas,
send nonsense, go away in the middle, count tokens. Fails when a status is not the one that was due, when the process
dies, when its memory grows by more than --growth MiB after the first fifth of the time, when it does not end by SIGTERM,
or when the audit trail does not hold. For builds with sanitizers give --growth a large number: they keep what was freed
for a while, and end with a status of their own when they have found something.
"""

import argparse
import collections
import http.client
import json
import os
import pathlib
import random
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time

PROJECT = pathlib.Path(__file__).resolve().parent.parent.parent
WORDS = "the sea was calm and nobody on the island had seen a ship for seven years when one came".split()
TOOL = {
    "type": "function",
    "function": {
        "name": "look_up",
        "parameters": {
            "type": "object",
            "properties": {"day": {"enum": ["today", "tomorrow"]}},
            "required": ["day"],
            "additionalProperties": False,
        },
    },
}
SCHEMA = {
    "type": "object",
    "properties": {"name": {"type": "string", "maxLength": 8}, "age": {"type": "integer", "minimum": 0, "maximum": 99}},
    "required": ["name", "age"],
    "additionalProperties": False,
}
NONSENSE = [b"", b"{", b"[]", b'{"messages": []}', b"\xff\xfe", b'{"messages": [{"role": "user", "content": 5}]}', b"[" * 5000]


class Soak:
    def __init__(self, options, folder):
        self.options, self.folder = options, folder
        self.counts, self.problems = collections.Counter(), []
        self.lock = threading.Lock()
        self.end = None
        keys = {"plain": [], "one": ["--concurrent", "1"], "minute": ["--requests-per-minute", "30"], "spent": ["--budget", "0"]}
        self.keys = {name: self.make_key(name, more) for name, more in keys.items()}
        self.admin = self.make_key("watch", ["--scope", "read-only"])
        self.start()

    def make_key(self, name, more):
        command = [self.options.program, "keys", "create", "--name", name, "--database", self.folder / "keys.db", "--json", *more]
        ran = subprocess.run([str(each) for each in command], capture_output=True, text=True, check=True)
        return re.search(r"pdk_\w+", ran.stdout)[0]

    def start(self):
        command = [self.options.program, "serve", f"soak={self.options.model}", "--listen", "127.0.0.1:0", "--context", "1000",
                   "--cache-bytes", str(self.options.cache_bytes), "--sequences", "8", "--waiting", "16",
                   "--keys", self.folder / "keys.db", "--audit", self.folder / "audit", "--log-format", "none"]  # fmt: skip
        self.log = self.folder / "log"
        self.process = subprocess.Popen([str(each) for each in command], stderr=open(self.log, "wb"))
        while not (found := re.search(r"http://127\.0\.0\.1:(\d+)", self.log.read_text())):
            if self.process.poll() is not None:
                sys.exit(f"soak: the server does not start:\n{self.log.read_text()}")
            time.sleep(0.1)
        self.port = int(found[1])

    def resident_mib(self):
        pages = pathlib.Path(f"/proc/{self.process.pid}/statm").read_text().split()[1]
        return int(pages) * os.sysconf("SC_PAGESIZE") / 2**20

    def send(self, path, body, key, kind="application/json"):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=120)
        body = body if isinstance(body, bytes) else json.dumps(body).encode()
        connection.request("POST", path, body, {"content-type": kind, "authorization": f"Bearer {key}"})
        return connection, connection.getresponse()

    def ask(self, path, body, due, key=None, kind="application/json"):
        """The answer's text, where its status is one of those that are due; 429 may always come."""
        connection, answer = self.send(path, body, key or self.keys["plain"], kind)
        text = answer.read().decode()
        connection.close()
        self.note(path, answer.status, {*due, 429, 529}, text)
        return text if answer.status == 200 else None

    def note(self, what, status, due, text=""):
        with self.lock:
            self.counts[f"{what} {status}"] += 1
            if status not in due:
                self.problems.append(f"{what}: expected {sorted(due)}, found {status}: {text[:300]}")

    def chat_of(self, chance, tokens=20, **more):
        text = " ".join(chance.choices(WORDS, k=chance.randint(1, 60)))
        return {"model": "soak", "messages": [{"role": "user", "content": text}], "max_tokens": chance.randint(1, tokens), "seed": chance.randint(0, 99), **more}

    # What clients do, over and over.

    def chat(self, chance):
        self.ask("/v1/chat/completions", self.chat_of(chance, n=chance.choice([1, 1, 3])), [200])

    def stream(self, chance):
        text = self.ask("/v1/chat/completions", self.chat_of(chance, stream=True, logprobs=chance.random() < 0.3), [200])
        assert text is None or text.endswith("data: [DONE]\n\n"), text[-200:]

    def message(self, chance):
        text = self.ask("/v1/messages", self.chat_of(chance, stream=True), [200])
        assert text is None or "event: message_stop" in text, text[-200:]

    def response(self, chance):
        ask = {"model": "soak", "max_output_tokens": 16}
        text = self.ask("/v1/responses", {**ask, "input": "Hello", "store": True}, [200])
        if text:  # what is kept is taken back: it is memory, too
            first = json.loads(text)["id"]
            self.ask("/v1/responses", {**ask, "input": "On", "previous_response_id": first, "store": False}, [200])
            connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
            connection.request("DELETE", f"/v1/responses/{first}", headers={"authorization": f"Bearer {self.keys['plain']}"})
            self.note("DELETE /v1/responses", connection.getresponse().status, {200})
            connection.close()

    def tool(self, chance):
        more = {"tools": [TOOL], "tool_choice": "required", "parallel_tool_calls": False, "max_tokens": 100}
        text = self.ask("/v1/chat/completions", {**self.chat_of(chance), **more}, [200])
        if text:
            call = json.loads(text)["choices"][0]["message"]["tool_calls"][0]["function"]
            assert json.loads(call["arguments"])["day"] in ("today", "tomorrow"), text

    def schema(self, chance):
        shape = {"type": "json_schema", "json_schema": {"name": "person", "strict": True, "schema": SCHEMA}}
        text = self.ask("/v1/chat/completions", {**self.chat_of(chance), "response_format": shape, "max_tokens": 200}, [200])
        assert text is None or json.loads(json.loads(text)["choices"][0]["message"]["content"])["age"] < 100, text

    def nonsense(self, chance):
        path = chance.choice(["/v1/chat/completions", "/v1/messages", "/v1/responses", "/v1/completions", "/tokenize"])
        self.ask(path, chance.choice(NONSENSE), [400, 413])
        self.ask(path, self.chat_of(chance), [415], kind="text/plain")

    def noise(self, chance):
        with socket.create_connection(("127.0.0.1", self.port), 60) as stranger:
            stranger.sendall(chance.choice([b"\0" * 100, b"GET\r\n\r\n", b"POST / HTTP/1.1\r\nContent-Length: -1\r\n\r\n", chance.randbytes(500)]))
            stranger.shutdown(socket.SHUT_WR)
            answer = b"".join(iter(lambda: stranger.recv(4096), b""))
        self.note("noise", int(answer[9:12]) if answer else 0, {0, 400, 413, 431, 501, 505})

    def leave(self, chance):
        connection, answer = self.send("/v1/chat/completions", self.chat_of(chance, 900, stream=True, ignore_eos=True), self.keys["plain"])
        self.note("leave", answer.status, {200, 429})
        answer.read1(chance.randint(1, 3000))
        connection.close()

    def leave_early(self, chance):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        body = json.dumps(self.chat_of(chance, 900, ignore_eos=True))
        connection.request("POST", "/v1/chat/completions", body, {"content-type": "application/json", "authorization": f"Bearer {self.keys['plain']}"})
        time.sleep(chance.random() / 10)
        connection.close()

    def tokens(self, chance):
        text = self.ask("/tokenize", {"prompt": " ".join(chance.choices(WORDS, k=30))}, [200])
        if text:
            self.ask("/detokenize", {"tokens": json.loads(text)["tokens"]}, [200])

    def too_late(self, chance):
        self.ask("/v1/chat/completions", self.chat_of(chance, 900, ignore_eos=True, deadline_ms=chance.randint(1, 30)), [200, 504])

    def limits(self, chance):
        self.ask("/v1/chat/completions", self.chat_of(chance), [200], key=self.keys[chance.choice(["one", "minute"])])
        self.ask("/v1/chat/completions", self.chat_of(chance), [], key=self.keys["spent"])
        self.ask("/v1/chat/completions", self.chat_of(chance), [401], key="pdk_of_somebody_else")
        self.ask("/v1/chat/completions", self.chat_of(chance), [403], key=self.admin)

    def client(self, seed):
        chance = random.Random(seed)
        kinds = {self.chat: 4, self.stream: 4, self.message: 2, self.response: 2, self.tool: 2, self.schema: 2, self.nonsense: 1,
                 self.noise: 1, self.leave: 2, self.leave_early: 1, self.tokens: 2, self.too_late: 1, self.limits: 1}  # fmt: skip
        while time.time() < self.end and not self.problems:
            kind = chance.choices(list(kinds), kinds.values())[0]
            try:
                kind(chance)
            except Exception as problem:  # whatever it is, it is a finding
                with self.lock:
                    self.problems.append(f"{kind.__name__}: {type(problem).__name__}: {problem}")

    def run(self):
        begin = time.time()
        self.end = begin + 60 * self.options.minutes
        clients = [threading.Thread(target=self.client, args=(seed,)) for seed in range(self.options.clients)]
        for client in clients:
            client.start()
        warm, most = None, 0
        while time.time() < self.end and not self.problems and self.process.poll() is None:
            time.sleep(min(5, max(0, self.end - time.time())))
            resident = self.resident_mib() if self.process.poll() is None else 0
            if warm is None and time.time() > begin + 12 * self.options.minutes:
                warm = resident
            most = max(most, resident)
            print(f"{time.time() - begin:6.0f} s  {sum(self.counts.values()):8} answers  {resident:8.1f} MiB", flush=True)
        for client in clients:
            client.join()
        if self.process.poll() is not None:
            self.problems.append(f"the server ended with status {self.process.returncode}")
            return
        time.sleep(1)
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        connection.request("GET", "/metrics", headers={"authorization": f"Bearer {self.admin}"})
        metrics = connection.getresponse().read().decode()
        connection.close()
        for gauge in ("paddock_requests_running", "paddock_requests_waiting"):
            if f'{gauge}{{model="soak"}} 0' not in metrics:
                self.problems.append(f"{gauge} is not 0 when nobody asks")
        for line in metrics.splitlines():
            if re.match(r'paddock_requests_total\{code="5', line) and 'code="504"' not in line:
                self.problems.append(line)
        last = self.resident_mib()
        print(f"memory: {warm or 0:.1f} MiB when warm, {most:.1f} at most, {last:.1f} at the end")
        if warm is not None and last - warm > self.options.growth:
            self.problems.append(f"memory grew by {last - warm:.1f} MiB after the first fifth of the time")
        self.process.send_signal(signal.SIGTERM)
        if status := self.process.wait(120):
            self.problems.append(f"SIGTERM: the server ended with status {status}:\n{self.log.read_text()[-3000:]}")
        verified = subprocess.run([str(self.options.program), "audit", "verify", str(self.folder / "audit")], capture_output=True, text=True)
        print((verified.stdout + verified.stderr).strip())
        if verified.returncode:
            self.problems.append("the audit trail does not hold")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--program", type=pathlib.Path, required=True)
    parser.add_argument("--model", type=pathlib.Path, default=PROJECT / "tests/data/text/tiny-scout")
    parser.add_argument("--minutes", type=float, default=20)
    parser.add_argument("--clients", type=int, default=8)
    parser.add_argument("--cache-bytes", type=int, default=4_000_000, help="small, so that requests lose their place now and then")
    parser.add_argument("--growth", type=float, default=16, help="MiB that it may grow by")
    parser.add_argument("--folder", type=pathlib.Path, help="for keys, audit trail and log; otherwise a temporary one")
    options = parser.parse_args()
    options.program = options.program.resolve()
    folder = options.folder or pathlib.Path(tempfile.mkdtemp(prefix="paddock-soak-"))
    folder.mkdir(parents=True, exist_ok=True)
    soak = Soak(options, folder)
    try:
        soak.run()
    finally:
        if soak.process.poll() is None:
            soak.process.kill()
    for what, count in sorted(soak.counts.items()):
        print(f"{count:8} {what}")
    for problem in soak.problems[:20]:
        print("FAILED:", problem)
    if not soak.problems and not options.folder:
        shutil.rmtree(folder)
    print("ok" if not soak.problems else f"what it left lies in {folder}")
    sys.exit(bool(soak.problems))


if __name__ == "__main__":
    main()
