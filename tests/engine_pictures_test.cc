// SPDX-License-Identifier: Apache-2.0
// Pictures in the engine: what clients may rely on, whoever makes the embeddings.

#include <gtest/gtest.h>

#include <algorithm>

#include "engine/engine.h"
#include "tests/support/golden.h"

namespace paddock::test {
namespace {

constexpr int64_t kTileTokens = 3;

// A tile's bytes are ids: its embeddings are those of the model's own table, so that a picture says what a text says.
class TableEncoder : public engine::TileEncoder {
 public:
  explicit TableEncoder(const LoadedModel& loaded, int64_t at_once) : loaded_(loaded), at_once_(at_once) {}

  int64_t tile_bytes() const override { return kTileTokens; }
  int64_t tokens_per_tile() const override { return kTileTokens; }
  int64_t width() const override { return loaded_.model.config.width; }
  int64_t tiles_at_once() const override { return at_once_; }

  void begin(std::span<const std::span<const uint8_t>> tiles) override {
    ASSERT_LE(static_cast<int64_t>(tiles.size()), at_once_);
    ids_.clear();
    for (const auto tile : tiles) ids_.insert(ids_.end(), tile.begin(), tile.end());
    pieces_left_ = 5;
    ++batches;
    largest_batch = std::max(largest_batch, tiles.size());
  }
  bool advance() override { return --pieces_left_ > 0; }
  void read(int64_t tile, std::span<float> rows) override {
    EXPECT_EQ(pieces_left_, 0);
    const auto ids = std::span<const int32_t>(ids_).subspan(static_cast<size_t>(tile * kTileTokens), kTileTokens);
    kernels::Machine& machine = *loaded_.machine;
    const auto memory = machine.allocate(rows.size() * sizeof(float));
    ASSERT_TRUE(memory);
    const kernels::Rows x{memory->address(), kTileTokens, width()};
    machine.embed({.table_VD = loaded_.model.weights.embedding, .tokens = ids, .x_TD = x});
    machine.read(x.address, std::as_writable_bytes(rows));
  }

  int batches = 0;
  size_t largest_batch = 0;

 private:
  const LoadedModel& loaded_;
  int64_t at_once_;
  int pieces_left_ = 0;
  std::vector<int32_t> ids_;
};

struct SeenAnswer {
  std::vector<int32_t> tokens;
  std::optional<engine::FinishReason> finished;
};

class EnginePictures : public testing::Test {
 protected:
  void SetUp() override {
    loaded_ = load(data_folder() / "text" / "tiny-scout" / "model.safetensors");
    ASSERT_NE(loaded_, nullptr);
  }
  std::unique_ptr<engine::Engine> make(int64_t sequences, int64_t piece, int64_t store_tiles = 64,
                                       engine::EngineOptions options = {}, int64_t context = 300) {
    auto encoder = std::make_unique<TableEncoder>(*loaded_, 3);
    encoder_ = encoder.get();
    const size_t tile = static_cast<size_t>(kTileTokens * encoder->width()) * sizeof(float);
    options.pictures =
        std::make_shared<engine::PictureStore>(std::move(encoder), static_cast<size_t>(store_tiles) * tile);
    auto engine = engine::Engine::create(loaded_->model, plan_for(*loaded_, context, sequences, piece), options);
    EXPECT_TRUE(engine) << engine.error().message;
    return std::move(*engine);
  }
  // A text with pictures of so many tiles from position 7 on, each after two tokens of text; picture p of `seed` says
  // the same everywhere. `as_text`: the tokens that the pictures say, in their place.
  static engine::Request ask(std::vector<std::pair<int, int>> seeds_and_tiles, int seed, SeenAnswer* answer,
                             bool as_text = false) {
    engine::Request request;
    for (int index = 0; index < 7; ++index) request.prompt.push_back(20 + index);
    for (const auto& [picture_seed, tiles] : seeds_and_tiles) {
      std::vector<uint8_t> bytes;
      std::vector<int64_t> places;
      for (int tile = 0; tile < tiles; ++tile) {
        places.push_back(static_cast<int64_t>(request.prompt.size()));
        for (int index = 0; index < kTileTokens; ++index) {
          bytes.push_back(static_cast<uint8_t>((picture_seed * 29 + tile * 17 + index * 5) % 251));
          request.prompt.push_back(as_text ? bytes.back() : 511);
        }
        request.prompt.push_back(12);  // what stands between tiles
      }
      const std::string_view text(reinterpret_cast<const char*>(bytes.data()), bytes.size());
      if (!as_text)
        request.pictures.push_back(
            {sha256(text), {}, std::make_shared<const std::vector<uint8_t>>(bytes), std::move(places)});
      request.prompt.insert(request.prompt.end(), {30, 31});
    }
    request.sampling.seed = static_cast<uint64_t>(seed);
    request.sampling.temperature = 1.3f;
    request.max_tokens = 12;
    request.listener = [answer](const engine::Event& event) {
      if (event.token) answer->tokens.push_back(*event.token);
      if (event.finished) answer->finished = event.finished;
    };
    return request;
  }
  static void run(engine::Engine& engine) {
    while (engine.step()) {
    }
  }
  SeenAnswer as_text(std::vector<std::pair<int, int>> pictures, int seed) {
    SeenAnswer answer;
    auto engine = make(1, 64);
    EXPECT_TRUE(engine->submit(ask(std::move(pictures), seed, &answer, true)));
    run(*engine);
    EXPECT_EQ(answer.tokens.size(), 12u);
    return answer;
  }

  std::unique_ptr<LoadedModel> loaded_;
  TableEncoder* encoder_ = nullptr;
};

TEST_F(EnginePictures, APictureSaysWhatItsEmbeddingsSay) {
  for (const int64_t piece : {1, 2, 7, 64}) {
    for (const auto& pictures : {std::vector<std::pair<int, int>>{{1, 1}}, {{1, 5}}, {{1, 1}, {2, 4}, {3, 2}}}) {
      SeenAnswer answer;
      auto engine = make(2, piece);
      ASSERT_TRUE(engine->submit(ask(pictures, 5, &answer)));
      run(*engine);
      EXPECT_EQ(answer.tokens, as_text(pictures, 5).tokens) << piece;
    }
  }
}

TEST_F(EnginePictures, AnotherPictureIsAnotherText) {
  auto engine = make(2, 16);
  SeenAnswer first, other, same;
  ASSERT_TRUE(engine->submit(ask({{1, 6}}, 5, &first)));
  run(*engine);
  ASSERT_TRUE(engine->submit(ask({{2, 6}}, 5, &other)));
  run(*engine);
  EXPECT_LE(engine->counts().reused_tokens, 7);  // the text before the picture
  EXPECT_EQ(engine->counts().reused_pictures, 0);
  const int64_t tiles = engine->pictures()->counts().encoded_tiles;
  ASSERT_TRUE(engine->submit(ask({{1, 6}}, 6, &same)));
  run(*engine);
  EXPECT_GE(engine->counts().reused_tokens, 16);
  EXPECT_EQ(engine->counts().reused_pictures, 1);
  EXPECT_EQ(engine->pictures()->counts().encoded_tiles, tiles);
  EXPECT_EQ(first.tokens, as_text({{1, 6}}, 5).tokens);
  EXPECT_EQ(other.tokens, as_text({{2, 6}}, 5).tokens);
  EXPECT_EQ(same.tokens, as_text({{1, 6}}, 6).tokens);
}

TEST_F(EnginePictures, ManyAtOnceAnswerAsEachAlone) {
  for (const int64_t draft : {0, 4}) {
    auto engine = make(4, 16, /*store_tiles=*/9, {.draft_tokens = draft});
    std::vector<SeenAnswer> answers(10);
    std::vector<std::vector<std::pair<int, int>>> pictures;
    for (int index = 0; index < 10; ++index) {
      pictures.push_back({{index % 4, 1 + index % 3}, {index % 3 + 7, 2}});
      ASSERT_TRUE(engine->submit(ask(pictures.back(), index, &answers[static_cast<size_t>(index)])));
    }
    run(*engine);
    EXPECT_GT(encoder_->largest_batch, 1u);
    for (size_t index = 0; index < answers.size(); ++index)
      EXPECT_EQ(answers[index].tokens, as_text(pictures[index], static_cast<int>(index)).tokens) << index;
    EXPECT_LE(engine->pictures()->bytes(), engine->pictures()->most_bytes());
  }
}

// Three requests whose pictures fill the store one at a time.
TEST_F(EnginePictures, RequestsThatNeedAllOfTheStoreTakeTurns) {
  auto engine = make(3, 16, /*store_tiles=*/6);
  std::vector<SeenAnswer> answers(3);
  for (int index = 0; index < 3; ++index)
    ASSERT_TRUE(engine->submit(ask({{index * 2, 3}, {index * 2 + 1, 3}}, index, &answers[static_cast<size_t>(index)])));
  run(*engine);
  for (int index = 0; index < 3; ++index)
    EXPECT_EQ(answers[static_cast<size_t>(index)].tokens, as_text({{index * 2, 3}, {index * 2 + 1, 3}}, index).tokens);
}

TEST_F(EnginePictures, MoreThanTheStoreHoldsIsRefused) {
  auto engine = make(1, 16, /*store_tiles=*/2);
  SeenAnswer answer;
  const auto refused = engine->submit(ask({{1, 3}}, 1, &answer));
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, ErrorCode::kLimit);
  EXPECT_NE(refused.error().message.find("3 tiles"), std::string::npos) << refused.error().message;
}

TEST_F(EnginePictures, AModelWithoutEyesRefuses) {
  auto engine = engine::Engine::create(loaded_->model, plan_for(*loaded_, 100, 1, 16));
  ASSERT_TRUE(engine);
  SeenAnswer answer;
  EXPECT_FALSE((*engine)->submit(ask({{1, 1}}, 1, &answer)));
}

// Beside an answer the work is done in pieces; what nobody wants any more is not done at all.
TEST_F(EnginePictures, AnswersGoOnWhileAPictureIsEncoded) {
  auto engine = make(3, 16, 64, {.longest_step = 0});
  SeenAnswer talking, looking, leaving;
  ASSERT_TRUE(engine->submit(ask({}, 1, &talking)));
  ASSERT_TRUE(engine->step());
  ASSERT_TRUE(engine->submit(ask({{1, 6}}, 1, &looking)));
  const auto gone = engine->submit(ask({{9, 4}}, 1, &leaving));
  ASSERT_TRUE(gone);
  int steps = 0;
  while (talking.tokens.size() < 9) {
    ASSERT_TRUE(engine->step());
    if (++steps == 2) engine->cancel(*gone);
  }
  EXPECT_TRUE(looking.tokens.empty());  // two batches of five pieces
  run(*engine);
  EXPECT_EQ(looking.tokens, as_text({{1, 6}}, 1).tokens);
  EXPECT_EQ(leaving.finished, engine::FinishReason::kCancelled);
  EXPECT_TRUE(leaving.tokens.empty());
}

// A cache for one and a half: the younger one gives its place up and comes again, with its pictures.
TEST_F(EnginePictures, WhoGivesItsPlaceUpComesBackWithItsPictures) {
  auto plan = plan_for(*loaded_, 64, 2, 8);
  plan.cache_pages[cache::kGlobal] = 5;
  auto encoder = std::make_unique<TableEncoder>(*loaded_, 2);
  engine::EngineOptions options;
  options.pictures = std::make_shared<engine::PictureStore>(std::move(encoder), size_t{1} << 20);
  auto engine = engine::Engine::create(loaded_->model, plan, options);
  ASSERT_TRUE(engine);
  std::vector<SeenAnswer> answers(2);
  for (int index = 0; index < 2; ++index) {
    engine::Request request = ask({{index, 5}}, index, &answers[static_cast<size_t>(index)]);
    ASSERT_TRUE((*engine)->submit(std::move(request)));
  }
  run(**engine);
  EXPECT_GT((*engine)->counts().preemptions, 0);
  for (int index = 0; index < 2; ++index)
    EXPECT_EQ(answers[static_cast<size_t>(index)].tokens, as_text({{index, 5}}, index).tokens);
}

}  // namespace
}  // namespace paddock::test
