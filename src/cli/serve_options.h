// SPDX-License-Identifier: Apache-2.0
#pragma once
// What `paddock serve` can be told: by options, by a TOML file, by the environment.

#include <optional>
#include <string>
#include <vector>

#include "cli/options.h"

namespace paddock::cli {

struct ServeOptions {
  std::vector<std::string> models;  // PATH or NAME=PATH
  ModelOptions model;               // of all of them
  Verbosity verbosity;
  bool verbosity_from_file = false;  // neither the command line nor the environment said it

  std::vector<std::string> adapters;           // NAME=PATH or MODEL:NAME=PATH
  std::string adapter_folder;                  // that clients may load from; empty: they may not
  uint64_t adapter_bytes = uint64_t{1} << 30;  // of each model's

  std::vector<std::string> listen = {"127.0.0.1:8080"};
  std::string tls_certificate, tls_key, tls_client_ca;
  std::vector<std::string> allowed_hosts, allowed_origins;
  std::optional<int64_t> context;
  int64_t sequences = 64;               // that have a place at once
  int64_t waiting = 256;                // that wait for one
  std::optional<uint64_t> cache_bytes;  // of each model
  double longest_step = 0.1;            // seconds
  bool no_prefix_sharing = false;
  std::string prefix_folder;                          // empty: none
  uint64_t prefix_folder_bytes = uint64_t{16} << 30;  // of each model
  int64_t speculate = 0;                              // tokens of a draft at most
  uint64_t body_bytes = 32 << 20;
  int64_t connections = 1024;
  int64_t connections_per_address = 256;
  int64_t write_time = 30;  // seconds
  uint64_t stored_bytes = 256 << 20;
  int64_t grace = 30;                    // seconds
  std::vector<std::string> image_hosts;  // that pictures are fetched from
  std::string keys;                      // database
  std::string audit;                     // folder
  std::string audit_content = "none", audit_full_disk = "refuse", log_format = "text";
  std::string config;
  bool print_config = false;
};

void add_serve_options(CLI::App& command, ServeOptions* options);

}  // namespace paddock::cli
