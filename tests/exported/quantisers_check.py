# SPDX-License-Identifier: Apache-2.0
"""The error that our quantisers leave, beside that of llama.cpp's on the same numbers; and that both read alike."""

import json

import gguf
import numpy
from common import DENSE, SCRATCH, convert, expect, finish, left_out
from ggml import quantise
from gguf.quants import dequantize
from safetensors.numpy import save_file

KINDS = ["Q8_0", "Q5_1", "Q5_0", "Q4_1", "Q4_0", "Q6_K", "Q5_K", "Q4_K", "Q3_K", "Q2_K"]


def normal_numbers(count, seed):
    """Those of src/tensor/encode_test.cc: twelve draws of a Mersenne twister make one."""
    generator = numpy.random.RandomState(seed)
    draws = generator.randint(0, 2**32, size=12 * count, dtype=numpy.uint32).astype(numpy.float64).reshape(count, 12)
    return (draws.sum(axis=1) / 2**32 - 6).astype(numpy.float32)


def samples():
    normal = normal_numbers(65536, 1)
    generator = numpy.random.default_rng(7)
    yield "normal numbers", normal.reshape(-1, 1024)
    yield "long tails", generator.standard_t(4, size=(256, 1024)).astype(numpy.float32) * 0.02
    yield "columns of different strength", (generator.standard_normal((256, 1024)) * generator.gamma(2, 1, 1024)).astype(numpy.float32)
    if not DENSE.exists():
        return left_out("weights of a real model", f"{DENSE} is not there; name one with --dense")
    tensors = {tensor.name: tensor for tensor in gguf.GGUFReader(str(DENSE)).tensors}
    for name in ["blk.0.ffn_down.weight", "blk.7.ffn_down.weight", "blk.20.ffn_down.weight"]:
        tensor = tensors[name]
        yield f"SmolLM2's {name}", dequantize(tensor.data, tensor.tensor_type).astype(numpy.float32)


def encoded_by_us(values, kind):
    """Through a file of one matrix: the head of the smallest model that there is."""
    rows, width = values.shape
    folder = SCRATCH / "one-matrix"
    folder.mkdir(exist_ok=True)
    small = {"model_type": "llama", "hidden_size": width, "intermediate_size": 32, "num_hidden_layers": 1, "vocab_size": rows,
             "num_attention_heads": 1, "num_key_value_heads": 1, "head_dim": 32, "max_position_embeddings": 32,
             "rms_norm_eps": 1e-5, "rope_theta": 10000.0, "tie_word_embeddings": False}
    (folder / "config.json").write_text(json.dumps(small))
    layer = "model.layers.0."
    shapes = {layer + "self_attn.q_proj.weight": (32, width), layer + "self_attn.k_proj.weight": (32, width),
              layer + "self_attn.v_proj.weight": (32, width), layer + "self_attn.o_proj.weight": (width, 32),
              layer + "mlp.gate_proj.weight": (32, width), layer + "mlp.up_proj.weight": (32, width),
              layer + "mlp.down_proj.weight": (width, 32), layer + "input_layernorm.weight": (width,),
              layer + "post_attention_layernorm.weight": (width,), "model.norm.weight": (width,),
              "lm_head.weight": (rows, width)}
    tensors = {name: numpy.ones(shape, numpy.float32) for name, shape in shapes.items()}
    tensors["model.embed_tokens.weight"] = numpy.ascontiguousarray(values)
    save_file(tensors, folder / "model.safetensors")
    out = SCRATCH / "one-matrix.gguf"
    convert(folder, out, "--type", kind)
    tensor = next(each for each in gguf.GGUFReader(str(out)).tensors if each.name == "token_embd.weight")
    assert tensor.tensor_type.name == kind, tensor.tensor_type
    return numpy.array(tensor.data)


def error(values, data, kind):
    back = dequantize(data.reshape(values.shape[0], -1), gguf.GGMLQuantizationType[kind])
    return float(numpy.sqrt(numpy.mean((back.astype(numpy.float64) - values) ** 2) / numpy.mean(values.astype(numpy.float64) ** 2)))


for what, values in samples():
    for kind in KINDS:
        ours, theirs = error(values, encoded_by_us(values, kind), kind), error(values, quantise(values, kind), kind)
        # Weights that were Q4_1 before come back whole in either; a rounding of a half is no difference.
        expect(f"{what}, {kind}: ours {ours:.6f} beside {theirs:.6f}", ours, theirs * 1.0005 + 1e-7)
finish()
