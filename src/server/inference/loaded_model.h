// SPDX-License-Identifier: Apache-2.0
#pragma once
// A model as the server sees it: ids go to its engine, text to and from them by its tokenizer and template.

#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "engine/adapter_shelf.h"
#include "grammar/vocabulary.h"
#include "prompt/picture_reader.h"
#include "server/inference/engine_loop.h"
#include "text/chat_template.h"
#include "text/tokenizer.h"

namespace paddock::server {

struct LoadedModel {
  std::string id;           // what clients name
  std::string fingerprint;  // of program, weights and machine
  int64_t created = 0;      // seconds of Unix time
  std::shared_ptr<const text::Tokenizer> tokenizer;
  std::shared_ptr<const text::ChatTemplate> chat_template;
  std::vector<int32_t> stop_tokens;                 // sorted
  std::unique_ptr<prompt::PictureReader> pictures;  // null: it sees none
  std::unique_ptr<engine::AdapterShelf> adapters;   // null: it has none
  std::unique_ptr<EngineLoop> loop;

  // For grammars; made when it is first wanted, because it takes a moment and some megabytes.
  std::shared_ptr<const grammar::MaskVocabulary> mask_vocabulary() const;

 private:
  mutable std::once_flag made_;
  mutable std::shared_ptr<const grammar::MaskVocabulary> mask_vocabulary_;
};

}  // namespace paddock::server
