// SPDX-License-Identifier: Apache-2.0
// Where the time of a picture goes: reading it, cutting its tiles, and, for a JPEG, what libjpeg-turbo alone takes for
// its rows. Times are processor time of the thread, in milliseconds, one JSON object for each file. bench/images.py
// runs it beside Pillow.

#include <cstdio>

#include <jpeglib.h>  // needs <cstdio>
#include <time.h>

#include <algorithm>
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

#include "image/decode.h"
#include "image/tiles.h"

namespace {

using paddock::image::Limits;
using paddock::image::Picture;

double thread_milliseconds() {
  timespec now;
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) * 1e3 + static_cast<double>(now.tv_nsec) / 1e6;
}

template <typename Work>
std::vector<double> times(int rounds, Work&& work) {
  std::vector<double> milliseconds;
  for (int round = 0; round < rounds; ++round) {
    const double start = thread_milliseconds();
    work();
    milliseconds.push_back(thread_milliseconds() - start);
  }
  return milliseconds;
}

// The same settings, and rows that are thrown away. Ends the program where the file is no JPEG.
void read_rows_alone(const std::string& file) {
  jpeg_decompress_struct info;
  jpeg_error_mgr failure;
  info.err = jpeg_std_error(&failure);
  jpeg_create_decompress(&info);
  jpeg_mem_src(&info, reinterpret_cast<const unsigned char*>(file.data()), file.size());
  jpeg_read_header(&info, TRUE);
  info.out_color_space = JCS_RGB;
  jpeg_start_decompress(&info);
  std::vector<uint8_t> rows(info.output_width * size_t{3} * 16);
  JSAMPROW lines[16];
  for (size_t line = 0; line < 16; ++line) lines[line] = rows.data() + line * info.output_width * 3;
  while (info.output_scanline < info.output_height) jpeg_read_scanlines(&info, lines, 16);
  jpeg_finish_decompress(&info);
  jpeg_destroy_decompress(&info);
}

void print(const char* name, std::vector<double> milliseconds) {
  std::sort(milliseconds.begin(), milliseconds.end());
  std::printf(", \"%s\": {\"median\": %.3f, \"least\": %.3f, \"most\": %.3f}", name,
              milliseconds[milliseconds.size() / 2], milliseconds.front(), milliseconds.back());
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 3) {
    std::fprintf(stderr, "usage: %s ROUNDS PICTURE...\n", argv[0]);
    return 2;
  }
  const int rounds = std::max(std::atoi(argv[1]), 1);
  for (int i = 2; i < argc; ++i) {
    std::ifstream stream(argv[i], std::ios::binary);
    const std::string file{std::istreambuf_iterator<char>(stream), std::istreambuf_iterator<char>()};
    const auto bytes = std::as_bytes(std::span(file));
    const Limits limits{.bytes = size_t{1} << 30, .pixels = 1'000'000'000};
    const auto picture = paddock::image::decode(bytes, limits);
    if (!picture) {
      std::fprintf(stderr, "%s: %s\n", argv[i], picture.error().message.c_str());
      return 1;
    }
    std::printf("{\"width\": %ld, \"height\": %ld", picture->width, picture->height);
    if (file.starts_with("\xff\xd8")) print("library", times(rounds, [&] { read_rows_alone(file); }));
    print("decode", times(rounds, [&] { static_cast<void>(paddock::image::decode(bytes, limits)); }));
    print("tiles", times(rounds, [&] { static_cast<void>(paddock::image::cut_tiles(*picture, {})); }));
    std::printf("}\n");
    std::fflush(stdout);
  }
}
