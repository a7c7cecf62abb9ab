// SPDX-License-Identifier: Apache-2.0
#pragma once
// Curves as a picture that browsers and editors show: SVG 1.1.

#include <string>
#include <vector>

namespace paddock::train {

struct Point {
  double x = 0, y = 0;
};

struct Curve {
  std::string name;
  std::vector<Point> points;  // in order of x; those that are not finite are left out
  bool is_dotted = false;     // points that stand alone, joined by a thin line
  bool is_faint = false;      // behind the others
};

struct Panel {
  std::string title;
  std::vector<Curve> curves;
};

// Panels one under another over one axis of x, which is called `x_name`. Text is escaped.
std::string svg_of(const std::string& title, const std::string& x_name, const std::vector<Panel>& panels);

}  // namespace paddock::train
