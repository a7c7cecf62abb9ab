# SPDX-License-Identifier: Apache-2.0
"""Holds the dialects to their real clients: the official packages talk to a local service whose requests are read and
whose answers are written by the program's own code (canned_service). Strict: every answer must also be valid for the
packages' types, and every field of their requests must be in openapi.json.

  python3 -m venv /tmp/clients && /tmp/clients/bin/pip install openai anthropic langchain-openai
  /tmp/clients/bin/python tests/clients/dialects_check.py build-dev/src/server/api/canned_service

With the further argument --serve PORT it only serves, for clients in other languages and for schemathesis.
"""

import json
import subprocess
import sys
import threading
import typing
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import anthropic
import openai
import pydantic

from known_fields import texts_in, unknown_fields

CANNED = sys.argv[1]
ROUTES = {
    "/v1/chat/completions": "chat",
    "/v1/completions": "completions",
    "/v1/responses": "responses",
    "/v1/messages": "messages",
    "/v1/messages/count_tokens": "count_tokens",
    "/v1/models": "models",
    "/openapi.json": "openapi",
}
GREETING = "Grüß Gott."


def canned(route, body=b""):
    run = subprocess.run([CANNED, route], input=body, capture_output=True, check=True)
    return json.loads(run.stdout)


class Handler(BaseHTTPRequestHandler):
    def answer(self):
        route = ROUTES[self.path.split("?")[0]]
        if route == "models" and self.headers.get("anthropic-version"):
            route = "models_anthropic"
        answer = canned(route, self.rfile.read(int(self.headers.get("content-length", 0))))
        body = answer["body"].encode()
        self.send_response(answer["status"])
        self.send_header("content-type", answer["content_type"])
        self.send_header("content-length", str(len(body)))
        for name, value in answer["headers"].items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    do_GET = do_POST = answer

    def log_message(self, *arguments):
        pass


class City(pydantic.BaseModel):
    city: str
    celsius: int


PARAMETERS = {
    "type": "object",
    "properties": {"city": {"type": "string"}},
    "required": ["city"],
    "additionalProperties": False,
}
CHAT_TOOLS = [
    {"type": "function", "function": {"name": name, "description": "d", "parameters": PARAMETERS, "strict": True}}
    for name in ("weather", "time")
]
FLAT_TOOLS = [{"type": "function", "name": name, "parameters": PARAMETERS, "strict": True} for name in ("weather", "time")]
MESSAGES_TOOLS = [{"name": name, "input_schema": PARAMETERS} for name in ("weather", "time")]
HELLO = [{"role": "user", "content": "hi"}]


def strictly(model, value):
    """The type of the package, which its client does not enforce by itself."""
    pydantic.TypeAdapter(model).validate_python(value.to_dict() if hasattr(value, "to_dict") else value)


def check_chat(client):
    from openai.types.chat import ChatCompletion, ChatCompletionChunk

    create = client.chat.completions.create
    plain = create(model="m", messages=HELLO, n=2, logprobs=True, top_logprobs=1)
    strictly(ChatCompletion, plain)
    assert [choice.message.content for choice in plain.choices] == [GREETING] * 2
    assert plain.choices[0].logprobs.content[0].bytes == list("Grüß".encode())
    assert plain.usage.prompt_tokens_details.cached_tokens == 4

    chunks = list(create(model="m", messages=HELLO, stream=True, stream_options={"include_usage": True}))
    for chunk in chunks:
        strictly(ChatCompletionChunk, chunk)
    assert "".join(c.choices[0].delta.content or "" for c in chunks if c.choices) == GREETING
    assert chunks[-1].usage.total_tokens == 17 and not chunks[-1].choices

    called = create(model="m", messages=HELLO, tools=CHAT_TOOLS)
    strictly(ChatCompletion, called)
    message = called.choices[0].message
    assert called.choices[0].finish_reason == "tool_calls" and message.content is None
    assert [json.loads(call.function.arguments) for call in message.tool_calls] == [{"city": "Graz"}] * 2
    results = [{"role": "tool", "tool_call_id": call.id, "content": "21"} for call in message.tool_calls]
    again = create(model="m", messages=[*HELLO, message, *results], tools=CHAT_TOOLS)
    assert again.choices[0].message.content == GREETING

    with client.chat.completions.stream(model="m", messages=HELLO, tools=CHAT_TOOLS) as stream:
        final = stream.get_final_completion()
    assert [call.function.name for call in final.choices[0].message.tool_calls] == ["weather", "time"]
    assert final.choices[0].message.tool_calls[1].function.parsed_arguments == {"city": "Graz"}

    parsed = client.chat.completions.parse(model="m", messages=HELLO, response_format=City)
    assert parsed.choices[0].message.parsed == City(city="Graz", celsius=21)
    with client.chat.completions.stream(model="m", messages=HELLO, response_format=City) as stream:
        assert stream.get_final_completion().choices[0].message.parsed.celsius == 21


def check_completions(client):
    from openai.types import Completion

    plain = client.completions.create(model="m", prompt=["a", "b"], logprobs=1)
    strictly(Completion, plain)
    assert [choice.text for choice in plain.choices] == [GREETING] * 2
    assert plain.choices[0].logprobs.text_offset == [0, 4]
    chunks = list(client.completions.create(model="m", prompt=[1, 2], stream=True))
    for chunk in chunks:
        strictly(Completion, {**chunk.to_dict(), "choices": []})  # a chunk has no finish_reason yet
    assert "".join(chunk.choices[0].text for chunk in chunks) == GREETING


def check_responses(client):
    from openai.types.responses import Response, ResponseStreamEvent

    plain = client.responses.create(model="m", input="hi", instructions="Be brief.", include=["message.output_text.logprobs"])
    strictly(Response, plain)
    assert plain.output_text == GREETING and plain.status == "completed"
    for event in client.responses.create(model="m", input="hi", stream=True):
        strictly(ResponseStreamEvent, event)
    with client.responses.stream(model="m", input="hi", tools=FLAT_TOOLS) as stream:
        for event in stream:
            pass
        final = stream.get_final_response()
    assert [item.type for item in final.output] == ["function_call"] * 2
    assert [json.loads(item.arguments) for item in final.output] == [{"city": "Graz"}] * 2
    results = [{"type": "function_call_output", "call_id": item.call_id, "output": "21"} for item in final.output]
    history = [*HELLO, *[item.to_dict() for item in plain.output], *[item.to_dict() for item in plain.output]]
    calls = client.responses.create(model="m", input="hi", tools=FLAT_TOOLS).output
    results = [{"type": "function_call_output", "call_id": item.call_id, "output": "21"} for item in calls]
    assert client.responses.create(model="m", input=[*history, *calls, *results], tools=FLAT_TOOLS).output_text == GREETING
    assert client.responses.parse(model="m", input="hi", text_format=City).output_parsed.city == "Graz"
    cut = client.responses.create(model="m", input="hi", max_output_tokens=1)
    assert cut.status == "incomplete" and cut.incomplete_details.reason == "max_output_tokens"


def check_messages(client):
    from anthropic.types import Message, RawMessageStreamEvent

    plain = client.messages.create(model="m", max_tokens=50, messages=HELLO, system="Be brief.")
    strictly(Message, plain)
    assert plain.content[0].text == GREETING and plain.stop_reason == "end_turn"
    assert plain.usage.input_tokens == 8 and plain.usage.cache_read_input_tokens == 4
    for event in client.messages.create(model="m", max_tokens=50, messages=HELLO, tools=MESSAGES_TOOLS, stream=True):
        strictly(RawMessageStreamEvent, event)
    with client.messages.stream(model="m", max_tokens=50, messages=HELLO, tools=MESSAGES_TOOLS) as stream:
        final = stream.get_final_message()
    assert [block.input for block in final.content] == [{"city": "Graz"}] * 2 and final.stop_reason == "tool_use"
    results = [{"type": "tool_result", "tool_use_id": block.id, "content": "21"} for block in final.content]
    history = [*HELLO, {"role": "assistant", "content": final.content}, {"role": "user", "content": results}]
    again = client.messages.create(model="m", max_tokens=50, messages=history, tools=MESSAGES_TOOLS)
    assert again.content[0].text == GREETING
    forced = client.messages.create(
        model="m", max_tokens=50, messages=HELLO, tools=MESSAGES_TOOLS, tool_choice={"type": "tool", "name": "time"}
    )
    assert [block.name for block in forced.content] == ["time"]
    assert client.messages.count_tokens(model="m", messages=HELLO).input_tokens == 12
    assert client.messages.parse(model="m", max_tokens=50, messages=HELLO, output_format=City).parsed_output.city == "Graz"


def raised(kind, call):
    try:
        call()
    except kind as error:
        return error
    raise AssertionError(f"no {kind.__name__}")


def check_errors(openai_client, anthropic_client):
    create = openai_client.chat.completions.create
    error = raised(openai.BadRequestError, lambda: create(model="m", messages=HELLO, temperature=9))
    assert error.param == "temperature" and error.type == "invalid_request_error" and error.code == "above_max_value"
    error = raised(openai.NotFoundError, lambda: create(model="missing", messages=HELLO))
    assert error.code == "model_not_found"
    stream = create(model="m", messages=HELLO, stream=True, user="fail")
    assert "Out of breath" in str(raised(openai.APIError, lambda: list(stream)))
    send = anthropic_client.messages.create
    error = raised(anthropic.BadRequestError, lambda: send(model="m", max_tokens=5, messages=[]))
    assert error.body["error"]["type"] == "invalid_request_error" and error.body["request_id"] == "req_1"
    raised(anthropic.NotFoundError, lambda: send(model="missing", max_tokens=5, messages=HELLO))
    events = send(model="m", max_tokens=5, messages=HELLO, stream=True, metadata={"user_id": "fail"})
    assert "Out of breath" in str(raised(anthropic.APIStatusError, lambda: list(events)))


def check_models(openai_client, anthropic_client):
    from anthropic.types import ModelInfo
    from openai.types import Model

    for model in openai_client.models.list():
        strictly(Model, model)
    for model in anthropic_client.models.list():
        strictly(ModelInfo, model)
        assert model.id == "canned"


def check_fields_are_known():
    schemas = json.loads(canned("openapi")["body"])["components"]["schemas"]
    assert not (unknown := sorted(set(unknown_fields(schemas)))), unknown


def tags_of(union):
    """The values of `type` that tell the members of a union apart."""
    members = typing.get_args(union) or (union,)
    for member in members:
        if typing.get_args(member):
            yield from tags_of(member)
        elif "type" in getattr(member, "__annotations__", {}):
            yield from texts_in(typing.get_type_hints(member)["type"])


def check_tags_are_known():
    """Each kind of item, part and tool is served or refused by name, never unheard of."""
    from anthropic.types import ContentBlockParam, ToolUnionParam
    from anthropic.types.tool_result_block_param import Content as ResultContent
    from openai.types.chat import ChatCompletionContentPartParam, ChatCompletionToolUnionParam
    from openai.types.responses import ResponseInputContentParam, ToolParam, response_create_params
    from openai.types.responses.response_input_param import ResponseInputItemParam

    def message(part):
        return {"messages": [{"role": "user", "content": [part]}], "max_tokens": 5}

    def answer(part):
        return {"messages": [{"role": "assistant", "content": [part]}], "max_tokens": 5}

    def result(part):
        return message({"type": "tool_result", "tool_use_id": "a", "content": [part]})

    own_of_assistant = {"thinking", "redacted_thinking", "tool_use"}
    user_blocks = set(tags_of(ContentBlockParam)) - own_of_assistant
    for route, tags, body in [
        ("chat", tags_of(ChatCompletionContentPartParam), message),
        ("chat", tags_of(ChatCompletionToolUnionParam), lambda tool: {**message({}), "messages": HELLO, "tools": [tool]}),
        ("responses", tags_of(ResponseInputItemParam), lambda item: {"input": [item]}),
        ("responses", tags_of(ResponseInputContentParam), lambda part: {"input": [{"role": "user", "content": [part]}]}),
        ("responses", tags_of(ToolParam), lambda tool: {"input": "a", "tools": [tool]}),
        ("responses", tags_of(response_create_params.ToolChoice), lambda choice: {"input": "a", "tool_choice": choice}),
        ("messages", user_blocks, message),
        ("messages", own_of_assistant, answer),
        ("messages", tags_of(ResultContent), result),
        ("messages", tags_of(ToolUnionParam), lambda tool: {"messages": HELLO, "max_tokens": 5, "tools": [tool]}),
    ]:
        tags = set(tags)
        assert tags, f"{route}: no tags found in the package"
        for tag in tags:
            answered = json.loads(canned(route, json.dumps({"model": "m", **body({"type": tag})}).encode())["body"])
            told = answered.get("error", {}).get("message", "")
            assert f'not "{tag}"' not in told, f"{route} has not heard of {tag}: {told}"


def check_langchain(url):
    try:
        from langchain_openai import ChatOpenAI
    except ImportError:
        print("langchain-openai is not installed: left out")
        return
    for responses in (False, True):
        model = ChatOpenAI(model="m", base_url=url + "/v1", api_key="k", use_responses_api=responses)
        assert model.invoke("hi").text == GREETING
        assert "".join(chunk.text for chunk in model.stream("hi")) == GREETING
        called = model.bind_tools(CHAT_TOOLS).invoke("hi")
        assert [call["args"] for call in called.tool_calls] == [{"city": "Graz"}] * 2
        forced = model.bind_tools(CHAT_TOOLS, tool_choice="weather").invoke("hi")
        assert [call["name"] for call in forced.tool_calls] == ["weather"]
        assert model.with_structured_output(City).invoke("hi") == City(city="Graz", celsius=21)


def main():
    if "--serve" in sys.argv:
        ThreadingHTTPServer(("127.0.0.1", int(sys.argv[-1])), Handler).serve_forever()
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    url = f"http://127.0.0.1:{server.server_port}"
    openai_client = openai.OpenAI(base_url=url + "/v1", api_key="k", max_retries=0)
    anthropic_client = anthropic.Anthropic(base_url=url, api_key="k", max_retries=0)
    for name, check in {
        "chat": lambda: check_chat(openai_client),
        "completions": lambda: check_completions(openai_client),
        "responses": lambda: check_responses(openai_client),
        "messages": lambda: check_messages(anthropic_client),
        "errors": lambda: check_errors(openai_client, anthropic_client),
        "models": lambda: check_models(openai_client, anthropic_client),
        "fields": check_fields_are_known,
        "tags": check_tags_are_known,
        "langchain": lambda: check_langchain(url),
    }.items():
        check()
        print(f"{name}: ok")


if __name__ == "__main__":
    main()
