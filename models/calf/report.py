#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What README.md reports of Calf: answers to the fixed questions beside the teacher's, and how evenly experts were used.

    paddock serve calf=calf-q4_0.gguf smollm2=SmolLM2-135M-Instruct.Q4_1.gguf --listen 127.0.0.1:8642
    models/calf/report.py answers [--url http://127.0.0.1:8642] > answers.md
    models/calf/report.py experts FOLDER/run/log.jsonl
"""

import argparse
import json
import urllib.request
from pathlib import Path


def answer(url, model, question):
    request = {"model": model, "messages": [{"role": "user", "content": question}], "temperature": 0, "max_tokens": 160}
    call = urllib.request.Request(url + "/v1/chat/completions", json.dumps(request).encode(),
                                  {"Content-Type": "application/json"})
    with urllib.request.urlopen(call, timeout=3600) as reply:
        choice = json.load(reply)["choices"][0]
    text = choice["message"]["content"].strip().replace("\n", " <br> ").replace("|", "\\|")
    return text + (" …" if choice["finish_reason"] == "length" else "")


def answers(arguments):
    print("| question | Calf | SmolLM2-135M-Instruct |\n|---|---|---|")
    for question in (Path(__file__).parent / "questions.txt").read_text().splitlines():
        print(f"| {question} | {answer(arguments.url, 'calf', question)} | {answer(arguments.url, 'smollm2', question)} |")


def experts(arguments):
    steps = [line for line in map(json.loads, arguments.log.read_text().splitlines()) if line["event"] == "step"]
    for layer in steps[-1]["tokens_per_expert"]:
        counts = [sum(of) for of in zip(*(step["tokens_per_expert"][layer] for step in steps[-arguments.steps:]))]
        print(f"layer {layer}: " + " ".join(f"{100 * count / sum(counts):.1f}" for count in counts) + " %")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parts = parser.add_subparsers(required=True)
    of_answers = parts.add_parser("answers")
    of_answers.add_argument("--url", default="http://127.0.0.1:8642")
    of_answers.set_defaults(run=answers)
    of_experts = parts.add_parser("experts")
    of_experts.add_argument("log", type=Path)
    of_experts.add_argument("--steps", type=int, default=100)
    of_experts.set_defaults(run=experts)
    arguments = parser.parse_args()
    arguments.run(arguments)


if __name__ == "__main__":
    main()
