#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Gives the folder of SmolLM2 that `paddock convert` writes Llama 4's format of conversations.

    models/calf/speak_llama4.py FOLDER

Its vocabulary has 17 special tokens, of which chats use three. Four get the names of Llama 4; their numbers, and with them
the weights, stay what they are: what begins a turn still begins one. Only <|header_end|> is new to the model.
"""

import json
import shutil
import sys
from pathlib import Path

NAMES = {"<|endoftext|>": "<|begin_of_text|>", "<|im_start|>": "<|header_start|>", "<|im_end|>": "<|eot|>",
         "<repo_name>": "<|header_end|>"}


def change(path, edit):
    content = json.loads(path.read_text())
    edit(content)
    path.write_text(json.dumps(content, indent=2, ensure_ascii=False) + "\n")


def rename_tokens(tokenizer):
    for token in tokenizer["added_tokens"]:
        token["content"] = NAMES.get(token["content"], token["content"])
    vocabulary = tokenizer["model"]["vocab"]
    tokenizer["model"]["vocab"] = {NAMES.get(text, text): number for text, number in vocabulary.items()}


def main():
    folder = Path(sys.argv[1])
    change(folder / "tokenizer.json", rename_tokens)

    def settings(config):
        config.update(add_bos_token=False, bos_token="<|begin_of_text|>", eos_token="<|eot|>", pad_token="<|begin_of_text|>")
        config.pop("chat_template", None)

    change(folder / "tokenizer_config.json", settings)
    change(folder / "generation_config.json",
           lambda config: config.update(bos_token_id=0, eos_token_id=[2], pad_token_id=0))
    change(folder / "config.json", lambda config: config.update(bos_token_id=0, eos_token_id=2, pad_token_id=0))
    shutil.copy(Path(__file__).parent / "chat_template.jinja", folder)


if __name__ == "__main__":
    main()
