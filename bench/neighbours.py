#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Answers beside other programs: tokens/s alone, with one core kept busy, and with more busy programs than cores.

    bench/neighbours.py --paddock build-release/paddock MODEL...

Conditions are measured in turn, round after round, so that what others do on the machine meets all of them alike.
"""
import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile


def tokens_per_second(options, model, ids):
    ran = subprocess.run(
        [options.paddock, "run", model, "--tokens", ids, "--max-tokens", str(options.tokens), "--ignore-eos", "--json",
         "--quiet", "--threads", str(options.threads)], capture_output=True, text=True)
    if ran.returncode != 0:
        sys.exit(ran.stderr)
    return json.loads(ran.stdout)["decode_tokens_per_second"]


def beside(neighbours, measure):
    # One that computes and never waits, as a shell can be anywhere.
    busy = [subprocess.Popen(["sh", "-c", "while :; do :; done"]) for _ in range(neighbours)]
    try:
        return measure()
    finally:
        for process in busy:
            process.kill()
            process.wait()


def fair_part(neighbours, threads):
    """Of what the program has alone: every thread on the machine as long on a core as any other."""
    cores = len(os.sched_getaffinity(0))
    if threads + neighbours <= cores:
        return 1.0
    return cores / (threads + neighbours) * threads / min(threads, cores)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--paddock", default="build-release/paddock")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--tokens", type=int, default=64, help="of an answer")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--neighbours", default="0,1,4", help="busy programs, the first is what others are held to")
    parser.add_argument("models", nargs="+")
    options = parser.parse_args()
    conditions = [int(count) for count in options.neighbours.split(",")]
    with tempfile.NamedTemporaryFile("w", suffix=".json") as ids:
        json.dump(list(range(100, 116)), ids)
        ids.flush()
        print("| model | busy programs | tokens/s, median (least to most) | of the first | a fair share |")
        print("|---|---|---|---|---|")
        for model in options.models:
            tokens_per_second(options, model, ids.name)  # reads the file
            speeds = {count: [] for count in conditions}
            for _ in range(options.rounds):
                for count in conditions:
                    speeds[count].append(beside(count, lambda: tokens_per_second(options, model, ids.name)))
            alone = statistics.median(speeds[conditions[0]])
            for count in conditions:
                median = statistics.median(speeds[count])
                print(f"| {os.path.basename(model)} | {count} | {median:.1f} ({min(speeds[count]):.1f} to "
                      f"{max(speeds[count]):.1f}) | {100 * median / alone:.0f} % | "
                      f"{100 * fair_part(count, options.threads):.0f} % |", flush=True)


if __name__ == "__main__":
    main()
