# SPDX-License-Identifier: Apache-2.0
"""Official Python clients that send pictures to a server whose first model is tiny-vision: tiles of 56 pixels, at most 16,
four tokens each. tests/clients/run calls this; by hand:

  python pictures_check.py http://127.0.0.1:8080 [KEY]
"""

import argparse
import base64
import sys
import time

import anthropic
import openai
from langchain_openai import ChatOpenAI

from pictures import png, tokens

parser = argparse.ArgumentParser()
parser.add_argument("url")
parser.add_argument("key", nargs="?", default="none")
OPTIONS = parser.parse_args()

client = openai.OpenAI(base_url=OPTIONS.url + "/v1", api_key=OPTIONS.key, max_retries=0)
claude = anthropic.Anthropic(base_url=OPTIONS.url, api_key=OPTIONS.key, max_retries=0)
MODEL = client.models.list().data[0]
ASK = {"model": MODEL.id, "max_tokens": 16, "extra_body": {"temperature": 0}}  # a field that not every client knows
WORDS = "What is to be seen?"
# Sizes that lie in their tiles as they are: (width, height) to (rows, columns).
GRIDS = {(50, 40): (1, 1), (56, 56): (1, 1), (112, 56): (1, 2), (168, 112): (2, 3), (224, 224): (4, 4)}


def address(picture):
    return "data:image/png;base64," + base64.b64encode(picture).decode()


def chat_messages(*pictures, **more):
    parts = [{"type": "image_url", "image_url": {"url": address(each), **more}} for each in pictures]
    return [{"role": "user", "content": [*parts, {"type": "text", "text": WORDS}]}]


def response_input(*pictures):
    parts = [{"type": "input_image", "image_url": address(each), "detail": "auto"} for each in pictures]
    return [{"role": "user", "content": [*parts, {"type": "input_text", "text": WORDS}]}]


def block(picture, kind="image/png"):
    return {"type": "image", "source": {"type": "base64", "media_type": kind, "data": base64.b64encode(picture).decode()}}


def claude_messages(*pictures):
    return [{"role": "user", "content": [*map(block, pictures), {"type": "text", "text": WORDS}]}]


def claude_tokens(usage):
    return usage.input_tokens + (usage.cache_read_input_tokens or 0)


def raised(kind, call):
    try:
        call()
    except kind as problem:
        return problem
    raise AssertionError(f"no {kind.__name__}")


def models():
    assert MODEL.input_modalities == ["text", "image"] and MODEL.image_limits["images"] > 1, MODEL


def usage():
    """Every dialect counts a picture as its layout says."""
    prompt = lambda *pictures: client.chat.completions.create(messages=chat_messages(*pictures), **ASK).usage.prompt_tokens
    words = prompt()
    for size, grid in GRIDS.items():
        assert prompt(png(*size)) - words == tokens(*grid, 4), (size, prompt(png(*size)), words)
    pair = [png(56, 56), png(112, 56)]
    more = tokens(1, 1, 4) + tokens(1, 2, 4)
    assert prompt(*pair) - words == more
    ask = {"model": MODEL.id, "max_output_tokens": 16}
    assert client.responses.create(input=response_input(*pair), **ask).usage.input_tokens == words + more
    answer = claude.messages.create(messages=claude_messages(*pair), **ASK)
    assert claude_tokens(answer.usage) == words + more
    assert claude.messages.count_tokens(model=MODEL.id, messages=claude_messages(*pair)).input_tokens == words + more


def detail():
    count = lambda how: client.chat.completions.create(messages=chat_messages(png(224, 224), detail=how), **ASK).usage.prompt_tokens
    assert count("auto") == count("high") == count("low") + tokens(4, 4, 4) - tokens(1, 1, 4)


def chat():
    """A stream says what the whole answer says, and a picture that was seen before is cached."""
    messages = chat_messages(png(168, 112, 4))
    whole = client.chat.completions.create(messages=messages, **ASK)
    text, counted = "", None
    for chunk in client.chat.completions.create(messages=messages, stream=True, stream_options={"include_usage": True}, **ASK):
        counted = chunk.usage or counted
        text += "".join(choice.delta.content or "" for choice in chunk.choices)
    assert text == whole.choices[0].message.content and counted.prompt_tokens == whole.usage.prompt_tokens
    assert counted.prompt_tokens_details.cached_tokens > 0, counted
    other = client.chat.completions.create(messages=chat_messages(png(168, 112, 5)), **ASK)
    assert other.choices[0].message.content != text, "another picture, the same answer"
    turns = [*messages, {"role": "assistant", "content": text}, *chat_messages(png(56, 56))]
    assert client.chat.completions.create(messages=turns, **ASK).usage.prompt_tokens > whole.usage.prompt_tokens + tokens(1, 1, 4)


def responses():
    ask = {"model": MODEL.id, "max_output_tokens": 16, "temperature": 0}
    first = client.responses.create(input=response_input(png(112, 56)), **ask)
    second = client.responses.create(input="And its colour?", previous_response_id=first.id, **ask)
    assert second.usage.input_tokens > first.usage.input_tokens  # the picture is still in it
    events = list(client.responses.create(input=response_input(png(112, 56)), stream=True, **ask))
    final = events[-1].response
    assert final.output_text == first.output_text and final.usage.input_tokens == first.usage.input_tokens
    assert "".join(event.delta for event in events if event.type == "response.output_text.delta") == first.output_text


def messages():
    ask = {"messages": claude_messages(png(112, 56)), **ASK}
    whole = claude.messages.create(**ask)
    with claude.messages.stream(**ask) as events:
        text = "".join(events.text_stream)
        final = events.get_final_message()
    assert text == whole.content[0].text and claude_tokens(final.usage) == claude_tokens(whole.usage)
    # The template has no place for a picture that a tool gives: that is said, and not passed over.
    call = {"role": "assistant", "content": [{"type": "tool_use", "id": "toolu_1", "name": "look", "input": {}}]}
    result = {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "toolu_1", "content": [block(png(56, 56))]}]}
    asked = [{"role": "user", "content": WORDS}, call, result]
    tools = [{"name": "look", "input_schema": {"type": "object"}}]
    problem = raised(anthropic.BadRequestError, lambda: claude.messages.create(messages=asked, tools=tools, **ASK))
    assert "messages of the user" in problem.body["error"]["message"], problem


def langchain():
    model = ChatOpenAI(base_url=OPTIONS.url + "/v1", api_key=OPTIONS.key, model=MODEL.id, max_tokens=8, temperature=0)
    answer = model.invoke(chat_messages(png(56, 56)))
    asked = client.chat.completions.create(messages=chat_messages(png(56, 56)), **ASK)
    assert answer.usage_metadata["input_tokens"] == asked.usage.prompt_tokens


def errors():
    """What is no picture is the client's mistake, named by its place and explained in a sentence."""
    whole = png(168, 112)
    for wrong in (b"", b"only words", whole[: len(whole) // 2], whole[:40] + b"xx" + whole[42:], b"<svg xmlns='http://www.w3.org/2000/svg'/>"):
        problem = raised(openai.BadRequestError, lambda: client.chat.completions.create(messages=chat_messages(wrong), **ASK))
        assert problem.param.startswith("messages[0].content[0]") and len(problem.body["message"].split()) > 5, problem
        problem = raised(openai.BadRequestError, lambda: client.responses.create(model=MODEL.id, input=response_input(wrong)))
        assert problem.param.startswith("input[0].content[0]"), problem
        problem = raised(anthropic.BadRequestError, lambda: claude.messages.create(messages=claude_messages(wrong), **ASK))
        assert problem.body["error"]["type"] == "invalid_request_error" and "messages[0].content[0]" in problem.body["error"]["message"]
    for url in ("https://example.org/a.png", "file:///etc/passwd", "data:image/png;base64,%%%", "data:text/plain,hello", ""):
        asked = [{"role": "user", "content": [{"type": "image_url", "image_url": {"url": url}}]}]
        assert raised(openai.BadRequestError, lambda: client.chat.completions.create(messages=asked, **ASK)).body["message"]
    most = MODEL.image_limits["images"]
    problem = raised(openai.BadRequestError, lambda: client.chat.completions.create(messages=chat_messages(*[png(8, 8)] * (most + 1)), **ASK))
    assert str(most) in problem.body["message"], problem
    by_address = {"type": "image", "source": {"type": "url", "url": "https://example.org/a.png"}}
    asked = [{"role": "user", "content": [by_address]}]
    assert "base64" in raised(anthropic.BadRequestError, lambda: claude.messages.create(messages=asked, **ASK)).body["error"]["message"]


failed = 0
for check in [models, usage, detail, chat, responses, messages, langchain, errors]:
    start = time.time()
    try:
        check()
        print(f"{check.__name__:16} ok {time.time() - start:6.2f} s", flush=True)
    except Exception as problem:  # the others are worth knowing too
        failed += 1
        print(f"{check.__name__:16} FAILED: {type(problem).__name__}: {str(problem)[:400]}", flush=True)
sys.exit(failed > 0)
