// SPDX-License-Identifier: Apache-2.0
#pragma once
// What answers look like, for openapi.json. Tests hold what the writers write against them.

#include "base/json.h"

namespace paddock::server {

// Name to schema: ChatCompletion, TextCompletion, Response, Message, ModelList, OpenAiError, …
Json answer_schemas();

}  // namespace paddock::server
