# SPDX-License-Identifier: Apache-2.0
"""Adapters that peft writes are merged to the logits that peft computes, and those that we write are loaded by it."""

import os

import torch
from common import REFERENCE, SCRATCH, convert, expect, finish, run
from peft import LoraConfig, PeftModel, get_peft_model
from transformers import AutoModelForCausalLM

ATTENTION = ["q_proj", "k_proj", "v_proj", "o_proj"]
MLP = ["gate_proj", "up_proj", "down_proj"]
GATE_UP, DOWN = "feed_forward.experts.gate_up_proj", "feed_forward.experts.down_proj"
KINDS = {
    "everything": (ATTENTION + MLP, [GATE_UP, DOWN]),
    "attention": (ATTENTION, None),
    "gate_up of experts": ([], [GATE_UP]),
    "down of experts": ([], [DOWN]),
    "values and down of experts": (["v_proj"], [DOWN]),
    "one layer": (["model.layers.1.self_attn.q_proj"], ["model.layers.1.feed_forward.experts.gate_up_proj"]),
}


def base(folder):
    return AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32, attn_implementation="eager").eval()


def logits(model):
    with torch.no_grad():
        return model(torch.tensor([[(index * 37 + 5) % 160 for index in range(48)]])).logits[0]


def check(folder, kind, modules, parameters, rank):
    torch.manual_seed(rank)
    config = LoraConfig(r=rank, lora_alpha=2 * rank + 1, target_modules=modules, target_parameters=parameters,
                        task_type="CAUSAL_LM")
    model = get_peft_model(base(folder), config).eval()
    for name, parameter in model.named_parameters():
        if "lora_" in name:
            torch.nn.init.normal_(parameter.data, std=0.2)
    want = logits(model)
    scale = want.abs().max().item()
    written = SCRATCH / "adapter"
    model.save_pretrained(written)
    what = f"{folder.name}, rank {rank}, {kind}"
    without = (logits(base(folder)) - want).abs().max().item()
    expect(f"{what}: the adapter changes something (1 / difference)", 1 / max(without, 1e-9), 100 / scale)
    merged = SCRATCH / "merged"
    convert(folder, merged, "--type", "f32", "--adapter", written)
    expect(f"{what}: merged by us", (logits(base(merged)) - want).abs().max().item(), 2e-5 * max(scale, 1))
    ours = SCRATCH / "adapter-of-ours"
    run(os.environ["PADDOCK_REWRITER"], folder, written, ours)
    loaded = PeftModel.from_pretrained(base(folder), ours).eval()
    expect(f"{what}: written by us", (logits(loaded) - want).abs().max().item(), 0)


def old_layout():
    """What PEFT up to 0.18 wrote, in the layout of today."""
    folder = REFERENCE / "training/lora/peft-0.18-layout"
    run(os.environ["PADDOCK_REWRITER"], REFERENCE / "training/micro", folder, SCRATCH / "from-old")
    model = REFERENCE / "training/micro"
    got = logits(PeftModel.from_pretrained(base(model), SCRATCH / "from-old").eval())
    want = logits(PeftModel.from_pretrained(base(model), REFERENCE / "training/lora").eval())
    expect("the layout of 0.18, written anew", (got - want).abs().max().item(), 0)


for number, name in enumerate(["micro", "micro-interleaved"]):
    for kind, (modules, parameters) in KINDS.items():
        check(REFERENCE / "training" / name, kind, modules, parameters, 3 + number)
old_layout()
finish()
