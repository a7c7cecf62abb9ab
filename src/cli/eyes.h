// SPDX-License-Identifier: Apache-2.0
#pragma once
// The part of a model that sees pictures, from its file to what the engine and its callers use.

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/json.h"
#include "base/result.h"
#include "checkpoint/checkpoint.h"
#include "engine/picture_store.h"
#include "llama4/vision/encoder.h"
#include "prompt/picture_reader.h"
#include "text/tokenizer.h"

namespace CLI {
class App;
}

namespace paddock::cli {

struct OpenModel;
struct ModelOptions;

struct VisionOptions {
  std::string mmproj;               // a file of its own for the tower; empty: the model's
  bool rounded = false;             // activations of the tower in bfloat16
  int decoders = 1;                 // threads that decode at once
  int64_t tiles_at_once = 4;        // that the tower works on
  uint64_t kept_bytes = 512 << 20;  // of embeddings
  prompt::PictureLimits limits;
  prompt::PictureReader::Fetch fetch;  // of what is named by address; none: nothing is
};
// --mmproj, --image-*.
void add_vision_options(CLI::App& command, VisionOptions* options);

// A tower whose headers have been read and fit the text model.
struct OpenVision {
  std::unique_ptr<checkpoint::Checkpoint> file;  // null: the model's own
  llama4::VisionConfig config;
  llama4::VisionTotals totals;
  text::ImageTokens tokens;
};

// No value: the checkpoint has text alone, and no other file was named.
Result<std::optional<OpenVision>> open_vision(const OpenModel& open, const VisionOptions& options);

// What it will need beside the text model: weights, activations, embeddings, and a picture while it is decoded.
size_t vision_bytes(const OpenVision& vision, const VisionOptions& options, const kernels::Machine& machine);

// A tower that is ready. Checkpoint, OpenVision and machine outlive it.
struct Eyes {
  std::unique_ptr<llama4::VisionModel> model;
  std::shared_ptr<engine::PictureStore> store;
  std::unique_ptr<prompt::PictureReader> reader;
};
Result<Eyes> open_eyes(const OpenModel& open, const OpenVision& vision, const VisionOptions& options,
                       kernels::Machine* machine);

// Reads pictures alone: no weights.
std::unique_ptr<prompt::PictureReader> make_picture_reader(const OpenVision& vision, const VisionOptions& options);

// The content of a message: a text, or pictures from files and then a text. An error names the file that is none.
Result<Json> content_with_pictures(const std::vector<std::string>& paths, std::string_view text);

}  // namespace paddock::cli
