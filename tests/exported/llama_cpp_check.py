# SPDX-License-Identifier: Apache-2.0
"""GGUF files that we write, in llama.cpp: logits beside Paddock's, of small models in every type; and the perplexity of a
real one, beside files that llama.cpp's own quantiser made."""

import json
import pathlib
import shutil

import llama_cpp
import numpy
from common import DENSE, REFERENCE, SCRATCH, convert, expect, expect_equal, finish, left_out, paddock
from ggml import logits, tokens_of
from safetensors.numpy import load_file, save_file

TYPES = ["f32", "f16", "bf16", "q8_0", "q6_k", "q5_1", "q5_0", "q5_k", "q4_1", "q4_0", "q4_k", "q3_k", "q2_k"]
FTYPES = {"q8_0": 7, "q6_k": 18, "q5_k": 17, "q4_0": 2, "q4_k": 15, "q3_k": 12, "q2_k": 10}  # llama.cpp's mixes of them


def as_published(name, **changes):
    """A small model with what llama.cpp takes for granted of Llama 4: chunks and steps of 8192, QK-norm."""
    folder = SCRATCH / f"{name}-as-published"
    folder.mkdir(exist_ok=True)
    original = REFERENCE / "training" / name
    shutil.copy(original / "model.safetensors", folder)
    config = json.loads((original / "config.json").read_text())
    config |= {"attention_chunk_size": 8192, "floor_scale": 8192, "attn_scale": 0.1, "use_qk_norm": True, **changes}
    (folder / "config.json").write_text(json.dumps(config))
    return folder


def wider(folder, width):
    """Rows of whole K-quant blocks: the same model with each matrix of random numbers of that width."""
    out = SCRATCH / "wide"
    out.mkdir(exist_ok=True)
    config = json.loads((folder / "config.json").read_text())
    config |= {"hidden_size": width, "intermediate_size": width, "intermediate_size_mlp": width, "head_dim": 64,
               "num_attention_heads": 4, "num_key_value_heads": 2}
    experts, queries, keys, vocabulary = config["num_local_experts"], 4 * 64, 2 * 64, config["vocab_size"]
    generator = numpy.random.default_rng(11)
    tensors = {}
    for name, tensor in load_file(folder / "model.safetensors").items():
        end = name.split(".")[-2] if name.endswith(".weight") else name.split(".")[-1]
        shape = {"embed_tokens": (vocabulary, width), "lm_head": (vocabulary, width), "q_proj": (queries, width),
                 "k_proj": (keys, width), "v_proj": (keys, width), "o_proj": (width, queries), "router": (experts, width),
                 "gate_up_proj": (experts, width, 2 * width)}.get(end)
        if end == "down_proj" and tensor.ndim == 3:
            shape = (experts, width, width)
        if shape is None:
            shape = (width,) if tensor.ndim == 1 else (width, width)
        noise = generator.standard_normal(shape) / numpy.sqrt(shape[-1])
        tensors[name] = (numpy.ones(shape) if tensor.ndim == 1 else noise).astype(numpy.float32)
    save_file(tensors, out / "model.safetensors")
    (out / "config.json").write_text(json.dumps(config))
    return out


def ours(model, tokens):
    """Log-probabilities of the tokens that follow, as `paddock score` has them."""
    ids = SCRATCH / "ids.json"
    ids.write_text(json.dumps(tokens))
    return json.loads(paddock("score", model, "--tokens", ids, "--json"))["mean_nll"]


def mean_nll(rows, tokens):
    rows = rows.astype(numpy.float64)
    largest = rows.max(axis=1, keepdims=True)
    log_sums = (largest + numpy.log(numpy.exp(rows - largest).sum(axis=1, keepdims=True)))[:, 0]
    return float(numpy.mean([log_sums[at] - rows[at, tokens[at + 1]] for at in range(len(tokens) - 1)]))


def small_models():
    for folder in [as_published("micro"), as_published("micro-interleaved"), REFERENCE / "text/tiny-llama"]:
        vocabulary = json.loads((folder / "config.json").read_text())["vocab_size"]
        tokens = [(index * index * 7 + 3) % vocabulary for index in range(64)]
        plain = ours(folder, tokens)
        for kind in TYPES:
            out = SCRATCH / f"{folder.name}.gguf"
            convert(folder, out, "--type", kind)
            rows = logits(out, tokens)
            if rows is None:
                left_out(f"{folder.name}, {kind}", "llama.cpp does not load it")
                continue
            # llama.cpp rounds activations to 8 bits beside quantised weights; ours are exact here.
            allowed = {"f32": 1e-3, "f16": 3e-3, "bf16": 2e-2}.get(kind, 0.03)
            expect(f"{folder.name}, {kind}: llama.cpp beside us", abs(mean_nll(rows, tokens) - ours(out, tokens)), allowed)
        convert(folder, out, "--type", "f32")
        expect(f"{folder.name}: llama.cpp beside the folder", abs(mean_nll(logits(out, tokens), tokens) - plain), 1e-3)


def k_quants():
    folder = wider(as_published("micro"), 256)
    tokens = [(index * index * 7 + 3) % 160 for index in range(64)]
    for kind in TYPES:
        out = SCRATCH / "wide.gguf"
        said = convert(folder, out, "--type", kind)
        expect_equal(f"wide, {kind}: nothing stood in", said["replaced_types"], [])
        expect(f"wide, {kind}: llama.cpp beside us", abs(mean_nll(logits(out, tokens), tokens) - ours(out, tokens)), 0.03)


def perplexity(path, chunks, size):
    return float(numpy.exp(numpy.mean([mean_nll(logits(path, chunk)[size // 2:], chunk[size // 2:]) for chunk in chunks])))


def theirs(source, kind):
    out = SCRATCH / f"theirs-{kind}.gguf"
    wishes = llama_cpp.llama_model_quantize_default_params()
    wishes.ftype, wishes.nthread, wishes.allow_requantize = FTYPES[kind], 2, True
    assert llama_cpp.llama_model_quantize(str(source).encode(), str(out).encode(), wishes) == 0
    return out


def dense_model():
    if not DENSE.exists():
        return left_out("perplexity of a real model", f"{DENSE} is not there; name one with --dense")
    import pydoc_data.topics as prose

    text = "\n\n".join(prose.topics[key].strip() for key in sorted(prose.topics))[:12000]
    folder, plain, size = SCRATCH / "dense", SCRATCH / "dense-f32.gguf", 256
    convert(DENSE, folder, "--type", "f32")
    convert(folder, plain, "--type", "f32")
    ids = tokens_of(plain, text)
    expect_equal("dense: tokens after the way through a folder", ids[:2000], tokens_of(DENSE, text)[:2000])
    chunks = [ids[begin:begin + size] for begin in range(0, 4 * size, size)]
    before = perplexity(DENSE, chunks, size)
    expect(f"dense, f32: perplexity beside {before:.4f} of the file it came from", abs(perplexity(plain, chunks, size) - before), 0.01 * before)
    for kind in FTYPES:
        out = SCRATCH / f"dense-{kind}.gguf"
        convert(folder, out, "--type", kind)
        mine, other = perplexity(out, chunks, size), theirs(plain, kind)
        its = perplexity(other, chunks, size)
        bytes_of = [pathlib.Path(path).stat().st_size >> 20 for path in (out, other)]
        expect(f"dense, {kind}: perplexity beside {its:.4f} ({bytes_of[0]} and {bytes_of[1]} MiB)", mine, max(its * 1.02, before * 1.01))


small_models()
k_quants()
dense_model()
finish()
