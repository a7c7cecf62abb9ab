// SPDX-License-Identifier: Apache-2.0
#include "train/jobs/checkpoints.h"

#include <algorithm>
#include <charconv>
#include <nlohmann/json.hpp>

#include "base/digest.h"
#include "base/file_digest.h"
#include "base/json.h"
#include "base/mapped_file.h"
#include "base/new_file.h"
#include "base/new_folder.h"

namespace paddock::train {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kPrefix = "step-";
constexpr size_t kPiece = size_t{16} << 20;
constexpr const char* kSummary = "state.json";
constexpr int kVersion = 1;

std::vector<Optimiser::Part> parts_of(const Workbench& bench, const Optimiser* optimiser) {
  std::vector<Optimiser::Part> parts = {
      {"weights", bench.trained_weights(), static_cast<size_t>(bench.floats()) * sizeof(float)}};
  if (optimiser != nullptr)
    for (const Optimiser::Part& part : optimiser->parts()) parts.push_back(part);
  return parts;
}

fs::path file_of(const fs::path& folder, const Optimiser::Part& part) {
  return folder / (std::string(part.name) + ".bin");
}

// A piece at a time, so that a checkpoint takes no memory to speak of.
Result<void> write_part(const fs::path& path, kernels::Machine* machine, const Optimiser::Part& part) {
  NewFile file = TRY(NewFile::create(path));
  std::vector<std::byte> piece;
  for (size_t done = 0; done < part.bytes; done += piece.size()) {
    piece.resize(std::min(kPiece, part.bytes - done));
    machine->read(part.address.plus(done), piece);
    TRY_VOID(file.write(piece));
  }
  return file.commit();
}

Result<void> write_summary(const fs::path& path, const JobState& state, const Json& digests) {
  Json json = {{"version", kVersion},
               {"step", state.step},
               {"optimiser_steps", state.optimiser_steps},
               {"epoch", state.position.epoch},
               {"next", state.position.next},
               {"offset", state.position.offset},
               {"running_loss", state.running_loss},
               {"is_evaluated", state.is_evaluated},
               {"held_out", state.held_out ? Json(*state.held_out) : Json()},
               {"choice_bias", state.choice_bias},
               {"sha256", digests}};
  NewFile file = TRY(NewFile::create(path));
  TRY_VOID(file.write(json.dump(2) + "\n"));
  return file.commit();
}

}  // namespace

fs::path Checkpoints::folder_of(int64_t step) const { return folder_ / fmt::format("{}{:09}", kPrefix, step); }

std::vector<int64_t> Checkpoints::steps() const {
  std::vector<int64_t> steps;
  std::error_code problem;
  for (const auto& entry : fs::directory_iterator(folder_, problem)) {
    const std::string name = entry.path().filename().string();
    int64_t step = 0;
    if (!name.starts_with(kPrefix)) continue;
    const char* end = name.data() + name.size();
    if (std::from_chars(name.data() + kPrefix.size(), end, step).ptr == end) steps.push_back(step);
  }
  std::ranges::sort(steps);
  return steps;
}

Result<void> Checkpoints::write(const JobState& state, const Workbench& bench, const Optimiser& optimiser) const {
  // A folder of another name until all of it is on the disk.
  const fs::path unfinished = folder_ / "unfinished", finished = folder_of(state.step);
  std::error_code problem;
  fs::remove_all(unfinished, problem);
  fs::create_directories(unfinished, problem);
  if (problem) return error(ErrorCode::kIo, "{}: cannot be made: {}", unfinished.string(), problem.message());
  const auto written = [&]() -> Result<void> {
    Json digests = Json::object();
    for (const Optimiser::Part& part : parts_of(bench, &optimiser)) {
      TRY_VOID(write_part(file_of(unfinished, part), bench.model().machine, part));
      digests[part.name] = to_hex(TRY(file_digest(file_of(unfinished, part))));
    }
    TRY_VOID(write_summary(unfinished / kSummary, state, digests));
    sync_folder(unfinished);
    std::error_code refused;
    fs::remove_all(finished, refused);
    fs::rename(unfinished, finished, refused);
    if (refused) return error(ErrorCode::kIo, "{}: cannot be named: {}", finished.string(), refused.message());
    sync_folder(folder_);
    return {};
  }();
  if (!written) {
    fs::remove_all(unfinished, problem);
    return written;
  }
  remove_old();
  return {};
}

void Checkpoints::remove_old() const {
  std::vector<int64_t> all = steps();
  const auto keep = static_cast<size_t>(keep_);
  if (all.size() <= keep) return;
  const std::optional<int64_t> best_step = best();
  all.resize(all.size() - keep);
  std::error_code ignored;
  for (const int64_t step : all)
    if (step != best_step) fs::remove_all(folder_of(step), ignored);
}

std::optional<int64_t> Checkpoints::best() const {
  std::optional<int64_t> found;
  double least = 0;
  for (const int64_t step : steps()) {
    const auto summary = read_summary(step);
    if (!summary || !summary->state.held_out || (found && *summary->state.held_out >= least)) continue;
    found = step;
    least = *summary->state.held_out;
  }
  return found;
}

Result<Checkpoints::Summary> Checkpoints::read_summary(int64_t step) const {
  const fs::path path = folder_of(step) / kSummary;
  const Json json = TRY(parse_json(TRY(read_text_file(path)), path.string()));
  Summary summary;
  try {
    if (json.at("version") != kVersion || json.at("step") != step)
      return error(ErrorCode::kBadFile, "{}: expected step {} of version {}", path.string(), step, kVersion);
    JobState& state = summary.state;
    state.step = step;
    state.optimiser_steps = json.at("optimiser_steps").get<int64_t>();
    state.position = {json.at("epoch").get<int64_t>(), json.at("next").get<int64_t>(),
                      json.at("offset").get<int64_t>()};
    state.running_loss = json.at("running_loss").get<double>();
    state.is_evaluated = json.at("is_evaluated").get<bool>();
    if (!json.at("held_out").is_null()) state.held_out = json.at("held_out").get<double>();
    state.choice_bias = json.at("choice_bias").get<std::vector<std::vector<float>>>();
    summary.digests = json.at("sha256").get<std::map<std::string, std::string>>();
  } catch (const Json::exception& problem) {
    return error(ErrorCode::kBadFile, "{}: expected the state of a job: {}", path.string(), problem.what());
  }
  return summary;
}

Result<void> Checkpoints::read_numbers(const Summary& summary, const Workbench& bench, Optimiser* optimiser) const {
  std::vector<MappedFile> files;
  const std::vector<Optimiser::Part> parts = parts_of(bench, optimiser);
  for (const Optimiser::Part& part : parts) {
    const fs::path path = file_of(folder_of(summary.state.step), part);
    files.push_back(TRY(MappedFile::open(path)));
    const auto digest = summary.digests.find(part.name);
    const size_t found = files.back().bytes().size();
    if (digest == summary.digests.end() || found != part.bytes)
      return error(ErrorCode::kInvalidArgument,
                   "{}: expected {} bytes, found {}; go on with the recipe that it was made with", path.string(),
                   part.bytes, found);
    if (to_hex(TRY(file_digest(path))) != digest->second)
      return error(ErrorCode::kBadFile, "{}: expected the SHA-256 {}, found another", path.string(), digest->second);
  }
  for (size_t index = 0; index < parts.size(); ++index)
    bench.model().machine->write(files[index].bytes(), parts[index].address);
  if (optimiser != nullptr) optimiser->set_steps(summary.state.optimiser_steps);
  return {};
}

Result<JobState> Checkpoints::read_newest(const Workbench& bench, Optimiser* optimiser,
                                          const std::function<void(const std::string&)>& broken) const {
  std::vector<int64_t> all = steps();
  std::ranges::reverse(all);
  for (const int64_t step : all) {
    const auto summary = read_summary(step);
    const auto read =
        summary ? read_numbers(*summary, bench, optimiser) : Result<void>(tl::unexpected(summary.error()));
    if (read) return summary->state;
    if (read.error().code == ErrorCode::kInvalidArgument) return tl::unexpected(read.error());
    broken(read.error().message);
  }
  return error(ErrorCode::kNotFound, "{}: expected a checkpoint that is whole, found none", folder_.string());
}

Result<std::optional<int64_t>> Checkpoints::read_best(const Workbench& bench) const {
  const std::optional<int64_t> step = best();
  if (step) TRY_VOID(read_numbers(TRY(read_summary(*step)), bench, nullptr));
  return step;
}

}  // namespace paddock::train
