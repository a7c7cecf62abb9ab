# SPDX-License-Identifier: Apache-2.0
"""Official Python clients against a running server: chat, streams, tools, structured output, responses, errors, retries,
cancelling. tests/clients/run installs them, starts a server and calls this; by hand:

  python server_check.py http://127.0.0.1:8080 [KEY] [--one-at-a-time KEY] [--few-a-minute KEY] [--no-scope KEY]

The further keys belong to checks of limits, which are left out without them. What a small model says does not matter
here; that it comes in the right form does.
"""

import argparse
import asyncio
import concurrent.futures
import json
import sys
import time
import urllib.request
from typing import Literal

import anthropic
import openai
import pydantic
from langchain_openai import ChatOpenAI

parser = argparse.ArgumentParser()
parser.add_argument("url")
parser.add_argument("key", nargs="?", default="none")
parser.add_argument("--one-at-a-time", help="a key of --concurrent 1")
parser.add_argument("--few-a-minute", help="a key of --requests-per-minute 2")
parser.add_argument("--no-scope", help="a key of --scope read-only")
OPTIONS = parser.parse_args()
URL, KEY = OPTIONS.url, OPTIONS.key


def openai_client(key=KEY, retries=2):
    return openai.OpenAI(base_url=URL + "/v1", api_key=key, max_retries=retries)


client = openai_client()
claude = anthropic.Anthropic(base_url=URL, api_key=KEY)
MODEL = client.models.list().data[0].id
HELLO = [{"role": "user", "content": "Say hello in one word."}]
LONG = {"model": MODEL, "messages": HELLO, "max_tokens": 4000, "extra_body": {"ignore_eos": True}}


class Weather(pydantic.BaseModel):
    """The weather of a city"""

    city: str = pydantic.Field(max_length=12)
    unit: str = pydantic.Field(pattern="^[CF]$")


class Person(pydantic.BaseModel):
    name: str = pydantic.Field(max_length=12)
    age: int = pydantic.Field(ge=0, le=120)


class Verdict(pydantic.BaseModel):  # Anthropic's client sends no bounds of numbers and lengths
    grade: Literal["good", "bad"]
    sure: bool


TOOL = {
    "type": "function",
    "function": {
        "name": "get_weather",
        "description": "The weather of a city",
        "parameters": {
            "type": "object",
            "properties": {"city": {"type": "string", "maxLength": 12}, "unit": {"enum": ["C", "F"]}},
            "required": ["city", "unit"],
            "additionalProperties": False,
        },
    },
}
TIME = {
    "type": "function",
    "function": {
        "name": "get_time",
        "parameters": {"type": "object", "properties": {}, "additionalProperties": False},
    },
}


def metric(name):
    headers = {} if KEY == "none" else {"authorization": f"Bearer {KEY}"}
    with urllib.request.urlopen(urllib.request.Request(URL + "/metrics", headers=headers)) as answer:
        lines = [line for line in answer.read().decode().splitlines() if line.startswith(name)]
    return sum(float(line.rsplit(" ", 1)[1]) for line in lines)


def becomes_true(condition, what):
    for _ in range(200):
        if condition():
            return
        time.sleep(0.05)
    raise AssertionError(what)


def raised(kind, call):
    try:
        call()
    except kind as problem:
        return problem
    raise AssertionError(f"no {kind.__name__}")


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
    raw = client.chat.completions.with_raw_response.create(model=MODEL, messages=HELLO, max_tokens=1)
    assert raw.headers["x-request-id"] and raw.parse()._request_id == raw.headers["x-request-id"]


def many():
    async def ask_all():
        async with openai.AsyncOpenAI(base_url=URL + "/v1", api_key=KEY) as several:
            ask = several.chat.completions.create
            return await asyncio.gather(*[ask(model=MODEL, messages=HELLO, max_tokens=8, seed=seed) for seed in range(12)])

    answers = asyncio.run(ask_all())
    assert len({answer.id for answer in answers}) == 12 and all(answer.usage.completion_tokens > 0 for answer in answers)


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
    chunks = client.completions.create(model=MODEL, prompt="Once upon", max_tokens=6, temperature=0, stream=True)
    assert "Once upon" + "".join(chunk.choices[0].text for chunk in chunks if chunk.choices) == answer.choices[0].text


def structured():
    parse = client.chat.completions.parse
    person = parse(model=MODEL, messages=HELLO, response_format=Person, max_tokens=200).choices[0].message.parsed
    assert isinstance(person, Person), person
    with client.chat.completions.stream(model=MODEL, messages=HELLO, response_format=Person, max_tokens=200) as events:
        final = events.get_final_completion()
    assert isinstance(final.choices[0].message.parsed, Person)
    free = client.chat.completions.create(
        model=MODEL, messages=HELLO, response_format={"type": "json_object"}, max_tokens=300, seed=5, temperature=0
    )
    if free.choices[0].finish_reason == "stop":
        json.loads(free.choices[0].message.content)
    cut = raised(openai.LengthFinishReasonError, lambda: parse(model=MODEL, messages=HELLO, response_format=Person, max_tokens=2))
    assert cut.completion.choices[0].finish_reason == "length"


def tools():
    create = client.chat.completions.create
    for choice in ("required", {"type": "function", "function": {"name": "get_weather"}}):
        answer = create(model=MODEL, messages=HELLO, tools=[TOOL], tool_choice=choice, parallel_tool_calls=False, max_tokens=200)
        call = answer.choices[0].message.tool_calls[0]
        assert call.function.name == "get_weather" and json.loads(call.function.arguments)["unit"] in ("C", "F")
        if choice == "required":
            assert answer.choices[0].finish_reason == "tool_calls"
    result = [{"role": "assistant", "tool_calls": [call.model_dump()]}, {"role": "tool", "tool_call_id": call.id, "content": "22"}]
    assert create(model=MODEL, messages=HELLO + result, tools=[TOOL], max_tokens=5).choices
    # Whether it calls is the model's choice; the form is not.
    free = create(model=MODEL, messages=HELLO, tools=[TOOL, TIME], tool_choice="auto", max_tokens=60).choices[0]
    for call in free.message.tool_calls or []:
        assert call.function.name in ("get_weather", "get_time") and json.loads(call.function.arguments) is not None
    assert free.message.tool_calls or free.message.content is not None
    told = create(model=MODEL, messages=HELLO, tools=[TOOL], tool_choice="none", max_tokens=20).choices[0]
    assert told.message.tool_calls is None and told.finish_reason in ("stop", "length")


def several_tools():
    answer = client.chat.completions.create(
        model=MODEL, messages=HELLO, tools=[TOOL, TIME], tool_choice="required", max_tokens=250, temperature=1.3, seed=3
    ).choices[0]
    calls = answer.message.tool_calls
    assert calls and len({call.id for call in calls}) == len(calls)
    for call in calls[:-1] if answer.finish_reason == "length" else calls:
        assert call.function.name in ("get_weather", "get_time") and isinstance(json.loads(call.function.arguments), dict)


def streamed_tools():
    ask = {"model": MODEL, "messages": HELLO, "tool_choice": "required", "parallel_tool_calls": False, "max_tokens": 200}
    names, arguments = [], ""
    for chunk in client.chat.completions.create(tools=[TOOL], stream=True, **ask):
        for delta in (chunk.choices[0].delta.tool_calls or []) if chunk.choices else []:
            names += [delta.function.name] if delta.function.name else []
            arguments += delta.function.arguments or ""
    assert names == ["get_weather"] and json.loads(arguments)
    strict = openai.pydantic_function_tool(Weather, name="get_weather")
    with client.chat.completions.stream(tools=[strict], **ask) as events:
        done = [event for event in events if event.type == "tool_calls.function.arguments.done"]
        final = events.get_final_completion().choices[0]
    assert len(done) == 1 and isinstance(final.message.tool_calls[0].function.parsed_arguments, Weather)
    parsed = client.chat.completions.parse(tools=[strict], **ask).choices[0].message.tool_calls[0]
    assert isinstance(parsed.function.parsed_arguments, Weather)


def responses():
    first = client.responses.create(model=MODEL, input="Hello", max_output_tokens=16)
    second = client.responses.create(model=MODEL, input="And again", previous_response_id=first.id, max_output_tokens=16)
    assert second.usage.input_tokens > first.usage.input_tokens
    assert client.responses.retrieve(first.id).id == first.id
    assert [item.role for item in client.responses.input_items.list(first.id)] == ["user"]
    kinds = [event.type for event in client.responses.create(model=MODEL, input="Hello", max_output_tokens=16, stream=True)]
    assert kinds[0] == "response.created" and kinds[-1] in ("response.completed", "response.incomplete"), kinds
    client.responses.delete(first.id)
    raised(openai.NotFoundError, lambda: client.responses.retrieve(first.id))
    parsed = client.responses.parse(model=MODEL, input="A person.", text_format=Person, max_output_tokens=200)
    assert isinstance(parsed.output_parsed, Person)


def responses_tools():
    flat = {"type": "function", "strict": True, **TOOL["function"]}
    ask = {"model": MODEL, "tools": [flat], "tool_choice": "required", "parallel_tool_calls": False, "max_output_tokens": 200}
    call = client.responses.create(input="Hello", **ask).output[-1]
    assert call.type == "function_call" and json.loads(call.arguments)["unit"] in ("C", "F")
    result = {"type": "function_call_output", "call_id": call.call_id, "output": "22"}
    again = client.responses.create(model=MODEL, input=[*HELLO, call, result], tools=[flat], max_output_tokens=16)
    assert again.status in ("completed", "incomplete")
    with client.responses.stream(input="Hello", **ask) as events:
        pieces = [event.delta for event in events if event.type == "response.function_call_arguments.delta"]
        final = events.get_final_response().output[-1]
    assert "".join(pieces) == final.arguments and final.name == "get_weather"


def messages():
    answer = claude.messages.create(model=MODEL, max_tokens=10, messages=HELLO, system="Be brief.")
    assert answer.usage.output_tokens > 0 and answer.type == "message" and answer._request_id
    with claude.messages.stream(model=MODEL, max_tokens=10, messages=HELLO) as events:
        final = events.get_final_message()
    assert final.usage.output_tokens > 0
    counted = claude.messages.count_tokens(model=MODEL, messages=HELLO)
    usage = claude.messages.create(model=MODEL, max_tokens=1, messages=HELLO).usage
    assert counted.input_tokens == usage.input_tokens + (usage.cache_read_input_tokens or 0)
    assert [model.id for model in claude.models.list()] == [model.id for model in client.models.list()]
    parsed = claude.messages.parse(model=MODEL, max_tokens=200, messages=HELLO, output_format=Verdict)
    assert isinstance(parsed.parsed_output, Verdict)


def messages_tools():
    tool = {"name": "get_weather", "input_schema": TOOL["function"]["parameters"]}
    ask = {"model": MODEL, "max_tokens": 250, "tools": [tool]}
    one = {"type": "any", "disable_parallel_tool_use": True}
    called = claude.messages.create(messages=HELLO, tool_choice=one, **ask)
    block = called.content[-1]
    assert block.type == "tool_use" and block.input["unit"] in ("C", "F") and called.stop_reason == "tool_use"
    with claude.messages.stream(messages=HELLO, tool_choice={"type": "tool", "name": "get_weather"}, **ask) as events:
        kinds = {event.type for event in events}
        streamed = events.get_final_message().content[-1]
    assert streamed.input["unit"] in ("C", "F") and "input_json" in kinds, kinds
    result = {"role": "user", "content": [{"type": "tool_result", "tool_use_id": block.id, "content": "22"}]}
    history = [*HELLO, {"role": "assistant", "content": called.content}, result]
    assert claude.messages.create(messages=history, **{**ask, "max_tokens": 5}).type == "message"


def langchain():
    model = ChatOpenAI(base_url=URL + "/v1", api_key=KEY, model=MODEL, max_tokens=200)
    assert model.invoke("Hello").content is not None
    brief = ChatOpenAI(base_url=URL + "/v1", api_key=KEY, model=MODEL, max_tokens=8, stream_usage=True)
    chunks = list(brief.stream("Hello"))
    assert sum((chunk.usage_metadata or {}).get("output_tokens", 0) for chunk in chunks) > 0
    assert len(brief.batch(["Hello", "Goodbye", "And"])) == 3
    called = model.bind_tools([Weather], tool_choice="any", parallel_tool_calls=False).invoke("Hello")
    assert called.tool_calls[0]["name"] == "Weather" and called.tool_calls[0]["args"]["unit"] in ("C", "F")
    for method in ("json_schema", "function_calling"):
        assert isinstance(model.with_structured_output(Person, method=method).invoke("A person"), Person), method


def errors():
    def refused(kind, **fields):
        ask = {"model": MODEL, "messages": HELLO, "max_tokens": 3, **fields}
        return raised(kind, lambda: client.chat.completions.create(**ask))

    assert refused(openai.NotFoundError, model="gpt-none").code == "model_not_found"
    assert refused(openai.BadRequestError, temperature=3).param == "temperature"
    assert refused(openai.BadRequestError, messages=[{"role": "user", "content": "x " * 100000}])
    assert refused(openai.BadRequestError, messages=[]).param == "messages"
    late = refused(openai.InternalServerError, max_tokens=4000, extra_body={"ignore_eos": True, "deadline_ms": 1})
    assert late.status_code == 504, late
    send = claude.messages.create
    problem = raised(anthropic.BadRequestError, lambda: send(model=MODEL, max_tokens=0, messages=HELLO))
    assert problem.body["error"]["type"] == "invalid_request_error" and problem.request_id == problem.body["request_id"]
    raised(anthropic.NotFoundError, lambda: send(model="claude-none", max_tokens=5, messages=HELLO))


def keys():
    wrong = KEY[:-1] + ("a" if KEY[-1] != "a" else "b")
    for key in (wrong, "sk-of-somebody-else"):
        raised(openai.AuthenticationError, lambda: openai_client(key).models.list())
        unknown = anthropic.Anthropic(base_url=URL, api_key=key)
        raised(anthropic.AuthenticationError, lambda: unknown.messages.create(model=MODEL, max_tokens=3, messages=HELLO))
    narrow = openai_client(OPTIONS.no_scope)
    assert narrow.models.list().data
    raised(openai.PermissionDeniedError, lambda: narrow.chat.completions.create(model=MODEL, messages=HELLO, max_tokens=3))


def retries():
    """A place is taken by a long stream: others of the key are refused, and come through when it is free again."""
    key = OPTIONS.one_at_a_time
    impatient = openai_client(key, retries=0).chat.completions
    ask = {"model": MODEL, "messages": HELLO, "max_tokens": 3}
    claude_of_key = anthropic.Anthropic(base_url=URL, api_key=key, max_retries=5)
    for patient in (openai_client(key, 5).chat.completions, claude_of_key.messages):
        # Its first token may come after the refusal of the one before has been heard.
        busy = openai_client(key, 5).chat.completions.create(stream=True, **LONG)
        next(iter(busy))
        refused = raised(openai.RateLimitError, lambda: impatient.create(**ask))
        assert float(refused.response.headers["retry-after"]) > 0
        before = metric("paddock_refusals_total")
        with concurrent.futures.ThreadPoolExecutor() as pool:
            waiting = pool.submit(lambda: patient.create(**ask))
            becomes_true(lambda: metric("paddock_refusals_total") > before, "nobody was refused")
            busy.close()
            assert waiting.result(60).id


def spend_the_minute():
    """Two requests of a key that may send two a minute; the third waits as long as it is told."""
    create = openai_client(OPTIONS.few_a_minute, retries=0).chat.completions.with_raw_response.create
    ask = {"model": MODEL, "messages": HELLO, "max_tokens": 3}
    first = create(**ask).headers
    assert first["x-ratelimit-limit-requests"] == "2" and first["x-ratelimit-remaining-requests"] == "1", first
    create(**ask)
    refused = raised(openai.RateLimitError, lambda: create(**ask)).response.headers
    assert 0 < float(refused["retry-after"]) <= 60, refused
    begin = time.time()
    assert openai_client(OPTIONS.few_a_minute, retries=1).chat.completions.create(**ask).id
    assert time.time() - begin > 0.9 * float(refused["retry-after"]) - 1


def minute_limit():
    minute.result(120)


def cancelled():
    def is_idle():
        return metric("paddock_requests_running") == 0 and metric("paddock_requests_in_flight") <= 1

    def ends_early(what, leave):
        before = metric('paddock_completions_total{finish_reason="cancelled"')
        leave()
        counted = lambda: metric('paddock_completions_total{finish_reason="cancelled"') == before + 1
        becomes_true(lambda: counted() and is_idle(), f"{what}: it runs on")

    def close_stream():
        events = client.chat.completions.create(stream=True, **LONG)
        next(iter(events))
        events.close()

    def close_messages():
        ask = {"model": MODEL, "messages": HELLO, "max_tokens": 4000, "extra_body": {"ignore_eos": True}}
        with claude.messages.create(stream=True, **ask) as events:
            next(iter(events))

    def time_out():
        impatient = client.with_options(timeout=0.5, max_retries=0)
        raised(openai.APITimeoutError, lambda: impatient.chat.completions.create(**LONG))

    def cancel_task():
        async def give_up():
            async with openai.AsyncOpenAI(base_url=URL + "/v1", api_key=KEY) as other:
                task = asyncio.create_task(other.chat.completions.create(**LONG))
                await asyncio.sleep(0.5)
                task.cancel()
                await asyncio.gather(task, return_exceptions=True)

        asyncio.run(give_up())

    becomes_true(is_idle, "others run")
    for leave in (close_stream, close_messages, time_out, cancel_task):
        ends_early(leave.__name__, leave)
    assert metric('paddock_requests_total{code="499"') == 2, "whole answers that nobody waited for"


CHECKS = [chat, many, stream, stop_strings, completions, structured, tools, several_tools, streamed_tools, responses,
          responses_tools, messages, messages_tools, langchain, errors]  # fmt: skip
if OPTIONS.no_scope:
    CHECKS.append(keys)
if OPTIONS.one_at_a_time:
    CHECKS.append(retries)
if OPTIONS.few_a_minute:
    minute = concurrent.futures.ThreadPoolExecutor().submit(spend_the_minute)  # it waits for most of a minute
    CHECKS.append(minute_limit)
CHECKS.append(cancelled)

failed = 0
for check in CHECKS:
    start = time.time()
    try:
        check()
        print(f"{check.__name__:16} ok {time.time() - start:6.2f} s", flush=True)
    except Exception as problem:  # the others are worth knowing too
        failed += 1
        print(f"{check.__name__:16} FAILED: {type(problem).__name__}: {str(problem)[:400]}", flush=True)
sys.exit(failed > 0)
