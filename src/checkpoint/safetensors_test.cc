// SPDX-License-Identifier: Apache-2.0
#include "checkpoint/safetensors.h"

#include <gtest/gtest.h>

#include <cstring>
#include <string>
#include <vector>

#include "checkpoint/checkpoint.h"
#include "checkpoint/refusal.h"
#include "checkpoint/safetensors_writer.h"
#include "checkpoint/test_files.h"

namespace paddock::checkpoint {
namespace {

using tensor::DType;
using namespace std::string_literals;

TEST(Safetensors, ReadsEveryTypeAndShape) {
  const std::string bytes = safetensors_bytes(
      R"({"__metadata__":{"format":"pt","é\n":""},)"
      R"("b":{"dtype":"F8_E4M3","shape":[3,1],"data_offsets":[8,11]},)"
      R"("a":{"shape":[2,1],"data_offsets":[0,8],"dtype":"F32"},)"
      R"("scalar":{"dtype":"BOOL","shape":[],"data_offsets":[11,12]},)"
      R"("none":{"dtype":"F64","shape":[5,0,7],"data_offsets":[12,12]},)"
      R"("h":{"dtype":"BF16","shape":[1],"data_offsets":[12,14]},"i":{"dtype":"F16","shape":[1],"data_offsets":[14,16]},)"
      R"("j":{"dtype":"I64","shape":[1],"data_offsets":[16,24]},"k":{"dtype":"I32","shape":[1],"data_offsets":[24,28]},)"
      R"("l":{"dtype":"I16","shape":[1],"data_offsets":[28,30]},"m":{"dtype":"I8","shape":[1],"data_offsets":[30,31]},)"
      R"("n":{"dtype":"U8","shape":[1],"data_offsets":[31,32]}}   )",
      "0123456789abcdefghijklmnopqrstuv");
  const auto contents = parse_safetensors(as_bytes(bytes), "x");
  ASSERT_TRUE(contents) << contents.error().message;
  ASSERT_EQ(contents->tensors.size(), 11u);
  EXPECT_EQ(contents->tensors[0].name, "a");  // by offset
  EXPECT_EQ(contents->tensors[0].view.shape, (tensor::Shape{2, 1}));
  EXPECT_EQ(contents->tensors[1].view.dtype, DType::kF8E4M3);
  EXPECT_EQ(std::memcmp(contents->tensors[1].view.bytes.data(), "89a", 3), 0);
  EXPECT_EQ(contents->tensors[2].view.values(), 1);
  EXPECT_TRUE(contents->tensors[3].view.bytes.empty());
  EXPECT_EQ(contents->metadata[1], (std::pair<std::string, std::string>("é\n", "")));
}

TEST(Safetensors, AHeaderMayHoldNothing) {
  EXPECT_TRUE(parse_safetensors(as_bytes(safetensors_bytes("{}")), "x").value().tensors.empty());
}

std::string entry(const std::string& fields) { return "{\"t\":{" + fields + "}}"; }

std::vector<Refusal> refused_files() {
  const std::string damaged = "download it again";
  const std::string convert = "convert the model again";
  const std::string two_u8 = R"("dtype":"U8","shape":[2],"data_offsets":)";
  std::string many_extents;
  for (int extent = 0; extent < 64; ++extent) many_extents += ",1";
  const auto pair_of = [](const std::string& first, const std::string& second) {
    return R"({"a":{"dtype":"U8","shape":[2],"data_offsets":)" + first +
           R"(},"b":{"dtype":"U8","shape":[2],"data_offsets":)" + second + "}}";
  };
  return {
      {"empty", "", {"a safetensors file", "an empty file", damaged}},
      {"Git LFS pointer", "version https://git-lfs.github.com/spec/v1\n", {"Git LFS pointer", "git lfs pull"}},
      {"shorter than the length", "\1\2\3", {"at least 8 bytes", "found 3", damaged}},
      {"header beyond the file", "\x10\0\0\0\0\0\0\0{}"s, {"header of 16 bytes", "after 2", damaged}},
      {"header of 2^63",
       "\0\0\0\0\0\0\0\x80{}"s,
       {"at most 100000000 bytes", "9223372036854775808", "not a safetensors file"}},
      {"header that is no object", safetensors_bytes("[]"), {"begins with '{'", "\"[]\"", "not a safetensors file"}},
      {"header of nothing", safetensors_bytes(""), {"begins with '{'", "\"\"", "not a safetensors file"}},
      {"header that ends early", safetensors_bytes("{\"t\":"), {"not valid JSON"}},
      {"text behind the header", safetensors_bytes("{}x"), {"not valid JSON"}},
      {"zero byte in the header", safetensors_bytes("{}\0"s), {"not valid JSON", "zero byte"}},
      {"header not UTF-8", safetensors_bytes("{\"\xFF\":1}"), {"not valid JSON"}},
      {"nested deeply",
       safetensors_bytes("{\"__metadata__\":" + std::string(1000, '[')),
       {"\"__metadata__\"", "an object", "an array"}},
      {"metadata not an object",
       safetensors_bytes(R"({"__metadata__":"x"})"),
       {"\"__metadata__\"", "an object", "\"x\"", convert}},
      {"metadata with a number", safetensors_bytes(R"({"__metadata__":{"a":1}})"), {"\"a\"", "a string", "1", convert}},
      {"metadata with an object",
       safetensors_bytes(R"({"__metadata__":{"a":{"b":"c"}}})"),
       {"\"a\"", "a string", "an object"}},
      {"metadata key twice", safetensors_bytes(R"({"__metadata__":{"a":"1","a":"2"}})"), {"\"a\" twice"}},
      {"tensor twice",
       safetensors_bytes(R"({"a":{"dtype":"U8","shape":[0],"data_offsets":[0,0]},"a":{}})"),
       {"\"a\" twice", "remove"}},
      {"tensor not an object", safetensors_bytes(R"({"t":7})"), {"tensor \"t\"", "an object", "7", damaged}},
      {"tensor an array", safetensors_bytes(R"({"t":[{}]})"), {"tensor \"t\"", "an object", "an array", damaged}},
      {"tensor without name",
       safetensors_bytes(R"({"":{"dtype":"U8","shape":[0],"data_offsets":[0,0]}})"),
       {"a tensor name", "empty"}},
      {"no dtype",
       safetensors_bytes(entry(R"("shape":[2],"data_offsets":[0,2])"), "12"),
       {"\"t\"", "found no \"dtype\"", damaged}},
      {"no shape",
       safetensors_bytes(entry(R"("dtype":"U8","data_offsets":[0,2])"), "12"),
       {"\"t\"", "found no \"shape\"", damaged}},
      {"no offsets",
       safetensors_bytes(entry(R"("dtype":"U8","shape":[2])"), "12"),
       {"\"t\"", "found no \"data_offsets\"", damaged}},
      {"unknown field",
       safetensors_bytes(entry(two_u8 + R"([0,2],"codec":"zip")"), "12"),
       {"\"t\"", "\"data_offsets\"", "\"codec\""}},
      {"dtype a number", safetensors_bytes(entry(R"("dtype":8)")), {"\"t\"", "\"dtype\"", "a string", "8", damaged}},
      {"unknown dtype",
       safetensors_bytes(entry(R"("dtype":"F33")")),
       {"\"t\"", "a safetensors type", "\"F33\"", damaged}},
      {"dtype that is not read",
       safetensors_bytes(entry(R"("dtype":"F8_E5M2")")),
       {"\"t\"", "a type that Paddock reads", "F8_E5M2", "use a checkpoint"},
       ErrorCode::kUnsupported},
      {"GGUF's dtype", safetensors_bytes(entry(R"("dtype":"Q4_0")")), {"\"t\"", "a safetensors type", "\"Q4_0\""}},
      {"shape a number", safetensors_bytes(entry(R"("shape":2)")), {"\"t\"", "\"shape\"", "an array", "2", damaged}},
      {"negative extent",
       safetensors_bytes(entry(R"("shape":[-2])")),
       {"\"t\"", "\"shape\"", "extents", "-2", damaged}},
      {"fractional extent",
       safetensors_bytes(entry(R"("shape":[2.0])")),
       {"\"t\"", "\"shape\"", "extents", "2.0", damaged}},
      {"extent of 2^63",
       safetensors_bytes(entry(R"("shape":[9223372036854775808])")),
       {"below 2^63", "9223372036854775808"}},
      {"shape in a shape", safetensors_bytes(entry(R"("shape":[[2]])")), {"\"t\"", "\"shape\"", "an array", damaged}},
      {"shape an object", safetensors_bytes(entry(R"("shape":{"a":2})")), {"\"t\"", "\"shape\"", "an object", damaged}},
      {"too many extents",
       safetensors_bytes(entry("\"shape\":[1" + many_extents + "]")),
       {"\"t\"", "at most 64 extents", "more", damaged}},
      {"shape that overflows",
       safetensors_bytes(entry(R"("dtype":"U8","shape":[4294967296,4294967296],"data_offsets":[0,0])")),
       {"\"t\"", "fewer than 2^63", "[4294967296, 4294967296]", damaged}},
      {"shape that overflows to nothing",
       safetensors_bytes(entry(R"("dtype":"F64","shape":[2305843009213693952],"data_offsets":[0,0])")),
       {"\"t\"", "fewer than 2^63", damaged}},
      {"shape with a zero that overflows",
       safetensors_bytes(entry(R"("dtype":"U8","shape":[0,4294967296,4294967296],"data_offsets":[0,0])")),
       {"\"t\"", "fewer than 2^63", damaged}},
      {"one offset", safetensors_bytes(entry(two_u8 + "[0]"), "12"), {"\"t\"", "two numbers", "found 1", damaged}},
      {"three offsets",
       safetensors_bytes(entry(two_u8 + "[0,1,2]"), "12"),
       {"\"t\"", "two numbers", "found 3", damaged}},
      {"many offsets", safetensors_bytes(entry(two_u8 + "[0,1,2,3,4]"), "12"), {"\"t\"", "two offsets", damaged}},
      {"offset a string",
       safetensors_bytes(entry(two_u8 + R"(["0",2])"), "12"),
       {"\"t\"", "two offsets", "\"0\"", damaged}},
      {"offset of 2^64",
       safetensors_bytes(entry(two_u8 + "[0,18446744073709551616]"), "12"),
       {"\"t\"", "two offsets", damaged}},
      {"offsets backwards",
       safetensors_bytes(entry(two_u8 + "[2,0]"), "12"),
       {"\"t\"", "in the 2 bytes", "2 to 0", damaged}},
      {"offsets beyond the data",
       safetensors_bytes(entry(two_u8 + "[0,2]"), "1"),
       {"\"t\"", "in the 1 bytes", "0 to 2", damaged}},
      {"size that differs",
       safetensors_bytes(entry(R"("dtype":"F32","shape":[3],"data_offsets":[0,8])"), "12345678"),
       {"\"t\"", "12 bytes for F32 [3]", "found 8", convert}},
      {"overlap",
       safetensors_bytes(pair_of("[0,2]", "[1,3]"), "123"),
       {"\"b\"", "behind tensor \"a\" at offset 2", "at 1", convert}},
      {"the same bytes twice",
       safetensors_bytes(pair_of("[0,2]", "[0,2]"), "12"),
       {"\"b\"", "behind tensor \"a\"", "at 0", convert}},
      {"hole at the start",
       safetensors_bytes(entry(two_u8 + "[1,3]"), "123"),
       {"\"t\"", "at offset 0", "a hole", "at 1", convert}},
      {"hole between",
       safetensors_bytes(pair_of("[0,2]", "[3,5]"), "12345"),
       {"\"b\"", "at offset 2", "a hole", "at 3", convert}},
      {"bytes behind the tensors",
       safetensors_bytes(pair_of("[0,2]", "[2,4]"), "12345"),
       {"4 bytes of data", "found 5", damaged}},
  };
}

TEST(Safetensors, RefusesMalformedFilesWithOneSentence) {
  for (const Refusal& refusal : refused_files())
    expect_refused(parse_safetensors(as_bytes(refusal.bytes), "x.safetensors"), "x.safetensors", refusal);
}

TEST(Safetensors, RefusesEveryTruncation) {
  const std::string whole = safetensors_bytes(entry(R"("dtype":"U8","shape":[2],"data_offsets":[0,2])"), "12");
  ASSERT_TRUE(parse_safetensors(as_bytes(whole), "x"));
  for (size_t length = 0; length < whole.size(); ++length)
    EXPECT_FALSE(parse_safetensors(as_bytes(whole.substr(0, length)), "x")) << length;
}

TEST(SafetensorsIndex, KnowsTheShardOfEachTensor) {
  const auto index = parse_safetensors_index(
      R"({"metadata":{"total_size":1e3,"more":[{"weight_map":{"x":1}}]},"weight_map":{"a":"2.x","b":"1.x","c":"2.x"}})",
      "i");
  ASSERT_TRUE(index) << index.error().message;
  EXPECT_EQ(index->shards, (std::vector<std::string>{"2.x", "1.x"}));
  EXPECT_EQ(index->shard_of.at("a"), 0u);
  EXPECT_EQ(index->shard_of.at("b"), 1u);
  EXPECT_EQ(index->shard_of.at("c"), 0u);
}

TEST(SafetensorsIndex, RefusesMalformedFilesWithOneSentence) {
  const auto shard = [](const std::string& name) { return R"({"weight_map":{"t":")" + name + "\"}}"; };
  const std::string own = "in the index's own folder";
  for (const Refusal& refusal : std::vector<Refusal>{
           {"empty", "", {"not valid JSON"}},
           {"not JSON", "weight_map", {"not valid JSON"}},
           {"an array", "[]", {"an object", "an array", "download"}},
           {"a number", "7", {"an object", "7", "download"}},
           {"no map", R"({"metadata":{}})", {"\"weight_map\"", "found none", "download"}},
           {"empty map", R"({"weight_map":{}})", {"\"weight_map\"", "found none", "download"}},
           {"map a list", R"({"weight_map":["a"]})", {"\"weight_map\"", "an object", "an array", "download"}},
           {"shard a number", R"({"weight_map":{"t":1}})", {"tensor \"t\"", "name of its shard", "1", "download"}},
           {"shard a list",
            R"({"weight_map":{"t":["a"]}})",
            {"tensor \"t\"", "name of its shard", "an array", "download"}},
           {"shard an object", R"({"weight_map":{"t":{"u":"a"}}})", {"tensor \"t\"", "name of its shard", "an object"}},
           {"tensor twice", R"({"weight_map":{"t":"a","t":"a"}})", {"\"t\" twice", "remove"}},
           {"nested deeply", "{\"metadata\":" + std::string(100, '['), {"nested deeper than 32"}},
           {"folder above", shard("../x.safetensors"), {"\"t\"", own, "\"../x.safetensors\"", "move"}},
           {"absolute path", shard("/etc/passwd"), {"\"t\"", own, "\"/etc/passwd\"", "move"}},
           {"folder below", shard("sub/x.safetensors"), {"\"t\"", own, "\"sub/x.safetensors\"", "move"}},
           {"backslash", shard("..\\\\x"), {"\"t\"", own, "move"}},
           {"the folder itself", shard("."), {"\"t\"", own, "\".\"", "move"}},
           {"dots", shard(".."), {"\"t\"", own, "\"..\"", "move"}},
           {"no name", shard(""), {"\"t\"", own, "\"\"", "move"}},
           {"zero in the name", shard("a\\u0000b"), {"\"t\"", own, "move"}},
           {"tensor without name", R"({"weight_map":{"":"a"}})", {"a tensor name", "empty"}},
       })
    expect_refused(parse_safetensors_index(refusal.bytes, "x.json"), "x.json", refusal);
}

TEST(SafetensorsWriter, WritesWhatIsReadBack) {
  const TemporaryFolder folder;
  const std::string data = "0123456789abcdefghijklmnopqrstuv";
  const auto bytes = [&](size_t count) { return as_bytes(data).first(count); };
  const std::vector<TensorToWrite> tensors = {{"bytes", {DType::kU8, {3}, bytes(3)}},
                                              {"\"quoted\"\n", {DType::kF32, {2, 2}, bytes(16)}},
                                              {"none", {DType::kF16, {4, 0}, {}}},
                                              {"scalar", {DType::kF64, {}, bytes(8)}},
                                              {"e4m3", {DType::kF8E4M3, {1, 5}, bytes(5)}}};
  const std::vector<std::pair<std::string, std::string>> metadata = {{"format", "pt"}, {"note", "é \"x\""}};
  const auto path = folder.path() / "x.safetensors";
  const auto written = write_safetensors(path, tensors, metadata);
  ASSERT_TRUE(written) << written.error().message;
  const std::string file = bytes_of(path);
  const auto contents = parse_safetensors(as_bytes(file), "x");
  ASSERT_TRUE(contents) << contents.error().message;
  EXPECT_EQ(contents->metadata, metadata);
  ASSERT_EQ(contents->tensors.size(), tensors.size());
  for (const NamedTensor& tensor : contents->tensors) {
    const auto original =
        std::find_if(tensors.begin(), tensors.end(), [&](const auto& t) { return t.name == tensor.name; });
    ASSERT_NE(original, tensors.end());
    EXPECT_EQ(tensor.view.dtype, original->view.dtype);
    EXPECT_EQ(tensor.view.shape, original->view.shape);
    EXPECT_TRUE(std::equal(tensor.view.bytes.begin(), tensor.view.bytes.end(), original->view.bytes.begin(),
                           original->view.bytes.end()));
    const auto offset = static_cast<size_t>(tensor.view.bytes.data() - as_bytes(file).data());
    if (!tensor.view.bytes.empty()) {
      EXPECT_EQ(offset % static_cast<size_t>(tensor::info(tensor.view.dtype).bytes), 0u);
    }
  }
  // Written over, it is the new file and nothing else lies beside it.
  ASSERT_TRUE(write_safetensors(path, {}));
  EXPECT_EQ(bytes_of(path).substr(8), "{}      ");
  EXPECT_EQ(std::distance(std::filesystem::directory_iterator(folder.path()), {}), 1);
}

TEST(SafetensorsWriter, RefusesAndLeavesNothingBehind) {
  const TemporaryFolder folder;
  const std::string data(34, 'x');
  const TensorToWrite good = {"t", {DType::kU8, {34}, as_bytes(data)}};
  const auto refuse = [&](const std::filesystem::path& path, std::vector<TensorToWrite> tensors, const std::string& why,
                          std::vector<std::pair<std::string, std::string>> metadata = {}) {
    const auto written = write_safetensors(path, tensors, metadata);
    ASSERT_FALSE(written) << why;
    EXPECT_NE(written.error().message.find(why), std::string::npos) << written.error().message;
    EXPECT_TRUE(std::filesystem::is_empty(folder.path())) << why;
  };
  const auto path = folder.path() / "x.safetensors";
  refuse(path, {good, good}, "twice");
  refuse(path, {{"", good.view}}, "an empty one");
  refuse(path, {{"\xFF", good.view}}, "UTF-8");
  refuse(path, {{"__metadata__", good.view}}, "rename");
  refuse(path, {{"t", {DType::kQ8_0, {32}, as_bytes(data)}}}, "cannot hold Q8_0");
  refuse(path, {good}, "\"a\"", {{"a", "1"}, {"a", "2"}});
  refuse(path, {good}, "\"a\"", {{"a", "\xFF"}});
  refuse(folder.path(), {good}, "a folder");
  refuse("/dev/null", {good}, "something else");
  refuse(folder.path() / "no" / "x", {good}, "cannot create");
}

TEST(SafetensorsWriter, WritesThroughALink) {
  const TemporaryFolder folder;
  const auto target = folder.file("target.safetensors", "old");
  std::filesystem::create_symlink("target.safetensors", folder.path() / "link.safetensors");
  ASSERT_TRUE(write_safetensors(folder.path() / "link.safetensors", {}));
  EXPECT_TRUE(std::filesystem::is_symlink(folder.path() / "link.safetensors"));
  EXPECT_TRUE(Checkpoint::open(target));
}

}  // namespace
}  // namespace paddock::checkpoint
