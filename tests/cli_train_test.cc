// SPDX-License-Identifier: Apache-2.0
// paddock train gradients: what it prints and writes.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstring>
#include <nlohmann/json.hpp>

#include "checkpoint/safetensors_writer.h"
#include "tests/support/golden.h"
#include "tests/support/program.h"

namespace paddock::test {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;

class CliTrain : public testing::Test {
 protected:
  void SetUp() override {
    if (!reference_folder() || !fs::exists(training()))
      GTEST_SKIP() << "the reference set is not here; PADDOCK_REFERENCE names its folder";
  }
  static fs::path training() { return *reference_folder() / "training"; }

  // The first batch of a file of five.
  std::string first_batch(const fs::path& path) {
    const auto file = checkpoint::Checkpoint::open(path).value();
    std::vector<checkpoint::TensorToWrite> tensors;
    for (const checkpoint::NamedTensor& tensor : file.tensors()) {
      tensor::TensorView view = tensor.view;
      view.shape.erase(view.shape.begin());
      view.bytes = view.bytes.first(view.bytes.size() / 5);
      tensors.push_back({tensor.name, view});
    }
    const std::string to = scratch_.path("batch.safetensors");
    EXPECT_TRUE(checkpoint::write_safetensors(to, tensors));
    return to;
  }

  static void expect_close(const fs::path& got, const fs::path& want) {
    const auto ours = checkpoint::Checkpoint::open(got).value(), golden = checkpoint::Checkpoint::open(want).value();
    ASSERT_EQ(ours.tensors().size(), golden.tensors().size());
    for (const checkpoint::NamedTensor& tensor : golden.tensors()) {
      ASSERT_NE(ours.find(tensor.name), nullptr) << tensor.name;
      const FloatTensor expected = floats(golden, std::string(tensor.name)),
                        found = floats(ours, std::string(tensor.name));
      ASSERT_EQ(found.values.size(), expected.values.size()) << tensor.name;
      float largest = 0, difference = 0;
      for (size_t index = 0; index < expected.values.size(); ++index) {
        largest = std::max(largest, std::abs(expected.values[index]));
        difference = std::max(difference, std::abs(expected.values[index] - found.values[index]));
      }
      EXPECT_LE(difference, 3e-5f * largest) << tensor.name;
    }
  }

  ScratchFolder scratch_;
};

TEST_F(CliTrain, WritesEveryGradient) {
  for (const std::string name : {"micro", "micro-interleaved"}) {
    const std::string batch = first_batch(training() / name / "batches.safetensors"),
                      out = scratch_.path("out.safetensors");
    const Json golden = Json::parse(read_text_file(training() / name / "golden.json").value());
    const Ran ran = run_program({"train", "gradients", (training() / name).string(), batch, "--aux", "0.01", "--z",
                                 "0.001", "--out", out, "--json"});
    ASSERT_EQ(ran.status, 0) << ran.err;
    const Json said = Json::parse(ran.out);
    EXPECT_NEAR(said["loss"].get<double>(), golden["loss_aux_z"].get<double>(), 1e-5);
    EXPECT_EQ(said["tokens"], golden["targets"]);
    expect_close(out, training() / name / "grads_aux_z.safetensors");
  }
}

TEST_F(CliTrain, WritesThoseOfAnAdapter) {
  const std::string batch = first_batch(training() / "micro" / "batches.safetensors"),
                    out = scratch_.path("out.safetensors");
  const Ran ran = run_program({"train", "gradients", (training() / "micro").string(), batch, "--adapter",
                               (training() / "lora").string(), "--out", out, "--recompute"});
  ASSERT_EQ(ran.status, 0) << ran.err;
  EXPECT_THAT(ran.out, HasSubstr("over 76 targets"));
  expect_close(out, training() / "lora" / "grads.safetensors");
}

// What is trained is what is served: a text costs the same in both.
TEST(CliTrainParity, ATextCostsWhatScoreSays) {
  const ScratchFolder scratch;
  constexpr int64_t kLength = 150;  // over several edges of chunks of 64
  std::vector<int32_t> tokens;
  for (int64_t at = 0; at < kLength; ++at) tokens.push_back(static_cast<int32_t>(at * at * 7 % 97));
  std::vector<int32_t> targets(tokens.begin() + 1, tokens.end());
  targets.push_back(-100);
  const auto tensor = [&](const char* name, const std::vector<int32_t>& values) {
    return checkpoint::TensorToWrite{name, {tensor::DType::kI32, {1, kLength}, std::as_bytes(std::span(values))}};
  };
  const std::string batch = scratch.path("batch.safetensors"), ids = scratch.write("ids.json", Json(tokens).dump());
  ASSERT_TRUE(checkpoint::write_safetensors(batch, std::vector{tensor("tokens", tokens), tensor("targets", targets)}));
  for (const auto& entry : fs::directory_iterator(data_folder() / "text")) {
    if (!entry.is_directory()) continue;
    const Json scored = run_json({"score", entry.path().string(), "--tokens", ids, "--json"});
    const Json trained = run_json({"train", "gradients", entry.path().string(), batch, "--json"});
    EXPECT_EQ(trained["tokens"], kLength - 1);
    EXPECT_NEAR(trained["loss"].get<double>(), scored["mean_nll"].get<double>(), 2e-6) << entry.path();
  }
}

TEST_F(CliTrain, RefusesWhatIsNoBatch) {
  const std::string model = (training() / "micro").string();
  const Ran five = run_program({"train", "gradients", model, (training() / "micro" / "batches.safetensors").string()});
  EXPECT_EQ(five.status, 1);
  EXPECT_THAT(five.err, HasSubstr("expected the shape [rows, length] of tokens, found [5, 3, 40]"));
  const Ran weights = run_program({"train", "gradients", model, model + "/model.safetensors"});
  EXPECT_EQ(weights.status, 1);
  EXPECT_THAT(weights.err, HasSubstr("expected a tensor named tokens"));
  const std::string batch = first_batch(training() / "micro" / "batches.safetensors");
  const Ran student = run_program({"train", "gradients", (training() / "distill" / "student").string(), batch,
                                   "--adapter", (training() / "lora").string()});
  EXPECT_EQ(student.status, 1);
  EXPECT_THAT(student.err, HasSubstr("lora"));
}

}  // namespace
}  // namespace paddock::test
