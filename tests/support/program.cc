// SPDX-License-Identifier: Apache-2.0
#include "tests/support/program.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <cstdlib>
#include <fstream>
#include <nlohmann/json.hpp>

#include "base/json.h"

namespace paddock::test {
namespace {

constexpr int kPatienceMs = 120'000;  // sanitized builds on a busy machine are slow

void close_once(int* descriptor) {
  if (*descriptor >= 0) ::close(*descriptor);
  *descriptor = -1;
}

}  // namespace

Program::Program(const Arguments& arguments, const Environment& environment, void (*restrict_child)()) {
  ::signal(SIGPIPE, SIG_IGN);  // a program that ends before it has read its input must not end the test
  std::string path = std::string(PADDOCK_BINARY_DIR) + "/paddock";
  std::vector<char*> argv = {path.data()};
  for (const std::string& argument : arguments) argv.push_back(const_cast<char*>(argument.c_str()));
  argv.push_back(nullptr);

  int in[2], out[2], err[2];
  EXPECT_EQ(::pipe2(in, O_CLOEXEC) | ::pipe2(out, O_CLOEXEC) | ::pipe2(err, O_CLOEXEC), 0);
  // A page: a program that writes much waits for its reader, as a test that interrupts it needs.
  ::fcntl(out[1], F_SETPIPE_SZ, 4096);
  process_ = ::fork();
  if (process_ == 0) {
    ::dup2(in[0], STDIN_FILENO);
    ::dup2(out[1], STDOUT_FILENO);
    ::dup2(err[1], STDERR_FILENO);
    ::signal(SIGPIPE, SIG_DFL);
    for (const auto& [name, value] : environment) ::setenv(name.c_str(), value.c_str(), 1);
    if (restrict_child != nullptr) restrict_child();
    ::execv(path.c_str(), argv.data());
    ::_exit(127);
  }
  ::close(in[0]), ::close(out[1]), ::close(err[1]);
  input_ = in[1], output_ = out[0], error_ = err[0];
}

Program::~Program() {
  close_once(&input_), close_once(&output_), close_once(&error_);
  if (process_ <= 0) return;
  ::kill(process_, SIGKILL);
  ::waitpid(process_, nullptr, 0);
}

void Program::write(const std::string& input) {
  EXPECT_EQ(::write(input_, input.data(), input.size()), static_cast<ssize_t>(input.size()));
}
void Program::close_input() { close_once(&input_); }
void Program::close_output() { close_once(&output_); }
void Program::send_signal(int signal) { kill(process_, signal); }

void Program::interrupt() { ::kill(process_, SIGINT); }

// False when nothing came in time or both streams are at their end.
bool Program::read_some(int timeout_ms) {
  pollfd waits[] = {{output_, POLLIN, 0}, {error_, POLLIN, 0}};
  if (output_ < 0 && error_ < 0) return false;
  if (::poll(waits, 2, timeout_ms) <= 0) return false;
  for (auto [wait, descriptor, text] : {std::tuple(&waits[0], &output_, &ran_.out), {&waits[1], &error_, &ran_.err}}) {
    if (wait->revents == 0) continue;
    char buffer[1 << 14];
    const ssize_t count = ::read(*descriptor, buffer, sizeof(buffer));
    if (count > 0)
      text->append(buffer, static_cast<size_t>(count));
    else
      close_once(descriptor);
  }
  return true;
}

bool Program::wait_for_output(const std::string& text) {
  while (ran_.out.find(text) == std::string::npos)
    if (!read_some(kPatienceMs)) return false;
  return true;
}
bool Program::wait_for_first_output() {
  while (ran_.out.empty())
    if (!read_some(kPatienceMs)) return false;
  return true;
}
bool Program::wait_for_error(const std::string& text, size_t begin) {
  while (ran_.err.find(text, begin) == std::string::npos)
    if (!read_some(kPatienceMs)) return false;
  return true;
}

Ran Program::finish() {
  close_input();
  const auto start = std::chrono::steady_clock::now();
  while (read_some(kPatienceMs)) {
    if (std::chrono::steady_clock::now() - start < std::chrono::milliseconds(kPatienceMs)) continue;
    ADD_FAILURE() << "the program does not end";
    ::kill(process_, SIGKILL);
  }
  int status = 0;
  ::waitpid(std::exchange(process_, -1), &status, 0);
  ran_.status = WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
  return ran_;
}

Ran run_program(const Arguments& arguments, const std::string& input, const Environment& environment,
                void (*restrict_child)()) {
  Program program(arguments, environment, restrict_child);
  if (!input.empty()) program.write(input);
  return program.finish();
}

Json run_json(const Arguments& arguments, const std::string& input) {
  const Ran ran = run_program(arguments, input);
  EXPECT_EQ(ran.status, 0) << ran.err;
  auto json = parse_json(ran.out, "standard output");
  if (!json) ADD_FAILURE() << json.error().message << "\n" << ran.err;
  return json ? *json : Json();
}

ScratchFolder::ScratchFolder() {
  std::string name = (std::filesystem::temp_directory_path() / "paddock-test-XXXXXX").string();
  EXPECT_NE(::mkdtemp(name.data()), nullptr);
  folder_ = name;
}
ScratchFolder::~ScratchFolder() {
  std::error_code ignored;
  std::filesystem::remove_all(folder_, ignored);
}

std::string ScratchFolder::write(const std::string& name, const std::string& content) const {
  std::ofstream(folder_ / name, std::ios::binary) << content;
  return path(name);
}

}  // namespace paddock::test
