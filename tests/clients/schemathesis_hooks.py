# SPDX-License-Identifier: Apache-2.0
"""Names that nobody guesses, put into what schemathesis invents, so that most requests reach the model. What is wrong on
purpose stays as it is."""

import os
import random

import schemathesis

MODEL = os.environ["PADDOCK_MODEL"]
chance = random.Random(1)


def is_name(value):
    return isinstance(value, str) and 0 < len(value) <= 200 and value.isprintable()


@schemathesis.hook
def map_body(context, body):
    if isinstance(body, dict) and is_name(body.get("model")) and chance.random() < 0.9:
        body["model"] = MODEL
        if is_name(body.get("previous_response_id")):
            del body["previous_response_id"]
        if isinstance(body.get("store"), bool):
            body["store"] = True  # what is made can be found
    return body


@schemathesis.hook
def map_path_parameters(context, path_parameters):
    if isinstance(path_parameters, dict) and is_name(path_parameters.get("model")) and chance.random() < 0.5:
        path_parameters["model"] = MODEL
    return path_parameters
