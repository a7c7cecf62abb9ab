// SPDX-License-Identifier: Apache-2.0
// paddock distil record and inspect: what is stored is what the model says, and an interrupted record is the same.

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>

#include <algorithm>
#include <cmath>
#include <fstream>
#include <nlohmann/json.hpp>
#include <thread>

#include "base/mapped_file.h"
#include "distil/record.h"
#include "tests/support/golden.h"
#include "tests/support/program.h"

namespace paddock::test {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;

std::string teacher_model() { return (data_folder() / "text" / "tiny-scout").string(); }

// Some prose, different in each line.
std::string prose(int lines) {
  std::string text;
  for (int line = 0; line < lines; ++line)
    text += "The " + std::to_string(line * line) + "th horse in the paddock is called " +
            std::string(1, static_cast<char>('A' + line % 26)) + "lbert and eats " + std::to_string(line) +
            " apples.\n";
  return text;
}

std::map<std::string, std::string> files_of(const std::string& folder) {
  std::map<std::string, std::string> files;
  for (const auto& entry : fs::directory_iterator(folder))
    files[entry.path().filename().string()] = read_text_file(entry.path()).value();
  return files;
}

distil::Record open_record(const std::string& folder) {
  auto record = distil::Record::open(folder);
  EXPECT_TRUE(record) << record.error().message;
  return std::move(*record);
}

class CliDistil : public testing::Test {
 protected:
  ScratchFolder scratch_;
};

TEST_F(CliDistil, StoresWhatTheModelSays) {
  const std::string text = scratch_.write("text.txt", prose(12)), out = scratch_.path("record");
  const Json said = run_json({"distil", "record", teacher_model(), "--out", out, "--text", text, "--length", "40",
                              "--top-k", "5", "--exact", "--json"});
  EXPECT_TRUE(said["complete"].get<bool>());
  const distil::Record record = open_record(out);
  EXPECT_EQ(record.documents(), said["documents"].get<int64_t>());
  ASSERT_GT(record.documents(), 3);
  const auto model = load(teacher_model());
  ASSERT_NE(model, nullptr);
  double loss = 0;
  for (int64_t number = 0; number < record.documents(); ++number) {
    const distil::Document document = record.read(number).value();
    const auto logits = all_logits(*model, document.tokens, 7);
    ASSERT_EQ(document.places.size(), document.tokens.size() - 1);
    for (size_t row = 0; row < document.places.size(); ++row) {
      const std::vector<float>& all = logits[row];
      double sum = 0, outside = 0;
      for (const float logit : all) sum += std::exp(static_cast<double>(logit));
      const auto logprob = [&](int32_t token) { return all[static_cast<size_t>(token)] - std::log(sum); };
      const auto kept = std::span(document.ids).subspan(row * 5, 5);
      for (size_t token = 0; token < all.size(); ++token)
        if (std::ranges::find(kept, static_cast<int32_t>(token)) == kept.end())
          outside += std::exp(logprob(static_cast<int32_t>(token)));
      for (size_t rank = 0; rank < 5; ++rank) EXPECT_NEAR(document.logprobs[row * 5 + rank], logprob(kept[rank]), 1e-3);
      std::vector<float> sorted = all;
      std::ranges::sort(sorted, std::greater());
      EXPECT_NEAR(all[static_cast<size_t>(kept[4])], sorted[4], 1e-4);
      EXPECT_NEAR(document.tails[row], std::log(outside), 1e-3);
      EXPECT_NEAR(document.following[row], logprob(document.tokens[row + 1]), 1e-3);
      loss -= logprob(document.tokens[row + 1]);
    }
  }
  EXPECT_NEAR(said["teacher_loss"].get<double>(), loss / static_cast<double>(record.counts().places), 1e-3);
  const Json seen = run_json({"distil", "inspect", out, "--verify", "--json"});
  EXPECT_EQ(seen["taught"], said["taught"]);
  EXPECT_EQ(seen["bytes_per_token"], said["bytes_per_token"]);
  EXPECT_TRUE(seen["verified"].get<bool>());
}

// Steps, threads and company do not change a byte.
TEST_F(CliDistil, StepsDoNotMatter) {
  const std::string text = scratch_.write("text.txt", prose(20));
  for (const std::string batch : {"512", "33", "7"})
    run_json({"distil", "record", teacher_model(), "--out", scratch_.path("by" + batch), "--text", text, "--length",
              "50", "--prefill-batch", batch, "--threads", batch == "33" ? "1" : "2", "--json"});
  EXPECT_EQ(files_of(scratch_.path("by512")), files_of(scratch_.path("by33")));
  EXPECT_EQ(files_of(scratch_.path("by512")), files_of(scratch_.path("by7")));
}

TEST_F(CliDistil, AKilledRecordGoesOnToTheSameBytes) {
  const std::string text = scratch_.write("text.txt", prose(600)), whole = scratch_.path("whole"),
                    killed = scratch_.path("killed");
  const auto arguments = [&](const std::string& out) {
    return Arguments{
        "distil", "record",        teacher_model(), "--out",           out, "--text", text, "--length", "30", "--top-k",
        "4",      "--shard-bytes", "20000",         "--prefill-batch", "8", "--json"};
  };
  run_json(arguments(whole));
  int kills = 0;
  for (const int milliseconds : {120, 200, 300}) {
    Program program(arguments(killed));
    std::this_thread::sleep_for(std::chrono::milliseconds(milliseconds));
    program.send_signal(SIGKILL);
    if (program.finish().status == -SIGKILL) ++kills;
  }
  EXPECT_GT(kills, 0);
  const Json said = run_json(arguments(killed));
  EXPECT_TRUE(said["complete"].get<bool>());
  EXPECT_EQ(files_of(killed), files_of(whole));
  // Once more: nothing is left to do.
  const Ran again = run_program(arguments(killed));
  EXPECT_EQ(again.status, 0);
  EXPECT_THAT(again.err, HasSubstr("recorded already"));
  Arguments other = arguments(killed);
  other[8] = "31";
  const Ran refused = run_program(other);
  EXPECT_EQ(refused.status, 2);
  EXPECT_THAT(refused.err, HasSubstr("length"));
}

TEST_F(CliDistil, OnlyTheAssistantIsTaught) {
  const Json chat = {{"messages",
                      {{{"role", "system"}, {"content", "Be brief."}},
                       {{"role", "user"}, {"content", "Hello"}},
                       {{"role", "assistant"}, {"content", "Good day"}},
                       {{"role", "user"}, {"content", "How are you?"}},
                       {{"role", "assistant"}, {"content", "Well"}}}}};
  const std::string file = scratch_.write("chats.jsonl", chat.dump() + "\n\n" + chat.dump() + "\n");
  const std::string out = scratch_.path("record");
  run_json({"distil", "record", teacher_model(), "--out", out, "--messages", file, "--top-k", "3", "--json"});
  const distil::Record record = open_record(out);
  ASSERT_EQ(record.documents(), 2);
  const distil::Document document = record.read(0).value();
  std::vector<int32_t> taught;
  for (const int32_t place : document.places) taught.push_back(document.tokens[static_cast<size_t>(place) + 1]);
  const auto ids = [&](const std::string& text) {
    return run_json({"tokenize", teacher_model(), "--text", text, "--special", "all", "--json"})["ids"]
        .get<std::vector<int32_t>>();
  };
  std::vector<int32_t> expected = ids("Good day<|eot|>");
  const std::vector<int32_t> second = ids("Well<|eot|>");
  expected.insert(expected.end(), second.begin(), second.end());
  EXPECT_EQ(taught, expected);
}

// Another chat template, and another name for a special token: what the teacher says of the answer is the same, and
// lies beside what the student reads.
TEST_F(CliDistil, TheStudentMayHaveAFormOfItsOwn) {
  const std::string student = scratch_.path("student");
  std::filesystem::copy(teacher_model(), student);
  scratch_.write("student/chat_template.jinja",
                 "{% for message in messages %}{{ message.role }}: {{ message.content }}{% if message.role == "
                 "'assistant' %}<|eot|>{% endif %}\n{% endfor %}{% if add_generation_prompt %}assistant: {% endif %}");
  const std::string file = scratch_.write(
      "chats.jsonl", R"({"messages":[{"role":"user","content":"Hello"},{"role":"assistant","content":"Good day"}]})");
  const auto arguments = [&](const std::string& out) {
    return Arguments{"distil", "record", teacher_model(), "--out", out, "--messages", file, "--top-k", "3"};
  };
  const std::string heard = scratch_.path("heard"), told = scratch_.path("told");
  Arguments for_student = arguments(told);
  for_student.insert(for_student.end(), {"--student", student, "--json"});
  EXPECT_EQ(run_program(arguments(heard)).status, 0);
  run_json(for_student);
  const distil::Document first = open_record(heard).read(0).value(), second = open_record(told).read(0).value();
  EXPECT_EQ(second.ids, first.ids);
  EXPECT_EQ(second.logprobs, first.logprobs);
  EXPECT_EQ(second.following, first.following);
  EXPECT_NE(second.tokens, first.tokens);
  ASSERT_EQ(second.places.size(), first.places.size());
  for (size_t row = 0; row < first.places.size(); ++row)
    EXPECT_EQ(second.tokens[static_cast<size_t>(second.places[row]) + 1],
              first.tokens[static_cast<size_t>(first.places[row]) + 1]);

  scratch_.write("student/chat_template.jinja",
                 "{% for message in messages %}{{ message.role }}: {{ message.content | upper }}{% if message.role == "
                 "'assistant' %}<|eot|>{% endif %}\n{% endfor %}{% if add_generation_prompt %}assistant: {% endif %}");
  Arguments shouting = arguments(scratch_.path("refused"));
  shouting.insert(shouting.end(), {"--student", student});
  const Ran refused = run_program(shouting);
  EXPECT_EQ(refused.status, 2) << refused.err;
  EXPECT_THAT(refused.err, HasSubstr("expected the assistant's tokens to be the same to teacher and student"));
}

TEST_F(CliDistil, TheTeacherWritesAnswers) {
  const std::string file = scratch_.write("prompts.jsonl", R"({"messages":[{"role":"user","content":"Hello"}]})"
                                                           "\n"
                                                           R"({"prompt":"Once upon a time"})"
                                                           "\n");
  const auto arguments = [&](const std::string& out, const std::string& seed) {
    return Arguments{
        "distil",       "record", teacher_model(), "--out", out,      "--prompts", file,      "--answers", "3",
        "--max-tokens", "12",     "--temperature", "0.9",   "--seed", seed,        "--top-k", "4",         "--json"};
  };
  const std::string out = scratch_.path("record");
  run_json(arguments(out, "1"));
  const distil::Record record = open_record(out);
  ASSERT_EQ(record.documents(), 6);
  std::set<std::vector<int32_t>> different;
  for (int64_t number = 0; number < 6; ++number) {
    const distil::Document document = record.read(number).value();
    different.insert(document.tokens);
    ASSERT_FALSE(document.places.empty());
    EXPECT_LE(document.places.size(), 12u);
    EXPECT_EQ(document.places.back(), static_cast<int32_t>(document.tokens.size()) - 2);  // to the end
  }
  EXPECT_GT(different.size(), 3u);
  run_json(arguments(scratch_.path("again"), "1"));
  EXPECT_EQ(files_of(out), files_of(scratch_.path("again")));
  run_json(arguments(scratch_.path("other"), "2"));
  EXPECT_NE(files_of(out), files_of(scratch_.path("other")));
}

TEST_F(CliDistil, RefusesWhatMakesNoSense) {
  const std::string text = scratch_.write("text.txt", prose(2)), out = scratch_.path("record");
  const auto expect = [&](int status, const std::string& sentence, const Arguments& more) {
    Arguments arguments = {"distil", "record", teacher_model(), "--out", out};
    arguments.insert(arguments.end(), more.begin(), more.end());
    const Ran ran = run_program(arguments);
    EXPECT_EQ(ran.status, status) << ran.err;
    EXPECT_THAT(ran.err, HasSubstr(sentence));
  };
  expect(2, "give --text, --messages or --prompts", {});
  expect(2, "--length: expected at most the checkpoint's context", {"--text", text, "--length", "16000000"});
  expect(1, "no-such-file", {"--text", scratch_.path("no-such-file")});
  expect(2, "expected at least one text", {"--text", scratch_.write("empty.txt", "")});
  expect(1, "bad.jsonl:2",
         {"--messages", scratch_.write("bad.jsonl", "{\"messages\":[{\"role\":\"user\",\"content\":\"a\"}]}\n{]")});
  expect(1, "expected a prompt of 1 to 3 tokens",
         {"--prompts", scratch_.write("long.jsonl", R"({"prompt":"one two three four five six"})"), "--length", "4"});
  const Ran none = run_program({"distil", "inspect", scratch_.path("nowhere")});
  EXPECT_EQ(none.status, 1);
  EXPECT_THAT(none.err, HasSubstr("record.json"));
}

}  // namespace
}  // namespace paddock::test
