#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A step of training beside PyTorch, in one run: forward, backward, clipping, AdamW, on the same shape, batch and threads.

    bench/training.py TRAINING_BENCH [--rounds 3] [--steps 3] [--threads 2] [--stock] [--rows 8] [--length 512]
                      [--float32]

TRAINING_BENCH is the program built from bench/training_bench.cc. PyTorch's side is written as well as we know how: tokens
are grouped by expert, attention is fused and local layers compute their chunks alone, AdamW is fused. --stock adds
Hugging Face's own module, whose experts compute every token. Each rival is a process of its own, so that memory can be
told. Needs torch, and with --stock transformers.
"""

import argparse
import json
import os
import resource
import statistics
import subprocess
import sys
import time
from pathlib import Path

CONFIG = Path(__file__).resolve().parent / "training_config.json"


def torch_step(arguments):
    """The steps of one rival of PyTorch's; prints JSON."""
    import torch
    import torch.nn.functional as F

    torch.set_num_threads(arguments.threads)
    torch.manual_seed(1)
    config = json.loads(CONFIG.read_text())
    width, heads, kv_heads, head = (config[key] for key in
                                    ("hidden_size", "num_attention_heads", "num_key_value_heads", "head_dim"))
    experts, inner, chunk = config["num_local_experts"], config["intermediate_size"], config["attention_chunk_size"]
    rows, length = arguments.rows, arguments.length

    def matrix(*shape):
        return torch.nn.Parameter(torch.randn(*shape) * 0.02)

    class Layer(torch.nn.Module):
        def __init__(self, local):
            super().__init__()
            self.local = local
            self.norm1, self.norm2 = torch.nn.Parameter(torch.ones(width)), torch.nn.Parameter(torch.ones(width))
            self.qkv, self.o = matrix((heads + 2 * kv_heads) * head, width), matrix(width, heads * head)
            self.router = matrix(experts, width)
            self.shared_gate_up, self.shared_down = matrix(2 * inner, width), matrix(width, inner)
            self.gate_up, self.down = matrix(experts, width, 2 * inner), matrix(experts, inner, width)

        def attention(self, x, rotation):
            q, k, v = F.linear(x, self.qkv).split([heads * head, kv_heads * head, kv_heads * head], -1)
            q, k, v = (part.view(rows, length, -1, head) for part in (q, k, v))
            if self.local:
                q, k = turn(q, rotation), turn(k, rotation)
                q, k = F.rms_norm(q, (head,), eps=1e-5), F.rms_norm(k, (head,), eps=1e-5)
                if length > chunk:
                    q, k, v = (part.reshape(-1, chunk, part.shape[2], head) for part in (q, k, v))
            # Temperature is 1 below 8192 positions.
            out = F.scaled_dot_product_attention(q.transpose(1, 2), k.transpose(1, 2), v.transpose(1, 2), is_causal=True,
                                                 enable_gqa=True)
            return F.linear(out.transpose(1, 2).reshape(rows, length, heads * head), self.o)

        def feed_forward(self, x):
            x = x.reshape(-1, width)
            gate, up = F.linear(x, self.shared_gate_up).chunk(2, -1)
            shared = F.linear(F.silu(gate) * up, self.shared_down)
            scores = F.linear(x, self.router)
            best, chosen = scores.max(-1)
            order = chosen.argsort(stable=True)
            counts = torch.bincount(chosen, minlength=experts).tolist()
            routed = (x * torch.sigmoid(best)[:, None])[order]
            parts = []
            for expert, part in enumerate(routed.split(counts)):
                gate, up = (part @ self.gate_up[expert]).chunk(2, -1)
                parts.append((F.silu(gate) * up) @ self.down[expert])
            return shared.index_add(0, order, torch.cat(parts).to(shared.dtype))

        def forward(self, x, rotation):
            x = x + self.attention(F.rms_norm(x, (width,), self.norm1, 1e-5), rotation)
            return x + self.feed_forward(F.rms_norm(x, (width,), self.norm2, 1e-5)).view_as(x)

    def turn(x, rotation):
        cosine, sine = rotation
        a, b = x[..., 0::2], x[..., 1::2]
        return torch.stack((a * cosine - b * sine, a * sine + b * cosine), -1).flatten(-2)

    class Model(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.embedding, self.head = matrix(config["vocab_size"], width), matrix(config["vocab_size"], width)
            self.layers = torch.nn.ModuleList(Layer(bool(local)) for local in config["no_rope_layers"])
            self.norm = torch.nn.Parameter(torch.ones(width))
            angles = torch.arange(length)[:, None] * (config["rope_theta"] ** (-torch.arange(0, head, 2) / head))[None]
            self.rotation = (angles.cos()[None, :, None], angles.sin()[None, :, None])

        def forward(self, tokens, targets):
            x = F.embedding(tokens, self.embedding)
            for layer in self.layers:
                x = layer(x, self.rotation)
            logits = F.linear(F.rms_norm(x, (width,), self.norm, 1e-5), self.head)
            return F.cross_entropy(logits.flatten(0, 1).float(), targets.flatten())

    tokens = torch.randint(config["vocab_size"], (rows, length))
    targets = tokens.roll(-1, 1)
    if arguments.rival == "stock":
        from transformers import Llama4ForCausalLM, Llama4TextConfig
        text = {key: value for key, value in config.items() if key not in ("architectures", "model_type", "dtype")}
        model = Llama4ForCausalLM(Llama4TextConfig(**text, attn_implementation="sdpa"))
        loss_of = lambda: model(input_ids=tokens, labels=tokens).loss
    else:
        model = Model()
        loss_of = lambda: model(tokens, targets)
    optimiser = torch.optim.AdamW(model.parameters(), lr=1e-3, betas=(0.9, 0.95), weight_decay=0.1, fused=True)
    seconds, losses = [], []
    for step in range(arguments.steps + 1):
        start = time.perf_counter()
        optimiser.zero_grad(set_to_none=True)
        with torch.autocast("cpu", torch.bfloat16, enabled=arguments.rival == "bf16"):
            loss = loss_of()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimiser.step()
        if step > 0:
            seconds.append(time.perf_counter() - start)
        losses.append(loss.item())
    print(json.dumps({"seconds": seconds, "losses": losses,
                      "peak_memory_mib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024}))


def run(command):
    ended = subprocess.run(command, capture_output=True, text=True)
    if ended.returncode != 0:
        sys.exit(f"{command[0]}: ended with {ended.returncode}\n{ended.stderr[-2000:]}")
    return json.loads(ended.stdout.strip().splitlines()[-1])


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("program", nargs="?")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--steps", type=int, default=3)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--rows", type=int, default=8)
    parser.add_argument("--length", type=int, default=512)
    parser.add_argument("--stock", action="store_true", help="Hugging Face's own module too")
    parser.add_argument("--float32", action="store_true",
                        help="float32 alone: where a processor has no arithmetic for bfloat16, PyTorch's takes minutes a step")
    parser.add_argument("--rival", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.rival:
        return torch_step(arguments)
    same = ["--threads", str(arguments.threads), "--steps", str(arguments.steps), "--rows", str(arguments.rows),
            "--length", str(arguments.length)]
    ours = [arguments.program, str(CONFIG), *same]
    theirs = [sys.executable, __file__, *same, "--rival"]
    rivals = {"paddock float32": ours, "PyTorch float32, grouped": [*theirs, "float32"],
              "paddock bfloat16": [*ours, "--rounded"], "PyTorch bfloat16, grouped": [*theirs, "bf16"]}
    if arguments.float32:
        rivals = {name: command for name, command in rivals.items() if "bfloat16" not in name}
    if arguments.stock:
        rivals["Hugging Face's module, float32"] = [*theirs, "stock"]
    found = {name: [] for name in rivals}
    for round_ in range(arguments.rounds):
        for name, command in rivals.items():
            found[name].append(run(command))
            print(f"round {round_ + 1}: {name} done; load {os.getloadavg()[0]:.1f}", file=sys.stderr)
    tokens = arguments.rows * arguments.length
    print("| trainer | seconds a step, median (least to most) | tokens/s | GFLOP/s | peak memory, MiB | first and last loss |")
    print("|---|---|---|---|---|---|")
    gflop = found["paddock float32"][0]["gflop_a_step"]
    for name, results in found.items():
        all_seconds = []
        for result in results:
            seconds = result["seconds"]
            all_seconds += [seconds["best"], seconds["median"], seconds["worst"]] if isinstance(seconds, dict) else seconds
        median = statistics.median(all_seconds)
        memory = max(result["peak_memory_mib"] for result in results)
        print(f"| {name} | {median:.2f} ({min(all_seconds):.2f} to {max(all_seconds):.2f}) | {tokens / median:.0f} | "
              f"{gflop / median:.0f} | {memory:.0f} | {results[0]['losses'][0]:.3f}, {results[0]['losses'][-1]:.3f} |")
    peaks = [result["peak_f32_gflop_s"] for result in found["paddock float32"]]
    tiles = [result["peak_bf16_gflop_s"] for result in found["paddock float32"]]
    print(f"\nThe machine's peak in the same run: float32 {min(peaks):.0f} to {max(peaks):.0f}, bfloat16 {min(tiles):.0f} to "
          f"{max(tiles):.0f} GFLOP/s; {gflop:.0f} GFLOP a step.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
