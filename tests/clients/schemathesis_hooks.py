# SPDX-License-Identifier: Apache-2.0
"""Names that nobody guesses, put into what schemathesis invents, so that most requests reach the model."""

import os
import random

import schemathesis

MODEL = os.environ["PADDOCK_MODEL"]


@schemathesis.hook
def map_body(context, body):
    if isinstance(body, dict) and isinstance(body.get("model"), str) and body["model"] and random.random() < 0.9:
        body["model"] = MODEL
        body.pop("previous_response_id", None)
        body.pop("store", None)  # what is made can be found
    return body


@schemathesis.hook
def map_path_parameters(context, path_parameters):
    if isinstance(path_parameters, dict) and "model" in path_parameters and random.random() < 0.5:
        path_parameters["model"] = MODEL
    return path_parameters
