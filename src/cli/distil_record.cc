// SPDX-License-Identifier: Apache-2.0
// paddock distil record: a teacher over texts, conversations or prompts, and what it says of each token stored.

#include <CLI/CLI.hpp>
#include <algorithm>
#include <filesystem>
#include <nlohmann/json.hpp>

#include "base/clock.h"
#include "cli/console.h"
#include "cli/distil_commands.h"
#include "cli/distil_texts.h"
#include "cli/interrupt.h"
#include "cli/open_model.h"
#include "distil/record_writer.h"
#include "distil/teacher/answers.h"
#include "distil/teacher/teacher.h"
#include "llama4/identity.h"
#include "text/tokenizer_identity.h"

namespace paddock::cli {
namespace {

constexpr const char* kRecordExamples = R"(Examples:
  paddock distil record teacher.gguf --out record/ --text book.txt wiki.txt --length 1024
  paddock distil record teacher.gguf --out record/ --messages chats.jsonl --top-k 64
  paddock distil record teacher.gguf --out record/ --prompts questions.jsonl --answers 4 --max-tokens 256 --temperature 0.8

A student reads the same tokens, so that it must have the teacher's tokenizer; one with another tokenizer can learn from
the texts alone, which --prompts writes. --student is for one whose chat template and names of special tokens are others.
Interrupted by whatever means, the same command goes on where it was.)";

constexpr int64_t kDefaultShard = int64_t{256} << 20;
constexpr size_t kTextsAtOnce = 64;
constexpr double kSecondsBetweenNotes = 30;

struct RecordOptions {
  ModelOptions model;
  Verbosity verbosity;
  PromptOptions encoding;
  std::string out, messages, prompts, student;
  std::vector<std::string> texts;
  int64_t kept = 32, length = 512, shard_bytes = kDefaultShard;
  int64_t answers = 1, max_tokens = 256;
  double temperature = 1, top_p = 1;
  uint64_t seed = 0;
  bool json = false;

  bool writes_answers() const { return !prompts.empty(); }
};

// `student`: null where it reads what the teacher reads.
Result<std::unique_ptr<DistilTexts>> open_texts(const RecordOptions& options, const OpenModel& open,
                                                const OpenModel* student) {
  if (!options.texts.empty()) return plain_texts(options.texts, open, options.encoding, options.length);
  if (!options.messages.empty()) return conversations(options.messages, open, student, options.length);
  return prompts(options.prompts, open, options.encoding, options.length, options.answers);
}

// All that the bytes of the record depend on beside the teacher and the number of kept tokens. The first text stands
// for how texts become tokens: the chat template, and the tokenizer's way to cut.
Result<std::string> recipe_of(const RecordOptions& options, const distil::Text& first) {
  const std::vector<std::string> files = !options.texts.empty()      ? options.texts
                                         : !options.messages.empty() ? std::vector{options.messages}
                                                                     : std::vector{options.prompts};
  std::string first_text;
  for (const int32_t token : first.tokens) first_text += fmt::format("{} ", token);
  if (first.student)
    for (const int32_t token : first.student->tokens) first_text += fmt::format("{} ", token);
  // What people choose comes first: the first difference is the one that is told.
  Json recipe = {{"source", !options.texts.empty()      ? "text"
                            : !options.messages.empty() ? "messages"
                                                        : "prompts"},
                 {"length", options.length},
                 {"shard_bytes", options.shard_bytes},
                 {"cache", options.model.cache}};
  if (options.writes_answers()) {
    recipe["answers"] = options.answers;
    recipe["max_tokens"] = options.max_tokens;
    recipe["temperature"] = options.temperature;
    recipe["top_p"] = options.top_p;
    recipe["seed"] = options.seed;
  }
  recipe["files"] = TRY(describe_files(files));
  recipe["first_text"] = to_hex(sha256(first_text));
  return recipe.dump(-1, ' ', false, Json::error_handler_t::replace);
}

// What runs: the teacher that reads, and the engine that writes where answers are wanted.
struct Recorder {
  std::unique_ptr<distil::Teacher> teacher;
  std::unique_ptr<engine::Engine> engine;
  engine::SamplingParameters sampling;
};

// Texts that go through the teacher together.
class Groups {
 public:
  Groups(DistilTexts* texts, std::optional<distil::Text> first, int64_t tokens)
      : texts_(*texts), first_(std::move(first)), tokens_(tokens) {}

  Result<std::vector<distil::Text>> next() {
    std::vector<distil::Text> group;
    int64_t tokens = 0;
    while (group.size() < kTextsAtOnce && tokens < tokens_) {
      std::optional<distil::Text> text = TRY(next_text());
      if (!text) break;
      tokens += static_cast<int64_t>(text->tokens.size());
      group.push_back(std::move(*text));
    }
    return group;
  }
  Result<void> skip(int64_t count) {
    for (; count > 0; --count)
      if (!TRY(next_text())) return error(ErrorCode::kInvalidArgument, "the record holds more texts than the files");
    return {};
  }

 private:
  Result<std::optional<distil::Text>> next_text() {
    if (first_) return std::exchange(first_, std::nullopt);
    return texts_.next();
  }

  DistilTexts& texts_;
  std::optional<distil::Text> first_;
  int64_t tokens_;
};

Result<std::vector<distil::Text>> answer(const RecordOptions& options, const OpenModel& open, Recorder* recorder,
                                         std::vector<distil::Text> group, int64_t first) {
  std::vector<distil::Prompt> asked;
  for (distil::Text& text : group)
    asked.push_back({std::move(text.tokens), first + static_cast<int64_t>(asked.size())});
  return distil::write_answers(recorder->engine.get(), asked, recorder->sampling, options.max_tokens, open.stop_tokens);
}

// "12,345 tokens, 98.7 a second, 45.6 bytes each, 3 minutes left"
std::string state_of(const distil::RecordCounts& counts, int64_t tokens_before, double seconds, double share_before,
                     double share) {
  const double rate = static_cast<double>(counts.tokens - tokens_before) / std::max(seconds, 1e-9);
  std::string state = fmt::format(
      "{} tokens, {:.1f} a second, {:.1f} bytes for each that is taught", grouped(static_cast<uint64_t>(counts.tokens)),
      rate, static_cast<double>(counts.bytes) / static_cast<double>(std::max<int64_t>(1, counts.places)));
  if (share > share_before)
    state += fmt::format(", {:.1f} minutes left", seconds * (1 - share) / (share - share_before) / 60);
  return state;
}

// Until all is recorded. False: interrupted.
Result<bool> record_all(const RecordOptions& options, const OpenModel& open, Recorder* recorder, DistilTexts* texts,
                        Groups* groups, distil::RecordWriter* writer) {
  const InterruptWatch interrupt(SecondInterrupt::kEndsProgram);
  Progress progress("recording");
  const Stopwatch watch;
  const int64_t tokens_before = writer->counts().tokens;
  const double share_before = texts->share_read();
  double next_note = kSecondsBetweenNotes;
  while (!interrupt.interrupted()) {
    std::vector<distil::Text> group = TRY(groups->next());
    if (group.empty()) {
      TRY_VOID(writer->finish());
      return true;
    }
    if (options.writes_answers()) group = TRY(answer(options, open, recorder, std::move(group), writer->documents()));
    for (const distil::Document& document : TRY(recorder->teacher->read(group))) TRY_VOID(writer->add(document));
    TRY_VOID(writer->sync());
    const std::string state =
        state_of(writer->counts(), tokens_before, watch.seconds(), share_before, texts->share_read());
    progress.show(state);
    if (watch.seconds() >= next_note && !stderr_is_terminal() && !options.verbosity.quiet) {
      note_aside(state);
      next_note = watch.seconds() + kSecondsBetweenNotes;
    }
  }
  return false;
}

Result<void> tell_result(const RecordOptions& options, const distil::RecordWriter& writer, int64_t tokens_before,
                         double seconds) {
  const distil::RecordCounts counts = writer.counts();
  const double rate = static_cast<double>(counts.tokens - tokens_before) / std::max(seconds, 1e-9);
  if (!options.json) return print(fmt::format("{}; {:.1f} tokens a second\n", sentence_of(counts), rate));
  Json json = json_of(counts);
  json["complete"] = writer.is_complete();
  json["seconds"] = seconds;
  json["tokens_per_second"] = rate;
  return print(json.dump() + "\n");
}

// Where the student reads another form of the conversations. Its tokens have to be the teacher's but for the names of
// special ones: the same ids are told to both.
Result<std::optional<OpenModel>> open_student(const RecordOptions& options, const OpenModel& open) {
  if (options.student.empty()) return std::nullopt;
  OpenModel student = TRY(open_model(options.student));
  const text::Tokenizer &of_teacher = *open.text.tokenizer,
                        &of_student = *TRY(require_tokenizer(student.text, student.path));
  if (of_teacher.vocab_size() != of_student.vocab_size())
    return error(ErrorCode::kInvalidArgument, "{}: expected the teacher's vocabulary of {} tokens, found {}",
                 student.path, of_teacher.vocab_size(), of_student.vocab_size());
  for (int32_t id = 0; id < of_teacher.vocab_size(); ++id)
    if (of_teacher.is_special(id) != of_student.is_special(id) ||
        (!of_teacher.is_special(id) && of_teacher.token_bytes(id) != of_student.token_bytes(id)))
      return error(ErrorCode::kInvalidArgument,
                   "{}: expected token {} to be the teacher's, found another; only special tokens may have other names",
                   student.path, id);
  return student;
}

Result<void> check_record_options(const RecordOptions& options, const OpenModel& open) {
  if (options.kept > open.config.vocabulary)
    return error(ErrorCode::kInvalidArgument, "--top-k: expected at most the vocabulary of {}, found {}",
                 open.config.vocabulary, options.kept);
  if (options.length > open.config.context)
    return error(ErrorCode::kInvalidArgument, "--length: expected at most the checkpoint's context of {}, found {}",
                 open.config.context, options.length);
  return {};
}

// Everything in memory; refuses before it reads weights when it does not fit.
Result<llama4::Model> load_teacher(const RecordOptions& options, OpenModel* open, kernels::Machine* machine,
                                   llama4::MemoryPlan* reading, llama4::MemoryPlan* writing) {
  const llama4::CacheSettings cache{.format = options.model.cache_format()};
  const int64_t tokens = options.model.prefill_batch;
  *reading = TRY(
      plan_for(*open, options.model, distil::teacher_wishes(open->config, options.length, tokens, cache), *machine));
  size_t beside = distil::RowReducer::bytes(open->config.vocabulary, machine->threads());
  if (options.writes_answers()) {
    llama4::MemoryWishes wishes;
    wishes.context = options.length;
    wishes.sequences = 16;
    wishes.limits = {.tokens = tokens, .logits = 16};
    wishes.cache = cache;
    *writing = TRY(plan_for(*open, options.model, wishes, *machine));
    beside += writing->cache_bytes + writing->scratch_bytes;
  }
  if (!options.verbosity.quiet) note_aside(plan_line(*reading, options.model, *machine));
  const size_t limit = memory_limit(options.model), needed = reading->total_bytes() + beside;
  if (limit > 0 && needed > limit)
    return error(ErrorCode::kOutOfMemory,
                 "{}: expected to need at most the {} bytes that are available, found {}; choose a smaller --length or "
                 "--prefill-batch, or a smaller quantisation of the teacher",
                 open->path, grouped(limit), grouped(needed));
  return load_planned(open, options.model, *reading, machine, beside);
}

Result<void> record(const RecordOptions& options) {
  options.verbosity.apply();
  const auto machine = TRY(choose_machine(options.model));
  OpenModel open = TRY(open_model(options.model.model));
  const text::Tokenizer* tokenizer = TRY(require_tokenizer(open.text, open.path));
  TRY_VOID(check_record_options(options, open));
  const std::optional<OpenModel> student = TRY(open_student(options, open));
  const auto texts = TRY(open_texts(options, open, student ? &*student : nullptr));
  std::optional<distil::Text> first = TRY(texts->next());
  if (!first)
    return error(ErrorCode::kInvalidArgument, "{}: expected at least one text to record, found none", options.out);
  const distil::RecordFacts facts{
      .teacher_name = std::filesystem::path(open.path).lexically_normal().filename().string(),
      .teacher = llama4::identity_of(open.checkpoint, open.config, *machine),
      .tokenizer = text::identity_of(student ? *student->text.tokenizer : *tokenizer),
      .vocabulary = open.config.vocabulary,
      .kept = options.kept};
  const std::string recipe = TRY(recipe_of(options, *first));
  distil::RecordWriter writer = TRY(distil::RecordWriter::open(options.out, facts, recipe, options.shard_bytes));
  const int64_t tokens_before = writer.counts().tokens;
  if (writer.is_complete()) {
    note("{}: recorded already", options.out);
    return tell_result(options, writer, tokens_before, 0);
  }
  Groups groups(texts.get(), std::move(first), 4 * options.model.prefill_batch);
  TRY_VOID(groups.skip(writer.documents()));
  if (writer.documents() > 0 && !options.verbosity.quiet)
    note("going on behind {} documents", grouped(static_cast<uint64_t>(writer.documents())));

  llama4::MemoryPlan reading, writing;
  const llama4::Model model = TRY(load_teacher(options, &open, machine.get(), &reading, &writing));
  Recorder recorder;
  recorder.teacher = TRY(distil::Teacher::create(model, reading, options.kept));
  recorder.sampling.temperature = static_cast<float>(options.temperature);
  recorder.sampling.top_p = static_cast<float>(options.top_p);
  recorder.sampling.seed = options.seed;
  if (options.writes_answers()) recorder.engine = TRY(engine::Engine::create(model, writing));
  const Stopwatch watch;
  const bool is_complete = TRY(record_all(options, open, &recorder, texts.get(), &groups, &writer));
  if (texts->cut() > 0)
    note("{} conversations were longer than --length {} and were cut there", texts->cut(), options.length);
  TRY_VOID(tell_result(options, writer, tokens_before, watch.seconds()));
  if (is_complete) return {};
  note("interrupted; the same command goes on");
  return already_told();
}

}  // namespace

void add_distil_record(CLI::App& distil, Action* chosen) {
  auto options = std::make_shared<RecordOptions>();
  CLI::App& command = *distil.add_subcommand("record", "store what a teacher says of texts, or of its own answers");
  add_model_argument(command, &options->model.model);
  command.add_option("--out", options->out, "a new folder, or the one of an interrupted record")->required();
  auto* texts = command.add_option("--text", options->texts, "files of text; all tokens are taught");
  auto* messages = command.add_option("--messages", options->messages,
                                      "a file with a conversation in each line; the assistant's tokens are taught");
  auto* prompts = command.add_option(
      "--prompts", options->prompts,
      "a file with {\"messages\": [...]} or {\"prompt\": \"...\"} in each line; the teacher answers");
  command
      .add_option("--student", options->student,
                  "a checkpoint whose chat template writes the conversations that are stored, where it is not the "
                  "teacher's; the same tokens are taught")
      ->needs(messages);
  texts->excludes(messages)->excludes(prompts);
  messages->excludes(prompts);
  const CLI::Range positive(int64_t{1}, int64_t{1} << 40);
  command.add_option("--top-k", options->kept, "tokens that are kept of each place")
      ->check(CLI::Range(int64_t{1}, distil::kMostKept))
      ->capture_default_str();
  command.add_option("--length", options->length, "tokens of a text at most")
      ->check(CLI::Range(int64_t{2}, distil::kMostTokens))
      ->capture_default_str();
  command.add_option("--shard-bytes", options->shard_bytes, "bytes of a file of the record at most")
      ->check(CLI::Range(int64_t{1024}, int64_t{1} << 40))
      ->capture_default_str();
  command.add_option("--answers", options->answers, "answers to each prompt")
      ->check(positive)
      ->needs(prompts)
      ->capture_default_str();
  command.add_option("--max-tokens", options->max_tokens, "tokens of an answer at most")
      ->check(positive)
      ->needs(prompts)
      ->capture_default_str();
  command.add_option("--temperature", options->temperature, "of answers; 0 takes the most likely token")
      ->check(CLI::NonNegativeNumber)
      ->needs(prompts)
      ->capture_default_str();
  command.add_option("--top-p", options->top_p, "answers are drawn from the most likely tokens that together reach p")
      ->needs(prompts)
      ->capture_default_str();
  command.add_option("--seed", options->seed, "of the answers")->needs(prompts)->capture_default_str();
  add_prompt_options(command, &options->encoding);
  command.add_flag("--json", options->json, "print one JSON object");
  add_model_options(command, &options->model);
  add_verbosity(command, &options->verbosity);
  command.footer(kRecordExamples);
  command.callback([options, chosen] {
    if (options->texts.empty() && options->messages.empty() && options->prompts.empty())
      throw CLI::ValidationError("give --text, --messages or --prompts");
    *chosen = [options] { return record(*options); };
  });
}

}  // namespace paddock::cli
