# SPDX-License-Identifier: Apache-2.0
"""Which fields of the official packages' request types does openapi.json not know, at any depth?

For dialects_check.py: unknown_fields(schemas) yields their paths.
"""

import typing

from anthropic.types import message_count_tokens_params, message_create_params
from openai.types import completion_create_params
from openai.types.chat import completion_create_params as chat_params
from openai.types.responses import response_create_params

REQUESTS = {
    "ChatRequest": chat_params.CompletionCreateParamsBase,
    "CompletionsRequest": completion_create_params.CompletionCreateParamsBase,
    "ResponsesRequest": response_create_params.ResponseCreateParamsBase,
    "MessagesRequest": message_create_params.MessageCreateParamsBase,
    "CountTokensRequest": message_count_tokens_params.MessageCountTokensParams,
}


def texts_in(hint):
    """The texts of all Literals in a type."""
    if isinstance(hint, str):
        yield hint
    for inner in typing.get_args(hint):
        yield from texts_in(inner)


def records_in(hint):
    """The typed dictionaries in a type, behind unions and lists; not those of free-form dictionaries."""
    if typing.is_typeddict(hint):
        yield hint
    elif typing.get_origin(hint) is not dict:
        for inner in typing.get_args(hint):
            yield from records_in(inner)


def objects_in(schema):
    """The object schemas in a schema, behind alternatives and lists."""
    for alternative in schema.get("anyOf", ()):
        yield from objects_in(alternative)
    if "items" in schema:
        yield from objects_in(schema["items"])
    if "properties" in schema:
        yield schema


def may_describe(schema, hints):
    """Whether schema and record agree in the texts that tell alternatives apart."""
    for tag in ("type", "role"):
        described = schema["properties"].get(tag, {})
        allowed = {described["const"]} if "const" in described else set(described.get("enum", ())) - {None}
        if allowed and tag in hints and not allowed & set(texts_in(hints[tag])):
            return False
    return True


def unknown_in(record, schemas, path):
    hints = typing.get_type_hints(record)
    schemas = [schema for schema in schemas if may_describe(schema, hints)]
    if not schemas:
        return  # the record as a whole is refused by its tag
    for name, hint in hints.items():
        known = [schema["properties"][name] for schema in schemas if name in schema["properties"]]
        if not known:
            yield f"{path}.{name}"
        inner_schemas = [inner for schema in known for inner in objects_in(schema)]
        for inner in records_in(hint):
            yield from unknown_in(inner, inner_schemas, f"{path}.{name}")


def unknown_fields(schemas):
    for name, record in REQUESTS.items():
        yield from unknown_in(record, [schemas[name]], name)
