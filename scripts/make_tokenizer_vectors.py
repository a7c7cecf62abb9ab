#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Writes tests/data/tokenizer/vectors.json: what Hugging Face's tokenizers makes of texts, for variants of a small tokenizer.

    make_tokenizer_vectors.py tests/data/tokenizer/tiny.json > tests/data/tokenizer/vectors.json

Each variant is a merge patch (RFC 7396) of tiny.json. ids: special tokens are plain text; ids_parsed: they are recognised
(given where it differs). Needs the Python package tokenizers (made with 0.23.3).
"""

import copy
import json
import random
import sys

import tokenizers

LLAMA3 = (r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|"
          r"\s*[\r\n]+|\s+(?!\S)|\s+")


def byte_level(use_regex, add_prefix_space=False):
    return {"type": "ByteLevel", "add_prefix_space": add_prefix_space, "trim_offsets": True, "use_regex": use_regex}


def split(kind, pattern, behavior="Isolated", invert=False):
    return {"type": "Split", "pattern": {kind: pattern}, "behavior": behavior, "invert": invert}


def sequence(*parts):
    return {"pre_tokenizer": {"type": "Sequence", "pretokenizers": list(parts)}}


def added(token_id, content, special=True, **flags):
    token = {"id": token_id, "content": content, "single_word": False, "lstrip": False, "rstrip": False,
             "normalized": False, "special": special}
    return {**token, **flags}


WITHOUT_1_AND_2 = {"ā": None, "Ă": None}  # the bytes 0x01 and 0x02, which no merge names

VARIANTS = {
    "o200k": {},
    "merges alone": {"model": {"ignore_merges": False}},
    "llama3": sequence(split("Regex", LLAMA3), byte_level(False)),
    "qwen2": sequence(split("Regex", LLAMA3.replace("{1,3}", "")), byte_level(False)),
    "gpt2": {"pre_tokenizer": byte_level(True)},
    "gpt2 with a space before": {"pre_tokenizer": byte_level(True, True)},
    "smollm": sequence({"type": "Digits", "individual_digits": True}, byte_level(True)),
    "digit runs": sequence({"type": "Digits", "individual_digits": False}, byte_level(True)),
    "no split": {"pre_tokenizer": byte_level(False)},
    "regex": sequence(split("Regex", r"[a-z]+|\p{Lu}|\s+$|\h+\.|^[^\s\w]"), byte_level(False)),
    "regex removed": sequence(split("Regex", r"\s+", "Removed"), byte_level(False)),
    "regex inverted": sequence(split("Regex", r"\w+|[^\w\s]+", "Removed", True), byte_level(False)),
    "known pattern inverted": sequence(split("Regex", LLAMA3, "Removed", True), byte_level(False)),
    "literal": sequence(split("String", "a."), byte_level(True)),
    "nested": sequence({"type": "Sequence", "pretokenizers": [split("Regex", "[^ ]+")]}, byte_level(True)),
    "dropped bytes": {"added_tokens": [], "post_processor": None, "model": {"vocab": WITHOUT_1_AND_2}},
    "unknown token": {"added_tokens": [], "post_processor": None,
                      "model": {"vocab": WITHOUT_1_AND_2, "unk_token": "!"}},
    "fused unknown token": {"added_tokens": [], "post_processor": None,
                            "model": {"vocab": WITHOUT_1_AND_2, "unk_token": "!", "fuse_unk": True}},
    "added tokens": {"added_tokens": [
        added(1005, "<|begin_of_text|>"), added(1006, "<|eot|>", lstrip=True, rstrip=True),
        added(1007, "<|eot|>s", special=False), added(1008, "word", special=False, normalized=True),
        added(1009, "sword", special=False, normalized=True, lstrip=True), added(1010, "wor", special=False),
        added(1011, "rd s", special=False, normalized=True),
    ]},
}

TEXTS = [
    "", " ", "  ", "\n", "\r\n\r\n", "Hello, world!", "I'm sure they'LL'VE said we'd 'S", "a\u0301b\u0301\u0301 \u0301",
    "The year 2024, 12345678 and ٣٤٥٦", "tabs\t\tand\n\n  lines  \n \n x   ", "f(x) = a/b;\n\n// done/\n", "ǅaǅA ªAB ABCdef aBcD",
    "日本語のテキスト、そして한국어", "👩‍👩‍👧 🦙🦙", "a\u00a0\u00a0b\u2028c\u0085d\u200be\u180ef\u001c", "it'ſ x'ſ",
    "<|eot|>", "a <|eot|> b<|begin_of_text|><|begin_of_text|>\n", "<|eot|>s swords words <|eot|", "  word or sword  ", "a sword  sword s <|eot|>  <|eot|>swo", "\x01\x02\x01a\x02",
    "a.a.b a.", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", "CamelCaseHTTPServer's",
]


def random_texts(count):
    rng = random.Random(4)
    parts = ["'s", "'T", "'", " ", "  ", "\n", "\r", "\t", "1", "23", "456", "a", "B", "the", "ing", "É", "ß", "ª", "\u0301", "中", "ǅ",
             ".", "/", "!?", "\u00a0", "½", "\u200b", "😀", "<|", "|>"]
    return ["".join(rng.choice(parts) for _ in range(rng.randrange(2, 14))) for _ in range(count)]


def merge_patch(target, patch):
    if not isinstance(patch, dict):
        return patch
    target = dict(target) if isinstance(target, dict) else {}
    for key, value in patch.items():
        if value is None:
            target.pop(key, None)
        else:
            target[key] = merge_patch(target.get(key), value)
    return target


def main():
    base = json.load(open(sys.argv[1], encoding="utf-8"))
    variants = []
    for name, patch in VARIANTS.items():
        tokenizer = tokenizers.Tokenizer.from_str(json.dumps(merge_patch(copy.deepcopy(base), patch)))
        cases = []
        for text in TEXTS + random_texts(12):
            case = {"text": text}
            for key, plain in (("ids", True), ("ids_parsed", False)):
                tokenizer.encode_special_tokens = plain
                case[key] = tokenizer.encode(text, add_special_tokens=False).ids
            if case["ids_parsed"] == case["ids"]:
                del case["ids_parsed"]
            cases.append(case)
        variants.append({"name": name, "patch": patch, "cases": cases})
    lines = [",\n".join("  " + json.dumps(case, separators=(",", ":")) for case in variant["cases"]) for variant in variants]
    body = ",\n".join(
        f' {{"name": {json.dumps(variant["name"])}, "patch": {json.dumps(variant["patch"])}, "cases": [\n{cases}]}}'
        for variant, cases in zip(variants, lines))
    print("[\n" + body + "\n]")


if __name__ == "__main__":
    main()
