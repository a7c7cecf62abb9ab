#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Writes src/text/jinja/unicode_tables.cc: what str.upper(), str.isalpha() and their like know about characters.

Usage: tools/unicode_tables.py > src/text/jinja/unicode_tables.cc
"""

import textwrap
import unicodedata

CHARACTERS = [code for code in range(0x110000) if not 0xD800 <= code < 0xE000]


def strided(codes):
    """Ranges (first, last, stride) with stride 1 or 2 that cover the ascending `codes` and nothing else."""
    ranges = []
    position = 0
    while position < len(codes):
        end = position + 1
        stride = codes[end] - codes[position] if end < len(codes) else 1
        if stride in (1, 2):
            while end < len(codes) and codes[end] - codes[end - 1] == stride:
                end += 1
        else:
            stride = 1
        ranges.append((codes[position], codes[end - 1], stride))
        position = end
    return ranges


def block(rows):
    text = ", ".join("{" + ", ".join(f"0x{number:X}" if number > 9 else str(number) for number in row) + "}" for row in rows)
    return "\n".join(textwrap.wrap(text, 116, initial_indent="    ", subsequent_indent="    ", break_on_hyphens=False))


def property_table(name, holds):
    rows = strided([code for code in CHARACTERS if holds(chr(code))])
    print(f"const CharacterRange {name}[] = {{\n{block(rows)},\n}};")
    print(f"const size_t {name}Count = std::size({name});\n")


def mapping_tables(name, mapped):
    by_shift = {}
    special = []
    for code in CHARACTERS:
        target = mapped(chr(code))
        if len(target) > 1:
            special.append((code, [ord(character) for character in target] + [0] * (3 - len(target))))
        elif target != chr(code):
            by_shift.setdefault(ord(target) - code, []).append(code)
    rows = sorted((first, last, stride, shift) for shift, codes in by_shift.items() for first, last, stride in strided(codes))
    text = ", ".join(f"{{0x{first:X}, 0x{last:X}, {stride}, {shift}}}" for first, last, stride, shift in rows)
    print(f"const CaseRange {name}[] = {{")
    print("\n".join(textwrap.wrap(text, 116, initial_indent="    ", subsequent_indent="    ", break_on_hyphens=False)) + ",\n};")
    print(f"const size_t {name}Count = std::size({name});\n")
    if special:
        text = ", ".join(f"{{0x{code:X}, {{{', '.join(f'0x{part:X}' if part else '0' for part in parts)}}}}}" for code, parts in special)
        print(f"const CaseSpecial {name}Special[] = {{")
        print("\n".join(textwrap.wrap(text, 116, initial_indent="    ", subsequent_indent="    ", break_on_hyphens=False)) + ",\n};")
        print(f"const size_t {name}SpecialCount = std::size({name}Special);\n")


print(f"""// SPDX-License-Identifier: Apache-2.0
// Written by tools/unicode_tables.py from the Unicode character database {unicodedata.unidata_version}: do not edit.
// Ranges of properties are in ascending order. Ranges of mappings with stride 2 may enclose others.

#include "text/jinja/unicode_tables.h"

#include <iterator>

namespace paddock::text::jinja {{

// clang-format off
""")
property_table("kDecimal", str.isdecimal)
property_table("kDigit", str.isdigit)
property_table("kNumeric", str.isnumeric)
property_table("kPrintable", str.isprintable)
property_table("kLowercase", str.islower)
property_table("kUppercase", str.isupper)
property_table("kTitlecase", lambda character: unicodedata.category(character) == "Lt")
# What the rule for the final sigma skips, as str.lower() shows it: a sigma is final after a cased character, skipping these.
property_table("kCaseIgnorable", lambda character: ("A" + character + "\u03a3").lower().endswith("\u03c2")
               and not (" " + character + "\u03a3").lower().endswith("\u03c2"))
mapping_tables("kToUpper", str.upper)
mapping_tables("kToLower", str.lower)
mapping_tables("kToTitle", str.title)
print("// clang-format on\n\n}  // namespace paddock::text::jinja")
