// SPDX-License-Identifier: Apache-2.0
// Folders, shards and splits; files of the reference.

#include "checkpoint/checkpoint.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>
#include <optional>
#include <string>
#include <vector>

#include "checkpoint/gguf_writer.h"
#include "checkpoint/locate.h"
#include "checkpoint/refusal.h"
#include "checkpoint/safetensors_writer.h"
#include "checkpoint/test_files.h"

namespace paddock::checkpoint {
namespace {

using tensor::DType;

// A safetensors file with one-byte tensors of these names, each holding its name's first character.
std::string shard(const std::vector<std::string>& names) {
  std::string header = "{";
  std::string data;
  for (const std::string& name : names) {
    header += (data.empty() ? "\"" : ",\"") + name + "\":{\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[" +
              std::to_string(data.size()) + "," + std::to_string(data.size() + 1) + "]}";
    data += name[0];
  }
  return safetensors_bytes(header + "}", data);
}

// A split of a GGUF model with one tensor of this name; without a place it is a file of its own.
struct Place {
  uint64_t number;
  uint64_t count;
  std::optional<int64_t> tensors;
};
void write_split(const std::filesystem::path& path, const std::string& tensor, std::optional<Place> place) {
  std::vector<GgufPair> pairs = {{"general.name", "of " + tensor}};
  if (place) {
    pairs.push_back({"split.no", place->number, GgufType::kUint16});
    pairs.push_back({"split.count", place->count, GgufType::kUint16});
    if (place->tensors) pairs.push_back({"split.tensors.count", *place->tensors, GgufType::kInt32});
  }
  const float value = static_cast<float>(tensor[0]);
  const std::vector<TensorToWrite> tensors = {{tensor, {DType::kF32, {1}, std::as_bytes(std::span(&value, 1))}}};
  const auto written = write_gguf(path, pairs, tensors);
  ASSERT_TRUE(written) << written.error().message;
}

std::vector<std::string> names_of(const Checkpoint& checkpoint) {
  std::vector<std::string> names;
  for (const NamedTensor& tensor : checkpoint.tensors()) names.push_back(tensor.name);
  return names;
}

using Names = std::vector<std::string>;

TEST(Checkpoint, OpensASafetensorsFileAndFindsItsTensors) {
  const TemporaryFolder folder;
  const auto path = folder.file("any.safetensors", shard({"a", "b"}));
  auto opened = Checkpoint::open(path);
  ASSERT_TRUE(opened) << opened.error().message;
  const Checkpoint moved = std::move(*opened);
  EXPECT_EQ(moved.format(), Format::kSafetensors);
  EXPECT_EQ(moved.folder(), folder.path());
  EXPECT_TRUE(moved.metadata().pairs().empty());
  EXPECT_EQ(names_of(moved), (Names{"a", "b"}));
  ASSERT_NE(moved.find("b"), nullptr);
  EXPECT_EQ(static_cast<char>(moved.find("b")->view.bytes[0]), 'b');
  EXPECT_EQ(moved.file_of(*moved.find("b")), path);
  EXPECT_EQ(moved.find("c"), nullptr);
}

TEST(Checkpoint, KnowsFilesByTheirBytesWhereTheNameDoesNotTell) {
  const TemporaryFolder folder;
  write_split(folder.path() / "sha256-0123", "t", std::nullopt);
  EXPECT_EQ(Checkpoint::open(folder.path() / "sha256-0123").value().format(), Format::kGguf);
  EXPECT_EQ(Checkpoint::open(folder.file("blob", shard({"a"}))).value().format(), Format::kSafetensors);
  expect_refused(Checkpoint::open(folder.file("notes.txt", "some words")), (folder.path() / "notes.txt").string(),
                 {"neither", "", {".gguf or .safetensors", "another kind of file", "name the file"}});
  expect_refused(Checkpoint::open(folder.path() / "absent.gguf"), (folder.path() / "absent.gguf").string(),
                 {"absent", "", {"cannot open"}, ErrorCode::kNotFound});
}

TEST(Checkpoint, AFolderHasAnOrderOfPreference) {
  const TemporaryFolder folder;
  const auto opened = [&] {
    const auto checkpoint = Checkpoint::open(folder.path());
    return checkpoint ? names_of(*checkpoint) : Names{checkpoint.error().message};
  };
  folder.file("config.json", "{}");
  folder.file("only.safetensors", shard({"only"}));
  EXPECT_EQ(opened(), Names{"only"});
  folder.file("model.safetensors", shard({"model"}));
  EXPECT_EQ(opened(), Names{"model"});
  folder.file("model.safetensors.index.json", R"({"weight_map":{"only":"only.safetensors"}})");
  EXPECT_EQ(opened(), Names{"only"});
}

TEST(Checkpoint, AFolderOfShardsNeedsNoIndexWhenItIsComplete) {
  const TemporaryFolder folder;
  folder.file("model-00002-of-00002.safetensors", shard({"b"}));
  expect_refused(Checkpoint::open(folder.path()), folder.path().string(),
                 {"incomplete",
                  "",
                  {"expected 2 shards", "found 1 (model-00002-of-00002.safetensors)", "download"},
                  ErrorCode::kNotFound});
  folder.file("model-00001-of-00002.safetensors", shard({"a"}));
  const auto opened = Checkpoint::open(folder.path());
  ASSERT_TRUE(opened) << opened.error().message;
  EXPECT_EQ(names_of(*opened), (Names{"a", "b"}));
  EXPECT_EQ(opened->file_of(opened->tensors()[1]), folder.path() / "model-00002-of-00002.safetensors");
  folder.file("model-00001-of-00002.safetensors", shard({"b"}));
  expect_refused(Checkpoint::open(folder.path()), (folder.path() / "model-00002-of-00002.safetensors").string(),
                 {"duplicate", "", {"tensor \"b\"", "in one file", "model-00001-of-00002.safetensors", "remove"}});
  folder.file("extra.safetensors", shard({"c"}));
  expect_refused(Checkpoint::open(folder.path()), folder.path().string(),
                 {"several",
                  "",
                  {"one safetensors checkpoint", "extra.safetensors, model-00001", "name the file or index"},
                  ErrorCode::kInvalidArgument});
}

TEST(Checkpoint, AFolderWithBothKindsOrNothingIsRefused) {
  const TemporaryFolder folder;
  folder.file("tokenizer.json", "{}");
  folder.file(".hidden.safetensors", "");
  std::filesystem::create_directory(folder.path() / "a.gguf");
  const std::string name = folder.path().string();
  expect_refused(Checkpoint::open(folder.path()), name,
                 {"nothing", "", {"*.safetensors or *.gguf", "no weights", "name the folder"}, ErrorCode::kNotFound});
  write_split(folder.path() / "b.gguf", "t", std::nullopt);
  EXPECT_EQ(names_of(Checkpoint::open(folder.path()).value()), Names{"t"});
  write_split(folder.path() / "c.gguf", "t", std::nullopt);
  expect_refused(Checkpoint::open(folder.path()), name,
                 {"two", "", {"one GGUF file", "b.gguf and c.gguf", "name the file"}, ErrorCode::kInvalidArgument});
  folder.file("model.safetensors", shard({"a"}));
  expect_refused(Checkpoint::open(folder.path()), name,
                 {"both",
                  "",
                  {"one checkpoint", "safetensors (model.safetensors)", "GGUF (b.gguf and c.gguf)", "name the file"},
                  ErrorCode::kInvalidArgument});
}

TEST(SafetensorsIndex, OpensTheShardsItNames) {
  const TemporaryFolder folder;
  folder.file("x", shard({"a", "c"}));
  folder.file("y", shard({"b"}));
  const auto index = folder.file("other.safetensors.index.json", R"({"weight_map":{"b":"y","a":"x","c":"x"}})");
  for (const auto& path : {folder.path(), index}) {
    const auto opened = Checkpoint::open(path);
    ASSERT_TRUE(opened) << opened.error().message;
    EXPECT_EQ(names_of(*opened), (Names{"b", "a", "c"}));
    EXPECT_EQ(opened->folder(), folder.path());
    EXPECT_EQ(opened->files().size(), 2u);
  }
  // A shard may be a link to elsewhere, as in a download cache.
  const TemporaryFolder cache;
  std::filesystem::rename(folder.path() / "x", cache.path() / "blob");
  std::filesystem::create_symlink(cache.path() / "blob", folder.path() / "x");
  EXPECT_TRUE(Checkpoint::open(index));
}

TEST(SafetensorsIndex, RefusesShardsThatDoNotBelongToIt) {
  const TemporaryFolder folder;
  folder.file("x", shard({"a"}));
  folder.file("y", shard({"b", "c"}));
  const std::string name = (folder.path() / "model.safetensors.index.json").string();
  const auto open = [&](const std::string& map) {
    folder.file("model.safetensors.index.json", R"({"weight_map":{)" + map + "}}");
    return Checkpoint::open(folder.path());
  };
  EXPECT_TRUE(open(R"("a":"x","b":"y","c":"y")"));
  expect_refused(open(R"("a":"x","b":"y","c":"z1","d":"z2","e":"z3","f":"z4")"), name,
                 {"missing",
                  "",
                  {"expected 6 shards", "found 4 missing: z1, z2, z3 and 1 more", "download"},
                  ErrorCode::kNotFound});
  expect_refused(open(R"("a":"x","b":"y")"), (folder.path() / "y").string(),
                 {"unlisted", "", {"tensor \"c\"", "in the index " + name, "the shard alone", "use the index"}});
  expect_refused(open(R"("a":"x","b":"y","c":"y","d":"x")"), name,
                 {"not in the shard", "", {"tensor \"d\"", "in x", "no such tensor", "use the index"}});
  expect_refused(open(R"("a":"x","b":"y","c":"x")"), name,
                 {"in another shard", "", {"tensor \"c\"", "in x", "no such tensor"}});
  folder.file("x", shard({"a", "b"}));
  EXPECT_FALSE(open(R"("a":"x","b":"y","c":"y")")) << "twice in the shards";
  expect_refused(Checkpoint::open(folder.file("e.safetensors.index.json", "")),
                 (folder.path() / "e.safetensors.index.json").string(),
                 {"empty", "", {"an index", "an empty file", "download"}});
}

TEST(GgufSplits, OpenAsOneCheckpoint) {
  const TemporaryFolder folder;
  for (uint64_t number = 0; number < 3; ++number)
    write_split(folder.path() / ("m-0000" + std::to_string(number + 1) + "-of-00003.gguf"),
                std::string(1, char('c' - number)), Place{number, 3, 3});
  for (const auto& path : {folder.path(), folder.path() / "m-00001-of-00003.gguf"}) {
    const auto opened = Checkpoint::open(path);
    ASSERT_TRUE(opened) << opened.error().message;
    EXPECT_EQ(names_of(*opened), (Names{"c", "b", "a"}));
    EXPECT_EQ(std::get<std::string>(*opened->metadata().find("general.name")), "of c");
    EXPECT_EQ(opened->file_of(opened->tensors()[2]), folder.path() / "m-00003-of-00003.gguf");
  }
}

TEST(GgufSplits, RefusesSetsThatAreNotWhole) {
  const TemporaryFolder folder;
  const auto first = folder.path() / "m-00001-of-00002.gguf";
  const auto second = folder.path() / "m-00002-of-00002.gguf";
  write_split(first, "a", Place{0, 2, 2});
  expect_refused(Checkpoint::open(first), first.string(),
                 {"missing",
                  "",
                  {"expected 2 splits", "found 1 missing: m-00002-of-00002.gguf", "download"},
                  ErrorCode::kNotFound});
  expect_refused(Checkpoint::open(folder.path()), first.string(),
                 {"missing in a folder", "", {"1 missing"}, ErrorCode::kNotFound});
  write_split(second, "b", Place{1, 2, 2});
  ASSERT_TRUE(Checkpoint::open(first));
  expect_refused(Checkpoint::open(second), second.string(),
                 {"not the first",
                  "",
                  {"the first of 2 splits", "split 2", "open " + first.string()},
                  ErrorCode::kInvalidArgument});
  write_split(second, "a", Place{1, 2, 2});
  expect_refused(Checkpoint::open(first), second.string(),
                 {"duplicate", "", {"tensor \"a\"", "one file", first.string(), "remove"}});
  write_split(second, "b", Place{0, 2, 2});
  expect_refused(Checkpoint::open(first), second.string(),
                 {"wrong number", "", {"split 2 of 2", "split 1 of 2", "names back"}});
  write_split(second, "b", Place{1, 3, 2});
  expect_refused(Checkpoint::open(first), second.string(),
                 {"wrong count", "", {"split 2 of 2", "split 2 of 3", "names back"}});
  write_split(second, "b", std::nullopt);
  expect_refused(Checkpoint::open(first), second.string(),
                 {"no place", "", {"split 2 of 2", "split 1 of 1", "names back"}});
  write_split(second, "b", Place{1, 2, 2});
  write_split(first, "a", Place{0, 2, 5});
  expect_refused(Checkpoint::open(first), first.string(), {"tensor count", "", {"5 tensors", "found 2", "download"}});
  std::filesystem::rename(first, folder.path() / "renamed.gguf");
  expect_refused(Checkpoint::open(folder.path() / "renamed.gguf"), (folder.path() / "renamed.gguf").string(),
                 {"renamed", "", {"-00001-of-00002.gguf", "another", "names back"}});
  expect_refused(
      Checkpoint::open(folder.path()), folder.path().string(),
      {"two sets", "", {"one GGUF file", "m-00002-of-00002.gguf and renamed.gguf"}, ErrorCode::kInvalidArgument});
  write_split(first, "a", Place{0, 65535, 2});
  expect_refused(Checkpoint::open(first), first.string(),
                 {"absurd", "", {"split.count", "at most 9999", "65535", "download"}});
  write_split(first, "a", Place{2, 2, 2});
  expect_refused(Checkpoint::open(first), first.string(),
                 {"number too large", "", {"split.no", "less than", "2, found 2"}});
}

TEST(GgufSplits, RefusesKeysOfTheWrongType) {
  const TemporaryFolder folder;
  const auto path = folder.path() / "x.gguf";
  for (const GgufValue& value :
       std::vector<GgufValue>{int64_t{-1}, 2.0, std::string("2"), true, std::vector<uint64_t>{2}}) {
    ASSERT_TRUE(write_gguf(path, std::vector<GgufPair>{{"split.count", value}}, {}));
    expect_refused(Checkpoint::open(path), path.string(),
                   {"type", "", {"\"split.count\"", "an integer from 0", "convert"}});
  }
  ASSERT_TRUE(write_gguf(path, std::vector<GgufPair>{{"split.count", uint64_t{2}}}, {}));
  expect_refused(Checkpoint::open(path), path.string(), {"no number", "", {"split.no", "which of 2", "no such key"}});
}

TEST(PartNames, AreRecognised) {
  EXPECT_EQ(parse_part_name("a-00002-of-00013.gguf")->number, 2);
  EXPECT_EQ(parse_part_name("a-00002-of-00013.gguf")->count, 13);
  EXPECT_EQ(parse_part_name("a-b-00002-of-00013.gguf")->file_name(1), "a-b-00001-of-00013.gguf");
  for (const char* other :
       {"a.gguf", "a-00000-of-00002.gguf", "a-00003-of-00002.gguf", "a-0001-of-00002.gguf", "-00001-of-00002",
        "a-00001-of-0000x.gguf", "a_00001-of-00002.gguf", "-00001-of-00002.gguf", ""})
    EXPECT_FALSE(parse_part_name(other)) << other;
}

const tensor::TensorView* view_of(const Checkpoint& checkpoint, const std::string& name) {
  const NamedTensor* tensor = checkpoint.find(name);
  return tensor == nullptr ? nullptr : &tensor->view;
}

TEST(Reference, SplitsHoldTheUnsplitFileByteForByte) {
  const auto whole_path = reference("gguf/tiny-k-q4_0.gguf");
  if (whole_path.empty()) GTEST_SKIP() << "no reference data: set PADDOCK_REFERENCE to its folder";
  const auto whole = Checkpoint::open(whole_path);
  const auto splits = Checkpoint::open(reference("gguf/tiny-k-q4_0-split-00001-of-00002.gguf"));
  ASSERT_TRUE(whole) << whole.error().message;
  ASSERT_TRUE(splits) << splits.error().message;
  EXPECT_EQ(splits->files().size(), 2u);
  ASSERT_EQ(splits->tensors().size(), whole->tensors().size());
  for (const NamedTensor& tensor : whole->tensors()) {
    const tensor::TensorView* part = view_of(*splits, tensor.name);
    ASSERT_NE(part, nullptr) << tensor.name;
    EXPECT_EQ(part->dtype, tensor.view.dtype);
    EXPECT_EQ(part->shape, tensor.view.shape);
    EXPECT_TRUE(std::equal(part->bytes.begin(), part->bytes.end(), tensor.view.bytes.begin(), tensor.view.bytes.end()));
  }
  // Routed experts: [experts, outputs, inputs], experts outermost in memory.
  const tensor::TensorView* experts = view_of(*whole, "blk.0.ffn_gate_exps.weight");
  ASSERT_NE(experts, nullptr);
  ASSERT_EQ(experts->shape.size(), 3u);
  EXPECT_EQ(experts->shape[2], 256);
}

TEST(Reference, AGgufFileWrittenAgainIsTheSameFile) {
  for (const char* name : {"gguf/tiny-k-q4_k_m.gguf", "gguf/tiny-k-iq1_dynamic.gguf"}) {
    const auto path = reference(name);
    if (path.empty()) GTEST_SKIP() << "no reference data: set PADDOCK_REFERENCE to its folder";
    const auto original = Checkpoint::open(path);
    ASSERT_TRUE(original) << original.error().message;
    std::vector<TensorToWrite> tensors;
    for (const NamedTensor& tensor : original->tensors()) tensors.push_back({tensor.name, tensor.view});
    const TemporaryFolder folder;
    const auto written = write_gguf(folder.path() / "again.gguf", original->metadata().pairs(), tensors);
    ASSERT_TRUE(written) << written.error().message;
    EXPECT_TRUE(bytes_of(folder.path() / "again.gguf") == bytes_of(path)) << name;
  }
}

TEST(Reference, EveryCheckpointOpens) {
  const auto root = reference("README.md").parent_path();
  if (root.empty()) GTEST_SKIP() << "no reference data: set PADDOCK_REFERENCE to its folder";
  int opened = 0;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(root)) {
    const std::string name = entry.path().filename().string();
    const bool is_later_split = name.find("-split-00002-of-") != std::string::npos;
    if (is_later_split || (!name.ends_with(".gguf") && !name.ends_with(".safetensors"))) continue;
    const auto checkpoint = Checkpoint::open(entry.path());
    EXPECT_TRUE(checkpoint) << checkpoint.error().message;
    opened += checkpoint ? 1 : 0;
  }
  EXPECT_GT(opened, 20);
  const auto sharded = Checkpoint::open(root / "text/tiny-maverick");
  ASSERT_TRUE(sharded) << sharded.error().message;
  EXPECT_EQ(sharded->files().size(), 2u);
}

}  // namespace
}  // namespace paddock::checkpoint
