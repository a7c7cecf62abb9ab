#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What guessing gains: answers with and without --speculate, in turn, on texts that repeat and on texts that do not.

    bench/speculation.py --paddock build-release/paddock MODEL

The tokens have to be the same; a difference ends it. Ratios are of the times of whole answers after their first token.
"""
import argparse
import json
import statistics
import subprocess
import sys

TEXT = """The harbour lies at the mouth of the river. In the ninth century Norsemen founded a settlement there, which they \
called the fjord of the mud flats. Its narrow streets still follow the old shore. Every October an opera festival brings \
visitors from all over the world to a town of twenty thousand people, and the fishing boats along the quay are hung with \
lanterns."""
CODE = """def area(shape):
    if shape.kind == "circle":
        return 3.14159 * shape.radius * shape.radius
    if shape.kind == "square":
        return shape.side * shape.side
    return 0"""
PROMPTS = {
    "repeat a text": "Repeat the following text word for word:\n\n" + TEXT,
    "edit a text": "Replace the word October by June in the following text and print all of it:\n\n" + TEXT,
    "edit code": "Rename the function area to surface and print the whole program again:\n\n" + CODE,
    "summarise": "Summarise the following text in two sentences:\n\n" + TEXT,
    "a list": "Write a table of twenty countries with their capitals, one on each line.",
    "a story": "Tell a story about a lighthouse keeper who finds a letter.",
    "an explanation": "Why is the sky blue?",
}


def run(options, prompt, temperature, most):
    ran = subprocess.run(
        [options.paddock, "run", options.model, "--chat", "--prompt", prompt, "--max-tokens", str(options.tokens), "--json",
         "--quiet", "--temperature", str(temperature), "--seed", "1", "--speculate", str(most)],
        capture_output=True, text=True)
    if ran.returncode != 0:
        sys.exit(ran.stderr)
    return json.loads(ran.stdout)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--paddock", default="build-release/paddock")
    parser.add_argument("--tokens", type=int, default=200, help="of an answer at most")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--speculate", type=int, default=8)
    parser.add_argument("model")
    options = parser.parse_args()
    print("| prompt | temperature | tokens | steps | guessed | accepted | times as fast, median (least to most) |")
    print("|---|---|---|---|---|---|---|")
    for name, prompt in PROMPTS.items():
        for temperature in (0, 0.7):
            ratios = []
            for _ in range(options.rounds):
                plain, guessing = (run(options, prompt, temperature, most) for most in (0, options.speculate))
                if plain["tokens"] != guessing["tokens"]:
                    sys.exit(f"{name}: other tokens with --speculate")
                ratios.append(plain["decode_seconds"] / guessing["decode_seconds"])
            print(f"| {name} | {temperature} | {len(plain['tokens'])} | {guessing['steps']} | {guessing['drafted_tokens']} "
                  f"| {guessing['accepted_tokens']} | {statistics.median(ratios):.2f} ({min(ratios):.2f} to {max(ratios):.2f}) |",
                  flush=True)


if __name__ == "__main__":
    main()
