// SPDX-License-Identifier: Apache-2.0
// paddock upcycle: a dense Llama model to one of the shape of Llama 4.

#include <fmt/ranges.h>

#include <CLI/CLI.hpp>

#include "cli/commands.h"
#include "cli/console.h"
#include "cli/neuron_use.h"
#include "cli/options.h"
#include "llama4/memory_plan.h"
#include "llama4/weights.h"
#include "upcycle/upcycle.h"

namespace paddock::cli {
namespace {

constexpr const char* kUpcycleExamples = R"(Examples:
  paddock upcycle smollm2/ student/
  paddock upcycle smollm2/ student/ --experts 8 --moe-every 3 --expert-width 512
  paddock upcycle smollm2.gguf student/ --layers 0,1,2,4,6,8,10,12 --experts 4 --qk-norm
  paddock upcycle smollm2/ small/ --mlp-width 512 --moe-every 6 --expert-width 128 --calibrate texts.txt

The dense MLP becomes the shared expert. With experts as wide as it, the result computes what the dense model computes
as long as --nope-every is 0, --chunk is not reached and --qk-norm is not given; whatever differs is for a distillation
from the dense model to mend (paddock distil record). docs/distil.md says what experts begin as, and why.)";

struct UpcycleOptions {
  std::string dense, out, calibrate, start = "slices", dtype = "bf16";
  upcycle::UpcycleWishes wishes;
  Verbosity verbosity;
};

Result<void> run_upcycle(UpcycleOptions options) {
  options.verbosity.apply();
  upcycle::UpcycleWishes& wishes = options.wishes;
  wishes.start = options.start == "noise" ? upcycle::ExpertStart::kNoise : upcycle::ExpertStart::kSlices;
  wishes.dtype = options.dtype == "f32" ? tensor::DType::kF32 : tensor::DType::kBF16;
  const auto dense = TRY(checkpoint::Checkpoint::open(options.dense));
  const llama4::Config config = TRY(llama4::read_config(dense)).config;
  TRY(llama4::load_weights(dense, config, nullptr));  // that all tensors are there
  const size_t needed = TRY(upcycle::upcycle_bytes(dense, config, wishes)), limit = llama4::available_memory();
  if (limit > 0 && needed > limit)
    return error(ErrorCode::kOutOfMemory,
                 "{}: expected to need at most the {} bytes that are available, found {}; choose fewer --experts, a "
                 "smaller --expert-width or a larger --moe-every",
                 options.dense, grouped(limit), grouped(needed));
  if (!options.calibrate.empty()) wishes.neuron_use = TRY(measure_neuron_use(options.dense, options.calibrate));
  const upcycle::UpcycleReport report = TRY(upcycle::upcycle(dense, config, wishes, options.out));
  if (report.copied.empty())
    note("{}: no files of a tokenizer were beside the model; put tokenizer.json and chat_template.jinja into {}",
         options.dense, options.out);
  return print(fmt::format("{}: {} parameters, {} for each token; {}\n", options.out,
                           grouped(static_cast<uint64_t>(report.parameters)),
                           grouped(static_cast<uint64_t>(report.active_parameters)),
                           report.is_exact ? "the shared experts are the dense MLPs and routed experts add nothing yet"
                                           : "the shared experts are the strongest neurons of the dense MLPs"));
}

}  // namespace

void add_upcycle_command(CLI::App& program, Action* chosen) {
  auto options = std::make_shared<UpcycleOptions>();
  CLI::App& command = *program.add_subcommand("upcycle", "make a mixture of experts of a dense Llama model");
  upcycle::UpcycleWishes& wishes = options->wishes;
  command.add_option("DENSE", options->dense, "a dense Llama checkpoint: a folder with safetensors, or a GGUF file")
      ->required();
  command.add_option("OUT", options->out, "a folder for config.json and model.safetensors")->required();
  command.add_option("--experts", wishes.experts, "routed experts of a layer")->capture_default_str();
  command.add_option("--expert-width", wishes.expert_width, "inner width of routed and shared experts; 0: of the MLP")
      ->capture_default_str();
  command.add_option("--mlp-width", wishes.mlp_width, "neurons that layers without experts keep; 0: all")
      ->capture_default_str();
  command.add_option("--calibrate", options->calibrate,
                     "a file of text like that of the work: neurons are strong that answer strongly on it; otherwise "
                     "weights alone say which are strong");
  command.add_option("--experts-from", options->start, "what routed experts begin as")
      ->check(CLI::IsMember({"slices", "noise"}))
      ->capture_default_str();
  command.add_option("--top-k", wishes.experts_per_token, "routed experts of a token")->capture_default_str();
  command.add_option("--moe-every", wishes.moe_every, "every so manieth layer has experts, the others their MLP")
      ->capture_default_str();
  command.add_option("--nope-every", wishes.nope_every, "every so manieth layer is without rotation; 0: none")
      ->capture_default_str();
  command.add_option("--chunk", wishes.chunk, "positions that layers with rotation see; 0: all")->capture_default_str();
  command.add_flag("--qk-norm", wishes.qk_norm, "normalise queries and keys of layers with rotation");
  command
      .add_option("--layers", wishes.layers, "the dense model's layers to keep, counted from 0: 0,2,4; otherwise all")
      ->delimiter(',');
  command.add_option("--seed", wishes.seed, "of routers and noise")->capture_default_str();
  command.add_option("--dtype", options->dtype, "of the stored weights")
      ->check(CLI::IsMember({"bf16", "f32"}))
      ->capture_default_str();
  add_verbosity(command, &options->verbosity);
  command.footer(kUpcycleExamples);
  command.callback([options, chosen] { *chosen = [options] { return run_upcycle(*options); }; });
}

}  // namespace paddock::cli
