# SPDX-License-Identifier: Apache-2.0
"""Official clients against a running server: chat, streams, tools, structured output, responses, errors, cancelling.

  python3 -m venv /tmp/clients && /tmp/clients/bin/pip install openai anthropic langchain-openai
  paddock serve model.gguf &
  /tmp/clients/bin/python tests/clients/server_check.py http://127.0.0.1:8080 [KEY]

What a small model says does not matter here; that it comes in the right form does.
"""

import json
import sys
import time
import urllib.request

import anthropic
import openai
import pydantic
from langchain_openai import ChatOpenAI

URL, KEY = sys.argv[1], sys.argv[2] if len(sys.argv) > 2 else "none"
client = openai.OpenAI(base_url=URL + "/v1", api_key=KEY, max_retries=2)
claude = anthropic.Anthropic(base_url=URL, api_key=KEY)
MODEL = client.models.list().data[0].id
HELLO = [{"role": "user", "content": "Say hello in one word."}]
TOOL = {
    "type": "function",
    "function": {
        "name": "get_weather",
        "description": "The weather of a city",
        "parameters": {
            "type": "object",
            "properties": {"city": {"type": "string", "maxLength": 20}, "unit": {"enum": ["C", "F"]}},
            "required": ["city", "unit"],
            "additionalProperties": False,
        },
    },
}


class Person(pydantic.BaseModel):
    name: str = pydantic.Field(max_length=12)
    age: int = pydantic.Field(ge=0, le=120)


def chat():
    answer = client.chat.completions.create(model=MODEL, messages=HELLO, max_tokens=12, seed=1, temperature=0)
    again = client.chat.completions.create(model=MODEL, messages=HELLO, max_tokens=12, seed=1, temperature=0)
    assert answer.choices[0].message.content == again.choices[0].message.content
    assert answer.usage.total_tokens == answer.usage.prompt_tokens + answer.usage.completion_tokens
    assert again.usage.prompt_tokens_details.cached_tokens > 0
    several = client.chat.completions.create(model=MODEL, messages=HELLO, max_tokens=5, n=3, logprobs=True, top_logprobs=2)
    assert [choice.index for choice in several.choices] == [0, 1, 2]
    entry = several.choices[0].logprobs.content[0]
    assert entry.logprob <= 0 and len(entry.top_logprobs) == 2


def stream():
    whole = client.chat.completions.create(model=MODEL, messages=HELLO, max_tokens=20, temperature=0)
    pieces, usage = [], None
    for chunk in client.chat.completions.create(
        model=MODEL, messages=HELLO, max_tokens=20, temperature=0, stream=True, stream_options={"include_usage": True}
    ):
        usage = chunk.usage or usage
        pieces += [choice.delta.content or "" for choice in chunk.choices]
    assert "".join(pieces) == whole.choices[0].message.content
    assert usage.completion_tokens == whole.usage.completion_tokens


def stop_strings():
    text = client.chat.completions.create(model=MODEL, messages=HELLO, max_tokens=40, temperature=0).choices[0].message.content
    stop = text[3:6]
    answer = client.chat.completions.create(model=MODEL, messages=HELLO, max_tokens=40, temperature=0, stop=[stop])
    assert answer.choices[0].message.content == text[: text.index(stop)], (answer.choices[0].message.content, text)
    assert answer.choices[0].finish_reason == "stop"


def completions():
    answer = client.completions.create(model=MODEL, prompt=["Once upon", "The sea"], max_tokens=6, echo=True, temperature=0)
    assert answer.choices[0].text.startswith("Once upon") and answer.choices[1].text.startswith("The sea")


def structured():
    answer = client.chat.completions.parse(model=MODEL, messages=HELLO, response_format=Person, max_tokens=200)
    person = answer.choices[0].message.parsed
    assert isinstance(person, Person), answer
    free = client.chat.completions.create(model=MODEL, messages=HELLO, response_format={"type": "json_object"}, max_tokens=300, seed=5, temperature=0)
    if free.choices[0].finish_reason == "stop":
        json.loads(free.choices[0].message.content)


def tools():
    for choice in ("required", {"type": "function", "function": {"name": "get_weather"}}):
        answer = client.chat.completions.create(
            model=MODEL, messages=HELLO, tools=[TOOL], tool_choice=choice, parallel_tool_calls=False, max_tokens=200
        )
        call = answer.choices[0].message.tool_calls[0]
        assert call.function.name == "get_weather" and json.loads(call.function.arguments)["unit"] in ("C", "F")
        assert answer.choices[0].finish_reason == ("tool_calls" if choice == "required" else answer.choices[0].finish_reason)
    messages = HELLO + [
        {"role": "assistant", "tool_calls": [call.model_dump()]},
        {"role": "tool", "tool_call_id": call.id, "content": "22"},
    ]
    assert client.chat.completions.create(model=MODEL, messages=messages, tools=[TOOL], max_tokens=5).choices
    names, arguments = [], ""
    for chunk in client.chat.completions.create(
        model=MODEL, messages=HELLO, tools=[TOOL], tool_choice="required", parallel_tool_calls=False, stream=True, max_tokens=200
    ):
        for delta in (chunk.choices[0].delta.tool_calls or []) if chunk.choices else []:
            names += [delta.function.name] if delta.function.name else []
            arguments += delta.function.arguments or ""
    assert names == ["get_weather"] and json.loads(arguments)


def responses():
    first = client.responses.create(model=MODEL, input="Hello", max_output_tokens=16)
    second = client.responses.create(model=MODEL, input="And again", previous_response_id=first.id, max_output_tokens=16)
    assert second.usage.input_tokens > first.usage.input_tokens
    assert client.responses.retrieve(first.id).id == first.id
    kinds = [event.type for event in client.responses.create(model=MODEL, input="Hello", max_output_tokens=16, stream=True)]
    assert kinds[0] == "response.created" and kinds[-1] in ("response.completed", "response.incomplete"), kinds
    client.responses.delete(first.id)
    try:
        client.responses.retrieve(first.id)
        raise AssertionError("it was deleted")
    except openai.NotFoundError:
        pass


def messages():
    answer = claude.messages.create(model=MODEL, max_tokens=10, messages=HELLO, system="Be brief.")
    assert answer.usage.output_tokens > 0 and answer.type == "message"
    with claude.messages.stream(model=MODEL, max_tokens=10, messages=HELLO) as events:
        final = events.get_final_message()
    assert final.usage.output_tokens > 0
    counted = claude.messages.count_tokens(model=MODEL, messages=HELLO)
    usage = claude.messages.create(model=MODEL, max_tokens=1, messages=HELLO).usage
    assert counted.input_tokens == usage.input_tokens + (usage.cache_read_input_tokens or 0)
    tool = {"name": "get_weather", "input_schema": TOOL["function"]["parameters"]}
    called = claude.messages.create(model=MODEL, max_tokens=200, messages=HELLO, tools=[tool], tool_choice={"type": "any"})
    assert any(block.type == "tool_use" for block in called.content), called


def langchain():
    model = ChatOpenAI(base_url=URL + "/v1", api_key=KEY, model=MODEL, max_tokens=200)
    assert model.invoke("Hello").content is not None
    assert isinstance(model.with_structured_output(Person, method="json_schema").invoke("A person"), Person)


def errors():
    def refused(kind, **fields):
        try:
            client.chat.completions.create(**{"model": MODEL, "messages": HELLO, "max_tokens": 3, **fields})
        except kind as problem:
            return problem
        raise AssertionError(f"{fields} was accepted")

    assert refused(openai.NotFoundError, model="gpt-none").code == "model_not_found"
    assert refused(openai.BadRequestError, temperature=3).param == "temperature"
    assert refused(openai.BadRequestError, messages=[{"role": "user", "content": "x " * 100000}])
    assert refused(openai.BadRequestError, messages=[]).param == "messages"


def cancelled():
    events = client.chat.completions.create(model=MODEL, messages=HELLO, max_tokens=4000, stream=True, extra_body={"ignore_eos": True})
    next(iter(events))
    events.close()
    for _ in range(100):
        headers = {} if KEY == "none" else {"authorization": f"Bearer {KEY}"}
        with urllib.request.urlopen(urllib.request.Request(URL + "/metrics", headers=headers)) as answer:
            text = answer.read().decode()
        if f'paddock_requests_running{{model="{MODEL}"}} 0' in text:
            return
        time.sleep(0.05)
    raise AssertionError("it runs on")


failed = 0
for check in (chat, stream, stop_strings, completions, structured, tools, responses, messages, langchain, errors, cancelled):
    start = time.time()
    try:
        check()
        print(f"{check.__name__:14} ok {time.time() - start:6.2f} s")
    except Exception as problem:  # the others are worth knowing too
        failed += 1
        print(f"{check.__name__:14} FAILED: {type(problem).__name__}: {str(problem)[:400]}")
sys.exit(failed > 0)
