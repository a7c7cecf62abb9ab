// SPDX-License-Identifier: Apache-2.0
#include "server/web/web_files.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <regex>
#include <set>
#include <string>

namespace paddock::web {
namespace {

using testing::HasSubstr;
using testing::Not;

TEST(WebFiles, AreFoundByTheirExactPath) {
  const WebFile* page = find_web_file("/");
  ASSERT_NE(page, nullptr);
  EXPECT_THAT(std::string(page->content), testing::StartsWith("<!doctype html>"));
  EXPECT_EQ(page->content_type, "text/html; charset=utf-8");
  ASSERT_NE(find_web_file("/status"), nullptr);
  for (const char* path : {"", "/web", "/web/", "/web/app", "/web/../web/app.js", "//", "/status/", "/index.html"})
    EXPECT_EQ(find_web_file(path), nullptr) << path;
}

TEST(WebFiles, AreWholeAndTagged) {
  std::set<std::string_view> tags;
  for (const WebFile& file : web_files()) {
    EXPECT_EQ(find_web_file(file.path), &file);
    EXPECT_FALSE(file.content.empty()) << file.path;
    EXPECT_TRUE(std::regex_match(std::string(file.etag), std::regex("\"[0-9a-f]{16}\""))) << file.etag;
    EXPECT_NE(file.etag, file.gzip_etag);
    tags.insert(file.etag);
    if (file.gzip.empty()) continue;
    EXPECT_EQ(file.gzip.substr(0, 2), "\x1f\x8b") << file.path;
    EXPECT_LT(file.gzip.size(), file.content.size()) << file.path;
  }
  EXPECT_EQ(tags.size(), web_files().size());
}

// What a page names is there, and nothing comes from elsewhere or is written into the page itself.
TEST(WebFiles, PagesKeepToThisServer) {
  for (const WebFile& file : web_files()) {
    const std::string content(file.content);
    if (file.content_type.starts_with("text/html")) {
      const std::regex reference(R"re((?:src|href)="(/[^"]*)")re");
      for (std::sregex_iterator found(content.begin(), content.end(), reference), end; found != end; ++found)
        EXPECT_NE(find_web_file((*found)[1].str()), nullptr) << file.path << ": " << (*found)[1];
      EXPECT_FALSE(std::regex_search(content, std::regex("<script>|<style| style=| on[a-z]+=")));
    }
    if (file.path.starts_with("/web/lib/")) continue;
    const std::regex import(R"re((?:from|import) '\./([^']*)')re");
    for (std::sregex_iterator found(content.begin(), content.end(), import), end; found != end; ++found)
      EXPECT_NE(find_web_file("/web/" + (*found)[1].str()), nullptr) << file.path << ": " << (*found)[1];
    EXPECT_THAT(content, Not(HasSubstr("innerHTML"))) << file.path;
  }
}

TEST(WebFiles, HeadersForbidEverythingElse) {
  std::string policy;
  for (const WebHeader& header : web_headers())
    if (header.name == "Content-Security-Policy") policy = header.value;
  EXPECT_THAT(policy, HasSubstr("default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src "
                                "'self' data: blob:; "));
  EXPECT_THAT(policy, Not(HasSubstr("unsafe")));
}

}  // namespace
}  // namespace paddock::web
