#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Writes the seeds of the fuzz targets that read checkpoints and distillation records: small valid files to start from.

    scripts/make_fuzz_seeds.py            (writes fuzz/corpus/{decode,encode,gguf,safetensors,safetensors_index,distil_record}/)

Past findings lie beside the seeds and are left alone.
"""

import hashlib
import json
import random
import struct
from pathlib import Path

CORPUS = Path(__file__).resolve().parent.parent / "fuzz" / "corpus"

# Position in paddock::tensor::DType (tensor/dtype.h) of the formats that decode, and bytes for two blocks or more.
DECODABLE = {0: 8, 1: 8, 2: 8, 4: 8} | {number: 40 for number in range(11, 16)} | {number: 2 * 210 for number in range(16, 33)}


def text(value):
    return struct.pack("<Q", len(value)) + value


def gguf(pairs, tensors, data, version=3, alignment=32):
    """pairs: (key, type number, bytes); tensors: (name, extents, type number, offset)."""
    head = b"GGUF" + struct.pack("<IQQ", version, len(tensors), len(pairs))
    for key, kind, value in pairs:
        head += text(key) + struct.pack("<I", kind) + value
    for name, extents, kind, offset in tensors:
        head += text(name) + struct.pack("<I", len(extents)) + b"".join(struct.pack("<Q", extent) for extent in extents)
        head += struct.pack("<IQ", kind, offset)
    return head + bytes(-len(head) % alignment if tensors else 0) + data


def array(kind, values):
    return struct.pack("<IQ", kind, len(values)) + b"".join(values)


def safetensors(header, data=b""):
    head = json.dumps(header).encode()
    head += b" " * (-len(head) % 8)
    return struct.pack("<Q", len(head)) + head + data


def entry(dtype, shape, begin, end):
    return {"dtype": dtype, "shape": shape, "data_offsets": [begin, end]}


def write(folder, name, content):
    path = CORPUS / folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)


class Bits:
    """The bits of a recorded document (src/distil/bits.h)."""

    def __init__(self):
        self.all = []

    def bits(self, number, count):
        self.all += [number >> place & 1 for place in range(count)]

    def coded(self, number, order):
        high = (number >> order) + 1
        zeros = high.bit_length() - 1
        self.bits(0, zeros)
        self.bits(1, 1)
        self.bits(high - (1 << zeros), zeros)
        self.bits(number & ((1 << order) - 1), order)

    def bytes(self):
        padded = self.all + [0] * (-len(self.all) % 8)
        return bytes(sum(padded[at + place] << place for place in range(8)) for at in range(0, len(padded), 8))


def document():
    """Three tokens of eleven, two places with two kept tokens each; the second is followed by one that is not kept."""
    out = Bits()
    out.coded(3, 8)
    for number, order in [(1, 0), (0, 4), (2, 4)]:
        out.coded(number, order)
    for order in [1, 1, 10, 14, 15]:
        out.bits(order, 5)
    for token in [1, 2, 3]:
        out.coded(token, 1)
    for ids, tail, rest in [([2, 10], 30000, []), ([0, 5], 0, [4000])]:
        for token in ids:
            out.coded(token, 1)
        out.coded(9000, 10)
        out.coded(20000, 14)
        out.coded(tail, 15)
        for number in rest:
            out.coded(number, 14)
    return out.bytes()


def shard(payload):
    head = b"PADDOCKD" + struct.pack("<IIIIq", 1, 2, 11, 0, 0) + b"t" * 32 + b"k" * 32
    digest = hashlib.sha256(head).digest()
    head += digest
    of_block = hashlib.sha256(digest + struct.pack("<q", 0) + payload).digest()
    index = struct.pack("<QIIIff", len(head), len(payload), 3, 2, 0.5, 2.0) + of_block
    index += struct.pack("<QQ", len(head) + 36 + len(payload), 1)
    return head + struct.pack("<I", len(payload)) + payload + of_block + index + hashlib.sha256(digest + index).digest()


def main():
    source = random.Random(1)
    for number, size in DECODABLE.items():
        write("decode", f"format_{number}", bytes([number]) + source.randbytes(size))
    weights = random.Random(2)
    for number in [0, 1, 2, *range(11, 21)]:  # two blocks of each format that is written
        write("encode", f"format_{number}", bytes([number]) + b"".join(struct.pack("<f", weights.gauss(0, 0.02)) for _ in range(512)))

    every_type = [
        (b"u8", 0, b"\xff"), (b"i8", 1, b"\xff"), (b"u16", 2, b"\1\2"), (b"i16", 3, b"\1\2"), (b"u32", 4, b"\1\2\3\4"),
        (b"i32", 5, b"\1\2\3\4"), (b"f32", 6, b"\0\0\x80\x3f"), (b"bool", 7, b"\1"), (b"string", 8, text(b"words")),
        (b"u64", 10, b"\1" * 8), (b"i64", 11, b"\1" * 8), (b"f64", 12, b"\1" * 8),
        (b"strings", 9, array(8, [text(b"a"), text(b"bc")])), (b"bools", 9, array(7, [b"\0", b"\1"])),
        (b"bytes", 9, array(0, [b"\0", b"\1"])), (b"floats", 9, array(6, [b"\0\0\x80\x3f"])),
        (b"nested", 9, array(9, [array(5, [b"\1\2\3\4"]), array(8, [text(b"x")])])),
    ]
    write("gguf", "every_metadata_type", gguf(every_type, [], b""))
    write("gguf", "two_tensors", gguf([], [(b"a", [4, 2], 0, 0), (b"b", [32], 8, 32)], source.randbytes(32 + 34)))
    write("gguf", "alignment_8_version_2", gguf([(b"general.alignment", 4, struct.pack("<I", 8))],
                                                [(b"b", [256, 1, 1, 1], 12, 8), (b"a", [3], 1, 0)],
                                                source.randbytes(8 + 144), version=2, alignment=8))
    write("gguf", "split", gguf([(b"split.no", 2, b"\0\0"), (b"split.count", 2, b"\2\0"),
                                 (b"split.tensors.count", 5, b"\1\0\0\0")], [(b"a", [32], 39, 0)], source.randbytes(17)))

    write("safetensors", "empty", safetensors({}))
    write("safetensors", "tensors", safetensors(
        {"__metadata__": {"format": "pt"}, "a": entry("F32", [2], 0, 8), "b": entry("F8_E4M3", [3, 1], 8, 11),
         "c": entry("BOOL", [], 11, 12), "d": entry("BF16", [0, 4], 12, 12)}, source.randbytes(12)))
    write("safetensors_index", "two_shards", json.dumps(
        {"metadata": {"total_size": 12},
         "weight_map": {"a": "model-00001-of-00002.safetensors", "b": "model-00002-of-00002.safetensors"}}).encode())

    write("distil_record", "document", document())
    write("distil_record", "shard", shard(document()))
    write("distil_record", "change_of_good", struct.pack(">H", 200) + b"\1\2\3")
    write("distil_record", "manifest", json.dumps(
        {"format": "paddock distillation record", "version": 1, "teacher_name": "t", "teacher": "0" * 64, "tokenizer": "1" * 64,
         "vocabulary": 11, "top_k": 2, "recipe": {"source": "text"}, "complete": True, "shards": [
             {"file": "shard-00000.pdr", "documents": 1, "tokens": 3, "places": 2, "bytes": 300, "tail_mass": 0.5, "loss": 2.0,
              "sha256": "2" * 64}]}).encode())


main()
