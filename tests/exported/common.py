# SPDX-License-Identifier: Apache-2.0
"""What the checks share: the program, the models, and lines of a table with what was measured and what is allowed."""

import json
import os
import pathlib
import subprocess
import sys

REFERENCE = pathlib.Path(os.environ["PADDOCK_REFERENCE"])
SCRATCH = pathlib.Path(os.environ["PADDOCK_SCRATCH"])
DENSE = pathlib.Path(os.environ["PADDOCK_DENSE"])
FAILED = []


def run(*arguments, text=None):
    ran = subprocess.run([str(each) for each in arguments], capture_output=True, text=True, input=text)
    if ran.returncode:
        sys.exit(f"{' '.join(map(str, arguments))}\n{ran.stdout}{ran.stderr}")
    return ran.stdout


def paddock(*arguments, text=None):
    return run(os.environ["PADDOCK"], *arguments, text=text)


def convert(model, out, *more):
    return json.loads(paddock("convert", model, out, "--json", "--quiet", "--force", *more))


def expect(what, measured, allowed):
    good = measured <= allowed
    print(f"{'ok  ' if good else 'FAIL'} {what}: {measured:.3g} (at most {allowed:.3g})", flush=True)
    if not good:
        FAILED.append(what)


def expect_equal(what, got, want):
    print(f"{'ok  ' if got == want else 'FAIL'} {what}", flush=True)
    if got != want:
        print(f"     found {str(got)[:200]}\n     expected {str(want)[:200]}")
        FAILED.append(what)


def left_out(what, why):
    print(f"FAIL {what}: left out, {why}")
    FAILED.append(what)


def finish():
    sys.exit(1 if FAILED else 0)


def text_models():
    """Small checkpoints of every kind."""
    names = ["training/micro", "training/micro-interleaved", "text/tiny-scout", "text/tiny-maverick", "text/tiny-llama"]
    return [REFERENCE / name for name in names if (REFERENCE / name).exists()]
