// SPDX-License-Identifier: Apache-2.0
#pragma once
// A machine that passes everything on to another and notes how long its operations take.

#include <map>
#include <string>
#include <string_view>
#include <utility>

#include "base/clock.h"
#include "kernels/contracts/machine.h"

namespace paddock::kernels {

class ProfiledMachine : public Machine {
 public:
  // `machine` must outlive it.
  explicit ProfiledMachine(Machine* machine) : machine_(*machine) {}

  // Seconds of each operation since the last call.
  std::map<std::string, double> take_seconds() { return std::exchange(seconds_, {}); }

  std::string_view name() const override { return machine_.name(); }
  int threads() const override { return machine_.threads(); }
  std::string path_of(tensor::DType dtype) const override { return machine_.path_of(dtype); }
  Arithmetic arithmetic_of(tensor::DType dtype) const override { return machine_.arithmetic_of(dtype); }
  size_t private_bytes(const StepShape& step) const override { return machine_.private_bytes(step); }
  Result<Buffer> allocate(size_t bytes) override { return machine_.allocate(bytes); }
  Result<Address> adopt(std::span<const std::byte> mapped) override { return machine_.adopt(mapped); }
  void read(Address from, std::span<std::byte> to) override { machine_.read(from, to); }
  void write(std::span<const std::byte> from, Address to) override { machine_.write(from, to); }

  void embed(const Embed& op) override { timed("embed", &Machine::embed, op); }
  void rms_norm(const RmsNorm& op) override { timed("rms_norm", &Machine::rms_norm, op); }
  void head_norm(const HeadNorm& op) override { timed("head_norm", &Machine::head_norm, op); }
  void project(const Project& op) override { timed("project", &Machine::project, op); }
  void project_qkv(const ProjectQkv& op) override { timed("project_qkv", &Machine::project_qkv, op); }
  void rotate(const Rotate& op) override { timed("rotate", &Machine::rotate, op); }
  void scale_queries(const ScaleQueries& op) override { timed("scale_queries", &Machine::scale_queries, op); }
  void append_kv(const AppendKv& op) override { timed("append_kv", &Machine::append_kv, op); }
  void attend(const Attend& op) override { timed("attend", &Machine::attend, op); }
  void mlp(const Mlp& op) override { timed("mlp", &Machine::mlp, op); }
  void route(const Route& op) override { timed("route", &Machine::route, op); }
  void experts(const Experts& op) override { timed("experts", &Machine::experts, op); }
  void logits(const Logits& op) override { timed("logits", &Machine::logits, op); }
  void add_low_rank(const AddLowRank& op) override { timed("add_low_rank", &Machine::add_low_rank, op); }
  void add_table(const AddTable& op) override { timed("add_table", &Machine::add_table, op); }
  void layer_norm(const LayerNorm& op) override { timed("layer_norm", &Machine::layer_norm, op); }
  void linear(const Linear& op) override { timed("linear", &Machine::linear, op); }
  void attend_tiles(const AttendTiles& op) override { timed("attend_tiles", &Machine::attend_tiles, op); }
  void pixel_shuffle(const PixelShuffle& op) override { timed("pixel_shuffle", &Machine::pixel_shuffle, op); }
  size_t tile_private_bytes(int64_t inputs, int64_t head_width, int64_t tile_rows) const override {
    return machine_.tile_private_bytes(inputs, head_width, tile_rows);
  }

 private:
  template <typename Op>
  void timed(const char* name, void (Machine::*operation)(const Op&), const Op& op) {
    const Stopwatch watch;
    (machine_.*operation)(op);
    seconds_[name] += watch.seconds();
  }

  Machine& machine_;
  std::map<std::string, double> seconds_;
};

}  // namespace paddock::kernels
