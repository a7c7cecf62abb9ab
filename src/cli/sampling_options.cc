// SPDX-License-Identifier: Apache-2.0
#include "cli/sampling_options.h"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstdlib>
#include <random>
#include <variant>

namespace paddock::cli {
namespace {

using engine::SamplingParameters;

struct NamedParameter {
  std::string_view name;
  std::variant<float SamplingParameters::*, int32_t SamplingParameters::*> field;
  const char* help;
};

const NamedParameter kParameters[] = {
    {"repetition_penalty", &SamplingParameters::repetition_penalty, "make tokens seen before less likely; 1: off"},
    {"presence_penalty", &SamplingParameters::presence_penalty, "subtracted from logits of tokens in the answer"},
    {"frequency_penalty", &SamplingParameters::frequency_penalty, "the same for each time that they occur"},
    {"temperature", &SamplingParameters::temperature, "0 takes the most likely token, 1 the model's own odds"},
    {"top_k", &SamplingParameters::top_k, "draw from the k most likely; 0: off"},
    {"top_p", &SamplingParameters::top_p, "draw from the most likely that together reach p; 1: off"},
    {"min_p", &SamplingParameters::min_p, "draw from those at least p times as likely as the best; 0: off"},
};

const NamedParameter* find_parameter(std::string_view name) {
  for (const NamedParameter& parameter : kParameters)
    if (parameter.name == name) return &parameter;
  return nullptr;
}

Result<std::pair<int32_t, float>> parse_bias(const std::string& text) {
  const size_t equals = text.find('=');
  int32_t token = -1;
  const char* end_of_id = text.data() + std::min(equals, text.size());
  const auto id = std::from_chars(text.data(), end_of_id, token);
  char* end = nullptr;
  const float bias = equals == std::string::npos ? 0 : std::strtof(text.c_str() + equals + 1, &end);
  if (id.ec != std::errc() || id.ptr != end_of_id || end == nullptr || *end != '\0' || end == text.c_str() + equals + 1)
    return error(ErrorCode::kInvalidArgument, "--logit-bias: expected ID=NUMBER such as 13=-inf, found \"{}\"", text);
  return std::pair(token, bias);
}

}  // namespace

std::vector<std::string_view> sampling_names() {
  std::vector<std::string_view> names;
  for (const NamedParameter& parameter : kParameters) names.push_back(parameter.name);
  return names;
}

void add_sampling_options(CLI::App& command, SamplingOptions* options) {
  for (const NamedParameter& parameter : kParameters) {
    std::string flag = "--" + std::string(parameter.name);
    std::replace(flag.begin(), flag.end(), '_', '-');
    command
        .add_option_function<double>(
            flag, [options, name = std::string(parameter.name)](double value) { options->numbers[name] = value; },
            parameter.help)
        ->group("Sampling");
  }
  command.add_option("--seed", options->seed, "of the random stream; otherwise drawn and told")->group("Sampling");
  command
      .add_option("--logit-bias", options->logit_bias, "ID=NUMBER added to a token's logit; -inf forbids it; repeat")
      ->allow_extra_args(false)
      ->group("Sampling");
}

Result<void> set_sampling(std::string_view name, double value, SamplingParameters* parameters) {
  const NamedParameter* parameter = find_parameter(name);
  if (parameter == nullptr) {
    std::string known;
    for (const std::string_view each : sampling_names()) known += (known.empty() ? "" : ", ") + std::string(each);
    return error(ErrorCode::kInvalidArgument, "parameter: expected one of {}, found \"{}\"", known, name);
  }
  if (const auto* field = std::get_if<float SamplingParameters::*>(&parameter->field)) {
    parameters->*(*field) = static_cast<float>(value);
    return {};
  }
  if (!(value >= 0 && value <= INT32_MAX && value == std::floor(value)))
    return error(ErrorCode::kInvalidArgument, "{}: expected 0 or a positive whole number, found {}", name, value);
  parameters->*std::get<int32_t SamplingParameters::*>(parameter->field) = static_cast<int32_t>(value);
  return {};
}

double sampling_value(std::string_view name, const SamplingParameters& parameters) {
  const NamedParameter* parameter = find_parameter(name);
  return parameter == nullptr
             ? std::nan("")
             : std::visit([&](auto field) { return static_cast<double>(parameters.*field); }, parameter->field);
}

Result<SamplingParameters> resolve_sampling(const SamplingOptions& options, const SamplingParameters& defaults) {
  SamplingParameters parameters = defaults;
  for (const auto& [name, value] : options.numbers) TRY_VOID(set_sampling(name, value, &parameters));
  for (const std::string& bias : options.logit_bias) parameters.logit_bias.push_back(TRY(parse_bias(bias)));
  parameters.seed = options.seed.value_or(std::random_device()());
  return parameters;
}

SamplingParameters chat_sampling(const engine::GenerationConfig& generation) {
  SamplingParameters parameters;
  const bool silent = !generation.temperature && !generation.top_k && !generation.top_p && !generation.min_p;
  parameters.temperature = generation.greedy ? 0 : generation.temperature.value_or(silent ? 0.7f : 1.0f);
  parameters.top_p = generation.top_p.value_or(silent ? 0.95f : 1.0f);
  parameters.top_k = generation.top_k.value_or(0);
  parameters.min_p = generation.min_p.value_or(0);
  parameters.repetition_penalty = generation.repetition_penalty.value_or(1);
  return parameters;
}

}  // namespace paddock::cli
