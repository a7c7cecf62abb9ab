// SPDX-License-Identifier: Apache-2.0
#pragma once
// Where the time of a step goes: by kind of layer and operation.

#include <map>
#include <string>

#include "kernels/profile/profiled_machine.h"
#include "llama4/forward.h"

namespace paddock::cli {

class Profile : public llama4::Observer {
 public:
  Profile(const llama4::Config& config, kernels::ProfiledMachine* machine) : config_(config), machine_(*machine) {}

  void hidden(int layer, const kernels::Rows& x_TD) override;
  void routed(int, const kernels::Routing&) override {}

  // What the machine does between pause() and resume() does not count.
  void resume() { machine_.take_seconds(); }
  void pause() { add_to("head"); }
  // Seconds by kind of layer ("global moe", "local dense", "embedding", "head") and operation.
  std::map<std::string, std::map<std::string, double>> take();

 private:
  void add_to(const std::string& kind);

  const llama4::Config& config_;
  kernels::ProfiledMachine& machine_;
  std::map<std::string, std::map<std::string, double>> seconds_;
};

}  // namespace paddock::cli
