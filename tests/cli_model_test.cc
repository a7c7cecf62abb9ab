// SPDX-License-Identifier: Apache-2.0
// The program on small checkpoints: run, score, tokenize and inspect against golden numbers and against each other.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <nlohmann/json.hpp>

#include "base/json.h"
#include "base/mapped_file.h"
#include "checkpoint/checkpoint.h"
#include "tensor/kv_row.h"
#include "tests/support/golden.h"
#include "tests/support/program.h"
#include "text/load_tokenizer.h"

namespace paddock::test {
namespace {

using testing::AllOf;
using testing::HasSubstr;

std::filesystem::path folder(const std::string& name) { return data_folder() / "text" / name; }
std::string model(const std::string& name) { return folder(name).string(); }

checkpoint::Checkpoint open(const std::filesystem::path& path) {
  auto opened = checkpoint::Checkpoint::open(path);
  if (!opened) throw std::runtime_error(opened.error().message);
  return std::move(*opened);
}

Json read_json(const std::filesystem::path& path) {
  const auto text = read_text_file(path);
  const auto json = parse_json(text ? *text : "", path.string());
  if (!json) throw std::runtime_error(json.error().message);
  return *json;
}

class CliModel : public testing::Test {
 protected:
  std::string write_ids(const std::vector<int32_t>& ids) { return scratch.write("ids.json", Json(ids).dump()); }
  std::vector<int32_t> golden_tokens(const std::string& name) {
    return integers(open(folder(name) / "golden.safetensors"), "tokens");
  }
  ScratchFolder scratch;
};

class CliScore : public CliModel, public testing::WithParamInterface<const char*> {};

TEST_P(CliScore, MeetsTheGoldenNumbers) {
  const std::string name = GetParam();
  const auto golden = open(folder(name) / "golden.safetensors");
  const std::vector<int32_t> tokens = integers(golden, "tokens");
  const std::string ids = scratch.write("ids.json", Json{{"tokens", tokens}}.dump());
  const Json json =
      run_json({"score", model(name), "--tokens", ids, "--json", "--cache", "f32", "--prefill-batch", "37", "--logits",
                scratch.path("logits.safetensors"), "--hidden", scratch.path("hidden.safetensors")});
  EXPECT_EQ(json.at("tokens"), tokens.size());
  EXPECT_EQ(json.at("scored_tokens"), tokens.size() - 1);
  EXPECT_NEAR(json.at("mean_nll").get<double>(), mean_nll(folder(name) / "golden.json"), 1e-4);
  EXPECT_NEAR(json.at("perplexity").get<double>() / std::exp(json.at("mean_nll").get<double>()), 1, 1e-6);

  const auto logits = open(scratch.path("logits.safetensors"));
  const auto hidden = open(scratch.path("hidden.safetensors"));
  EXPECT_EQ(integers(logits, "tokens"), tokens);
  EXPECT_EQ(logits.find("rows"), nullptr);
  for (const auto& [file, tensor] : {std::pair(&logits, "logits"), {&hidden, "hidden"}}) {
    const FloatTensor expected = floats(golden, tensor), found = floats(*file, tensor);
    ASSERT_EQ(found.shape, expected.shape);
    EXPECT_LT(largest_difference(found.values, expected.values), kFloatTolerance) << tensor;
  }
  for (const auto& tensor : golden.tensors()) {
    if (!tensor.name.starts_with("experts.")) continue;
    ASSERT_NE(hidden.find(tensor.name), nullptr) << tensor.name;
    EXPECT_EQ(hidden.find(tensor.name)->view.shape, tensor.view.shape);
    EXPECT_EQ(integers(hidden, tensor.name), integers(golden, tensor.name)) << tensor.name;
  }
}

INSTANTIATE_TEST_SUITE_P(Checkpoints, CliScore,
                         testing::Values("tiny-scout", "tiny-maverick", "tiny-odd", "tiny-guard", "tiny-llama",
                                         "tiny-fp8"));

TEST_F(CliModel, RowsAreAPartOfTheWhole) {
  const std::string ids = write_ids(golden_tokens("tiny-odd"));
  const auto score = [&](const std::string& rows, const std::string& batch, const std::string& file) {
    run_json({"score", model("tiny-odd"), "--tokens", ids, "--json", "--rows", rows, "--prefill-batch", batch,
              "--logits", scratch.path(file), "--hidden", scratch.path("h" + file)});
    return std::pair(open(scratch.path(file)), open(scratch.path("h" + file)));
  };
  const auto whole = score("0:", "64", "whole.safetensors");
  const auto part = score("60:66", "7", "part.safetensors");
  EXPECT_EQ(integers(whole.first, "tokens"), integers(part.first, "tokens"));
  const FloatTensor all = floats(whole.first, "logits"), some = floats(part.first, "logits");
  ASSERT_EQ(some.shape, (tensor::Shape{6, 1024}));
  for (int64_t row = 0; row < 6; ++row) EXPECT_TRUE(std::ranges::equal(some.row(row), all.row(60 + row))) << row;
  const FloatTensor all_hidden = floats(whole.second, "hidden"), some_hidden = floats(part.second, "hidden");
  ASSERT_EQ(some_hidden.shape, (tensor::Shape{6, 6, 48}));
  for (int64_t stream = 0; stream < 6; ++stream)
    for (int64_t row = 0; row < 6; ++row)
      EXPECT_TRUE(std::ranges::equal(some_hidden.row(stream * 6 + row),
                                     all_hidden.row(stream * all_hidden.shape[1] + 60 + row)));
  EXPECT_EQ(part.second.find("experts.1")->view.shape, (tensor::Shape{6, 2}));
}

TEST_F(CliModel, OneTokenHasNoScore) {
  const Json json = run_json({"score", model("tiny-odd"), "--tokens", write_ids({5}), "--json"});
  EXPECT_EQ(json.at("tokens"), 1);
  EXPECT_TRUE(json.at("mean_nll").is_null());
  EXPECT_TRUE(json.at("perplexity").is_null());
}

TEST_F(CliModel, ScoreOfTextIsScoreOfItsTokens) {
  const std::string text = scratch.write("text.txt", "The quick brown fox; def main(): return 1\n");
  const Json encoded = run_json({"tokenize", model("tiny-scout"), "--file", text, "--json", "--bos"});
  const Json by_text = run_json({"score", model("tiny-scout"), "--text", text, "--json"});
  const Json by_tokens =
      run_json({"score", model("tiny-scout"), "--tokens", scratch.write("ids.json", encoded.dump()), "--json"});
  EXPECT_EQ(by_text, by_tokens);
  EXPECT_EQ(by_text.at("tokens"), encoded.at("ids").size());
  // Without begin-of-text it is one token less.
  EXPECT_EQ(run_json({"score", model("tiny-scout"), "--text", text, "--json", "--no-bos"}).at("tokens"),
            encoded.at("ids").size() - 1);
}

TEST_F(CliModel, RunFollowsTheGoldenContinuations) {
  for (const char* name : {"tiny-scout", "tiny-maverick", "tiny-odd", "tiny-llama"}) {
    const Continuation golden = continuations(folder(name) / "golden.json", golden_tokens(name)).front();
    const Json json = run_json({"run", model(name), "--tokens", write_ids(golden.prompt), "--json", "--ignore-eos",
                                "--cache", "f32", "--max-tokens", std::to_string(golden.greedy.size())});
    EXPECT_EQ(json.at("prompt_tokens"), golden.prompt);
    EXPECT_EQ(json.at("tokens"), golden.greedy) << name;
    EXPECT_EQ(json.at("finish_reason"), "length");
    for (const char* key :
         {"prefill_seconds", "prefill_tokens_per_second", "decode_seconds", "decode_tokens_per_second"})
      EXPECT_GT(json.at(key).get<double>(), 0) << key;
  }
}

TEST_F(CliModel, RunTellsWhatWasGuessedAndSaysTheSame) {
  const std::string ids = write_ids({5, 6, 7, 8, 9, 5, 6});
  const auto run = [&](const char* most) {
    return run_json({"run", model("tiny-scout"), "--tokens", ids, "--json", "--ignore-eos", "--max-tokens", "100",
                     "--logit-bias", "5=60", "--logit-bias", "6=60", "--speculate", most});
  };
  const Json plain = run("0"), guessing = run("8");
  EXPECT_EQ(guessing.at("tokens"), plain.at("tokens"));
  EXPECT_EQ(plain.at("steps"), 100);
  EXPECT_EQ(plain.at("drafted_tokens"), 0);
  EXPECT_GT(guessing.at("accepted_tokens"), 0);
  EXPECT_EQ(guessing.at("steps").get<int>() + guessing.at("accepted_tokens").get<int>(), 100);
}

TEST_F(CliModel, RunStopsAtTheTokenThatEndsAText) {
  for (const Continuation& golden : continuations(folder("tiny-llama") / "golden.json", golden_tokens("tiny-llama"))) {
    const auto end = std::find(golden.greedy.begin(), golden.greedy.end(), 1006);
    if (end == golden.greedy.end()) continue;
    const Json json = run_json({"run", model("tiny-llama"), "--tokens", write_ids(golden.prompt), "--json", "--cache",
                                "f32", "--max-tokens", "100"});
    EXPECT_EQ(json.at("tokens"), std::vector<int32_t>(golden.greedy.begin(), end + 1));
    EXPECT_EQ(json.at("finish_reason"), "stop");
    return;
  }
  FAIL() << "no continuation of tiny-llama holds its end of text any more";
}

TEST_F(CliModel, WithoutATokenizerTheAnswerIsIds) {
  const std::string ids = write_ids({1, 2, 3});
  const Json json = run_json({"run", model("tiny-odd"), "--tokens", ids, "--json", "--max-tokens", "5"});
  EXPECT_EQ(json.at("text"), "");
  const Ran ran = run_program({"run", model("tiny-odd"), "--tokens", ids, "--max-tokens", "5"});
  EXPECT_EQ(ran.status, 0);
  std::string expected;
  for (const Json& id : json.at("tokens")) expected += id.dump() + " ";
  EXPECT_EQ(ran.out, expected + "\n");
  EXPECT_THAT(ran.err, HasSubstr("no tokenizer"));
}

TEST_F(CliModel, TextGoesToOneStreamAndFiguresToTheOther) {
  const Arguments arguments = {"run", model("tiny-scout"), "--prompt", "def main", "--max-tokens", "12"};
  Arguments for_programs = arguments;
  for_programs.push_back("--json");
  const Json json = run_json(for_programs);
  const Ran ran = run_program(arguments);
  EXPECT_EQ(ran.out, json.at("text").get<std::string>() + "\n");
  EXPECT_THAT(ran.err, AllOf(HasSubstr("needs "), HasSubstr(" positions), scratch "), HasSubstr("answer 12 tokens")));
  // The prompt may come from standard input as well.
  const Ran piped = run_program({"run", model("tiny-scout"), "--max-tokens", "12", "-q"}, "def main");
  EXPECT_EQ(piped.out, ran.out);
  EXPECT_EQ(piped.err, "");
}

TEST_F(CliModel, AStopStringEndsTheText) {
  const Arguments arguments = {"run", model("tiny-scout"), "--prompt", "def main", "--max-tokens",
                               "24",  "--ignore-eos",      "--json"};
  const Json whole = run_json(arguments);
  const std::string text = whole.at("text");
  ASSERT_GT(text.size(), 12u);
  // From the middle of the text, so that it straddles tokens; at a character's start.
  size_t place = text.size() / 2;
  while ((text[place] & 0xC0) == 0x80) ++place;
  size_t end = place + 3;
  while (end < text.size() && (text[end] & 0xC0) == 0x80) ++end;
  const std::string stop = text.substr(place, end - place);
  Arguments stopping = arguments;
  stopping.insert(stopping.end(), {"--stop", "never said", "--stop", stop});
  const Json json = run_json(stopping);
  EXPECT_EQ(json.at("text"), text.substr(0, text.find(stop)));
  EXPECT_EQ(json.at("finish_reason"), "stop");
  EXPECT_LT(json.at("tokens").size(), whole.at("tokens").size());
}

TEST_F(CliModel, SamplingIsRepeatableBySeed) {
  const auto answer = [&](Arguments more) {
    Arguments arguments = {"run", model("tiny-scout"), "--prompt", "a", "--temperature", "2", "--max-tokens",
                           "20",  "--ignore-eos",      "--json"};
    arguments.insert(arguments.end(), more.begin(), more.end());
    return run_json(arguments);
  };
  const Json one = answer({"--seed", "1"});
  EXPECT_EQ(one.at("seed"), 1);
  EXPECT_EQ(answer({"--seed", "1", "--threads", "1", "--prefill-batch", "1"}).at("tokens"), one.at("tokens"));
  EXPECT_NE(answer({"--seed", "2"}).at("tokens"), one.at("tokens"));
  const Json drawn = answer({});
  EXPECT_EQ(answer({"--seed", drawn.at("seed").dump()}).at("tokens"), drawn.at("tokens"));
  EXPECT_EQ(answer({"--seed", "1", "--top-k", "1"}).at("tokens"), answer({"--seed", "2", "--top-k", "1"}).at("tokens"));
}

TEST_F(CliModel, LogProbabilitiesAndBias) {
  const std::string ids = write_ids({1, 2, 3});
  const Arguments arguments = {"run", model("tiny-odd"), "--tokens", ids, "--max-tokens",
                               "4",   "--ignore-eos",    "--json"};
  Arguments with_logprobs = arguments;
  with_logprobs.insert(with_logprobs.end(), {"--logprobs", "3"});
  const Json json = run_json(with_logprobs);
  ASSERT_EQ(json.at("logprobs").size(), 4u);
  for (size_t index = 0; index < 4; ++index) {
    const Json& entry = json.at("logprobs").at(index);
    EXPECT_EQ(entry.at("token"), json.at("tokens").at(index));
    ASSERT_EQ(entry.at("top").size(), 3u);
    EXPECT_EQ(entry.at("top").at(0).at("token"), entry.at("token"));  // greedy
    EXPECT_EQ(entry.at("top").at(0).at("logprob"), entry.at("logprob"));
    EXPECT_LE(entry.at("logprob").get<double>(), 0);
    EXPECT_GE(entry.at("top").at(1).at("logprob"), entry.at("top").at(2).at("logprob"));
  }
  EXPECT_FALSE(run_json(arguments).contains("logprobs"));

  Arguments forbidding = arguments;
  forbidding.insert(forbidding.end(), {"--logit-bias", json.at("tokens").at(0).dump() + "=-inf"});
  EXPECT_EQ(run_json(forbidding).at("tokens").at(0), json.at("logprobs").at(0).at("top").at(1).at("token"));
}

TEST_F(CliModel, CtrlCStopsTheAnswer) {
  Program program({"run", model("tiny-scout"), "--prompt", "a", "--max-tokens", "4000", "--ignore-eos"});
  ASSERT_TRUE(program.wait_for_error("scratch"));
  program.interrupt();  // while it loads or computes, as it comes
  const Ran ran = program.finish();
  EXPECT_THAT(ran.status, testing::AnyOf(1, -SIGINT));
  Program answering({"run", model("tiny-odd"), "--tokens", write_ids({1}), "--max-tokens", "4000", "--ignore-eos"});
  ASSERT_TRUE(answering.wait_for_output(" "));
  answering.interrupt();
  const Ran stopped = answering.finish();
  EXPECT_EQ(stopped.status, 1);
  EXPECT_TRUE(stopped.out.ends_with(" \n"));
  EXPECT_THAT(stopped.err, HasSubstr("; answer ")) << "the figures are told all the same";
}

TEST_F(CliModel, TokenizeThereAndBack) {
  const auto tokenizer = text::load_tokenizer(folder("tiny-scout") / "tokenizer.json");
  ASSERT_TRUE(tokenizer) << tokenizer.error().message;
  const std::vector<std::string> texts = {"", "Hello, world!\n", "d\u00e9j\u00e0 vu \u4f60\u597d \U0001f600",
                                          "<|begin_of_text|>plain", "  \t x\n\n\n"};
  Json expected = Json::array();
  for (const std::string& text : texts) expected.push_back(tokenizer->encode(text, text::Specials::kNone));
  const std::string batch = scratch.write("batch.json", Json(texts).dump());
  for (const std::string& from :
       {model("tiny-scout"), model("tiny-scout") + "/tokenizer.json", model("tiny-scout") + "/model.safetensors"}) {
    EXPECT_EQ(run_json({"tokenize", from, "--batch", batch}), expected) << from;
    for (size_t index = 0; index < texts.size(); ++index)
      EXPECT_EQ(run_json({"tokenize", from, "--text", texts[index], "--json"}), (Json{{"ids", expected[index]}}));
  }
  const std::string ids = scratch.write("ids.json", expected.dump());
  EXPECT_EQ(run_json({"tokenize", model("tiny-scout"), "--decode", "--batch", ids}), Json(texts));

  const Ran encoded = run_program({"tokenize", model("tiny-scout")}, texts[1]);
  const Ran decoded = run_program({"tokenize", model("tiny-scout"), "--decode"}, encoded.out);
  EXPECT_EQ(decoded.out, texts[1] + "\n");
  EXPECT_EQ(run_json({"tokenize", model("tiny-scout"), "--decode", "--json", "--text", encoded.out}),
            (Json{{"text", texts[1]}}));
}

TEST_F(CliModel, TokenizeKnowsSpecialTokensOnlyWhenAsked) {
  const auto ids = [&](Arguments more) {
    Arguments arguments = {"tokenize", model("tiny-scout"), "--text", "<|eot|>", "--json"};
    arguments.insert(arguments.end(), more.begin(), more.end());
    return run_json(arguments).at("ids").get<std::vector<int32_t>>();
  };
  EXPECT_EQ(ids({"--special", "all"}), std::vector<int32_t>{1013});
  EXPECT_EQ(ids({"--special", "all", "--bos"}), (std::vector<int32_t>{1005, 1013}));
  EXPECT_GT(ids({}).size(), 3u);
  EXPECT_EQ(ids({}), ids({"--special", "none"}));
}

TEST_F(CliModel, BatchesOfOtherThingsAreRefused) {
  for (const auto& [content, sentence] : {std::pair("{}", "expected an array of strings, found object"),
                                          {"[\"a\", 1]", "item 1: expected a string, found number"}}) {
    const Ran ran = run_program({"tokenize", model("tiny-scout"), "--batch", scratch.write("batch.json", content)});
    EXPECT_EQ(ran.status, 1);
    EXPECT_THAT(ran.err, HasSubstr(sentence));
  }
  // A lone surrogate is read as a replacement character.
  EXPECT_EQ(run_json({"tokenize", model("tiny-scout"), "--batch", scratch.write("b.json", R"(["\ud800"])")}),
            run_json({"tokenize", model("tiny-scout"), "--batch", scratch.write("b.json", R"(["\ufffd"])")}));
}

TEST_F(CliModel, InspectTellsThePlan) {
  const Json json = run_json({"inspect", model("tiny-odd"), "--json", "--context", "100"});
  const Json config = read_json(folder("tiny-odd") / "config.json");
  EXPECT_EQ(json.at("format"), "safetensors");
  EXPECT_EQ(json.at("architecture"), "llama4");
  ASSERT_EQ(json.at("layers").size(), 5u);
  for (size_t index = 0; index < 5; ++index) {
    const Json& layer = json.at("layers").at(index);
    const bool rope = config.at("no_rope_layers").at(index) == 1;
    const bool moe = index == 1 || index == 2 || index == 4;  // "moe_layers" of its config
    EXPECT_EQ(layer.at("index"), index);
    EXPECT_EQ(layer.at("rope"), rope);
    EXPECT_EQ(layer.at("attention"), rope ? "local" : "global");
    EXPECT_EQ(layer.at("chunk"), rope ? Json(24) : Json());
    EXPECT_EQ(layer.at("temperature"), !rope);
    EXPECT_EQ(layer.at("qk_norm"), rope);
    EXPECT_EQ(layer.at("feed_forward"), moe ? "moe" : "dense");
  }
  int64_t values = 0;
  const auto checkpoint = open(folder("tiny-odd"));
  for (const auto& tensor : checkpoint.tensors()) values += tensor.view.values();
  const Json& parameters = json.at("parameters");
  EXPECT_EQ(parameters.at("total"), values);
  // 3 layers of 5 experts of 3 matrices of 48 x 96; 2 of the 5 work for a token.
  EXPECT_EQ(parameters.at("experts"), 3 * 5 * 3 * 48 * 96);
  EXPECT_EQ(parameters.at("active"), values - 3 * 3 * 3 * 48 * 96);
  const Json& plan = json.at("memory_plan");
  EXPECT_EQ(plan.at("context"), 100);
  EXPECT_EQ(plan.at("weights"), json.at("bytes").at("total"));
  EXPECT_EQ(plan.at("total").get<int64_t>(),
            plan.at("weights").get<int64_t>() + plan.at("cache").get<int64_t>() + plan.at("scratch").get<int64_t>());
  int64_t by_dtype = 0;
  for (const auto& [dtype, bytes] : json.at("bytes").at("by_dtype").items()) by_dtype += bytes.get<int64_t>();
  EXPECT_EQ(json.at("bytes").at("total"), by_dtype);
  EXPECT_TRUE(json.at("tokenizer").is_null());
  for (const char* key : {"config", "config_read", "config_inferred", "config_ignored", "unused_tensors", "machine"})
    EXPECT_TRUE(json.contains(key)) << key;

  // Two pages of 64 positions in each layer: keys and values of every head, a row each.
  const Json& read = json.at("config");
  const int64_t heads = read.at("layers").get<int64_t>() * 128 * read.at("kv_heads").get<int64_t>();
  const int64_t width = read.at("head_width").get<int64_t>();
  const std::pair<const char*, tensor::KvFormat> formats[] = {{"f32", tensor::DType::kF32},
                                                              {"f16", tensor::DType::kF16},
                                                              {"bf16", tensor::DType::kBF16},
                                                              {"q8", tensor::DType::kQ8_0},
                                                              {"q8q4", {tensor::DType::kQ8_0, tensor::DType::kQ4_1}},
                                                              {"q4", tensor::DType::kQ4_1}};
  for (const auto& [name, format] : formats) {
    const Json other = run_json({"inspect", model("tiny-odd"), "--json", "--context", "100", "--cache", name});
    EXPECT_EQ(other.at("memory_plan").at("cache"), heads * static_cast<int64_t>(format.position_bytes(width))) << name;
    EXPECT_EQ(other.at("memory_plan").at("cache_dtype"), format.name());
  }
  EXPECT_EQ(run_json({"inspect", model("tiny-odd"), "--json"}).at("memory_plan").at("context"), 4096);
}

TEST_F(CliModel, BenchTellsSpeedsBesideLimits) {
  const Json limits = run_json({"bench", "--machine-only", "--json", "--threads", "1"});
  EXPECT_GT(limits.at("limits").at("read_gb_s").get<double>(), 0);
  EXPECT_GT(limits.at("limits").at("fp32_gflop_s").get<double>(), 0);
  for (const char* key : {"int8_gop_s", "bf16_gflop_s"}) EXPECT_TRUE(limits.at("limits").contains(key));
  EXPECT_TRUE(limits.at("runs").empty());

  const Json json = run_json({"bench", model("tiny-odd"), "--prefill", "1,20", "--decode", "3", "--depth", "0,30",
                              "--streams", "1,2", "--runs", "3", "--machine", "reference", "--profile", "--json"});
  EXPECT_EQ(json.at("path"), "reference");
  ASSERT_EQ(json.at("runs").size(), 8u);
  for (const Json& run : json.at("runs")) {
    EXPECT_LE(run.at("min"), run.at("tokens_per_s"));
    EXPECT_LE(run.at("tokens_per_s"), run.at("max"));
    EXPECT_GT(run.at("min").get<double>(), 0);
    EXPECT_GT(run.at("fraction_of_limit").get<double>(), 0);
    EXPECT_GT(run.at("profile_seconds").at("embedding").at("embed").get<double>(), 0);
    EXPECT_GT(run.at("profile_seconds").at("head").at("logits").get<double>(), 0);
    EXPECT_TRUE(run.at("profile_seconds").contains("local moe"));
  }
  const Json& last = json.at("runs").back();
  EXPECT_EQ(last.at("phase"), "decode");
  EXPECT_EQ(last.at("tokens"), 3);
  EXPECT_EQ(last.at("depth"), 30);
  EXPECT_EQ(last.at("streams"), 2);

  const Json batches = run_json({"bench", model("tiny-odd"), "--prefill", "20", "--decode", "2", "--prefill-batch", "8",
                                 "--runs", "1", "--machine", "reference", "--json"});
  EXPECT_EQ(batches.at("runs").at(0).at("steps"), 3);
  EXPECT_EQ(batches.at("runs").at(1).at("steps"), 2);

  EXPECT_EQ(run_program({"bench"}).status, 2);
  EXPECT_EQ(run_program({"bench", model("tiny-odd"), "--machine-only"}).status, 2);
  EXPECT_EQ(run_program({"bench", model("tiny-odd"), "--prefill", "0", "--decode", "0"}).status, 2);
  const Ran long_prompt = run_program({"bench", model("tiny-odd"), "--prefill", "5000"});
  EXPECT_EQ(long_prompt.status, 2);
  EXPECT_THAT(long_prompt.err, testing::HasSubstr("4096 positions"));
}

TEST_F(CliModel, InspectForPeople) {
  const Ran ran = run_program({"inspect", model("tiny-maverick")});
  EXPECT_EQ(ran.status, 0);
  EXPECT_EQ(ran.err, "");
  EXPECT_THAT(ran.out,
              AllOf(HasSubstr("0, 2, 4, 6: local attention in chunks of 32, RoPE; dense"),
                    HasSubstr("1, 5: local attention in chunks of 32, RoPE; 8 experts, 1 a token"),
                    HasSubstr("3, 7: global attention, no RoPE, temperature; 8 experts"), HasSubstr("2 files")));
}

TEST_F(CliModel, RunPlansForPromptAndAnswerAlone) {
  const Ran ran = run_program({"run", model("tiny-odd"), "--tokens", write_ids({1, 2, 3}), "--max-tokens", "4"});
  EXPECT_THAT(ran.err, HasSubstr("7 positions"));
}

}  // namespace
}  // namespace paddock::test
