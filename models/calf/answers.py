#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Has a served teacher answer questions: conversations for `paddock distil record --messages`.

    paddock serve teacher=SmolLM2-135M-Instruct.Q4_1.gguf --listen 127.0.0.1:8642
    models/calf/answers.py prompts.jsonl answers.jsonl [--url http://127.0.0.1:8642] [--streams 16]

Each question has a seed of its own, its number. Answers that do not end within --max-tokens are left out: Calf is to learn
to end. Interrupted, the same command goes on: answers.jsonl says what was asked.
"""

import argparse
import json
import os
import threading
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path


def answer(url, prompt, seed, arguments):
    request = {"model": "teacher", "messages": [{"role": "user", "content": prompt}], "seed": seed,
               "temperature": arguments.temperature, "top_p": arguments.top_p, "max_tokens": arguments.max_tokens}
    call = urllib.request.Request(url + "/v1/chat/completions", json.dumps(request).encode(),
                                  {"Content-Type": "application/json"})
    with urllib.request.urlopen(call, timeout=3600) as reply:
        choice = json.load(reply)["choices"][0]
    return choice["message"]["content"].strip(), choice["finish_reason"] == "stop"


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("prompts", type=Path)
    parser.add_argument("answers", type=Path)
    parser.add_argument("--url", default="http://127.0.0.1:8642")
    parser.add_argument("--streams", type=int, default=16)
    parser.add_argument("--max-tokens", type=int, default=200)
    parser.add_argument("--temperature", type=float, default=0.7)
    parser.add_argument("--top-p", type=float, default=0.95)
    arguments = parser.parse_args()

    done = set()
    if arguments.answers.exists():
        done = {json.loads(line)["number"] for line in arguments.answers.read_text().splitlines()}
    out, one_at_a_time = arguments.answers.open("a"), threading.Lock()

    def ask(number, prompt):
        text, ended = answer(arguments.url, prompt, number, arguments)
        line = {"number": number}
        if ended and text:
            line["messages"] = [{"role": "user", "content": prompt}, {"role": "assistant", "content": text}]
        with one_at_a_time:
            out.write(json.dumps(line) + "\n")
            out.flush()
            os.fsync(out.fileno())

    with ThreadPoolExecutor(arguments.streams) as pool:
        waiting = [pool.submit(ask, number, json.loads(line)["prompt"])
                   for number, line in enumerate(arguments.prompts.read_text().splitlines()) if number not in done]
        for one in waiting:
            one.result()


if __name__ == "__main__":
    main()
