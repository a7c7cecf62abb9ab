// SPDX-License-Identifier: Apache-2.0
#pragma once
// Which addresses are those of the public internet. A server that asks another on behalf of a client must ask no other:
// the client could read through it what this machine or its network alone may see.

#include "net/ip_address.h"

namespace paddock::net {

// What an address is that is not public, as "an address of a private network". Null: it is public.
// By IANA's registries of special-purpose addresses (RFC 6890 and its updates).
const char* not_public(const IpAddress& address);

}  // namespace paddock::net
