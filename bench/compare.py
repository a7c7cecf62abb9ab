#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Paddock beside llama.cpp: the same files, the same threads, in turn, one run.

    compare.py --paddock build-release/paddock --llama-bench llama-bench MODEL.gguf ... [--rounds 5] [--json FILE]
    compare.py ... --llama-completion llama-completion --first-token MODEL.gguf     start to first token, and memory

Every round runs both engines, each as a new process that warms up first; who begins alternates. Printed are medians with
their spread (least to most), the ratio of the medians with the spread of the rounds' own ratios, and which part of this
machine's limit (see `paddock bench --help`) each engine reached. The rival gets good flags, and of --variants those that
are best for each figure, measured once before the rounds. "Others" is how many processors were busy with other processes
meanwhile: above 0.3 only the ratio means something, and engines that spin at barriers lose more than their share.
Flags that begin with a dash need an equals sign: --variants="-lm mmap;-lm none".
"""

import argparse
import json
import os
import pathlib
import shlex
import shutil
import signal
import statistics
import subprocess
import sys
import threading
import time

FIGURES = ("prefill", "decode")
PROMPT = "The capital of France is"


class Problem(Exception):
    """One sentence: which thing, and what to do."""


def program(name, option, hint):
    found = shutil.which(name)
    if not found:
        raise Problem(f"{name}: expected a program, found none that can be executed; {hint}, and give its path with {option}")
    return found


def processor():
    for line in pathlib.Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.split(":", 1)[1].strip()
    return "unknown processor"


def busy_seconds():
    """Processor seconds that all processes together have used (user, nice, system, irq, softirq, steal)."""
    fields = [int(field) for field in pathlib.Path("/proc/stat").read_text().split("\n", 1)[0].split()[1:]]
    return sum(fields[index] for index in (0, 1, 2, 5, 6, 7)) / os.sysconf("SC_CLK_TCK")


class Process:
    """A finished child: its output, its peak memory, and how busy others kept the machine meanwhile."""

    def __init__(self, command, until_first_byte=False):
        busy, start = busy_seconds(), time.perf_counter()
        # Standard error goes to a pipe that a thread empties: a full one would stop the child.
        child = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        errors, anonymous, done = [], [0], threading.Event()
        readers = [threading.Thread(target=lambda: errors.append(child.stderr.read()))]
        if until_first_byte:  # only then, because looking takes time from the child
            readers.append(threading.Thread(target=self._watch_anonymous, args=(child.pid, anonymous, done)))
        for reader in readers:
            reader.start()
        first = child.stdout.read(1)
        self.first_byte_seconds = time.perf_counter() - start if first else None
        self.output = (first + child.stdout.read()).decode(errors="replace")
        _, status, usage = os.wait4(child.pid, 0)
        child.returncode = os.waitstatus_to_exitcode(status)
        wall = time.perf_counter() - start
        done.set()
        for reader in readers:
            reader.join()
        self.others = max(0.0, (busy_seconds() - busy - usage.ru_utime - usage.ru_stime) / wall)
        self.peak_bytes, self.anonymous_bytes = usage.ru_maxrss * 1024, anonymous[0]
        if child.returncode != 0 or (until_first_byte and not first):
            lines = (b"".join(errors).decode(errors="replace") + self.output).strip().splitlines()
            wrong = f"exit status {child.returncode}" if child.returncode > 0 else "no output"
            if child.returncode < 0:
                wrong = f"killed by {signal.Signals(-child.returncode).name}"
            raise Problem(f"{command[0]} failed ({wrong}): {lines[-1] if lines else 'it said nothing'}; "
                          f"run it by itself: {shlex.join(command)}")

    @staticmethod
    def _watch_anonymous(pid, most, done):
        while not done.wait(0.005):
            try:
                status = pathlib.Path(f"/proc/{pid}/status").read_text()
            except OSError:
                return
            for line in status.splitlines():
                if line.startswith("RssAnon:"):
                    most[0] = max(most[0], int(line.split()[1]) * 1024)


def parsed(process, command, lines):
    try:
        return [json.loads(line) for line in process.output.splitlines() if line.startswith("{")] if lines \
            else json.loads(process.output)
    except json.JSONDecodeError as problem:
        raise Problem(f"{command[0]}: expected JSON, found something else ({problem}); "
                      f"is it the right program? Run it by itself: {shlex.join(command)}") from None


class Paddock:
    name = "paddock"

    def __init__(self, options):
        self.options = options
        self.program = program(options.paddock, "--paddock", "build it with ./run")
        self.machine = None

    def command(self, model):
        options = self.options
        return [self.program, "bench", str(model), "--json", "--quiet", "--runs", "1", "--threads", str(options.threads),
                "--prefill", str(options.prefill), "--decode", str(options.decode), "--depth", str(options.depth),
                *(["--machine", options.machine] if options.machine else []), *shlex.split(options.paddock_flags)]

    def commands(self, model):
        return [self.command(model)]

    def measure(self, model):
        command = self.command(model)
        process = Process(command)
        report = parsed(process, command, lines=False)
        self.machine = report["machine"]
        figures = {run["phase"]: {"tokens_per_s": run["tokens_per_s"], "fraction_of_limit": run["fraction_of_limit"],
                                  "others": process.others} for run in report["runs"]}
        return figures, {"path": report["path"], "limits": report["limits"]}


class LlamaCpp:
    name = "llama.cpp"

    def __init__(self, options):
        self.options = options
        self.program = program(options.llama_bench, "--llama-bench", "build llama.cpp's target llama-bench")
        self.best = {}  # figure to flags, for the present model

    def command(self, model, flags, figures):
        options = self.options
        return [self.program, "-m", str(model), "-t", str(options.threads), "-r", "1", "-o", "jsonl",
                "-p", str(options.prefill if "prefill" in figures else 0),
                "-n", str(options.decode if "decode" in figures else 0), "-d", str(options.depth),
                *shlex.split(options.llama_flags), *shlex.split(flags)]

    def commands(self, model):
        return [self.command(model, flags, figures) for flags, figures in self._figures_by_flags().items()]

    def _figures_by_flags(self):
        together = {}
        for figure, flags in self.best.items():
            together.setdefault(flags, []).append(figure)
        return together

    def _run(self, model, flags, figures):
        command = self.command(model, flags, figures)
        process = Process(command)
        found = {}
        for line in parsed(process, command, lines=True):
            figure = "prefill" if line["n_prompt"] > 0 else "decode"
            found[figure] = {"tokens_per_s": line["avg_ts"], "others": process.others, "flags": flags}
        if set(found) != set(figures):
            raise Problem(f"{self.program}: expected a line for {' and '.join(figures)}, found {len(found)}; "
                          f"run it by itself: {shlex.join(command)}")
        return found

    def choose(self, model, figures):
        """Keeps the fastest of the variants for each figure and tells what each reached."""
        variants = [flags.strip() for flags in self.options.variants.split(";")]
        self.best = {figure: variants[0] for figure in figures}
        if len(variants) == 1:
            return {}
        tried = {flags: self._run(model, flags, figures) for flags in variants}
        for figure in figures:
            self.best[figure] = max(variants, key=lambda flags: tried[flags][figure]["tokens_per_s"])
        return {flags: {figure: run["tokens_per_s"] for figure, run in found.items()} for flags, found in tried.items()}

    def measure(self, model):
        figures = {}
        for flags, wanted in self._figures_by_flags().items():
            figures.update(self._run(model, flags, wanted))
        return figures, {}


def spread(values, digits=1):
    return f"{statistics.median(values):.{digits}f} ({min(values):.{digits}f} to {max(values):.{digits}f})"


def percent(fraction):
    return "unknown" if fraction is None else f"{100 * fraction:.0f} %"


def note(text):
    print(text, file=sys.stderr, flush=True)


def alternate(rounds, engines, measure):
    """Calls measure(engine) for both in every round; who begins changes."""
    for index in range(rounds):
        for engine in engines if index % 2 == 0 else reversed(engines):
            measure(engine)


def compare_speed(options, model, ours, theirs):
    figures = [figure for figure in FIGURES if getattr(options, figure) > 0]
    load = os.getloadavg()[0]
    variants = theirs.choose(model, figures)
    for flags, found in variants.items():
        note(f"  llama.cpp with {flags or 'no further flags'}: " + ", ".join(f"{k} {v:.1f}" for k, v in found.items()))
    rounds = {ours.name: [], theirs.name: []}
    about = {}

    def measure(engine):
        found, more = engine.measure(model)
        rounds[engine.name].append(found)
        about.update(more)
        note(f"  {engine.name}: " + ", ".join(f"{figure} {found[figure]['tokens_per_s']:.1f}" for figure in figures))

    alternate(options.rounds, (ours, theirs), measure)
    rows = []
    for figure in figures:
        our_speeds, their_speeds = ([found[figure]["tokens_per_s"] for found in rounds[name]] for name in rounds)
        ratio = statistics.median(our_speeds) / statistics.median(their_speeds)
        ratios = [mine / other for mine, other in zip(our_speeds, their_speeds)]
        fractions = [found[figure]["fraction_of_limit"] for found in rounds[ours.name]]
        fraction = None if None in fractions else statistics.median(fractions)
        rows.append({
            "file": model.name, "bytes": model.stat().st_size, "figure": figure, "tokens": getattr(options, figure),
            "depth": options.depth, "paddock": our_speeds, "llama.cpp": their_speeds, "llama.cpp_flags": theirs.best[figure],
            "ratio": ratio, "ratio_min": min(ratios), "ratio_max": max(ratios), "paddock_fraction_of_limit": fraction,
            "llama.cpp_fraction_of_limit": None if fraction is None else fraction / ratio,
            "others": statistics.mean(found[figure]["others"] for name in rounds for found in rounds[name]), "load": load})
    return rows, {"file": model.name, **about, "llama.cpp_variants": variants,
                  "commands": [shlex.join(command) for engine in (ours, theirs) for command in engine.commands(model)]}


def speed_line(row):
    return (f"| {row['file']} | {row['figure']} {row['tokens']}{' at ' + str(row['depth']) if row['depth'] else ''} "
            f"| {spread(row['paddock'])} | {spread(row['llama.cpp'])} "
            f"| {row['ratio']:.2f} ({row['ratio_min']:.2f} to {row['ratio_max']:.2f}) "
            f"| {percent(row['paddock_fraction_of_limit'])} | {percent(row['llama.cpp_fraction_of_limit'])} "
            f"| {row['others']:.1f} | {row['load']:.2f} |")


SPEED_HEAD = """\
| file | tokens | paddock tokens/s | llama.cpp tokens/s | paddock / llama.cpp | paddock of limit | llama.cpp of that limit | others | load before |
|---|---|---|---|---|---|---|---|---|"""


def evict(model):
    """Drops the file from the page cache, as far as nobody else has it mapped."""
    with open(model, "rb") as file:
        os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)


def read_through(model):
    with open(model, "rb", buffering=0) as file:
        while file.read(1 << 24):
            pass


def compare_first_token(options, model):
    """From the start of a process to its first byte on standard output, cached and evicted; peak memory."""
    prompt = ["--threads", str(options.threads)]
    commands = {
        "paddock": [program(options.paddock, "--paddock", "build it with ./run"), "run", str(model), "--prompt", PROMPT,
                    "--max-tokens", "8", "--ignore-eos", "--show-special", "--quiet", *prompt,
                    *(["--machine", options.machine] if options.machine else [])],
        "llama.cpp": [program(options.llama_completion, "--llama-completion", "build llama.cpp's target llama-completion"),
                      "-m", str(model), "-p", PROMPT, "-n", "8", "-c", "512", "--ignore-eos", "--special", "--no-display-prompt",
                      "-no-cnv", "--temp", "0", *prompt, *shlex.split(options.completion_flags)]}
    rows, load = [], os.getloadavg()[0]
    for state, prepare in (("cached", read_through), ("evicted", evict)):
        runs = {name: [] for name in commands}

        def measure(name):
            prepare(model)
            process = Process(commands[name], until_first_byte=True)
            runs[name].append(process)
            note(f"  {name}, {state}: {process.first_byte_seconds:.2f} s")

        alternate(options.rounds, list(commands), measure)
        for name, found in runs.items():
            rows.append({"file": model.name, "engine": name, "state": state, "load": load,
                         "seconds": [run.first_byte_seconds for run in found],
                         "peak_bytes": max(run.peak_bytes for run in found),
                         "anonymous_bytes": max(run.anonymous_bytes for run in found),
                         "others": statistics.mean(run.others for run in found)})
    return rows, {"file": model.name, "commands": [shlex.join(command) for command in commands.values()]}


def first_token_line(row):
    return (f"| {row['file']} | {row['engine']} | {row['state']} | {spread(row['seconds'], 2)} | {row['peak_bytes'] / 1e9:.2f} GB "
            f"| {row['anonymous_bytes'] / 1e9:.2f} GB | {row['others']:.1f} | {row['load']:.2f} |")


FIRST_TOKEN_HEAD = """\
| file | engine | page cache | seconds to first byte | peak memory | of it anonymous | others | load before |
|---|---|---|---|---|---|---|---|"""


def parse_options():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    number = {"type": int, "metavar": "INT"}
    parser.add_argument("models", nargs="+", type=pathlib.Path, metavar="MODEL.gguf")
    parser.add_argument("--paddock", default="paddock", metavar="PATH", help="default: paddock in PATH")
    parser.add_argument("--llama-bench", default="llama-bench", metavar="PATH", help="default: llama-bench in PATH")
    parser.add_argument("--rounds", default=5, **number, help="runs of each engine (default: 5)")
    parser.add_argument("--threads", default=len(os.sched_getaffinity(0)), **number,
                        help="of both engines (default: one for each processor)")
    parser.add_argument("--prefill", default=512, **number, help="tokens of the prompt, 0: none (default: 512)")
    parser.add_argument("--decode", default=64, **number, help="tokens of the answer, 0: none (default: 64)")
    parser.add_argument("--depth", default=0, **number, help="tokens cached before, llama-bench's -d (default: 0)")
    parser.add_argument("--machine", help="paddock's --machine, for example avx2")
    parser.add_argument("--paddock-flags", default="", metavar="FLAGS", help="more flags of paddock bench")
    parser.add_argument("--llama-flags", default="-fa 1 -ub 2048", metavar="FLAGS",
                        help="flags of llama-bench (default: -fa 1 -ub 2048)")
    parser.add_argument("--variants", default="", metavar="FLAGS;FLAGS",
                        help="sets of more flags to choose from for each figure, for example '-lm mmap;-lm none;--repack 0'")
    parser.add_argument("--first-token", action="store_true", help="start to first token and memory instead of tokens/s")
    parser.add_argument("--llama-completion", default="llama-completion", metavar="PATH",
                        help="for --first-token (default: llama-completion in PATH)")
    parser.add_argument("--completion-flags", default="-fa on --no-warmup", metavar="FLAGS", help="its flags (default: -fa on --no-warmup)")
    parser.add_argument("--json", type=pathlib.Path, metavar="FILE", help="also write every measured value")
    options = parser.parse_args()
    if min(options.rounds, options.threads) < 1:
        parser.error("--rounds and --threads: expected 1 or more")
    if min(options.prefill, options.decode, options.depth) < 0 or options.prefill + options.decode == 0:
        parser.error("--prefill, --decode and --depth: expected 0 or more, and one of the first two above 0")
    return options


def compare(options):
    for model in options.models:
        if not model.is_file():
            raise Problem(f"{model}: expected a GGUF file, found none; check the path")
    if options.first_token:
        measure, line, head = lambda model: compare_first_token(options, model), first_token_line, FIRST_TOKEN_HEAD
    else:
        ours, theirs = Paddock(options), LlamaCpp(options)
        measure, line, head = lambda model: compare_speed(options, model, ours, theirs), speed_line, SPEED_HEAD
    report = {"processor": processor(), "threads": options.threads, "rounds": options.rounds, "load": os.getloadavg()[0],
              "time": time.strftime("%Y-%m-%dT%H:%M:%S%z"), "rows": [], "files": []}
    print(f"{report['processor']}, {options.threads} threads, {options.rounds} alternating rounds, "
          f"load average {report['load']:.2f} before\n", flush=True)

    def write_report():
        if options.json:
            options.json.write_text(json.dumps(report, indent=1) + "\n")

    write_report()  # now, to fail early, and after every file, so that an interruption keeps what was measured
    for model in options.models:
        note(model.name)
        rows, about = measure(model)
        if not report["files"]:
            print(head)
        print("\n".join(line(row) for row in rows), flush=True)
        report["rows"] += rows
        report["files"].append(about)
        write_report()
    print("\nCommands of a round:\n")
    for about in report["files"]:
        print("\n".join(f"    {command}" for command in about["commands"]))


def main():
    try:
        compare(parse_options())
    except Problem as problem:
        sys.exit(f"compare.py: {problem}")
    except OSError as problem:
        sys.exit(f"compare.py: {problem.filename or 'a file'}: {problem.strerror}; check that it exists and may be used")
    except KeyboardInterrupt:
        sys.exit("compare.py: stopped")


if __name__ == "__main__":
    main()
