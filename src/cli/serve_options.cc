// SPDX-License-Identifier: Apache-2.0
#include "cli/serve_options.h"

#include <CLI/CLI.hpp>

namespace paddock::cli {
namespace {

// --audit-content is PADDOCK_SERVE_AUDIT_CONTENT.
std::string variable_of(const CLI::Option& option) {
  std::string name = "PADDOCK_SERVE_" + option.get_lnames().front();
  for (char& letter : name)
    letter = letter == '-' ? '_' : static_cast<char>(std::toupper(static_cast<unsigned char>(letter)));
  return name;
}

}  // namespace

void add_serve_options(CLI::App& command, ServeOptions* options) {
  command.add_option("--model,MODEL", options->models,
                     "checkpoints to serve: a GGUF file, a safetensors file or its folder, each as PATH or NAME=PATH; "
                     "otherwise the default model");
  command
      .add_option(
          "--adapter", options->adapters,
          "a PEFT adapter that requests name as their model, as NAME=FOLDER, or MODEL:NAME=FOLDER where several "
          "models are served; repeat")
      ->allow_extra_args(false);
  command.add_option("--adapter-folder", options->adapter_folder,
                     "folder that keys of scope admin may load adapters from while the server runs; otherwise none");
  command
      .add_option("--adapter-bytes", options->adapter_bytes,
                  "memory for the adapters of each model, with K, M or G for powers of 1024")
      ->transform(CLI::AsSizeValue(false))
      ->check(CLI::Range(uint64_t{1}, uint64_t{1} << 50))
      ->capture_default_str();
  command.add_option("--listen", options->listen, "addresses: HOST:PORT, [::1]:PORT or unix:PATH")
      ->capture_default_str();
  command.add_option("--tls-certificate", options->tls_certificate, "certificate chain, PEM; read again at SIGHUP");
  command.add_option("--tls-key", options->tls_key, "its private key, PEM");
  command.add_option("--tls-client-ca", options->tls_client_ca,
                     "clients must have a certificate that this one signed, PEM");
  command.add_option("--allowed-host", options->allowed_hosts,
                     "a name that requests may be sent to, besides localhost");
  command.add_option("--allowed-origin", options->allowed_origins, "web pages that may call: https://app.example");
  command
      .add_option("--context", options->context,
                  "positions of the longest conversation; otherwise 32768 or the checkpoint's limit")
      ->check(CLI::Range(int64_t{1}, int64_t{1} << 40));
  command.add_option("--sequences", options->sequences, "answers that are computed at once")
      ->check(CLI::Range(1, 4096))
      ->capture_default_str();
  command
      .add_option("--waiting", options->waiting, "requests that wait for a place at most; more are told to come again")
      ->check(CLI::Range(int64_t{1}, int64_t{1} << 20))
      ->capture_default_str();
  command.add_option("--cache-bytes", options->cache_bytes,
                     "for keys and values of each model; otherwise half of what is left of the memory, as far as "
                     "--sequences can use it");
  command
      .add_option(
          "--longest-step", options->longest_step,
          "seconds that a step with answers may take when prompts come in; more only up to twice what it takes without")
      ->check(CLI::Range(0.0, 3600.0))
      ->capture_default_str();
  command.add_flag("--no-prefix-sharing", options->no_prefix_sharing, "compute every prompt anew");
  command.add_option("--prefix-folder", options->prefix_folder,
                     "folder where computed beginnings of prompts outlive the server; otherwise they do not");
  command
      .add_option("--prefix-folder-bytes", options->prefix_folder_bytes,
                  "of its files for each model; those that served least recently are removed")
      ->check(CLI::Range(uint64_t{1} << 20, uint64_t{1} << 50))
      ->capture_default_str();
  add_speculate_option(command, &options->speculate);
  command.add_option("--body-bytes", options->body_bytes, "of a request at most")
      ->check(CLI::Range(uint64_t{1024}, uint64_t{1} << 32))
      ->capture_default_str();
  command.add_option("--connections", options->connections, "open at once")
      ->check(CLI::Range(int64_t{1}, int64_t{1} << 20))
      ->capture_default_str();
  command
      .add_option("--connections-per-address", options->connections_per_address,
                  "of these from one address at most; behind a proxy, all have its address")
      ->check(CLI::Range(int64_t{1}, int64_t{1} << 20))
      ->capture_default_str();
  command
      .add_option("--write-time", options->write_time,
                  "seconds that a client may take for each 64 KiB of an answer; slower ones are cut off")
      ->check(CLI::Range(int64_t{1}, int64_t{3600}))
      ->capture_default_str();
  command
      .add_option("--stored-bytes", options->stored_bytes,
                  "memory for responses that clients ask to keep; the oldest go first")
      ->check(CLI::Range(uint64_t{1024}, uint64_t{1} << 40))
      ->capture_default_str();
  command.add_option("--grace", options->grace, "seconds that answers may go on after SIGTERM")
      ->check(CLI::Range(int64_t{0}, int64_t{86400}))
      ->capture_default_str();
  command.add_option("--keys", options->keys, "database of keys (paddock keys --database); otherwise the user's own");
  command.add_option("--audit", options->audit, "folder of the audit trail; otherwise none is kept");
  command.add_option("--audit-content", options->audit_content, "what it keeps of prompts and answers")
      ->check(CLI::IsMember({"none", "hash", "full"}))
      ->capture_default_str();
  command
      .add_option("--audit-full-disk", options->audit_full_disk, "what happens to requests when it cannot be written")
      ->check(CLI::IsMember({"refuse", "continue"}))
      ->capture_default_str();
  command.add_option("--log-format", options->log_format, "of the line that each request leaves on standard error")
      ->check(CLI::IsMember({"text", "json", "none"}))
      ->capture_default_str();
  add_model_options(command, &options->model);
  add_vision_options(command, &options->model.vision);
  command.add_option("--image-host", options->image_hosts,
                     "a host that pictures are fetched from when a request names their address, as images.example.com, "
                     "*.example.com or HOST:PORT; none: nothing is fetched");
  command
      .add_option("--image-fetch-time", options->model.vision.limits.fetch_time,
                  "seconds in which the pictures that a request names by address have to come")
      ->check(CLI::Range(0.001, 3600.0))
      ->capture_default_str();
  add_verbosity(command, &options->verbosity);
  for (CLI::Option* option : command.get_options())
    if (!option->get_lnames().empty() && option->get_lnames().front() != "help") option->envname(variable_of(*option));
  command
      .add_option("--config", options->config,
                  "a TOML file with any of these options by their names: listen = [\"127.0.0.1:8080\"]")
      ->envname("PADDOCK_SERVE_CONFIG")
      ->configurable(false);
  command.add_flag("--print-config", options->print_config, "print all of them as such a file, and end")
      ->configurable(false);
}

}  // namespace paddock::cli
