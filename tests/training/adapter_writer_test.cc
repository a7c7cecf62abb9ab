// SPDX-License-Identifier: Apache-2.0
// Adapters written and read again; what PEFT itself wrote is the standard (tests/exported has PEFT read ours).

#include "train/adapter_writer.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <fstream>
#include <nlohmann/json.hpp>

#include "base/json.h"
#include "base/mapped_file.h"
#include "checkpoint/safetensors_writer.h"
#include "llama4/adapter/test_adapter.h"
#include "tests/training/trained.h"

namespace paddock::test {
namespace {

namespace fs = std::filesystem;
using testing::ElementsAre;
using testing::HasSubstr;

class AdapterWriterTest : public testing::Test {
 protected:
  void SetUp() override {
    folder_ = fs::temp_directory_path() / fmt::format("paddock-adapter-{}", ::getpid());
    fs::remove_all(folder_);
    fs::create_directories(folder_);
  }
  void TearDown() override { fs::remove_all(folder_); }

  static Json config_of(const fs::path& folder) {
    const fs::path path = folder / "adapter_config.json";
    return parse_json(read_text_file(path).value(), path.string()).value();
  }

  // Two layers of a model, the second one with two experts whose gate_up_proj is [2, 8, 8]: shapes do not tell the
  // layouts apart.
  static train::ParameterList small_list(const std::string& prefix = "") {
    return train::ParameterList::of(llama4::small_model(), prefix);
  }

  // An adapter's folder: tensors of the given shapes, all numbers different.
  fs::path make(const std::string& name, const std::vector<std::pair<std::string, tensor::Shape>>& shapes,
                const std::string& config) {
    const fs::path folder = folder_ / name;
    fs::create_directories(folder);
    std::vector<std::vector<float>> values;
    std::vector<checkpoint::TensorToWrite> tensors;
    float next = 1;
    for (const auto& [key, shape] : shapes) {
      std::vector<float>& block = values.emplace_back(static_cast<size_t>(tensor::count(shape)));
      for (float& value : block) value = next++ / 64;
      tensors.push_back({key, {tensor::DType::kF32, shape, {}}});
    }
    for (size_t index = 0; index < values.size(); ++index)
      tensors[index].view.bytes = std::as_bytes(std::span(values[index]));
    EXPECT_TRUE(checkpoint::write_safetensors(folder / "adapter_model.safetensors", tensors));
    std::ofstream(folder / "adapter_config.json") << config;
    return folder;
  }

  Result<void> rewrite(const fs::path& from, const train::ParameterList& list) {
    std::vector<float> values;
    const auto adapter = train::Adapter::read(from, list, &values);
    if (!adapter) return tl::unexpected(adapter.error());
    return train::write_adapter(*adapter, list, values, "base", out());
  }
  fs::path out() const { return folder_ / "out"; }

  static void expect_same(const fs::path& got, const fs::path& want) {
    const auto ours = open_file(got / "adapter_model.safetensors"),
               theirs = open_file(want / "adapter_model.safetensors");
    ASSERT_TRUE(ours && theirs);
    ASSERT_EQ(ours->tensors().size(), theirs->tensors().size());
    for (const checkpoint::NamedTensor& tensor : theirs->tensors()) {
      ASSERT_NE(ours->find(tensor.name), nullptr) << tensor.name;
      const Floats found = floats_of(*ours, tensor.name), expected = floats_of(*theirs, tensor.name);
      EXPECT_EQ(found.shape, expected.shape) << tensor.name;
      EXPECT_EQ(found.values, expected.values) << tensor.name;
    }
  }

  fs::path folder_;
};

TEST_F(AdapterWriterTest, EitherLayoutBecomesThatOfToday) {
  const auto reference = training_reference();
  if (!reference) GTEST_SKIP() << "the reference set is not here; PADDOCK_REFERENCE names its folder";
  const auto model = Trained::load(*reference / "micro", "reference");
  ASSERT_NE(model, nullptr);
  for (const std::string layout : {"lora", "lora/peft-0.18-layout"}) {
    const auto written = rewrite(*reference / layout, model->bench->parameters());
    ASSERT_TRUE(written) << written.error().message;
    expect_same(out(), *reference / "lora");
    const Json ours = config_of(out()), theirs = config_of(*reference / "lora");
    for (const char* key : {"r", "lora_alpha", "target_modules", "target_parameters", "peft_type", "task_type"})
      EXPECT_EQ(ours.at(key), theirs.at(key)) << key;
  }
}

constexpr const char* kExpertsStart = "base_model.model.model.layers.1.feed_forward.experts";

TEST_F(AdapterWriterTest, ASingleExpertTensorIsTheOneThatIsNamed) {
  const train::ParameterList list = small_list();
  for (const std::string target : {"gate_up_proj", "down_proj"}) {
    const bool gate_up = target == "gate_up_proj";
    const std::string start = kExpertsStart;
    const fs::path from = make(
        target, {{start + ".lora_A.weight", {6, 8}}, {start + ".lora_B.weight", {gate_up ? 8 : 4, 6}}},
        R"({"r": 3, "lora_alpha": 8, "peft_version": "0.21.2", "target_parameters": ["experts.)" + target + "\"]}");
    std::vector<float> values;
    const auto adapter = train::Adapter::read(from, list, &values);
    ASSERT_TRUE(adapter) << adapter.error().message;
    const auto& places = list.layers[1];
    EXPECT_EQ(adapter->updates().begin()->first, gate_up ? places.experts_gate_up : places.experts_down);
    ASSERT_TRUE(rewrite(from, list));
    expect_same(out(), from);
    const Json config = config_of(out());
    EXPECT_EQ(config.at("target_parameters"), Json::parse("[\"feed_forward.experts." + target + "\"]"));
    EXPECT_EQ(config.at("target_modules"), Json::array());
    EXPECT_EQ(config.at("lora_alpha"), 8);  // 8/3 is not a float
  }
}

TEST_F(AdapterWriterTest, NamesModulesOneByOneWhereEndsNameOthersToo) {
  const std::string q = "base_model.model.model.layers.0.self_attn.q_proj",
                    both = R"({"r": 2, "lora_alpha": 4, "peft_version": "0.21.2"})";
  const fs::path first = make("first", {{q + ".lora_A.weight", {2, 8}}, {q + ".lora_B.weight", {8, 2}}}, both);
  ASSERT_TRUE(rewrite(first, small_list()));
  EXPECT_EQ(config_of(out()).at("target_modules"), Json::parse(R"(["model.layers.0.self_attn.q_proj"])"));
  EXPECT_TRUE(config_of(out()).at("target_parameters").is_null());
}

TEST_F(AdapterWriterTest, RefusesSeveralRanks) {
  const std::string q = "base_model.model.model.layers.0.self_attn.q_proj",
                    k = "base_model.model.model.layers.0.self_attn.k_proj";
  const fs::path from = make("ranks",
                             {{q + ".lora_A.weight", {2, 8}},
                              {q + ".lora_B.weight", {8, 2}},
                              {k + ".lora_A.weight", {1, 8}},
                              {k + ".lora_B.weight", {4, 1}}},
                             R"({"r": 2, "lora_alpha": 4, "rank_pattern": {"k_proj": 1}})");
  const auto written = rewrite(from, small_list());
  ASSERT_FALSE(written);
  EXPECT_THAT(written.error().message, HasSubstr("expected updates of one rank"));
}

}  // namespace
}  // namespace paddock::test
