// SPDX-License-Identifier: Apache-2.0
#include "text/chat_llama4.h"

namespace paddock::text {
namespace {

// Roles are system, user, assistant and ipython, the last one for what tools gave back. The guidance around tools is
// what the models were trained on, word for word. Only the system text is trimmed, and the user text that tools are
// printed before.
constexpr std::string_view kTemplate = R"({%- macro header(role) -%}
  <|header_start|>{{ role }}<|header_end|>{{ '\n\n' }}
{%- endmacro -%}

{%- macro tool_list(all) -%}
  {{ 'Respond in the format {"name": function name, "parameters": dictionary of argument name and its value}.' -}}
  {{ 'Do not use variables.\n\n' }}
  {%- for tool in all %}{{ tool | tojson(indent=4) ~ '\n\n' }}{% endfor -%}
{%- endmacro -%}

{%- macro body(content) -%}
  {%- if content is string -%}
    {{ content }}
  {%- else -%}
    {%- for part in content -%}
      {%- if part.type == 'text' %}{{ part.text }}{% elif part.type == 'image' %}<|image|>{% endif -%}
    {%- endfor -%}
  {%- endif -%}
{%- endmacro -%}

{%- set offered = custom_tools if custom_tools is defined else tools -%}
{%- set has_tools = offered is defined and offered is not none -%}
{%- set before_user = tools_in_user_message | default(true) -%}
{%- set rest = messages -%}

{{- bos_token | default('<|begin_of_text|>') -}}

{%- if messages[0].role == 'system' -%}
  {%- set rest = messages[1:] -%}
  {%- set content = messages[0].content -%}
  {{ header('system') }}
  {%- if has_tools %}{{ 'Environment: ipython\n' }}{% endif -%}
  {%- if has_tools and not before_user -%}
    {{ 'You have access to the following functions. ' -}}
    {{ 'To call a function, please respond with JSON for a function call.' ~ tool_list(offered) }}
  {%- endif -%}
  {{ (content if content is string else content[0].text) | trim }}<|eot|>
{%- endif -%}

{%- if has_tools and before_user -%}
  {%- if not rest -%}
    {{ raise_exception('tools are printed before the text of the first user message, and there is none') }}
  {%- endif -%}
  {{ header('user') ~ 'Given the following functions, please respond with a JSON for a function call ' -}}
  {{ 'with its proper arguments that best answers the given prompt.\n\n' ~ tool_list(offered) -}}
  {{ rest[0].content | trim }}<|eot|>
  {%- set rest = rest[1:] -%}
{%- endif -%}

{%- for message in rest -%}
  {%- if message.tool_calls -%}
    {{ header('assistant') }}<|python_start|>{{ body(message.content) }}<|python_end|>
    {%- for call in message.tool_calls -%}
      {{ '{"name": "' ~ call.function.name ~ '", "parameters": ' ~ call.function.arguments | tojson ~ '}' }}
    {%- endfor -%}
    <|eot|>
  {%- elif message.role in ['tool', 'ipython'] -%}
    {{ header('ipython') }}
    {%- if message.content is iterable %}{{ message.content | tojson }}{% else %}{{ message.content }}{% endif -%}
    <|eot|>
  {%- elif message.tool_calls is not defined -%}
    {{ header(message.role) ~ body(message.content) }}<|eot|>
  {%- endif -%}
{%- endfor -%}

{%- if add_generation_prompt %}{{ header('assistant') }}{% endif -%}
)";

}  // namespace

std::string_view llama4_chat_template() { return kTemplate; }

}  // namespace paddock::text
