// SPDX-License-Identifier: Apache-2.0
#include "cli/served_model.h"

#include <algorithm>
#include <chrono>

#include "base/log.h"
#include "cache/prefix_folder.h"
#include "cli/chat_format.h"
#include "cli/console.h"
#include "cli/open_model.h"
#include "cli/user_folders.h"
#include "engine/engine.h"
#include "llama4/identity.h"

namespace paddock::cli {
namespace {

constexpr int64_t kDefaultContext = 32768;

// What an engine uses, for as long as it runs.
struct Holder {
  OpenModel open;
  std::unique_ptr<kernels::Machine> machine;
  llama4::Model model;
  Eyes eyes;
};

struct NamedPath {
  std::string name, path;
};

NamedPath split_name(const std::string& given) {
  const size_t equals = given.find('=');
  if (equals != std::string::npos && equals > 0 && given.find('/') > equals)
    return {given.substr(0, equals), given.substr(equals + 1)};
  std::filesystem::path path(given);
  if (!path.has_filename()) path = path.parent_path();
  return {path.extension() == ".gguf" || path.extension() == ".safetensors" ? path.stem().string()
                                                                            : path.filename().string(),
          given};
}

// The cache is as large as it was asked to be, otherwise as half of the memory that is left allows: in whole contexts,
// because one request may need that much.
Result<llama4::MemoryPlan> plan_serving(const OpenModel& open, const ServeOptions& options,
                                        const kernels::Machine& machine, size_t models) {
  llama4::MemoryWishes wishes;
  wishes.context = options.context ? *options.context : std::min(kDefaultContext, open.config.context);
  wishes.limits = {.tokens = options.model.prefill_batch, .logits = options.sequences + options.speculate};
  wishes.cache.format = options.model.cache_format();
  const llama4::MemoryPlan least = TRY(plan_for(open, options.model, wishes, machine));
  const size_t limit = memory_limit(options.model);
  size_t cache = options.cache_bytes.value_or(0);
  if (!options.cache_bytes && limit > least.total_bytes())
    cache = least.cache_bytes + (limit - least.total_bytes()) / 2 / models;
  wishes.sequences =
      std::clamp<int64_t>(static_cast<int64_t>(cache / std::max<size_t>(1, least.cache_bytes)), 1, options.sequences);
  return plan_for(open, options.model, wishes, machine);
}

// The model's own part of the folder. A server goes on without it.
std::shared_ptr<cache::PrefixFolder> open_prefix_folder(const Holder& holder, const ServeOptions& options,
                                                        const llama4::MemoryPlan& plan, std::string name) {
  if (options.prefix_folder.empty()) return nullptr;
  for (char& letter : name)
    if (letter == '/' || letter == '\0') letter = '_';
  const Digest model = llama4::identity_of(holder.open.checkpoint, holder.open.config, *holder.machine);
  auto folder = cache::PrefixFolder::open(user_path(options.prefix_folder) / ("model-" + name),
                                          options.prefix_folder_bytes, sha256({PADDOCK_VERSION, to_hex(model)}),
                                          llama4::cache_shape(holder.open.config, plan.cache));
  if (folder) return std::move(*folder);
  log_warning("{}; prefixes are kept in memory alone", folder.error().message);
  return nullptr;
}

}  // namespace

Result<std::unique_ptr<server::LoadedModel>> serve_model(const std::string& given, const ServeOptions& options,
                                                         size_t models) {
  const NamedPath named = split_name(given);
  auto holder = std::make_shared<Holder>(Holder{TRY(open_model(named.path)), nullptr, {}, {}});
  TRY_VOID(require_tokenizer(holder->open.text, named.path));
  holder->open.vision = TRY(open_vision(holder->open, options.model.vision));
  holder->machine = TRY(choose_machine(options.model));
  const llama4::MemoryPlan plan = TRY(plan_serving(holder->open, options, *holder->machine, models));
  if (!options.verbosity.quiet) note_aside(named.name + " " + plan_line(plan, options.model, *holder->machine));
  holder->model = TRY(load_planned(&holder->open, options.model, plan, holder->machine.get()));
  if (holder->open.vision)
    holder->eyes = TRY(open_eyes(holder->open, *holder->open.vision, options.model.vision, holder->machine.get()));
  auto engine = TRY(engine::Engine::create(holder->model, plan,
                                           {.share_prefixes = !options.no_prefix_sharing,
                                            .longest_step = options.longest_step,
                                            .prefix_folder = open_prefix_folder(*holder, options, plan, named.name),
                                            .draft_tokens = options.speculate,
                                            .pictures = holder->eyes.store,
                                            .places = options.sequences}));

  auto model = std::make_unique<server::LoadedModel>();
  if (plan.adapter_bytes > 0)
    model->adapters = std::make_unique<engine::AdapterShelf>(
        std::shared_ptr<const llama4::Model>(holder, &holder->model), plan.adapter_bytes);
  model->id = named.name;
  model->fingerprint =
      fmt::format("paddock-" PADDOCK_VERSION "-{}{}", holder->machine->name(), options.model.exact ? "-exact" : "");
  model->created = std::chrono::system_clock::to_time_t(std::chrono::system_clock::now());
  auto chat_template = TRY(read_chat_template(holder->open.text));
  model->tokenizer = std::shared_ptr<const text::Tokenizer>(holder, &*holder->open.text.tokenizer);
  model->chat_template = std::make_shared<text::ChatTemplate>(std::move(chat_template));
  model->stop_tokens = holder->open.stop_tokens;
  model->pictures = std::move(holder->eyes.reader);
  model->loop = std::make_unique<server::EngineLoop>(std::move(engine), options.waiting, holder);
  return model;
}

}  // namespace paddock::cli
