# SPDX-License-Identifier: Apache-2.0
"""Pictures for tests, drawn here, and what they come to in a prompt."""

import struct
import zlib


def png(width=320, height=200, seed=1):
    """A picture that differs by its seed: hills before a sky."""
    rows = bytearray()
    for y in range(height):
        rows.append(0)
        for x in range(width):
            hill = height * 0.62 + height * 0.2 * (((x * 7 // width + seed) % 3) - 1) * abs((x * 7 % width) / width - 0.5)
            sky = (90 + 40 * seed % 120, 150 + y * 80 // height, 225)
            rows += bytes((60 + 50 * seed % 150, 120 - y * 40 // height, 70) if y > hill else sky)

    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(bytes(rows))) + chunk(b"IEND", b"")


def tokens(rows, columns, tokens_per_tile):
    """Begin, end and the mark of the last tile; a separator after each tile but that; the tiles, and the whole in one more."""
    tiles = rows * columns
    return 3 + tokens_per_tile + (tiles * (tokens_per_tile + 1) if tiles > 1 else 0)
