// SPDX-License-Identifier: Apache-2.0
#include "train/jobs/curves.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <nlohmann/json.hpp>

#include "base/json.h"
#include "base/mapped_file.h"

namespace paddock::train {
namespace {

// A mean over about so many steps, so that the eye sees where a noisy loss goes.
constexpr double kSmoothing = 20;

double number_at(const Json& event, const char* key) {
  const auto found = event.find(key);
  return found != event.end() && found->is_number() ? found->get<double>() : std::nan("");
}

// The busiest expert of the worst layer beside the mean of its layer.
double imbalance_of(const Json& event) {
  double worst = std::nan("");
  const auto layers = event.find("tokens_per_expert");
  if (layers == event.end() || !layers->is_object()) return worst;
  for (const Json& tokens : *layers) {
    double sum = 0, most = 0;
    if (!tokens.is_array()) continue;
    for (const Json& count : tokens)
      if (count.is_number()) sum += count.get<double>(), most = std::max(most, count.get<double>());
    if (sum > 0) worst = std::fmax(worst, most * static_cast<double>(tokens.size()) / sum);
  }
  return worst;
}

std::vector<Point> smoothed(const std::vector<Point>& points) {
  std::vector<Point> means;
  double mean = 0, weight = 0;
  for (const Point& point : points) {
    if (!std::isfinite(point.y)) continue;
    const double keep = 1 - 1 / kSmoothing;
    mean = keep * mean + (1 - keep) * point.y;
    weight = keep * weight + (1 - keep);
    means.push_back({point.x, mean / weight});
  }
  return means;
}

// The points of one key in all events of a kind.
using Series = std::map<std::string, std::vector<Point>>;

bool has_numbers(const std::vector<Point>& points) {
  return std::ranges::any_of(points, [](const Point& point) { return std::isfinite(point.y); });
}

}  // namespace

Result<std::vector<Panel>> read_curves(const std::filesystem::path& log) {
  const std::string text = TRY(read_text_file(log));
  Series steps, evaluations;
  for (std::string_view left = text; !left.empty();) {
    const size_t end = std::min(left.find('\n'), left.size());
    const auto event = parse_json(left.substr(0, end), log.string());
    left.remove_prefix(std::min(end + 1, left.size()));
    if (!event || !event->is_object() || !event->contains("event")) continue;
    const double step = number_at(*event, "step");
    const bool is_step = event->at("event") == "step", is_evaluation = event->at("event") == "evaluation";
    if (!std::isfinite(step) || (!is_step && !is_evaluation)) continue;
    Series& series = is_step ? steps : evaluations;
    for (const char* key : {"loss", "gradient_norm", "rate", "tokens_per_s", "preferred", "divergence"})
      series[key].push_back({step, number_at(*event, key)});
    series["imbalance"].push_back({step, imbalance_of(*event)});
  }
  if (steps.empty())
    return error(ErrorCode::kBadFile, "{}: expected the log of a job with at least one step, found none", log.string());
  std::vector<Panel> panels = {{"Loss",
                                {{.name = "step", .points = steps["loss"], .is_faint = true},
                                 {.name = "mean", .points = smoothed(steps["loss"])},
                                 {.name = "held out", .points = evaluations["loss"], .is_dotted = true}}}};
  const auto add = [&](const char* title, const char* key) {
    if (has_numbers(steps[key])) panels.push_back({title, {{.name = "", .points = steps[key]}}});
  };
  add("Divergence from the teacher", "divergence");
  add("Share of pairs whose chosen answer is ahead", "preferred");
  add("Gradient norm", "gradient_norm");
  add("Learning rate", "rate");
  add("Tokens a second", "tokens_per_s");
  add("Busiest expert, in turns (1: all alike)", "imbalance");
  return panels;
}

}  // namespace paddock::train
