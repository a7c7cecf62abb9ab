// SPDX-License-Identifier: Apache-2.0
#include "cli/line_reader.h"

#include <histedit.h>
#include <langinfo.h>
#include <signal.h>
#include <unistd.h>

#include <cerrno>
#include <clocale>
#include <cstdio>
#include <cstring>
#include <system_error>
#include <utility>

#include "base/utf8.h"
#include "cli/console.h"

namespace paddock::cli {
namespace {

constexpr int kHistoryLines = 1000;

// The editor counts characters by the locale; containers often have none that knows UTF-8.
void use_utf8_characters() {
  std::setlocale(LC_CTYPE, "");
  if (std::strcmp(::nl_langinfo(CODESET), "UTF-8") != 0) std::setlocale(LC_CTYPE, "C.UTF-8");
}

class EditedLines : public LineReader {
 public:
  explicit EditedLines(std::filesystem::path history_file) : history_file_(std::move(history_file)) {
    use_utf8_characters();
    editor_ = ::el_init("paddock", stdin, stderr_is_terminal() ? stderr : stdout, stderr);
    history_ = ::history_init();
    ::el_set(editor_, EL_CLIENTDATA, this);
    ::el_set(editor_, EL_PROMPT, prompt_of);
    ::el_set(editor_, EL_EDITOR, "emacs");
    ::el_set(editor_, EL_SIGNAL, 1);
    ::el_set(editor_, EL_HIST, ::history, history_);
    // While a line is edited Ctrl-C and Ctrl-Z are keys like any other: one starts the line over, one stops the
    // program.
    ::el_set(editor_, EL_SETTY, "-d", "-isig", nullptr);
    ::el_set(editor_, EL_ADDFN, "paddock-clear", "starts the line over", clear_line);
    ::el_set(editor_, EL_BIND, "^C", "paddock-clear", nullptr);
    ::el_set(editor_, EL_ADDFN, "paddock-suspend", "stops the program", suspend);
    ::el_set(editor_, EL_BIND, "^Z", "paddock-suspend", nullptr);
    // A Ctrl-D typed while the model answers arrives as a zero, which must not quote the key after it.
    ::el_set(editor_, EL_BIND, "^@", "em-set-mark", nullptr);
    ::el_set(editor_, EL_BIND, "^R", "em-inc-search-prev", nullptr);
    ::el_source(editor_, nullptr);  // the person's own ~/.editrc comes last
    HistEvent event;
    ::history(history_, &event, H_SETSIZE, kHistoryLines);
    ::history(history_, &event, H_SETUNIQUE, 1);
    if (!history_file_.empty()) ::history(history_, &event, H_LOAD, history_file_.c_str());
  }
  ~EditedLines() override {
    ::el_end(editor_);
    ::history_end(history_);
  }
  EditedLines(const EditedLines&) = delete;
  EditedLines& operator=(const EditedLines&) = delete;

  Line read(const std::string& prompt) override {
    prompt_ = prompt;
    was_cleared_ = false;
    int length = 0;
    // The editor itself leaves the terminal as it was until the prompt is out: a Ctrl-C or Ctrl-D that comes just
    // then would be the kernel's.
    ::el_set(editor_, EL_PREP_TERM, 1);
    const char* typed = ::el_gets(editor_, &length);
    if (was_cleared_) {
      note_line("^C");
      return {Line::Kind::kCleared, ""};
    }
    if (typed == nullptr || length <= 0) return {Line::Kind::kEnd, ""};
    std::string text(typed, static_cast<size_t>(length));
    while (!text.empty() && (text.back() == '\n' || text.back() == '\r')) text.pop_back();
    remember(text);
    return {Line::Kind::kText, replace_invalid_utf8(text)};
  }

 private:
  static EditedLines& self(EditLine* editor) {
    void* data = nullptr;
    ::el_get(editor, EL_CLIENTDATA, &data);
    return *static_cast<EditedLines*>(data);
  }
  static char* prompt_of(EditLine* editor) { return self(editor).prompt_.data(); }
  static unsigned char clear_line(EditLine* editor, int) {
    self(editor).was_cleared_ = true;
    return CC_NEWLINE;
  }

  static unsigned char suspend(EditLine*, int) {
    ::raise(SIGTSTP);  // the editor's own handler sees to the terminal
    return CC_REFRESH;
  }

  void remember(const std::string& text) {
    if (text.find_first_not_of(" \t") == std::string::npos) return;
    HistEvent event;
    ::history(history_, &event, H_ENTER, text.c_str());
    if (!history_file_.empty()) ::history(history_, &event, H_SAVE, history_file_.c_str());
  }

  std::filesystem::path history_file_;
  EditLine* editor_;
  History* history_;
  std::string prompt_;
  bool was_cleared_ = false;
};

class PlainLines : public LineReader {
 public:
  Line read(const std::string&) override {
    size_t newline;
    while ((newline = pending_.find('\n')) == std::string::npos) {
      char buffer[4096];
      const ssize_t count = ::read(STDIN_FILENO, buffer, sizeof(buffer));
      if (count > 0) {
        pending_.append(buffer, static_cast<size_t>(count));
        continue;
      }
      // An interrupt while nothing is being answered ends the input, as does everything else.
      if (pending_.empty() || count < 0) return {Line::Kind::kEnd, ""};
      newline = pending_.size();  // the last line has no newline
      break;
    }
    std::string text = pending_.substr(0, newline);
    pending_.erase(0, newline + 1);
    if (!text.empty() && text.back() == '\r') text.pop_back();
    return {Line::Kind::kText, replace_invalid_utf8(text)};
  }

 private:
  std::string pending_;
};

}  // namespace

std::unique_ptr<LineReader> make_line_reader(const std::filesystem::path& history_file) {
  if (!stdin_is_terminal()) return std::make_unique<PlainLines>();
  return std::make_unique<EditedLines>(history_file);
}

}  // namespace paddock::cli
