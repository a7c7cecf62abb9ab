#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Paddock's grammars beside llguidance's: the same schemas, documents, vocabulary and tokens, in one run, one thread each.

    grammar_vs_peers.py build-bench/bench/grammar_bench reference/tokenizer

The folder holds tokenizer.json. Needs the Python package llguidance. For each schema prints the time to compile it and the
median and 99th percentile of the time to find the mask before a token: on the first pass over the documents, with nothing
cached, and on later passes. Times are processor time of the thread. llguidance is called through its numpy interface, which costs
about a microsecond by itself.
"""

import argparse
import importlib.metadata
import json
import os
import pathlib
import random
import statistics
import subprocess
import tempfile
import time

import llguidance
import llguidance.numpy

WORDS = ("the quick brown fox jumps over a lazy dog while seven wizards brew potent coffee near München in 1984 and "
         "naïve robots – all of them – sing about \"freedom\", rain & 東京").split()


def text(rng, least, most):
    return " ".join(rng.choice(WORDS) for _ in range(rng.randint(least, most)))


def obj(properties, required=None):
    required = list(properties) if required is None else required
    return {"type": "object", "properties": properties, "required": required, "additionalProperties": False}


def any_json(rng, depth):
    kind = rng.randrange(7 if depth else 5)
    if kind == 5:
        return [any_json(rng, depth - 1) for _ in range(rng.randint(0, 4))]
    if kind == 6:
        return {text(rng, 1, 2): any_json(rng, depth - 1) for _ in range(rng.randint(0, 4))}
    return [None, rng.random() < 0.5, rng.randint(-1000, 1000), round(rng.uniform(-9, 9), 3), text(rng, 1, 8)][kind]


def tree(rng, depth):
    return {"value": rng.randint(0, 99), "children": [tree(rng, depth - 1) for _ in range(rng.randint(0, 3) if depth else 0)]}


def cases(rng):
    string, integer, number = {"type": "string"}, {"type": "integer"}, {"type": "number"}
    names = [f"{a}_{b}_{i}" for i, (a, b) in enumerate((rng.choice(WORDS[:9]), rng.choice(WORDS[9:15])) for _ in range(1000))]
    person = obj({"name": string, "age": integer, "email": string, "active": {"type": "boolean"}})
    yield "flat object", person, lambda: {"name": text(rng, 2, 3), "age": rng.randint(1, 99), "email": "a.b@example.org", "active": True}
    yield "nested objects", obj({"user": obj({"id": integer, "profile": obj({"bio": string, "links": {"type": "array", "items": string}})}),
                                 "meta": obj({"score": number, "note": {"type": ["string", "null"]}})}), lambda: {
        "user": {"id": rng.randint(1, 10**6), "profile": {"bio": text(rng, 5, 20), "links": [text(rng, 1, 2) for _ in range(3)]}},
        "meta": {"score": round(rng.random(), 4), "note": rng.choice([None, "ok"])}}
    yield "enum of 1000", obj({"tag": {"enum": names}, "others": {"type": "array", "items": {"enum": names}}}), lambda: {
        "tag": rng.choice(names), "others": rng.sample(names, 5)}
    yield "pattern", obj({"code": {"type": "string", "pattern": "^[A-Z]{2}-[0-9]{4}(-[a-z]+)?$"}, "hex": {"type": "string", "pattern": "^#[0-9a-f]{6}$"}}), lambda: {
        "code": f"AB-{rng.randint(1000, 9999)}-" + rng.choice(WORDS[:9]), "hex": f"#{rng.randrange(1 << 24):06x}"}
    yield "free text", obj({"title": string, "body": string}), lambda: {"title": text(rng, 3, 8), "body": text(rng, 60, 120)}
    yield "bounded text", obj({"short": {"type": "string", "minLength": 1, "maxLength": 40}, "long": {"type": "string", "maxLength": 1000}}), lambda: {
        "short": text(rng, 2, 5)[:40], "long": text(rng, 30, 60)}
    yield "recursive tree", {"$defs": {"node": obj({"value": integer, "children": {"type": "array", "items": {"$ref": "#/$defs/node"}}})}, "$ref": "#/$defs/node"}, lambda: tree(rng, 3)
    yield "array of optionals", {"type": "array", "items": obj({f"field_{i}": [string, integer, {"type": "boolean"}][i % 3] for i in range(12)}, [])}, lambda: [
        {f"field_{i}": [text(rng, 1, 3), i, True][i % 3] for i in range(12) if rng.random() < 0.5} for _ in range(6)]
    yield "number ranges", {"type": "array", "items": obj({"port": {"type": "integer", "minimum": 1, "maximum": 65535}, "year": {"type": "integer", "minimum": 1900, "maximum": 2100}})}, lambda: [
        {"port": rng.randint(1, 65535), "year": rng.randint(1900, 2100)} for _ in range(8)]
    yield "any JSON", {"type": "object"}, lambda: {"a": any_json(rng, 3), "b": any_json(rng, 3), "c": any_json(rng, 2)}
    yield "anyOf by constant", {"type": "array", "items": {"anyOf": [obj({"kind": {"const": k}, k: t}) for k, t in (("text", string), ("number", number), ("flag", {"type": "boolean"}), ("list", {"type": "array", "items": integer}))]}}, lambda: [
        rng.choice([{"kind": "text", "text": text(rng, 3, 9)}, {"kind": "number", "number": round(rng.uniform(0, 9), 2)}, {"kind": "flag", "flag": False}, {"kind": "list", "list": [1, 22, 333]}]) for _ in range(6)]
    yield "formats", {"type": "array", "items": obj({"id": {"type": "string", "format": "uuid"}, "at": {"type": "string", "format": "date-time"}, "ip": {"type": "string", "format": "ipv4"}})}, lambda: [
        {"id": "%08x-1111-4222-8333-%012x" % (rng.randrange(1 << 32), rng.randrange(1 << 48)), "at": f"20{rng.randint(10, 29)}-0{rng.randint(1, 9)}-1{rng.randint(0, 9)}T12:{rng.randint(10, 59)}:00Z", "ip": f"10.0.{rng.randint(0, 255)}.{rng.randint(0, 255)}"} for _ in range(4)]
    yield "dictionary", {"type": "object", "additionalProperties": {"type": "array", "items": number}}, lambda: {
        text(rng, 1, 2): [round(rng.uniform(-5, 5), 2) for _ in range(4)] for _ in range(6)}


class Peer:
    def __init__(self, tokenizer_json):
        self.tokenizer = llguidance.LLTokenizer(tokenizer_json)
        self.mask = llguidance.numpy.allocate_token_bitmask(1, self.tokenizer.vocab_size)

    def run(self, schema, documents, passes):
        result = {"compile": [], "first_masks": [], "masks": []}
        for _ in range(5):
            start = time.thread_time_ns()
            compiled = llguidance.LLMatcher.grammar_from_json_schema(
                schema, defaults={"whitespace_flexible": False, "item_separator": ", ", "key_separator": ": "})
            matcher = llguidance.LLMatcher(self.tokenizer, compiled)
            result["compile"].append(time.thread_time_ns() - start)
        for number in range(passes):
            times = result["first_masks" if number == 0 else "masks"]
            for ids in documents:
                matcher = llguidance.LLMatcher(self.tokenizer, compiled)
                for token in ids:
                    start = time.thread_time_ns()
                    llguidance.numpy.fill_next_token_bitmask(matcher, self.mask)
                    times.append(time.thread_time_ns() - start)
                    assert matcher.consume_token(token), (schema, self.tokenizer.decode_str(ids), matcher.get_error())
        return result


def figures(times):
    ordered = sorted(times)
    return f"{statistics.median(ordered) / 1e3:7.1f} {ordered[int(len(ordered) * 0.99)] / 1e3:8.1f}"


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("program")
    parser.add_argument("tokenizer", type=pathlib.Path)
    parser.add_argument("--documents", type=int, default=10)
    arguments = parser.parse_args()
    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    rng = random.Random(5)
    chosen = []
    for name, schema, make in cases(rng):
        chosen.append({"name": name, "schema": schema, "documents": [json.dumps(make(), ensure_ascii=False) for _ in range(arguments.documents)]})
    with tempfile.NamedTemporaryFile("w", suffix=".json") as file:
        json.dump(chosen, file)
        file.flush()
        output = subprocess.run([arguments.program, arguments.tokenizer, file.name], check=True, capture_output=True, text=True).stdout
    ours = {line["name"]: line for line in map(json.loads, output.splitlines())}
    peer = Peer(str(arguments.tokenizer / "tokenizer.json"))
    print(f"llguidance {importlib.metadata.version('llguidance')}; vocabulary of {peer.tokenizer.vocab_size}; times in microseconds, compile in milliseconds")
    print("| schema | tokens | paddock: compile | first pass: median, p99 | later: median, p99 | llguidance: compile | first pass: median, p99 | later: median, p99 |")
    print("|---|---|---|---|---|---|---|---|")
    total = {key: {"first_masks": [], "masks": []} for key in ("paddock", "peer")}
    for case in chosen:
        mine = ours[case["name"]]
        theirs = peer.run(json.dumps(case["schema"]), mine["ids"], 3)
        for key, result in (("paddock", mine), ("peer", theirs)):
            for part in total[key]:
                total[key][part] += result[part]
        row = [case["name"], str(sum(map(len, mine["ids"])))]
        for result in (mine, theirs):
            row += [f"{statistics.median(result['compile']) / 1e6:.2f}", figures(result["first_masks"]), figures(result["masks"])]
        print("| " + " | ".join(row) + " |", flush=True)
    row = ["all", "", ""] + [figures(total["paddock"][p]) for p in ("first_masks", "masks")] + [""] + [figures(total["peer"][p]) for p in ("first_masks", "masks")]
    print("| " + " | ".join(row) + " |")


if __name__ == "__main__":
    main()
