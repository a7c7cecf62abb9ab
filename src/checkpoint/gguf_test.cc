// SPDX-License-Identifier: Apache-2.0
#include "checkpoint/gguf.h"

#include <gtest/gtest.h>

#include <cstring>
#include <ctime>
#include <limits>
#include <numeric>
#include <string>
#include <vector>

#include "checkpoint/checkpoint.h"
#include "checkpoint/gguf_writer.h"
#include "checkpoint/refusal.h"
#include "checkpoint/test_files.h"

namespace paddock::checkpoint {
namespace {

using tensor::DType;
using namespace std::string_literals;

// GGUF's numbers for value types and tensor types, as a file has them.
enum : uint32_t { kTypeUint8 = 0, kTypeUint16 = 2, kTypeUint32 = 4, kTypeBool = 7, kTypeString = 8, kTypeArray = 9 };
enum : uint32_t { kF32 = 0, kQ4_0 = 2, kQ4_K = 12 };

TEST(Gguf, ReadsAFileOfEveryMetadataType) {
  GgufBytes file(1, 13, 2);
  file.key("a", 0).u8(200).key("b", 1).u8(0x80).key("c", 2).text("\xFF\xFF"s).key("d", 3).text("\xFE\xFF"s);
  file.key("e", 4).u32(4000000000).key("f", 5).u32(0xFFFFFFFF).key("g", 6).u32(0x3FC00000).key("h", 7).u8(1);
  file.key("i", 8).string("not UTF-8: \xFF").key("k", 10).u64(~0ull).key("l", 11).u64(~0ull).key("m", 12);
  file.u64(0x3FB999999999999A).key("n", 9).u32(kTypeArray).u64(2);
  file.u32(kTypeUint8).u64(1).u8(1).u32(kTypeString).u64(1).string("x");
  file.tensor("t", {3, 2}, kF32, 0).data(24);
  const auto contents = parse_gguf(as_bytes(file.bytes()), "x.gguf");
  ASSERT_TRUE(contents) << contents.error().message;
  const auto& pairs = contents->metadata.pairs();
  ASSERT_EQ(pairs.size(), 13u);
  EXPECT_EQ(std::get<uint64_t>(pairs[0].value), 200u);
  EXPECT_EQ(std::get<int64_t>(pairs[1].value), -128);
  EXPECT_EQ(std::get<uint64_t>(pairs[2].value), 65535u);
  EXPECT_EQ(std::get<int64_t>(pairs[3].value), -2);
  EXPECT_EQ(std::get<uint64_t>(pairs[4].value), 4000000000u);
  EXPECT_EQ(std::get<int64_t>(pairs[5].value), -1);
  EXPECT_EQ(std::get<double>(pairs[6].value), 1.5);
  EXPECT_EQ(std::get<bool>(pairs[7].value), true);
  EXPECT_EQ(std::get<std::string>(pairs[8].value), "not UTF-8: \xFF");
  EXPECT_EQ(std::get<uint64_t>(pairs[9].value), ~0ull);
  EXPECT_EQ(std::get<int64_t>(pairs[10].value), -1);
  EXPECT_EQ(std::get<double>(pairs[11].value), 0.1);
  EXPECT_TRUE(std::holds_alternative<GgufNested>(pairs[12].value));
  EXPECT_EQ(pairs[2].width, GgufType::kUint16);
  EXPECT_EQ(contents->metadata.find("d"), &pairs[3].value);
  EXPECT_EQ(contents->metadata.find("z"), nullptr);
  ASSERT_EQ(contents->tensors.size(), 1u);
  EXPECT_EQ(contents->tensors[0].view.shape, (tensor::Shape{2, 3}));
  EXPECT_EQ(contents->tensors[0].view.bytes.size(), 24u);
}

TEST(Gguf, ObeysItsAlignmentAndAllowsTensorsInAnyOrder) {
  GgufBytes file(2, 1);
  file.key("general.alignment", kTypeUint32).u32(8);
  file.tensor("second", {1}, kF32, 8).tensor("first", {1}, kF32, 0);
  while (file.bytes().size() % 8 != 0) file.u8(0);
  file.text("FIRSpad.SECO");
  const auto contents = parse_gguf(as_bytes(file.bytes()), "x.gguf");
  ASSERT_TRUE(contents) << contents.error().message;
  EXPECT_EQ(std::memcmp(contents->tensors[0].view.bytes.data(), "SECO", 4), 0);
  EXPECT_EQ(std::memcmp(contents->tensors[1].view.bytes.data(), "FIRS", 4), 0);
}

TEST(Gguf, AFileMayHoldMetadataAlone) {
  const auto contents = parse_gguf(as_bytes(GgufBytes(0, 1).key("a", kTypeBool).u8(0).bytes()), "x.gguf");
  ASSERT_TRUE(contents) << contents.error().message;
  EXPECT_TRUE(contents->tensors.empty());
}

// One pair before the header's end, and one tensor at its place: what a case adds is what is wrong.
GgufBytes pair() { return GgufBytes(0, 1); }
GgufBytes one_tensor() { return GgufBytes(1, 0); }

std::vector<Refusal> refusals() {
  const std::string damaged = "download it again";
  const std::string convert = "convert the model again";
  const std::string good = one_tensor().tensor("t", {8}, kF32, 0).data(32).bytes();
  std::vector<Refusal> cases = {
      {"empty", "", {"a GGUF file", "an empty file", damaged}},
      {"shorter than the magic", "GG", {"\"GGUF\"", "\"GG\"", "not a GGUF file"}},
      {"wrong magic", "ggjt\3\0\0\0"s, {"\"GGUF\"", "\"ggjt\"", "not a GGUF file"}},
      {"Git LFS pointer",
       "version https://git-lfs.github.com/spec/v1\noid x",
       {"a GGUF file", "Git LFS pointer", "git lfs pull"}},
      {"old version", GgufBytes(0, 0, 1).bytes(), {"version 2 or 3", "version 1", convert}, ErrorCode::kUnsupported},
      {"later version", GgufBytes(0, 0, 4).bytes(), {"version 2 or 3", "version 4", convert}, ErrorCode::kUnsupported},
      {"big-endian",
       GgufBytes(0, 0, 3u << 24).bytes(),
       {"little-endian", "big-endian one of version 3", "convert"},
       ErrorCode::kUnsupported},
      {"magic alone", "GGUF", {"4 bytes at offset 4", "end of the file at 4", damaged}},
      {"too many pairs", GgufBytes(0, ~0ull).bytes(), {"at most 0 metadata pairs", "18446744073709551615", damaged}},
      {"too many tensors", GgufBytes(1ull << 60, 0).bytes(), {"at most 0 tensors", "1152921504606846976", damaged}},
      {"key longer than the file",
       pair().u64(1ull << 40).text(std::string(20, 'x')).bytes(),
       {"metadata pair 1 of 1", "1099511627776 bytes", "end of the file", damaged}},
      {"key length that wraps", pair().u64(~0ull - 7).text(std::string(20, 'x')).bytes(), {"metadata pair 1", damaged}},
      {"empty key", pair().key("", kTypeBool).u8(1).u8(0).bytes(), {"a metadata key", "an empty one", convert}},
      {"key not UTF-8",
       pair().key("a\xFF", kTypeBool).u8(1).bytes(),
       {"metadata key", "UTF-8", "other bytes", damaged}},
      {"key too long",
       pair().key(std::string(65536, 'k'), kTypeBool).u8(1).bytes(),
       {"at most 65535 bytes", "65536", convert}},
      {"key twice",
       GgufBytes(0, 2).key("a", kTypeBool).u8(1).key("a", kTypeBool).u8(1).bytes(),
       {"metadata \"a\"", "once", "twice", convert}},
      {"unknown value type", pair().key("a", 13).u64(0).bytes(), {"metadata \"a\"", "0 to 12", "13", damaged}},
      {"unknown element type", pair().key("a", kTypeArray).u32(99).u64(0).bytes(), {"\"a\"", "0 to 12", "99", damaged}},
      {"boolean of 2", pair().key("a", kTypeBool).u8(2).bytes(), {"\"a\"", "0 or 1", "2", damaged}},
      {"boolean of 2 in an array",
       pair().key("a", kTypeArray).u32(kTypeBool).u64(2).u8(1).u8(2).bytes(),
       {"\"a\"", "0 or 1", "2", damaged}},
      {"truncated number",
       pair().key("a", kTypeUint32).u8(1).bytes(),
       {"\"a\"", "4 bytes", "end of the file", damaged}},
      {"truncated string", pair().key("a", kTypeString).u64(9).text("12345678").bytes(), {"\"a\"", "9 bytes", damaged}},
      {"array longer than the file",
       pair().key("a", kTypeArray).u32(kTypeUint16).u64(5).text("12345678").bytes(),
       {"\"a\"", "at most 4 array values", "count of 5", damaged}},
      {"array count that wraps",
       pair().key("a", kTypeArray).u32(kTypeUint32).u64(1ull << 62).text("12345678").bytes(),
       {"\"a\"", "array values", "4611686018427387904", damaged}},
      {"strings that end early",
       pair().key("a", kTypeArray).u32(kTypeString).u64(2).string("x").u64(3).bytes(),
       {"\"a\"", "3 bytes", "end of the file", damaged}},
      {"alignment of zero",
       pair().key("general.alignment", kTypeUint32).u32(0).bytes(),
       {"general.alignment", "power of two", "found 0", convert}},
      {"alignment of 24",
       pair().key("general.alignment", kTypeUint32).u32(24).bytes(),
       {"general.alignment", "power of two", "found 24", convert}},
      {"alignment of 4",
       pair().key("general.alignment", kTypeUint32).u32(4).bytes(),
       {"at least 8", "found 4", convert}},
      {"alignment as a string",
       pair().key("general.alignment", kTypeString).string("32").bytes(),
       {"general.alignment", "type 4 (uint32)", "type 8", convert}},
      {"tensor without name",
       one_tensor().tensor("", {8}, kF32, 0).data(33).bytes(),
       {"a tensor name", "an empty one", convert}},
      {"tensor name not UTF-8",
       one_tensor().tensor("\xC0\x80", {8}, kF32, 0).data(32).bytes(),
       {"tensor name", "UTF-8", "other bytes", damaged}},
      {"tensor name too long",
       one_tensor().tensor(std::string(1025, 'n'), {8}, kF32, 0).data(32).bytes(),
       {"tensor name", "at most 1024 bytes", "1025", convert}},
      {"tensor name with a newline and too few bytes",
       one_tensor().tensor("a\n\x1B[31m", {16}, kF32, 0).data(32).bytes(),
       {"tensor \"a\\x0a\\x1b[31m\"", "64 bytes", "32 bytes", damaged}},
      {"no extents",
       one_tensor().tensor("t", {}, kF32, 0).data(32).bytes(),
       {"\"t\"", "1 to 4 extents", "found 0", damaged}},
      {"five extents",
       one_tensor().tensor("t", {1, 1, 1, 1, 8}, kF32, 0).data(32).bytes(),
       {"\"t\"", "1 to 4 extents", "found 5", damaged}},
      {"extent of zero",
       one_tensor().tensor("t", {8, 0}, kF32, 0).data(32).bytes(),
       {"\"t\"", "extents from 1", "found 0", damaged}},
      {"extent beyond 63 bits",
       one_tensor().tensor("t", {1ull << 63}, kF32, 0).data(32).bytes(),
       {"\"t\"", "2^63 - 1", "9223372036854775808", damaged}},
      {"shape that overflows",
       one_tensor().tensor("t", {1ull << 32, 1ull << 32}, kF32, 0).data(32).bytes(),
       {"\"t\"", "fewer than 2^63 bytes", "[4294967296, 4294967296]", damaged}},
      {"bytes that overflow",
       one_tensor().tensor("t", {1ull << 61}, kF32, 0).data(32).bytes(),
       {"\"t\"", "fewer than 2^63 bytes", "[2305843009213693952]", damaged}},
      {"unknown type",
       one_tensor().tensor("t", {8}, 1000, 0).data(32).bytes(),
       {"\"t\"", "GGUF type number", "1000", damaged}},
      {"type that is not read",
       one_tensor().tensor("t", {64}, 40, 0).data(64).bytes(),
       {"\"t\"", "a type that Paddock reads", "NVFP4", "use a file"},
       ErrorCode::kUnsupported},
      {"rows that are not whole blocks",
       one_tensor().tensor("t", {128, 2}, kQ4_K, 0).data(160).bytes(),
       {"\"t\"", "multiple of 256", "rows of 128", convert}},
      {"misaligned tensor",
       one_tensor().tensor("t", {8}, kF32, 4).data(64).bytes(),
       {"\"t\"", "multiple of 32", "found 4", convert}},
      {"offset beyond the file",
       one_tensor().tensor("t", {8}, kF32, 1ull << 40).data(32).bytes(),
       {"\"t\"", "32 bytes at offset 1099511627776", "only 32 bytes", damaged}},
      {"offset that wraps",
       one_tensor().tensor("t", {8}, kF32, ~0ull - 31).data(32).bytes(),
       {"\"t\"", "only 32 bytes", damaged}},
      {"data that ends early",
       one_tensor().tensor("t", {9}, kF32, 0).data(32).bytes(),
       {"\"t\"", "36 bytes at offset 0", "only 32 bytes", damaged}},
      {"no data at all",
       one_tensor().tensor("t", {8}, kF32, 0).bytes(),
       {"\"t\"", "32 bytes", "only 0 bytes", damaged}},
      {"tensor twice",
       GgufBytes(2, 0).tensor("t", {8}, kF32, 0).tensor("t", {8}, kF32, 32).data(64).bytes(),
       {"tensor \"t\"", "once", "twice", convert}},
      {"tensors that overlap",
       GgufBytes(2, 0).tensor("a", {16}, kF32, 0).tensor("b", {8}, kF32, 32).data(64).bytes(),
       {"tensor \"b\"", "behind tensor \"a\" at offset 64", "at 32", convert}},
      {"the same bytes twice",
       GgufBytes(2, 0).tensor("a", {8}, kF32, 0).tensor("b", {8}, kF32, 0).data(32).bytes(),
       {"behind tensor", "at offset 32", "at 0", convert}},
      {"gap between tensors",
       GgufBytes(2, 0).tensor("a", {8}, kF32, 0).tensor("b", {8}, kF32, 64).data(96).bytes(),
       {"\"b\"", "within 32 bytes", "ends at offset 32", "at 64", convert}},
      {"bytes behind the tensors",
       good + std::string(32, 'x'),
       {"to end with tensor \"t\"", "32 bytes behind it", damaged}},
  };
  GgufBytes nested = pair();
  nested.key("a", kTypeArray);
  for (int level = 0; level < 1000; ++level) nested.u32(kTypeArray).u64(1);
  cases.push_back({"arrays nested deeply", nested.bytes(), {"\"a\"", "at most 4 levels", "more", damaged}});
  GgufBytes wide = pair();
  wide.key("a", kTypeArray).u32(kTypeUint8).u64((1 << 24) + 1).text(std::string((1 << 24) + 1, 'x'));
  cases.push_back({"more array values than any model has",
                   wide.bytes(),
                   {"\"a\"", "at most 16777216 array values", "16777217", damaged},
                   ErrorCode::kLimit});
  return cases;
}

TEST(Gguf, RefusesMalformedFilesWithOneSentence) {
  for (const Refusal& refusal : refusals())
    expect_refused(parse_gguf(as_bytes(refusal.bytes), "some/x.gguf"), "some/x.gguf", refusal);
}

// Wherever a file is cut, it is refused; and the cases above fail for their own reason alone.
TEST(Gguf, RefusesEveryTruncation) {
  GgufBytes file(2, 3);
  file.key("general.alignment", kTypeUint32).u32(32).key("s", kTypeString).string("text");
  file.key("a", kTypeArray).u32(kTypeString).u64(2).string("x").string("y");
  file.tensor("t", {32}, kQ4_0, 0).tensor("u", {2, 2}, kF32, 32).data(48);
  const std::string& whole = file.bytes();
  ASSERT_TRUE(parse_gguf(as_bytes(whole), "x"));
  for (size_t length = 0; length < whole.size(); ++length)
    EXPECT_FALSE(parse_gguf(as_bytes(whole.substr(0, length)), "x")) << length;
}

struct Model {
  TemporaryFolder folder;
  std::vector<float> floats = std::vector<float>(64);
  std::vector<uint8_t> blocks = std::vector<uint8_t>(18 * 2);
  std::vector<TensorToWrite> tensors;

  Model() {
    std::iota(floats.begin(), floats.end(), 0.0f);
    std::iota(blocks.begin(), blocks.end(), uint8_t{0});
    tensors.push_back({"blocks", {DType::kQ4_0, {2, 32}, std::as_bytes(std::span(blocks))}});
    tensors.push_back({"floats", {DType::kF32, {2, 4, 8}, std::as_bytes(std::span(floats))}});
    tensors.push_back({"one", {DType::kF32, {1}, std::as_bytes(std::span(floats)).first(4)}});
  }
};

TEST(GgufWriter, WritesWhatIsReadBack) {
  Model model;
  std::vector<GgufPair> pairs = {
      {"general.alignment", uint64_t{64}},
      {"bool", true},
      {"u8", uint64_t{255}, GgufType::kUint8},
      {"i8", int64_t{-128}, GgufType::kInt8},
      {"u16", uint64_t{65535}, GgufType::kUint16},
      {"i16", int64_t{-32768}, GgufType::kInt16},
      {"small", uint64_t{7}},
      {"large", uint64_t{1} << 40},
      {"negative", int64_t{-7}},
      {"very negative", -(int64_t{1} << 40)},
      {"exact", 0.5},
      {"inexact", 0.1},
      {"narrow", static_cast<double>(0.1f), GgufType::kFloat32},
      {"text", std::string("\xFF\0z", 3)},
      {"bools", std::vector<bool>{true, false}},
      {"signed", std::vector<int64_t>{-1, 2}, GgufType::kInt32},
      {"unsigned", std::vector<uint64_t>{1, ~0ull}},
      {"floats", std::vector<double>{-1.5, std::numeric_limits<double>::infinity()}},
      {"texts", std::vector<std::string_view>{"", "x"}},
      {"none", std::vector<std::string_view>{}},
  };
  const auto path = model.folder.path() / "x.gguf";
  const auto written = write_gguf(path, pairs, model.tensors);
  ASSERT_TRUE(written) << written.error().message;
  const auto opened = Checkpoint::open(path);
  ASSERT_TRUE(opened) << opened.error().message;
  EXPECT_EQ(opened->format(), Format::kGguf);
  EXPECT_EQ(opened->folder(), model.folder.path());
  ASSERT_EQ(opened->metadata().pairs().size(), pairs.size());
  const auto widths_after = [&](size_t index) { return opened->metadata().pairs()[index].width; };
  for (size_t index = 0; index < pairs.size(); ++index) {
    EXPECT_EQ(opened->metadata().pairs()[index].key, pairs[index].key);
    if (pairs[index].width) {
      EXPECT_EQ(widths_after(index), pairs[index].width) << pairs[index].key;
    }
    const auto is_same = [&](const auto& value) {
      using Value = std::decay_t<decltype(value)>;
      if constexpr (std::is_same_v<Value, GgufNested>)
        return false;
      else
        return std::get<Value>(opened->metadata().pairs()[index].value) == value;
    };
    EXPECT_TRUE(std::visit(is_same, pairs[index].value)) << pairs[index].key;
  }
  EXPECT_EQ(widths_after(0), GgufType::kUint32);
  EXPECT_EQ(widths_after(6), GgufType::kUint32);
  EXPECT_EQ(widths_after(7), GgufType::kUint64);
  EXPECT_EQ(widths_after(8), GgufType::kInt32);
  EXPECT_EQ(widths_after(9), GgufType::kInt64);
  EXPECT_EQ(widths_after(10), GgufType::kFloat32);
  EXPECT_EQ(widths_after(11), GgufType::kFloat64);
  ASSERT_EQ(opened->tensors().size(), model.tensors.size());
  for (size_t index = 0; index < model.tensors.size(); ++index) {
    const NamedTensor& tensor = opened->tensors()[index];
    EXPECT_EQ(tensor.name, model.tensors[index].name);
    EXPECT_EQ(tensor.view.dtype, model.tensors[index].view.dtype);
    EXPECT_EQ(tensor.view.shape, model.tensors[index].view.shape);
    ASSERT_EQ(tensor.view.bytes.size(), model.tensors[index].view.bytes.size());
    EXPECT_EQ(std::memcmp(tensor.view.bytes.data(), model.tensors[index].view.bytes.data(), tensor.view.bytes.size()),
              0);
    EXPECT_EQ((tensor.view.bytes.data() - opened->files()[0].bytes().data()) % 64, 0);
  }
}

TEST(GgufWriter, RefusesWhatGgufCannotHold) {
  Model model;
  const auto path = model.folder.path() / "x.gguf";
  const auto refuse = [&](std::vector<GgufPair> pairs, std::vector<TensorToWrite> tensors, const std::string& why) {
    const auto written = write_gguf(path, pairs, tensors);
    ASSERT_FALSE(written) << why;
    EXPECT_NE(written.error().message.find(why), std::string::npos) << written.error().message;
    EXPECT_TRUE(std::filesystem::is_empty(model.folder.path())) << why;
  };
  refuse({{"a", uint64_t{256}, GgufType::kUint8}}, {}, "fits its type");
  refuse({{"a", int64_t{-1}, GgufType::kUint64}}, {}, "fits its type");
  refuse({{"a", 0.1, GgufType::kFloat32}}, {}, "fits its type");
  refuse({{"a", 1.0, GgufType::kInt32}}, {}, "fits its type");
  refuse({{"a", uint64_t{1}, GgufType::kString}}, {}, "fits its type");
  refuse({{"a", GgufNested{}}}, {}, "fits its type");
  refuse({{"a", true}, {"a", true}}, {}, "twice");
  refuse({{"", true}}, {}, "an empty one");
  refuse({{"general.alignment", uint64_t{12}}}, {}, "power of two");
  refuse({}, {model.tensors[0], model.tensors[0]}, "twice");
  refuse({}, {{"s", {DType::kF32, {}, std::as_bytes(std::span(model.floats)).first(4)}}}, "1 to 4 extents");
  refuse({}, {{"s", {DType::kF32, {0, 3}, {}}}}, "1 to 4 extents");
  refuse({}, {{"s", {DType::kBool, {4}, std::as_bytes(std::span(model.floats)).first(4)}}}, "no type for BOOL");
}

// A vocabulary as large as Llama 4's must not be felt.
TEST(Gguf, OpensALargeVocabularyInAMoment) {
  std::vector<std::string> words;
  for (int word = 0; word < 640000; ++word) words.push_back("token " + std::to_string(word));
  const std::vector<std::string_view> all(words.begin(), words.end());
  const std::vector<GgufPair> pairs = {
      {"tokenizer.ggml.tokens", std::vector<std::string_view>(all.begin(), all.begin() + 200000)},
      {"tokenizer.ggml.merges", std::vector<std::string_view>(all.begin() + 200000, all.end())},
      {"tokenizer.ggml.token_type", std::vector<int64_t>(200000, 1)}};
  const TemporaryFolder folder;
  ASSERT_TRUE(write_gguf(folder.path() / "x.gguf", pairs, {}));
  const std::clock_t start = std::clock();  // of the processor: what else the machine does must not count
  const auto opened = Checkpoint::open(folder.path() / "x.gguf");
  const double seconds = static_cast<double>(std::clock() - start) / CLOCKS_PER_SEC;
  ASSERT_TRUE(opened);
  EXPECT_EQ(std::get<std::vector<std::string_view>>(*opened->metadata().find("tokenizer.ggml.merges")).back(),
            "token 639999");
  EXPECT_LT(seconds, 10);  // 0.014 in a release build; a reader of quadratic time would take minutes
  RecordProperty("milliseconds", std::to_string(seconds * 1000));
}

}  // namespace
}  // namespace paddock::checkpoint
