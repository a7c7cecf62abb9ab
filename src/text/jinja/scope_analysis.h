// SPDX-License-Identifier: Apache-2.0
#pragma once
// Jinja decides what a name means where it compiles a scope, not where it runs: a variable that a scope sets, and does
// not read before, is that scope's own from the start. Macros and loops inside that read it earlier find it undefined,
// even where the request gave a variable of that name. What is set under an {% if %} is looked up around until then.

#include "text/jinja/ast.h"

namespace paddock::text::jinja {

// Fills in ScopeBody::undefined of every scope.
void analyse_scopes(Ast& ast);

}  // namespace paddock::text::jinja
