// SPDX-License-Identifier: Apache-2.0
#include "server/api/response_store.h"

#include <gtest/gtest.h>

#include "server/api/completion_request.h"
#include "server/api/openapi.h"
#include "server/api/test_support.h"

namespace paddock::server {
namespace {

StoredResponse example_turn(const std::string& id, size_t bytes = 10) {
  const Json item{{"type", "message"}, {"id", "msg_" + id}, {"role", "user"}, {"content", std::string(bytes, 'x')}};
  return {.id = id, .response = share({{"id", id}, {"output", Json::array()}}), .input = share(Json::array({item}))};
}

struct StoreUnderTest {
  int64_t now = 0;
  MemoryResponseStore store{{.bytes = 100'000, .seconds = 60}, [this] { return now; }};
};

TEST(ResponseStore, NobodyReadsAnothersResponses) {
  StoreUnderTest test;
  test.store.put("alice", example_turn("resp_1"));
  EXPECT_TRUE(stored_response(test.store, "alice", "resp_1"));
  const auto foreign = stored_response(test.store, "bob", "resp_1");
  const auto missing = stored_response(test.store, "bob", "resp_2");
  ASSERT_FALSE(foreign);
  EXPECT_EQ(http_status(foreign.error().kind, Dialect::kOpenAi), 404);
  EXPECT_EQ(foreign.error().code, missing.error().code);
  EXPECT_FALSE(test.store.find_item("bob", "msg_resp_1"));
  EXPECT_TRUE(test.store.find_item("alice", "msg_resp_1"));
  EXPECT_FALSE(delete_response(test.store, "bob", "resp_1"));
  EXPECT_EQ(delete_response(test.store, "alice", "resp_1").value()["deleted"], true);
  EXPECT_FALSE(test.store.get("alice", "resp_1"));
  EXPECT_FALSE(test.store.find_item("alice", "msg_resp_1"));
  EXPECT_EQ(test.store.bytes(), 0u);
}

TEST(ResponseStore, ForgetsWithTime) {
  StoreUnderTest test;
  test.store.put("alice", example_turn("resp_1"));
  test.now = 59;
  EXPECT_TRUE(test.store.get("alice", "resp_1"));
  test.now = 60;
  EXPECT_FALSE(test.store.get("alice", "resp_1"));
  test.store.put("bob", example_turn("resp_2"));
  EXPECT_LT(test.store.bytes(), 2000u);
}

TEST(ResponseStore, MakesRoomAtTheExpenseOfWhoHoldsMost) {
  StoreUnderTest test;
  test.store.put("alice", example_turn("resp_a", 20'000));
  for (int index = 0; index < 50; ++index) test.store.put("bob", example_turn("resp_" + std::to_string(index), 20'000));
  EXPECT_LE(test.store.bytes(), 100'000u);
  EXPECT_TRUE(test.store.get("alice", "resp_a"));
  EXPECT_TRUE(test.store.get("bob", "resp_49"));
  EXPECT_FALSE(test.store.get("bob", "resp_0"));
  test.store.put("bob", example_turn("resp_huge", 200'000));
  EXPECT_FALSE(test.store.get("bob", "resp_huge"));
}

TEST(ResponseStore, PagesThroughInput) {
  StoreUnderTest test;
  Json items = Json::array();
  for (int index = 0; index < 5; ++index) items.push_back({{"id", "msg_" + std::to_string(index)}});
  StoredResponse turn = example_turn("resp_1");
  turn.input = share(items);
  turn.before = {share(Json::array({{{"id", "msg_first"}}}))};
  test.store.put("alice", turn);
  const Json newest = stored_input_items(test.store, "alice", "resp_1", {.limit = 2}).value();
  EXPECT_EQ(newest["first_id"], "msg_4");
  EXPECT_EQ(newest["last_id"], "msg_3");
  EXPECT_EQ(newest["has_more"], true);
  const Json rest = stored_input_items(test.store, "alice", "resp_1", {.after = "msg_3"}).value();
  EXPECT_EQ(rest["data"].size(), 4u);
  EXPECT_EQ(rest["last_id"], "msg_first");
  EXPECT_EQ(rest["has_more"], false);
  EXPECT_EQ(stored_input_items(test.store, "alice", "resp_1", {.newest_first = false}).value()["first_id"],
            "msg_first");
  EXPECT_FALSE(stored_input_items(test.store, "alice", "resp_1", {.after = "nope"}));
  EXPECT_FALSE(stored_input_items(test.store, "alice", "resp_1", {.limit = 101}));
}

void expect_references_resolve(const Json& part, const Json& schemas) {
  if (part.is_object() && part.contains("$ref")) {
    const std::string name = part["$ref"].get<std::string>().substr(std::string("#/components/schemas/").size());
    EXPECT_TRUE(schemas.contains(name)) << name;
  }
  if (part.is_structured())
    for (const Json& inner : part) expect_references_resolve(inner, schemas);
}

TEST(OpenApi, DescribesTheRoutes) {
  const Json document = write_openapi("1.2.3", true, Json::parse(R"({"/health":{"get":{}}})"));
  EXPECT_EQ(document["openapi"], "3.1.0");
  EXPECT_EQ(document["info"]["version"], "1.2.3");
  for (const char* path :
       {"/health", "/v1/models", "/v1/chat/completions", "/v1/completions", "/v1/responses", "/v1/messages",
        "/v1/messages/count_tokens", "/tokenize", "/detokenize", "/v1/chat/completions/render", "/v1/load_lora_adapter",
        "/v1/unload_lora_adapter", "/v1/responses/{response_id}", "/v1/responses/{response_id}/input_items"})
    EXPECT_TRUE(document["paths"].contains(path)) << path;
  expect_references_resolve(document, document["components"]["schemas"]);
  EXPECT_TRUE(document["components"]["schemas"]["ChatRequest"]["properties"].contains("logit_bias"));
  EXPECT_EQ(document["security"].size(), 2u);
  EXPECT_EQ(write_openapi("1.2.3", false, Json::object())["security"].back(), Json::object()) << "none is good, too";
  for (const auto& [name, link] : document["paths"]["/v1/responses"]["post"]["responses"]["200"]["links"].items())
    EXPECT_TRUE(document.contains(Json::json_pointer(link["operationRef"].get<std::string>().substr(1)))) << name;
}

}  // namespace
}  // namespace paddock::server
