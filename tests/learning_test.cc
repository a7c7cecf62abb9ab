// SPDX-License-Identifier: Apache-2.0
// From nothing to an answer: a small model learns a language, an adapter a skill, a smaller model what the first one
// says; and the adapter is served.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <random>

#include "base/json.h"
#include "tests/support/program.h"
#include "tests/support/running_server.h"

namespace paddock::test {
namespace {

namespace fs = std::filesystem;

const char* const kColours[] = {"red", "green", "blue", "white", "black", "old"};
const char* const kThings[] = {"ball", "house", "tree", "book", "door", "car", "boat", "road"};
// What is learned: an answer that depends on the first word of the question alone.
const char* const kAnswers[] = {"stop", "go", "wait", "stop", "go", "wait"};

class Learning : public testing::Test {
 protected:
  static fs::path tokenizer() { return fs::path(PADDOCK_SOURCE_DIR) / "tests/data/text/tiny-scout"; }

  // A text of sentences with all that the questions are made of.
  std::string text(const std::string& name, int sentences, int seed) const {
    std::mt19937 random(static_cast<unsigned>(seed));
    std::string all;
    for (int index = 0; index < sentences; ++index) {
      const auto colour = random() % 6;
      all += std::string("The ") + kColours[colour] + " " + kThings[random() % 8] + " says " +
             (random() % 10 < 7 ? kAnswers[colour] : kAnswers[random() % 6]) + ".\n";
    }
    return scratch_.write(name, all);
  }

  std::string shape(const std::string& name, int layers) const {
    std::ifstream file(tokenizer() / "config.json");
    Json config = Json::parse(file);
    config["num_hidden_layers"] = layers;
    return scratch_.write(name, config.dump());
  }

  static std::string question(size_t colour, size_t thing) {
    return std::string(kColours[colour]) + " " + kThings[thing] + "?";
  }
  // One pair of colour and thing in five is never asked in training.
  static bool is_held_out(size_t colour, size_t thing) { return (colour + 2 * thing) % 5 == 0; }

  std::string lessons() const {
    std::string lines;
    for (size_t colour = 0; colour < 6; ++colour)
      for (size_t thing = 0; thing < 8; ++thing)
        if (!is_held_out(colour, thing))
          lines += Json({{"prompt", question(colour, thing)}, {"completion", kAnswers[colour]}}).dump() + "\n";
    return scratch_.write("skill.jsonl", lines);
  }

  void train(const std::string& kind, const std::string& out, const Arguments& settings) {
    const std::string recipe = scratch_.write(out + ".toml", "kind = \"" + kind + "\"\nout = \"" + scratch_.path(out) +
                                                                 "\"\ndata.length = 64\nevaluate.batches = 8\n"
                                                                 "evaluate.every = 0\ncheckpoint.every = 100000\n");
    Arguments arguments = {"train", recipe, "--no-limits"};
    for (const std::string& setting : settings) arguments.insert(arguments.end(), {"--set", setting});
    const Ran ran = run_program(arguments);
    ASSERT_EQ(ran.status, 0) << ran.err;
  }

  double held_out_loss(const std::string& out) const {
    std::ifstream file(scratch_.path(out) + "/log.jsonl");
    double loss = -1;
    for (std::string line; std::getline(file, line);)
      if (const Json json = Json::parse(line); json.at("event") == "evaluation") loss = json.at("loss").get<double>();
    return loss;
  }

  // How many of the held-out questions a server answers right under a model's name.
  static double right(const RunningServer& server, const std::string& model) {
    int asked = 0, hits = 0;
    for (size_t colour = 0; colour < 6; ++colour)
      for (size_t thing = 0; thing < 8; ++thing) {
        if (!is_held_out(colour, thing)) continue;
        const std::string said =
            server.text_of({{"model", model},
                            {"temperature", 0},
                            {"max_tokens", 6},
                            {"messages", {{{"role", "user"}, {"content", question(colour, thing)}}}}});
        ++asked;
        if (said == Json(kAnswers[colour]).dump()) ++hits;
      }
    return static_cast<double>(hits) / asked;
  }

  ScratchFolder scratch_;
};

TEST_F(Learning, FromNothingToAServedSkillAndASmallerModel) {
  const std::string tokenizer_setting = "model.tokenizer=" + tokenizer().string();
  const std::string tests = "data.held_out=" + text("held-out.txt", 150, 2);
  train("pretrain", "base",
        {"steps=150", "model.config=" + shape("base.json", 4), tokenizer_setting,
         "data.train=" + text("texts.txt", 1500, 1), tests, "data.separator=\n", "data.rows=8", "optimiser.rate=4e-3",
         "optimiser.warm_up=10", "balance.bias_rate=1e-3"});
  const std::string base = scratch_.path("base") + "/model";
  // What cannot be known of a sentence is its colour, its thing and now and then what it says: about 4.8 nats, over
  // about twelve tokens.
  EXPECT_LT(held_out_loss("base"), 0.7);

  train("chat", "skill",
        {"steps=150", "model.start=" + base, "adapter.rank=8",
         "adapter.targets=[\"attention\", \"mlp\", \"experts\", \"head\"]", "data.train=" + lessons(),
         "data.held_out_share=0", "data.rows=4", "optimiser.rate=5e-3", "optimiser.decay=0", "optimiser.warm_up=5"});
  const RunningServer server(scratch_, {base, "--adapter", "model:skill=" + scratch_.path("skill") + "/adapter"});
  EXPECT_LT(right(server, "model"), 0.3);
  EXPECT_GE(right(server, "skill"), 0.9);

  // Few sentences: a small model that reads them learns them by heart; what the large one says of them is more.
  const std::string few = text("few.txt", 40, 3);
  const Ran recorded = run_program(
      {"distil", "record", base, "--out", scratch_.path("record"), "--text", few, "--top-k", "16", "--length", "60"});
  ASSERT_EQ(recorded.status, 0) << recorded.err;
  const Ran tests_recorded = run_program({"distil", "record", base, "--out", scratch_.path("tests"), "--text",
                                          scratch_.path("held-out.txt"), "--top-k", "16", "--length", "60"});
  ASSERT_EQ(tests_recorded.status, 0) << tests_recorded.err;
  const Arguments student = {"steps=80",
                             "model.config=" + shape("student.json", 2),
                             tokenizer_setting,
                             "data.train=" + scratch_.path("record"),
                             "data.held_out=" + scratch_.path("tests"),
                             "data.rows=4",
                             "optimiser.rate=4e-3",
                             "optimiser.warm_up=10"};
  train("distil", "taught", student);
  Arguments alone = student;
  alone.push_back("distil.alpha=0");  // of the same record only what the text says
  train("distil", "alone", alone);
  EXPECT_LT(held_out_loss("taught"), held_out_loss("alone") - 0.02);
  EXPECT_GT(held_out_loss("taught"), 0);
}

}  // namespace
}  // namespace paddock::test
