#include "control/console/console.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <regex>
#include <set>
#include <string>
#include <vector>

namespace carillon::control {
namespace {

std::string text_of(const std::string& path) {
  const ConsoleFile* file = console_file(path);
  EXPECT_NE(file, nullptr) << path;
  return file == nullptr ? std::string() : std::string(file->body);
}

// Every match's first group.
std::set<std::string> found(const std::string& text, const char* pattern) {
  const std::regex wanted(pattern);
  std::set<std::string> out;
  for (std::sregex_iterator at(text.begin(), text.end(), wanted), end; at != end; ++at) out.insert((*at)[1].str());
  return out;
}

// The scripts of a page: the one it names and what that imports, all the way down.
std::set<std::string> scripts_of(const std::string& page) {
  std::set<std::string> scripts = found(text_of(page), "src=\"(/console/[^\"]+\\.js)\"");
  for (std::vector<std::string> open(scripts.begin(), scripts.end()); !open.empty();) {
    const std::string script = open.back();
    open.pop_back();
    for (const auto& name : found(text_of(script), "from '\\./([^']+)'"))
      if (scripts.insert("/console/" + name).second) open.push_back("/console/" + name);
  }
  return scripts;
}

TEST(Console, EveryFileThatAPageLoadsIsThere) {
  for (const char* page : {"/", "/agent"}) {
    const ConsoleFile* file = console_file(page);
    ASSERT_NE(file, nullptr);
    EXPECT_EQ(file->content_type, "text/html; charset=utf-8");
    EXPECT_TRUE(file->body.starts_with("<!doctype html>"));
    const auto loads = found(std::string(file->body), "(?:src|href)=\"(/console/[^\"]+)\"");
    EXPECT_EQ(loads.size(), 3u);  // icon, style sheet, script
    for (const auto& path : loads) EXPECT_NE(console_file(path), nullptr) << path;
    EXPECT_GE(scripts_of(page).size(), 3u);
  }
  EXPECT_EQ(console_file("/console/icon.svg")->content_type, "image/svg+xml");
}

TEST(Console, ScriptsFindTheElementsTheyAskFor) {
  for (const auto& [page, shared] : {std::pair{"/", "/agent"}, {"/agent", "/"}}) {
    const std::string html = text_of(page);
    const auto others = scripts_of(shared);
    std::size_t count = 0;
    for (const auto& script : scripts_of(page)) {
      if (others.contains(script)) continue;
      for (const auto& id : found(text_of(script), "(?:find|say|tell|onSubmit)\\('([a-z_]+)'[,)]")) {
        EXPECT_NE(html.find("id=\"" + id + "\""), std::string::npos) << script << " asks for " << id;
        ++count;
      }
    }
    EXPECT_GT(count, 15u) << page;
  }
}

// Lead names and SIP headers reach these pages: they may only ever become text. What the policy forbids (inline
// scripts, handlers and styles) would fail in silence.
TEST(Console, NoScriptWritesMarkupAndNoMarkupRunsScript) {
  for (const char* page : {"/", "/agent"}) {
    for (const auto& script : scripts_of(page)) {
      const std::string code = text_of(script);
      for (const char* danger : {"innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "eval(", "srcdoc"})
        EXPECT_EQ(code.find(danger), std::string::npos) << script << ": " << danger;
    }
    EXPECT_TRUE(found(text_of(page), "(\\son[a-z]+=|\\sstyle=|<script>|<style)").empty()) << page;
  }
}

TEST(Console, AnyOtherPathIsNothing) {
  EXPECT_EQ(console_file("/console/../main.cpp"), nullptr);
  EXPECT_EQ(console_file(""), nullptr);
  EXPECT_EQ(console_file("/console/nothing.js"), nullptr);
}

}  // namespace
}  // namespace carillon::control
