// SPDX-License-Identifier: Apache-2.0
#include "train/jobs/chart.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <optional>

namespace paddock::train {
namespace {

// In pixels.
constexpr double kWidth = 860, kPanelHeight = 190, kLeft = 70, kRight = 150, kTop = 44, kGap = 46, kBottom = 46;
constexpr size_t kMostPoints = 1500;  // of a curve; more are means of neighbours
// Told apart by people who do not see all colours (Okabe and Ito).
constexpr std::array kColours = {"#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9"};

struct Range {
  double low = 0, high = 1;
  double at(double value) const { return (value - low) / (high - low); }
};

std::string escaped(const std::string& text) {
  std::string safe;
  for (const char letter : text) {
    if (letter == '<')
      safe += "&lt;";
    else if (letter == '>')
      safe += "&gt;";
    else if (letter == '&')
      safe += "&amp;";
    else if (static_cast<unsigned char>(letter) >= 0x20)
      safe += letter;
  }
  return safe;
}

std::vector<Point> thinned(const Curve& curve) {
  std::vector<Point> finite;
  for (const Point& point : curve.points)
    if (std::isfinite(point.x) && std::isfinite(point.y)) finite.push_back(point);
  const size_t each = finite.size() / kMostPoints + 1;
  if (each == 1) return finite;
  std::vector<Point> means;
  for (size_t begin = 0; begin < finite.size(); begin += each) {
    const size_t count = std::min(each, finite.size() - begin);
    Point mean;
    for (size_t index = begin; index < begin + count; ++index) {
      mean.x += finite[index].x / static_cast<double>(count);
      mean.y += finite[index].y / static_cast<double>(count);
    }
    means.push_back(mean);
  }
  return means;
}

template <typename Get>
Range range_of(const std::vector<std::vector<Point>>& curves, const Get& get) {
  std::optional<Range> range;
  for (const std::vector<Point>& points : curves)
    for (const Point& point : points) {
      if (!range) range = Range{get(point), get(point)};
      range->low = std::min(range->low, get(point));
      range->high = std::max(range->high, get(point));
    }
  if (!range) return {};
  if (range->low == range->high) return {range->low - 0.5, range->high + 0.5};
  return *range;
}

// A step of 1, 2 or 5 times a power of ten that gives about five marks.
double step_of(const Range& range) {
  const double rough = (range.high - range.low) / 5, power = std::pow(10, std::floor(std::log10(rough)));
  for (const double factor : {1.0, 2.0, 5.0})
    if (factor * power >= rough) return factor * power;
  return 10 * power;
}

std::string number(double value) { return fmt::format("{:.4g}", std::abs(value) < 1e-300 ? 0.0 : value); }

class PanelDrawing {
 public:
  PanelDrawing(const Panel& panel, const Range& x, double top) : panel_(panel), x_(x), top_(top) {
    for (const Curve& curve : panel.curves) curves_.push_back(thinned(curve));
    y_ = range_of(curves_, [](const Point& point) { return point.y; });
  }

  std::string draw() {
    text(kLeft, top_ - 8, panel_.title, "start", "font-weight=\"bold\"");
    marks();
    for (size_t index = 0; index < curves_.size(); ++index) curve(index);
    return svg_;
  }

 private:
  double left(double x) const { return kLeft + x_.at(x) * (kWidth - kLeft - kRight); }
  double down(double y) const { return top_ + (1 - y_.at(y)) * kPanelHeight; }

  void text(double x, double y, const std::string& said, const char* anchor, const char* more = "") {
    svg_ += fmt::format("<text x=\"{:.1f}\" y=\"{:.1f}\" text-anchor=\"{}\" {}>{}</text>\n", x, y, anchor, more,
                        escaped(said));
  }
  void line(double x1, double y1, double x2, double y2) {
    svg_ += fmt::format("<line x1=\"{:.1f}\" y1=\"{:.1f}\" x2=\"{:.1f}\" y2=\"{:.1f}\" stroke=\"#ddd\"/>\n", x1, y1, x2,
                        y2);
  }

  void marks() {
    const double right = kWidth - kRight, bottom = top_ + kPanelHeight;
    for (double y = std::ceil(y_.low / step_of(y_)) * step_of(y_); y <= y_.high; y += step_of(y_)) {
      line(kLeft, down(y), right, down(y));
      text(kLeft - 6, down(y) + 4, number(y), "end");
    }
    for (double x = std::ceil(x_.low / step_of(x_)) * step_of(x_); x <= x_.high; x += step_of(x_)) {
      line(left(x), top_, left(x), bottom);
      text(left(x), bottom + 16, number(x), "middle");
    }
  }

  void curve(size_t index) {
    const Curve& curve = panel_.curves[index];
    const char* colour = kColours[index % kColours.size()];
    std::string points;
    for (const Point& point : curves_[index]) points += fmt::format("{:.1f},{:.1f} ", left(point.x), down(point.y));
    svg_ += fmt::format("<polyline fill=\"none\" stroke=\"{}\" stroke-width=\"{}\" opacity=\"{}\" points=\"{}\"/>\n",
                        colour, curve.is_faint || curve.is_dotted ? 1 : 2, curve.is_faint ? 0.35 : 1, points);
    if (curve.is_dotted)
      for (const Point& point : curves_[index])
        svg_ += fmt::format("<circle cx=\"{:.1f}\" cy=\"{:.1f}\" r=\"3\" fill=\"{}\"/>\n", left(point.x), down(point.y),
                            colour);
    const double y = top_ + 12 + 18 * static_cast<double>(index);
    svg_ += fmt::format("<rect x=\"{:.1f}\" y=\"{:.1f}\" width=\"12\" height=\"4\" fill=\"{}\"/>\n",
                        kWidth - kRight + 10, y - 6, colour);
    std::string name = curve.name;
    if (!curves_[index].empty()) name += " " + number(curves_[index].back().y);
    text(kWidth - kRight + 26, y, name, "start");
  }

  const Panel& panel_;
  Range x_, y_;
  double top_;
  std::vector<std::vector<Point>> curves_;
  std::string svg_;
};

}  // namespace

std::string svg_of(const std::string& title, const std::string& x_name, const std::vector<Panel>& panels) {
  std::vector<std::vector<Point>> all;
  for (const Panel& panel : panels)
    for (const Curve& curve : panel.curves) all.push_back(thinned(curve));
  const Range x = range_of(all, [](const Point& point) { return point.x; });
  const double height = kTop + static_cast<double>(panels.size()) * (kPanelHeight + kGap) + kBottom;
  std::string svg = fmt::format(
      "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{0}\" height=\"{1}\" viewBox=\"0 0 {0} {1}\" "
      "font-family=\"sans-serif\" font-size=\"12\">\n<rect width=\"100%\" height=\"100%\" fill=\"white\"/>\n"
      "<text x=\"{2}\" y=\"22\" font-size=\"16\" font-weight=\"bold\">{3}</text>\n",
      kWidth, height, kLeft, escaped(title));
  double top = kTop + 14;
  for (const Panel& panel : panels) {
    svg += PanelDrawing(panel, x, top).draw();
    top += kPanelHeight + kGap;
  }
  svg += fmt::format("<text x=\"{:.1f}\" y=\"{:.1f}\" text-anchor=\"middle\">{}</text>\n</svg>\n",
                     (kLeft + kWidth - kRight) / 2, height - 14, escaped(x_name));
  return svg;
}

}  // namespace paddock::train
