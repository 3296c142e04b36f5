#include "control/console/console.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <regex>
#include <string>

namespace carillon::control {
namespace {

TEST(Console, EveryFileThatAPageLoadsIsThere) {
  for (const char* page : {"/", "/agent"}) {
    const ConsoleFile* file = console_file(page);
    ASSERT_NE(file, nullptr);
    EXPECT_EQ(file->content_type, "text/html; charset=utf-8");
    const std::string body(file->body);
    EXPECT_TRUE(body.starts_with("<!doctype html>"));
    const std::regex load("(?:src|href)=\"(/console/[^\"]+)\"");
    int loads = 0;
    for (std::sregex_iterator at(body.begin(), body.end(), load), end; at != end; ++at, ++loads)
      EXPECT_NE(console_file((*at)[1].str()), nullptr) << (*at)[1];
    EXPECT_GE(loads, 2);
  }
}

TEST(Console, ScriptsFindTheElementsTheyAskFor) {
  for (const auto& [page, script] : {std::pair{"/", "/console/manager.js"}, {"/agent", "/console/agent.js"}}) {
    const std::string html(console_file(page)->body), code(console_file(script)->body);
    const std::regex asked("(?:find|say)\\('([a-z_]+)'");
    int count = 0;
    for (std::sregex_iterator at(code.begin(), code.end(), asked), end; at != end; ++at, ++count)
      EXPECT_NE(html.find("id=\"" + (*at)[1].str() + "\""), std::string::npos) << script << " asks for " << (*at)[1];
    EXPECT_GT(count, 5);
  }
}

// Lead names and SIP headers reach these pages: they may only ever become text.
TEST(Console, NoScriptWritesMarkup) {
  for (const char* path : {"/console/manager.js", "/console/agent.js", "/console/api.js", "/console/chart.js"}) {
    const std::string code(console_file(path)->body);
    for (const char* danger : {"innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "eval("})
      EXPECT_EQ(code.find(danger), std::string::npos) << path << ": " << danger;
  }
}

TEST(Console, AnyOtherPathIsNothing) {
  EXPECT_EQ(console_file("/console/../main.cpp"), nullptr);
  EXPECT_EQ(console_file(""), nullptr);
  EXPECT_EQ(console_file("/console/nothing.js"), nullptr);
}

}  // namespace
}  // namespace carillon::control
