// SPDX-License-Identifier: Apache-2.0
// paddock convert: what is written computes what was read.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <fstream>
#include <map>
#include <nlohmann/json.hpp>

#include "base/mapped_file.h"
#include "tests/support/golden.h"
#include "tests/support/program.h"

namespace paddock::test {
namespace {

namespace fs = std::filesystem;
using testing::Contains;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

class ConvertTest : public testing::Test {
 protected:
  static std::string model(const std::string& name) { return (data_folder() / "text" / name).string(); }

  // The golden text's first tokens, and their logits.
  static std::vector<int32_t> tokens_of(const std::string& name) {
    const auto golden = checkpoint::Checkpoint::open(data_folder() / "text" / name / "golden.safetensors").value();
    std::vector<int32_t> tokens = integers(golden, "tokens");
    if (tokens.size() > 150) tokens.resize(150);  // over edges of chunks and steps of the temperature
    return tokens;
  }
  static std::vector<float> logits(const std::string& path, const std::vector<int32_t>& tokens) {
    const auto loaded = load(path);
    if (loaded == nullptr) return {};
    std::vector<float> all;
    for (const std::vector<float>& row : all_logits(*loaded, tokens, 64)) all.insert(all.end(), row.begin(), row.end());
    return all;
  }

  Json convert(std::vector<std::string> arguments) {
    arguments.insert(arguments.begin(), "convert");
    arguments.push_back("--json");
    return run_json(arguments);
  }

  ScratchFolder scratch_;
};

TEST_F(ConvertTest, FoldersAndFilesComputeTheSame) {
  for (const std::string name : {"tiny-scout", "tiny-maverick", "tiny-guard", "tiny-llama"}) {
    const std::vector<int32_t> tokens = tokens_of(name);
    const std::vector<float> want = logits(model(name), tokens);
    ASSERT_FALSE(want.empty()) << name;
    const std::string folder = scratch_.path(name), again = scratch_.path(name + "-again"),
                      file = scratch_.path(name + ".gguf");
    convert({model(name), folder, "--type", "f32"});
    EXPECT_EQ(logits(folder, tokens), want) << name << " as a folder";
    convert({model(name), file, "--type", "f32"});
    EXPECT_LE(largest_difference(logits(file, tokens), want), kFloatTolerance) << name << " as a file";
    convert({file, again, "--type", "f32"});
    EXPECT_LE(largest_difference(logits(again, tokens), want), kFloatTolerance) << name << " and back";
  }
}

// Scales of rows are applied to the weights instead of to their products.
TEST_F(ConvertTest, Fp8BecomesPlainNumbers) {
  const std::vector<int32_t> tokens = tokens_of("tiny-fp8");
  const std::string folder = scratch_.path("plain");
  convert({model("tiny-fp8"), folder, "--type", "f32"});
  EXPECT_LE(largest_difference(logits(folder, tokens), logits(model("tiny-fp8"), tokens)), kFloatTolerance);
}

TEST_F(ConvertTest, RefusesWhatGgufHasNoWordsFor) {
  const std::vector<int32_t> tokens = tokens_of("tiny-odd");
  const std::string folder = scratch_.path("odd");
  convert({model("tiny-odd"), folder, "--type", "f32"});
  EXPECT_EQ(logits(folder, tokens), logits(model("tiny-odd"), tokens));
  const Ran ran = run_program({"convert", model("tiny-odd"), scratch_.path("odd.gguf")});
  EXPECT_EQ(ran.status, 1);
  EXPECT_THAT(ran.err, HasSubstr("GGUF has no words for it: write a Hugging Face folder"));
  EXPECT_FALSE(fs::exists(scratch_.path("odd.gguf")));
}

TEST_F(ConvertTest, ShardsAreOneModel) {
  const std::string folder = scratch_.path("shards");
  const Json said = convert({model("tiny-scout"), folder, "--type", "f32", "--shard-size", "200000"});
  EXPECT_THAT(said["files"], Contains("model.safetensors.index.json"));
  EXPECT_THAT(said["files"], Not(Contains("model.safetensors")));
  const std::vector<int32_t> tokens = tokens_of("tiny-scout");
  EXPECT_EQ(logits(folder, tokens), logits(model("tiny-scout"), tokens));
}

// Through a file and back: what is left of the weights, as a share of their strength. Rows of 64 are whole blocks of 32
// alone, so that others stand in for the K-quants.
TEST_F(ConvertTest, EveryTypeComesBackAsNearAsItCan) {
  const auto original = checkpoint::Checkpoint::open(model("tiny-scout")).value();
  for (const auto& [type, most] : {std::pair("bf16", 0.003),
                                   {"f16", 0.0005},
                                   {"q8_0", 0.007},
                                   {"q5_1", 0.04},
                                   {"q5_0", 0.045},
                                   {"q4_1", 0.08},
                                   {"q4_0", 0.09},
                                   {"q6_k", 0.007},
                                   {"q5_k", 0.04},
                                   {"q4_k", 0.045},
                                   {"q3_k", 0.09},
                                   {"q2_k", 0.09}}) {
    const std::string file = scratch_.path("there.gguf"), folder = scratch_.path("back");
    convert({model("tiny-scout"), file, "--type", type, "--force"});
    convert({file, folder, "--type", "f32", "--force"});
    const auto back = checkpoint::Checkpoint::open(folder).value();
    ASSERT_EQ(back.tensors().size(), original.tensors().size());
    double worst = 0;
    for (const checkpoint::NamedTensor& tensor : original.tensors()) {
      const FloatTensor want = floats(original, tensor.name), got = floats(back, tensor.name);
      ASSERT_EQ(got.shape, want.shape) << tensor.name;
      double squares = 0, all = 0;
      for (size_t index = 0; index < want.values.size(); ++index) {
        squares += (got.values[index] - want.values[index]) * (got.values[index] - want.values[index]);
        all += want.values[index] * want.values[index];
      }
      const double left = std::sqrt(squares / all);
      if (want.shape.size() == 1 || tensor.name.find("router") != std::string::npos) {
        EXPECT_EQ(left, 0) << tensor.name << " is F32";
      }
      worst = std::max(worst, left);
    }
    EXPECT_LE(worst, most) << type;
    EXPECT_TRUE(worst > 0 || most < 0.005) << type;  // the model itself is of bfloat16
  }
}

TEST_F(ConvertTest, SaysWhichTypesFellBack) {
  const Json said = convert({model("tiny-scout"), scratch_.path("k.gguf"), "--type", "q4_k"});
  ASSERT_THAT(said["replaced_types"], Not(IsEmpty()));  // rows of 64
  EXPECT_EQ(said["replaced_types"][0]["wanted"], "Q4_K");
  EXPECT_EQ(said["replaced_types"][0]["written"], "Q5_0");
  EXPECT_THAT(said["notes"].dump(), HasSubstr("Q5_0 instead of Q4_K, whose blocks of 256 do not divide their rows"));
  const Json plain = convert({model("tiny-scout"), scratch_.path("f.gguf"), "--type", "f16"});
  EXPECT_THAT(plain["replaced_types"], IsEmpty());
  EXPECT_THAT(plain["notes"].dump(), HasSubstr("llama.cpp takes for granted chunks of 8192"));
}

TEST_F(ConvertTest, TheHeadMayHaveATypeOfItsOwn) {
  const auto types = [&](const std::string& head) {
    const std::string file = scratch_.path("head.gguf");
    Arguments arguments = {model("tiny-scout"), file, "--type", "q4_0", "--force"};
    if (!head.empty()) arguments.insert(arguments.end(), {"--head-type", head});
    convert(arguments);
    std::map<std::string, tensor::DType> found;
    const auto written = checkpoint::Checkpoint::open(file).value();
    for (const checkpoint::NamedTensor& tensor : written.tensors()) found[tensor.name] = tensor.view.dtype;
    return found;
  };
  auto usual = types(""), small = types("q4_0");
  const std::string head = usual.contains("output.weight") ? "output.weight" : "token_embd.weight";
  EXPECT_EQ(usual[head], tensor::DType::kQ8_0);  // for Q6_K, whose blocks do not divide rows of 64
  EXPECT_EQ(small[head], tensor::DType::kQ4_0);
  usual.erase(head);
  small.erase(head);
  EXPECT_EQ(small, usual);
}

TEST_F(ConvertTest, TokenizersTravel) {
  const std::string text = "Hello, wörld! 12345 it's\n\n  fine <|eot|> 日本";
  const std::string file = scratch_.path("scout.gguf"), folder = scratch_.path("scout");
  convert({model("tiny-scout"), file});
  convert({file, folder});
  const Json want = run_json({"tokenize", model("tiny-scout"), "--json"}, text);
  EXPECT_EQ(run_json({"tokenize", file, "--json"}, text)["ids"], want["ids"]);
  EXPECT_EQ(run_json({"tokenize", folder, "--json"}, text)["ids"], want["ids"]);
  EXPECT_FALSE(want["ids"].empty());
}

TEST_F(ConvertTest, MergesAdapters) {
  if (!reference_folder() || !fs::exists(*reference_folder() / "training"))
    GTEST_SKIP() << "the reference set is not here; PADDOCK_REFERENCE names its folder";
  const fs::path training = *reference_folder() / "training";
  const auto golden = checkpoint::Checkpoint::open(training / "lora" / "forward.safetensors").value();
  const FloatTensor want = floats(golden, "logits_merged");
  const auto batches = checkpoint::Checkpoint::open(training / "micro" / "batches.safetensors").value();
  const std::vector<int32_t> tokens = integers(batches, "tokens");
  const std::vector<int32_t> row(tokens.begin(), tokens.begin() + 40);  // the first is a single document
  const std::string folder = scratch_.path("merged");
  for (const char* layout : {"lora", "lora/peft-0.18-layout"}) {
    convert(
        {(training / "micro").string(), folder, "--type", "f32", "--adapter", (training / layout).string(), "--force"});
    const std::vector<float> got = logits(folder, row);
    ASSERT_FALSE(got.empty());
    EXPECT_LE(largest_difference(got, std::span(want.values).first(got.size())), 5e-5f) << layout;
  }
  const Ran wrong =
      run_program({"convert", model("tiny-scout"), folder, "--adapter", (training / "lora").string(), "--force"});
  EXPECT_EQ(wrong.status, 1);
  EXPECT_THAT(wrong.err, HasSubstr("for this model, found"));
}

TEST_F(ConvertTest, ReplacesOnlyWhenTold) {
  const std::string file = scratch_.write("taken.gguf", "mine"), folder = scratch_.path("taken");
  const Ran refused = run_program({"convert", model("tiny-llama"), file});
  EXPECT_EQ(refused.status, 2);
  EXPECT_THAT(refused.err, HasSubstr("expected a new file, found one"));
  EXPECT_EQ(read_text_file(file).value(), "mine");
  EXPECT_EQ(run_program({"convert", model("tiny-llama"), file, "--force"}).status, 0);
  fs::create_directories(folder + "/inner");
  std::ofstream(folder + "/inner/precious") << "mine";
  for (const bool force : {false, true}) {
    const Ran ran = run_program(force ? Arguments{"convert", model("tiny-llama"), folder, "--force"}
                                      : Arguments{"convert", model("tiny-llama"), folder});
    EXPECT_EQ(ran.status, 2);
    EXPECT_THAT(ran.err, HasSubstr(force ? "expected a folder that holds files alone" : "found one with files"));
    EXPECT_TRUE(fs::exists(folder + "/inner/precious"));
  }
  // Nothing is left beside what was asked for.
  for (const fs::directory_entry& entry : fs::directory_iterator(fs::path(file).parent_path()))
    EXPECT_THAT(entry.path().string(), Not(HasSubstr("part")));
}

TEST_F(ConvertTest, RefusesTypesThatAFormatLacks) {
  const Ran blocks = run_program({"convert", model("tiny-llama"), scratch_.path("out"), "--type", "q4_k"});
  EXPECT_EQ(blocks.status, 2);
  EXPECT_THAT(blocks.err, HasSubstr("expected f32, f16 or bf16 for a Hugging Face folder, found q4_k"));
  const Ran unknown = run_program({"convert", model("tiny-llama"), scratch_.path("out.gguf"), "--type", "iq2_xs"});
  EXPECT_EQ(unknown.status, 2);
  EXPECT_THAT(unknown.err, HasSubstr("--type: expected one of those that --help lists, found iq2_xs"));
}

}  // namespace
}  // namespace paddock::test
