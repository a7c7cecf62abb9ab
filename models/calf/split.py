#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Answered questions in three parts: to learn, held out, and a text on which neurons are measured.

    models/calf/split.py answers.jsonl FOLDER      writes FOLDER/chats.jsonl, held-out.jsonl, calibrate.txt
"""

import json
import random
import sys
from pathlib import Path

HELD_OUT, CALIBRATED, CALIBRATED_CHARACTERS = 120, 300, 14000


def main():
    answers, folder = Path(sys.argv[1]), Path(sys.argv[2])
    lines = [json.loads(line) for line in answers.read_text().splitlines()]
    chats = [line["messages"] for line in lines if "messages" in line]
    random.Random(5).shuffle(chats)

    def write(name, part):
        (folder / name).write_text("".join(json.dumps({"messages": messages}) + "\n" for messages in part))

    write("held-out.jsonl", chats[:HELD_OUT])
    write("chats.jsonl", chats[HELD_OUT:])
    prose = "\n\n".join("\n".join(message["content"] for message in messages)
                        for messages in chats[HELD_OUT:HELD_OUT + CALIBRATED])
    (folder / "calibrate.txt").write_text(prose[:CALIBRATED_CHARACTERS])


if __name__ == "__main__":
    main()
