# SPDX-License-Identifier: Apache-2.0
"""Folders that we write, in transformers: the logits of the original, bit for bit where the weights are."""

import json
import shutil

import torch
from common import DENSE, REFERENCE, SCRATCH, convert, expect, expect_equal, finish, left_out, paddock, text_models
from transformers import AutoModelForCausalLM, AutoTokenizer


def logits(folder, tokens, dtype=torch.float32):
    model = AutoModelForCausalLM.from_pretrained(folder, dtype=dtype, attn_implementation="eager").eval()
    with torch.no_grad():
        return model(torch.tensor([tokens])).logits[0].float()


def loadable(original):
    """A copy whose config.json transformers accept: they refuse the integer that published ones have for a boolean."""
    copy = SCRATCH / f"{original.name}-original"
    shutil.copytree(original, copy, dirs_exist_ok=True)
    config = json.loads((copy / "config.json").read_text())
    for part in (config, config.get("text_config", {})):
        if part.get("attn_temperature_tuning") == 4:
            part["attn_temperature_tuning"] = True
    (copy / "config.json").chmod(0o644)
    (copy / "config.json").write_text(json.dumps(config))
    return copy


def tokens_for(folder, count):
    config = json.loads((folder / "config.json").read_text())
    vocabulary = config.get("text_config", config)["vocab_size"]
    return [(index * index * 7 + 3) % vocabulary for index in range(count)]


def small_models():
    for original in text_models():
        name = original.name
        tokens = tokens_for(original, 60)
        readable = loadable(original)
        want = logits(readable, tokens)
        for kind, first in {"folder": [], "file and back": [SCRATCH / f"{name}.gguf"]}.items():
            source = original
            for step in first:
                convert(source, step, "--type", "f32")
                source = step
            out = SCRATCH / f"{name}-{kind.split()[0]}"
            convert(source, out, "--type", "f32")
            # A GGUF file keeps divisors of rotary frequencies: their last bits are made anew.
            allowed = 0 if kind == "folder" else 2e-4
            expect(f"{name}, {kind}: largest difference of logits", (logits(out, tokens) - want).abs().max().item(), allowed)
        out = SCRATCH / f"{name}-shards"
        convert(original, out, "--type", "f32", "--shard-size", "200000")
        expect(f"{name}, shards", (logits(out, tokens) - want).abs().max().item(), 0)
        out = SCRATCH / f"{name}-bf16"
        convert(original, out, "--type", "bf16")
        rounded = AutoModelForCausalLM.from_pretrained(readable, dtype=torch.bfloat16).float().eval()
        with torch.no_grad():
            want_rounded = rounded(torch.tensor([tokens])).logits[0]
        expect(f"{name}, bf16 weights", (logits(out, tokens) - want_rounded).abs().max().item(), 2e-4)


def dense_model():
    if not DENSE.exists():
        return left_out("a real dense model", f"{DENSE} is not there; name one with --dense")
    golden = json.loads((REFERENCE / "smollm2/golden.json").read_text())
    out = SCRATCH / "dense"
    convert(DENSE, out, "--type", "f32")
    tokenizer = AutoTokenizer.from_pretrained(out)
    model = AutoModelForCausalLM.from_pretrained(out, dtype=torch.float32).eval()
    for chat in golden["chats"][:2]:
        rendered = tokenizer.apply_chat_template(chat["messages"], tokenize=False, add_generation_prompt=True)
        expect_equal("dense: the chat template came along", rendered, chat["rendered"])
        expect_equal("dense: the tokenizer came along", tokenizer(rendered, add_special_tokens=False)["input_ids"], chat["ids"])
        with torch.no_grad():
            logits_of = model(torch.tensor([chat["ids"] + chat["greedy"]])).logits[0]
        firm = [at for at, gap in enumerate(chat["gaps"]) if gap > 0.3][:20]
        got = [logits_of[len(chat["ids"]) - 1 + at].argmax().item() for at in firm]
        expect_equal("dense: greedy answers", got, [chat["greedy"][at] for at in firm])
    text = "It's 2026, and 12345 wörds\n\n  in a row: 日本語!"
    for file in [out, DENSE]:
        ids = json.loads(paddock("tokenize", file, "--json", text=text))["ids"]
        expect_equal(f"dense: {file.name} splits as transformers do", ids, tokenizer(text, add_special_tokens=False)["input_ids"])


small_models()
dense_model()
finish()
