#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Paddock's vision tower beside Hugging Face transformers' Llama4VisionModel: the same weights and tiles, in turn, one run.

    vision.py build-bench/bench/vision_bench [--folder FOLDER] [--tiles 1,5,17] [--rounds 5] [--layers 34] [--threads 2]

Makes a checkpoint of the released tower's shape with random bfloat16 weights (1.7 GB, kept in --folder) unless one is there. Then, for
each number of tiles: transformers in float32 and in bfloat16 (all tiles as one batch, scaled_dot_product_attention, oneDNN), Paddock as
float32 would compute and with activations rounded to bfloat16 (--at-once tiles together). Each round times all four once after a pass that is
not timed; the table has medians, least and most, the ratio to transformers with the same precision, what part of the machine's peak for its
data type the products reach, and the most memory that a process had resident, weights included. Before that, what either makes of one tile is compared.
torch and transformers are installed in a virtual environment (--venv, default below the user's cache folder) unless this Python has them.
"""

import argparse
import json
import os
import pathlib
import statistics
import subprocess
import sys
import venv

KINDS = (("float32", "exact"), ("bfloat16", "bf16"))  # of transformers and of Paddock: each beside the other


def use_torch(folder):
    """Starts this script again with a Python that has torch and transformers, unless this one has."""
    try:
        import torch  # noqa: F401
        import transformers  # noqa: F401
        return
    except ImportError:
        pass
    python = folder / "bin/python"
    if not python.exists():
        venv.create(folder, with_pip=True)
        subprocess.run([python, "-m", "pip", "-q", "install", "torch", "transformers", "safetensors"], check=True)
    os.execv(python, [str(python), *sys.argv])


def build(layers):
    """The released tower and projector without weights."""
    import torch
    from transformers import Llama4Config
    from transformers.models.llama4.modeling_llama4 import Llama4MultiModalProjector, Llama4VisionModel
    config = Llama4Config(
        vision_config={"hidden_act": "gelu", "hidden_size": 1408, "image_size": 336, "intermediate_size": 5632, "num_attention_heads": 16,
                       "num_channels": 3, "num_hidden_layers": layers, "patch_size": 14, "pixel_shuffle_ratio": 0.5, "norm_eps": 1e-5,
                       "projector_input_dim": 4096, "projector_output_dim": 4096, "vision_output_dim": 4096, "rope_theta": 10000},
        text_config={"hidden_size": 5120})

    class Tower(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.vision_model = Llama4VisionModel._from_config(config.vision_config, attn_implementation="sdpa")
            self.multi_modal_projector = Llama4MultiModalProjector(config)

        def forward(self, pixels):
            return self.multi_modal_projector(self.vision_model(pixels).last_hidden_state)

    return Tower().eval(), config


def make_checkpoint(folder, layers):
    import torch
    from safetensors.torch import save_file
    if (folder / "config.json").exists():
        return
    folder.mkdir(parents=True, exist_ok=True)
    torch.manual_seed(1)
    tower, config = build(layers)
    with torch.no_grad():
        for name, weight in tower.named_parameters():
            if weight.dim() == 2:  # the stream keeps its size from layer to layer
                weight.normal_(0, weight.shape[1] ** -0.5)
            elif not name.endswith("weight"):
                weight.normal_(0, 0.02)
    save_file({name: weight.to(torch.bfloat16).contiguous() for name, weight in tower.state_dict().items()}, folder / "model.safetensors")
    (folder / "config.json").write_text(json.dumps(
        {"model_type": "llama4", "text_config": {"hidden_size": 5120}, "vision_config": config.vision_config.to_dict()}, indent=1))


def worker(options):
    """One precision of transformers: a line with a number of tiles in, a line of JSON out; `compare FILE` compares a tile."""
    import time
    import numpy
    import torch
    from safetensors.torch import load_file
    torch.set_num_threads(options.threads)
    layers = json.loads((options.folder / "config.json").read_text())["vision_config"]["num_hidden_layers"]
    tower, _ = build(layers)
    tower.load_state_dict(load_file(options.folder / "model.safetensors"), strict=False)
    for weight in tower.parameters():  # not the table of rotations, which is complex
        weight.data = weight.data.to(getattr(torch, options.worker))
    # The pattern of vision_bench.
    index = numpy.arange(3 * 336 * 336, dtype=numpy.uint32)
    levels = ((index * numpy.uint32(2654435761)) >> numpy.uint32(24)).astype(numpy.float32)
    tile = torch.from_numpy(levels / 255 * 2 - 1).reshape(1, 3, 336, 336).to(getattr(torch, options.worker))
    print("ready", flush=True)
    with torch.inference_mode():
        for line in sys.stdin:
            if line.startswith("compare"):
                expected = tower(tile).float().numpy().reshape(-1)
                actual = numpy.fromfile(line.split(maxsplit=1)[1].strip(), dtype=numpy.float32)
                print(json.dumps(float(numpy.sqrt(((actual - expected) ** 2).mean() / (expected ** 2).mean()))), flush=True)
                continue
            pathlib.Path("/proc/self/clear_refs").write_text("5")  # the peak begins anew
            batch = tile.repeat(int(line), 1, 1, 1)
            start = time.perf_counter()
            tower(batch)
            seconds = time.perf_counter() - start
            peak = next(int(row.split()[1]) for row in open("/proc/self/status") if row.startswith("VmHWM")) * 1024
            print(json.dumps({"seconds": seconds, "peak_bytes": peak}), flush=True)


class Transformers:
    def __init__(self, kind, options):
        self.process = subprocess.Popen([sys.executable, __file__, "-", "--worker", kind, "--folder", options.folder, "--threads", str(options.threads)],
                                        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.process.stdout.readline()

    def ask(self, line):
        self.process.stdin.write(f"{line}\n")
        self.process.stdin.flush()
        return json.loads(self.process.stdout.readline())


def paddock(options, tiles, kind, rounds, embeddings="-"):
    ran = subprocess.run([options.program, options.folder, options.machine, str(options.threads), str(tiles), kind, str(rounds),
                          str(min(tiles, options.at_once)), embeddings], check=True, capture_output=True, text=True)
    return json.loads(ran.stdout)


def spread(seconds):
    return f"{statistics.median(seconds):.2f} ({min(seconds):.2f} to {max(seconds):.2f})"


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("program", type=pathlib.Path)
    parser.add_argument("--folder", type=pathlib.Path, default=pathlib.Path.home() / ".cache/paddock/random-vision")
    parser.add_argument("--tiles", default="1,5,17")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--layers", type=int, default=34)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--at-once", type=int, default=4, help="tiles that Paddock works on together: the program's default")
    parser.add_argument("--machine", default="auto")
    parser.add_argument("--kinds", default="float32,bfloat16")
    parser.add_argument("--venv", type=pathlib.Path, default=pathlib.Path.home() / ".cache/paddock/vision-venv")
    parser.add_argument("--worker", help=argparse.SUPPRESS)
    options = parser.parse_args()
    use_torch(options.venv)
    if options.worker:
        worker(options)
        return
    import torch
    import transformers
    make_checkpoint(options.folder, options.layers)
    kinds = [pair for pair in KINDS if pair[0] in options.kinds.split(",")]
    rivals = {kind: Transformers(kind, options) for kind, _ in kinds}

    embeddings = options.folder / "embeddings.f32"
    for kind, own in kinds:
        paddock(options, 1, own, 1, str(embeddings))
        for rival in rivals:
            print(f"one tile, Paddock {own} beside transformers {rival}: relative distance {rivals[rival].ask(f'compare {embeddings}'):.2e}")
    embeddings.unlink()

    print(f"\ntorch {torch.__version__}, transformers {transformers.__version__}, {options.threads} threads, medians of {options.rounds} rounds (least to most), seconds\n")
    print("| tiles | precision | transformers | paddock | ratio of medians | least ratio of a round | TFLOP/s | of the peak | peak memory: transformers, paddock, MB |")
    print("|---|---|---|---|---|---|---|---|---|")
    for tiles in map(int, options.tiles.split(",")):
        theirs = {kind: [] for kind, _ in kinds}
        ours = {kind: [] for kind, _ in kinds}
        for kind, _ in kinds:
            rivals[kind].ask(tiles)  # the first pass makes room
        for _ in range(options.rounds):
            for kind, own in kinds:
                theirs[kind].append(rivals[kind].ask(tiles))
                ours[kind].append(paddock(options, tiles, own, 1))
        for kind, own in kinds:
            slow, fast = [each["seconds"] for each in theirs[kind]], [each["seconds"][0] for each in ours[kind]]
            of_peak = [each["of_peak"] for each in ours[kind]]
            rate = statistics.median(each["gflop_s"] for each in ours[kind]) / 1e3
            memory = [max(each["peak_bytes"] for each in side[kind]) / 1e6 for side in (theirs, ours)]
            print(f"| {tiles} | {kind} | {spread(slow)} | {spread(fast)} | {statistics.median(slow) / statistics.median(fast):.2f} "
                  f"| {min(a / b for a, b in zip(slow, fast)):.2f} | {rate:.2f} | {100 * statistics.median(of_peak):.0f} % "
                  f"({100 * min(of_peak):.0f} to {100 * max(of_peak):.0f}) | {memory[0]:,.0f}, {memory[1]:,.0f} |", flush=True)
    for rival in rivals.values():
        rival.process.stdin.close()
        rival.process.wait()


if __name__ == "__main__":
    main()
