// SPDX-License-Identifier: Apache-2.0
#include "text/piece_memory.h"

#include <functional>

namespace paddock::text {

PieceMemory::Ids PieceMemory::recall(std::string_view piece) const {
  if (slots_.empty()) return {};
  const Slot& slot = slots_[std::hash<std::string_view>()(piece) % kSlots];
  return slot.piece == piece ? slot.ids : Ids{};
}

void PieceMemory::remember(std::string_view piece, Ids ids) {
  const std::less_equal<const char*> not_after;  // pointers into different strings have an order only so
  const bool lies_in_text =
      not_after(text_.data(), piece.data()) && not_after(piece.data() + piece.size(), text_.data() + text_.size());
  if (!lies_in_text) return;
  if (slots_.empty()) slots_.resize(kSlots);
  slots_[std::hash<std::string_view>()(piece) % kSlots] = {piece, ids};
}

}  // namespace paddock::text
