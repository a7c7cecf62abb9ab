#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Paddock's encoder against tiktoken, alternating in one run, one thread each, on the same text.

    tokenizer_vs_tiktoken.py build/bench/tokenizer_bench reference/tokenizer [--runs 31]

The folder holds tokenizer.json, tokenizer.model, vectors.json (for the pattern) and corpus.txt. Both must give the same ids
before any time is taken. Needs the Python package tiktoken. Prints medians with their spread (10th to 90th percentile).
"""

import argparse
import base64
import json
import os
import pathlib
import statistics
import subprocess
import time

import tiktoken


class Paddock:
    def __init__(self, program, tokenizer, text):
        self.process = subprocess.Popen([program, tokenizer, text], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.load_seconds = json.loads(self.process.stdout.readline())["load_seconds"]

    def encode(self, command="encode"):
        self.process.stdin.write(command + "\n")
        self.process.stdin.flush()
        return json.loads(self.process.stdout.readline())


def summary(seconds, size):
    deciles = statistics.quantiles(seconds, n=10)
    median = statistics.median(seconds)
    return (f"{median * 1e3:7.2f} ms  ({deciles[0] * 1e3:.2f} to {deciles[-1] * 1e3:.2f})  "
            f"{size / median / 1e6:6.2f} MB/s")


def main():
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("program")
    arguments.add_argument("folder", type=pathlib.Path)
    arguments.add_argument("--runs", type=int, default=31)
    arguments = arguments.parse_args()
    folder = arguments.folder

    corpus = (folder / "corpus.txt").read_bytes()
    text = corpus.decode()
    ranks = {base64.b64decode(token): int(rank)
             for token, rank in (line.split() for line in (folder / "tokenizer.model").read_bytes().splitlines())}
    pattern = json.loads((folder / "vectors.json").read_text())["tokenizer"]["pattern"]
    rival = tiktoken.Encoding("llama4", pat_str=pattern, mergeable_ranks=ranks, special_tokens={})

    print(f"load average {os.getloadavg()[0]:.2f}, {arguments.runs} alternating runs, {len(corpus)} bytes, "
          f"tiktoken {tiktoken.__version__}")
    for name in ("tokenizer.json", "tokenizer.model"):
        ours = Paddock(arguments.program, str(folder / name), str(folder / "corpus.txt"))
        assert ours.encode("ids")["ids"] == rival.encode_ordinary(text), "the ids differ"
        our_seconds, rival_seconds = [], []
        for _ in range(arguments.runs):
            our_seconds.append(ours.encode()["seconds"])
            start = time.perf_counter()
            rival.encode_ordinary(text)
            rival_seconds.append(time.perf_counter() - start)
        ratio = statistics.median(rival_seconds) / statistics.median(our_seconds)
        print(f"{name}: loaded in {ours.load_seconds:.3f} s")
        print(f"  paddock   {summary(our_seconds, len(corpus))}")
        print(f"  tiktoken  {summary(rival_seconds, len(corpus))}")
        print(f"  {ratio:.2f} times as fast")


if __name__ == "__main__":
    main()
