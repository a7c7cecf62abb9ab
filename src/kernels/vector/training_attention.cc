// SPDX-License-Identifier: Apache-2.0
// Attention over packed texts by blocks of queries. Rows fall into segments that do not see each other, so that a head
// of a segment is a task of its own, and gradients of shared keys are summed by one thread in one order.
#include <algorithm>
#include <cmath>
#include <cstring>

#include "base/check.h"
#include "kernels/host/host_memory.h"
#include "kernels/vector/trainer.h"

namespace paddock::kernels {
namespace {

constexpr int64_t kQueries = 64;  // of a block

struct Segment {
  int64_t first = 0, rows = 0;
};

std::vector<Segment> segments_of(std::span<const int32_t> first) {
  // The earliest row that a row or a later one sees.
  std::vector<int64_t> least(first.size());
  for (size_t row = first.size(); row-- > 0;)
    least[row] = std::min<int64_t>(first[row], row + 1 < first.size() ? least[row + 1] : first[row]);
  std::vector<Segment> segments;
  for (size_t row = 0; row < first.size(); ++row) {
    if (least[row] >= static_cast<int64_t>(row)) segments.push_back({static_cast<int64_t>(row), 0});
    ++segments.back().rows;
  }
  return segments;
}

}  // namespace

// A matrix [depth, columns] in panels.
class PackedColumns {
 public:
  explicit PackedColumns(const TrainingKernels& kernels) : kernels_(kernels) {}

  void pack(const StridedFloats& b, int64_t depth, int64_t columns) {
    depth_ = depth;
    columns_ = columns;
    const int64_t width = kernels_.products.panel_columns, panels = (columns + width - 1) / width;
    numbers_.resize(static_cast<size_t>(panels * width * depth));
    for (int64_t panel = 0; panel < panels; ++panel) {
      const StridedFloats from{b.from + panel * width * b.column_stride, b.row_stride, b.column_stride};
      kernels_.products.pack_columns(from, std::min(width, columns - panel * width), depth,
                                     numbers_.data() + panel * width * depth);
    }
  }
  int64_t columns() const { return columns_; }
  // Panel `panel` from depth `from` on.
  const float* panel(int64_t panel, int64_t from) const {
    return numbers_.data() + (panel * depth_ + from) * kernels_.products.panel_columns;
  }

 private:
  const TrainingKernels& kernels_;
  int64_t depth_ = 0, columns_ = 0;
  std::vector<float> numbers_;
};

class AttentionScratch {
 public:
  explicit AttentionScratch(const TrainingKernels& kernels)
      : kernels_(kernels),
        keys(kernels),
        values(kernels),
        keys_by_depth(kernels),
        values_by_depth(kernels),
        of_block(kernels),
        of_queries(kernels) {}

  // c[rows, columns first .. last) = (or +=) scale a b with b's depths from `depth_from` on. `a` has `depth` columns.
  // `first` is at the beginning of a panel; c is column `first`.
  void multiply(const StridedFloats& a, int64_t rows, int64_t depth, const PackedColumns& b, int64_t depth_from,
                int64_t first, int64_t last, float scale, bool add, float* c, int64_t stride) {
    const int64_t height = kernels_.products.panel_rows, width = kernels_.products.panel_columns;
    rows_.resize(static_cast<size_t>((rows + height - 1) / height * height * depth));
    for (int64_t row = 0; row < rows; row += height)
      kernels_.products.pack_rows({a.from + row * a.row_stride, a.row_stride, a.column_stride},
                                  std::min(height, rows - row), depth, rows_.data() + row * depth);
    for (int64_t column = first; column < last; column += width)
      for (int64_t row = 0; row < rows; row += height)
        kernels_.products.multiply(rows_.data() + row * depth, b.panel(column / width, depth_from), depth,
                                   std::min(height, rows - row), std::min(width, last - column), scale, add,
                                   c + row * stride + column - first, stride);
  }

 private:
  const TrainingKernels& kernels_;
  std::vector<float> rows_;

 public:
  std::vector<float> scores, dscores;            // [queries, keys of the block]
  PackedColumns keys, values;                    // k^T, v^T: [H, keys]
  PackedColumns keys_by_depth, values_by_depth;  // k, v: [keys, H]
  PackedColumns of_block, of_queries;            // dout, q of a block: [queries, H]
};

namespace {

// The keys that a block of queries sees, from the beginning of a panel on; all counted within the segment.
struct Block {
  int64_t query = 0, queries = 0;
  int64_t key = 0, last_key = 0;
  int64_t keys() const { return last_key - key; }
};

class SegmentOfHead {
 public:
  SegmentOfHead(const AttendDocuments& op, const TrainingKernels& kernels, const Segment& segment, int64_t kv_head,
                AttentionScratch* place)
      : op_(op),
        kernels_(kernels),
        segment_(segment),
        kv_head_(kv_head),
        shared_(op.q.width / op.k.width),
        at_(*place) {}

  void forward() {
    at_.keys.pack(transposed(keys(op_.k)), op_.head_width, segment_.rows);
    at_.values_by_depth.pack(keys(op_.v), segment_.rows, op_.head_width);
    for (int64_t head = kv_head_ * shared_; head < (kv_head_ + 1) * shared_; ++head)
      for (int64_t query = 0; query < segment_.rows; query += kQueries) forward(head, block_at(query));
  }

  void backward(const AttendDocumentsBackward& op) {
    at_.keys.pack(transposed(keys(op_.k)), op_.head_width, segment_.rows);
    at_.values.pack(transposed(keys(op_.v)), op_.head_width, segment_.rows);
    at_.keys_by_depth.pack(keys(op_.k), segment_.rows, op_.head_width);
    for (int64_t row = 0; row < segment_.rows; ++row)
      for (const Rows* each : {&op.dk, &op.dv})
        std::memset(key_row(*each, row), 0, static_cast<size_t>(op_.head_width) * sizeof(float));
    for (int64_t head = kv_head_ * shared_; head < (kv_head_ + 1) * shared_; ++head)
      for (int64_t query = 0; query < segment_.rows; query += kQueries) backward(op, head, block_at(query));
  }

 private:
  static StridedFloats transposed(const StridedFloats& from) {
    return {from.from, from.column_stride, from.row_stride};
  }
  float* key_row(const Rows& rows, int64_t row) const {
    return HostMemory::row(rows, segment_.first + row) + kv_head_ * op_.head_width;
  }
  float* query_row(const Rows& rows, int64_t head, int64_t row) const {
    return HostMemory::row(rows, segment_.first + row) + head * op_.head_width;
  }
  StridedFloats keys(const Rows& rows) const { return {key_row(rows, 0), rows.width, 1}; }
  int64_t first_key(int64_t query) const {
    return op_.first[static_cast<size_t>(segment_.first + query)] - segment_.first;
  }
  float& lse(int64_t head, int64_t query) const {
    return HostMemory::floats(op_.lse)[(segment_.first + query) * op_.heads + head];
  }

  Block block_at(int64_t query) const {
    Block block{query, std::min(kQueries, segment_.rows - query), query, 0};
    for (int64_t row = query; row < query + block.queries; ++row) block.key = std::min(block.key, first_key(row));
    block.key = block.key / kernels_.products.panel_columns * kernels_.products.panel_columns;
    block.last_key = query + block.queries;
    return block;
  }

  // Scores of all keys of the block, those that are not seen too.
  void score(int64_t head, const Block& block) {
    at_.scores.resize(static_cast<size_t>(block.queries * block.keys()));
    at_.multiply({query_row(op_.q, head, block.query), op_.q.width, 1}, block.queries, op_.head_width, at_.keys, 0,
                 block.key, block.last_key, op_.scale, false, at_.scores.data(), block.keys());
  }

  // The row's seen part; what lies beside it becomes 0.
  std::span<float> seen(std::vector<float>& scores, const Block& block, int64_t row) const {
    const int64_t query = block.query + row, from = first_key(query) - block.key, to = query + 1 - block.key;
    float* const all = scores.data() + row * block.keys();
    std::fill(all, all + from, 0.0f);
    std::fill(all + to, all + block.keys(), 0.0f);
    return {all + from, all + to};
  }

  void forward(int64_t head, const Block& block) {
    score(head, block);
    for (int64_t row = 0; row < block.queries; ++row) {
      const std::span<float> scores = seen(at_.scores, block, row);
      const auto count = static_cast<int64_t>(scores.size());
      float largest = 0;
      const double sum = kernels_.exponential_sum(scores.data(), count, &largest);
      kernels_.scaled_exponential(scores.data(), count, largest, static_cast<float>(1 / sum));
      lse(head, block.query + row) = static_cast<float>(static_cast<double>(largest) + std::log(sum));
    }
    at_.multiply({at_.scores.data(), block.keys(), 1}, block.queries, block.keys(), at_.values_by_depth, block.key, 0,
                 op_.head_width, 1, false, query_row(op_.out, head, block.query), op_.out.width);
  }

  void backward(const AttendDocumentsBackward& op, int64_t head, const Block& block) {
    const int64_t keys = block.keys(), width = op_.head_width;
    score(head, block);
    for (int64_t row = 0; row < block.queries; ++row) {
      const std::span<float> scores = seen(at_.scores, block, row);
      kernels_.scaled_exponential(scores.data(), static_cast<int64_t>(scores.size()), lse(head, block.query + row), 1);
    }
    const float* dout = query_row(op.dout, head, block.query);
    at_.dscores.resize(at_.scores.size());
    at_.multiply({dout, op.dout.width, 1}, block.queries, width, at_.values, 0, block.key, block.last_key, 1, false,
                 at_.dscores.data(), keys);
    for (int64_t row = 0; row < block.queries; ++row) {
      const float *d = dout + row * op.dout.width, *out = query_row(op_.out, head, block.query + row);
      double mean = 0;
      for (int64_t index = 0; index < width; ++index) mean += static_cast<double>(d[index]) * out[index];
      const float* scores = at_.scores.data() + row * keys;
      float* dscores = at_.dscores.data() + row * keys;
      const auto shift = static_cast<float>(mean);
      for (int64_t key = 0; key < keys; ++key) dscores[key] = scores[key] * (dscores[key] - shift);
    }
    at_.multiply({at_.dscores.data(), keys, 1}, block.queries, keys, at_.keys_by_depth, block.key, 0, width, op_.scale,
                 false, query_row(op.dq, head, block.query), op.dq.width);
    at_.of_queries.pack({query_row(op_.q, head, block.query), op_.q.width, 1}, block.queries, width);
    at_.multiply({at_.dscores.data(), 1, keys}, keys, block.queries, at_.of_queries, 0, 0, width, op_.scale, true,
                 key_row(op.dk, block.key), op.dk.width);
    at_.of_block.pack({dout, op.dout.width, 1}, block.queries, width);
    at_.multiply({at_.scores.data(), 1, keys}, keys, block.queries, at_.of_block, 0, 0, width, 1, true,
                 key_row(op.dv, block.key), op.dv.width);
  }

  const AttendDocuments& op_;
  const TrainingKernels& kernels_;
  const Segment segment_;
  int64_t kv_head_, shared_;
  AttentionScratch& at_;
};

// body(segment, kv head, scratch) for all, on all threads.
template <typename Body>
void each_segment_of_heads(ThreadPool& pool, const TrainingKernels& kernels, const AttendDocuments& op,
                           std::vector<std::shared_ptr<AttentionScratch>>* scratch, const Body& body) {
  const int64_t kv_heads = op.k.width / op.head_width;
  CHECK(op.q.width == op.heads * op.head_width && op.k.width == kv_heads * op.head_width);
  CHECK(static_cast<int64_t>(op.first.size()) == op.q.rows);
  const std::vector<Segment> segments = segments_of(op.first);
  while (static_cast<int>(scratch->size()) < pool.threads())
    scratch->push_back(std::make_shared<AttentionScratch>(kernels));
  pool.parallel_for(static_cast<int64_t>(segments.size()) * kv_heads, 1, [&](int64_t begin, int64_t end, int thread) {
    for (int64_t task = begin; task < end; ++task)
      body(segments[static_cast<size_t>(task / kv_heads)], task % kv_heads,
           (*scratch)[static_cast<size_t>(thread)].get());
  });
}

}  // namespace

void VectorTrainer::attend(const AttendDocuments& op) {
  each_segment_of_heads(pool_, kernels_, op, &attention_scratch_,
                        [&](const Segment& segment, int64_t kv_head, AttentionScratch* place) {
                          SegmentOfHead(op, kernels_, segment, kv_head, place).forward();
                        });
}

void VectorTrainer::attend_backward(const AttendDocumentsBackward& op) {
  each_segment_of_heads(pool_, kernels_, op.forward, &attention_scratch_,
                        [&](const Segment& segment, int64_t kv_head, AttentionScratch* place) {
                          SegmentOfHead(op.forward, kernels_, segment, kv_head, place).backward(op);
                        });
}

}  // namespace paddock::kernels
