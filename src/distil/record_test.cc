// SPDX-License-Identifier: Apache-2.0
// Records written, interrupted, gone on with, damaged and read.

#include "distil/record.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <stdlib.h>
#include <unistd.h>

#include <fstream>
#include <nlohmann/json.hpp>

namespace paddock::distil {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;

const std::string kRecipe = R"({"source":"text","length":16})";
constexpr int64_t kShardBytes = 1500;

RecordFacts some_facts() {
  return {.teacher_name = "teacher", .teacher = sha256("t"), .tokenizer = sha256("k"), .vocabulary = 50, .kept = 3};
}

Document numbered(int32_t number) {
  Document document;
  for (int32_t token = 0; token < 10 + number % 3; ++token) document.tokens.push_back((number + token) % 50);
  for (int32_t place = 0; place < 5; ++place) {
    document.places.push_back(place);
    for (const int32_t id : {1, 7, 30}) document.ids.push_back(id + number % 10);
    for (const float logprob : {-0.5f, -2.0f, -3.5f}) document.logprobs.push_back(logprob);
    document.tails.push_back(-2);
    document.following.push_back(number % 2 == 0 ? -4.5f : -6.0f);
  }
  // A token that follows and is kept has the log-probability that is kept of it.
  for (size_t row = 0; row < 5; ++row)
    for (size_t index = 0; index < 3; ++index)
      if (document.ids[3 * row + index] == document.tokens[row + 1])
        document.following[row] = document.logprobs[3 * row + index];
  return document;
}

class DistilRecord : public testing::Test {
 protected:
  DistilRecord() {
    std::string name = (fs::temp_directory_path() / "distil-record-XXXXXX").string();
    folder_ = ::mkdtemp(name.data());
  }
  ~DistilRecord() override { fs::remove_all(folder_); }

  std::string in(const std::string& name) const { return (folder_ / name).string(); }
  static RecordWriter open(const fs::path& folder, int64_t shard_bytes = kShardBytes) {
    auto writer = RecordWriter::open(folder, some_facts(), kRecipe, shard_bytes);
    EXPECT_TRUE(writer) << writer.error().message;
    return std::move(*writer);
  }
  static void add(RecordWriter* writer, int32_t end) {
    for (auto number = static_cast<int32_t>(writer->documents()); number < end; ++number)
      ASSERT_TRUE(writer->add(numbered(number)));
  }
  static void write_whole(const fs::path& folder, int32_t documents) {
    RecordWriter writer = open(folder);
    add(&writer, documents);
    const auto finished = writer.finish();
    ASSERT_TRUE(finished) << finished.error().message;
  }
  static std::map<std::string, std::string> contents(const fs::path& folder) {
    std::map<std::string, std::string> files;
    for (const auto& entry : fs::directory_iterator(folder))
      files[entry.path().filename().string()] = read_text_file(entry.path()).value();
    return files;
  }
  static void change(const fs::path& path, int64_t place) {
    std::fstream file(path, std::ios::in | std::ios::out | std::ios::binary);
    file.seekg(place);
    const char byte = static_cast<char>(file.get() ^ 4);
    file.seekp(place);
    file.put(byte);
  }

  fs::path folder_;
};

TEST_F(DistilRecord, IsReadInAnyOrder) {
  write_whole(in("r"), 100);
  const auto record = Record::open(in("r"));
  ASSERT_TRUE(record) << record.error().message;
  EXPECT_EQ(record->documents(), 100);
  EXPECT_EQ(record->counts().places, 500);
  for (const int64_t document : {99, 0, 50, 49, 51, 3}) {
    const auto read = record->read(document);
    ASSERT_TRUE(read) << read.error().message;
    const Document expected = numbered(static_cast<int32_t>(document));
    EXPECT_EQ(read->tokens, expected.tokens);
    EXPECT_EQ(read->ids, expected.ids);
    EXPECT_EQ(read->logprobs, expected.logprobs);
    EXPECT_EQ(read->following, expected.following);
    EXPECT_EQ(record->tokens_of(document), static_cast<int64_t>(expected.tokens.size()));
  }
  const auto files = contents(in("r"));
  EXPECT_GT(files.size(), 5u);
  for (const auto& [name, bytes] : files)
    if (name != kManifestName) {
      EXPECT_LE(bytes.size(), static_cast<size_t>(kShardBytes)) << name;
    }
}

// Wherever the file that grew is cut: the record becomes the same bytes.
TEST_F(DistilRecord, GoesOnWhereItWasInterrupted) {
  constexpr int32_t kDocuments = 30;
  write_whole(in("whole"), kDocuments);
  const auto expected = contents(in("whole"));
  for (const int32_t documents : {0, 1, 5, 11, 29, 30})
    for (const int lost : {0, 1, 40, 200, 100000}) {
      const fs::path folder = in("cut");
      fs::remove_all(folder);
      {
        RecordWriter writer = open(folder);
        add(&writer, documents);
        ASSERT_TRUE(writer.sync());
      }
      std::ofstream(folder / "record.json.123-0.part") << "half a manif";
      for (const auto& entry : fs::directory_iterator(folder))
        if (entry.path().extension() == ".part" && entry.path().string().find("shard") != std::string::npos)
          fs::resize_file(entry.path(), std::max<int64_t>(0, static_cast<int64_t>(entry.file_size()) - lost));
      RecordWriter writer = open(folder);
      if (lost == 0) {
        EXPECT_EQ(writer.documents(), documents);
      }
      add(&writer, kDocuments);
      ASSERT_TRUE(writer.finish());
      EXPECT_EQ(contents(folder), expected) << documents << " documents, " << lost << " bytes lost";
    }
}

// A shard has its name, and the manifest does not know it yet.
TEST_F(DistilRecord, FindsShardsThatTheManifestDoesNotName) {
  write_whole(in("whole"), 30);
  fs::copy(in("whole"), in("r"));
  Manifest manifest = read_manifest(in("r")).value();
  ASSERT_GT(manifest.shards.size(), 2u);
  const int64_t in_last = manifest.shards.back().documents;
  manifest.is_complete = false;
  manifest.shards.resize(1);
  ASSERT_TRUE(save_manifest(in("r"), manifest));
  fs::remove(fs::path(in("r")) / shard_name(read_manifest(in("whole"))->shards.size() - 1));
  RecordWriter writer = open(in("r"));
  EXPECT_EQ(writer.documents(), 30 - in_last);
  add(&writer, 30);
  ASSERT_TRUE(writer.finish());
  EXPECT_EQ(contents(in("r")), contents(in("whole")));
}

TEST_F(DistilRecord, ChangedBytesAreNamed) {
  write_whole(in("r"), 30);
  const fs::path shard = fs::path(in("r")) / shard_name(1);
  const std::string good = read_text_file(shard).value();
  for (size_t place = 0; place < good.size(); ++place) {
    change(shard, static_cast<int64_t>(place));
    const auto record = Record::open(in("r"));
    bool refused = !record;
    std::string message = record ? "" : record.error().message;
    for (int64_t document = 0; record && document < record->documents(); ++document)
      if (const auto read = record->read(document); !read) {
        refused = true;
        message = read.error().message;
      }
    EXPECT_TRUE(refused) << place;
    EXPECT_THAT(message, HasSubstr("shard-00001.pdr")) << place;
    change(shard, static_cast<int64_t>(place));
  }
  for (const size_t size : {size_t{0}, size_t{10}, good.size() / 2, good.size() - 1}) {
    fs::resize_file(shard, size);
    const auto record = Record::open(in("r"));
    ASSERT_FALSE(record);
    EXPECT_THAT(record.error().message, HasSubstr("shard-00001.pdr"));
    std::ofstream(shard, std::ios::binary) << good;
  }
  fs::copy_file(fs::path(in("r")) / shard_name(0), shard, fs::copy_options::overwrite_existing);
  EXPECT_THAT(Record::open(in("r")).error().message, HasSubstr("expected the shard that"));
  fs::remove(shard);
  EXPECT_THAT(Record::open(in("r")).error().message, HasSubstr("shard-00001.pdr"));
}

TEST_F(DistilRecord, OtherWishesAreRefusedByName) {
  {
    RecordWriter writer = open(in("r"));
    add(&writer, 3);
    EXPECT_THAT(RecordWriter::open(in("r"), some_facts(), kRecipe, kShardBytes).error().message,
                HasSubstr("another process records into"));
  }
  EXPECT_THAT(Record::open(in("r")).error().message, HasSubstr("to go on with it"));
  RecordFacts facts = some_facts();
  facts.kept = 4;
  EXPECT_THAT(RecordWriter::open(in("r"), facts, kRecipe, kShardBytes).error().message, HasSubstr("--top-k"));
  facts = some_facts();
  facts.teacher = sha256("another");
  EXPECT_THAT(RecordWriter::open(in("r"), facts, kRecipe, kShardBytes).error().message, HasSubstr("teacher"));
  EXPECT_THAT(RecordWriter::open(in("r"), some_facts(), R"({"source":"text","length":17})", 1500).error().message,
              HasSubstr("length"));
  std::ofstream(in("file")) << "x";
  EXPECT_THAT(RecordWriter::open(folder_, some_facts(), kRecipe, kShardBytes).error().message,
              HasSubstr("expected an empty folder"));
  EXPECT_THAT(RecordWriter::open(in("file"), some_facts(), kRecipe, kShardBytes).error().message, HasSubstr("file"));
}

TEST(DistilRecordFacts, NameTheirTokenizer) {
  EXPECT_TRUE(require_tokenizer(some_facts(), sha256("k"), "student/"));
  EXPECT_THAT(require_tokenizer(some_facts(), sha256("other"), "student/").error().message,
              HasSubstr("student/: expected the tokenizer of the teacher teacher"));
}

TEST_F(DistilRecord, AnEmptyOneIsRefused) {
  RecordWriter writer = open(in("r"));
  EXPECT_THAT(writer.finish().error().message, HasSubstr("expected at least one text"));
}

TEST(DistilManifest, WhatIsWrongIsNamed) {
  const auto with = [](const char* key, const Json& value) {
    Manifest manifest{.facts = some_facts(), .recipe = "{}", .shards = {}, .is_complete = true};
    manifest.shards.push_back({"shard-00000.pdr", 1, 2, 1, 300, 0.5, 0.25, sha256("s")});
    Json json = Json::parse(write_manifest(manifest));
    (json.contains(key) ? json[key] : json["shards"][0][key]) = value;
    const auto parsed = parse_manifest(json.dump(), "record.json");
    return parsed ? std::string("good") : parsed.error().message;
  };
  EXPECT_EQ(with("vocabulary", 50), "good");
  EXPECT_THAT(with("top_k", 51), HasSubstr("top_k: expected 1 to 50"));
  EXPECT_THAT(with("top_k", "3"), HasSubstr("top_k: expected a whole number"));
  EXPECT_THAT(with("teacher", "abc"), HasSubstr("teacher: expected a SHA-256"));
  EXPECT_THAT(with("file", "../secret"), HasSubstr("file: expected shard-00000.pdr"));
  EXPECT_THAT(with("shards", 3), HasSubstr("shards: expected a list"));
  EXPECT_THAT(with("version", 2), HasSubstr("version 2"));
  EXPECT_THAT(with("format", "other"), HasSubstr("format"));
  EXPECT_FALSE(parse_manifest("[]", "record.json"));
  EXPECT_FALSE(parse_manifest("3", "record.json"));
}

}  // namespace
}  // namespace paddock::distil
