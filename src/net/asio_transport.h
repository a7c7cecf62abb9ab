// SPDX-License-Identifier: Apache-2.0
#pragma once
// Transports over Asio. Included by worker.cc alone: Asio's headers are slow to compile.

#include <boost/asio/generic/stream_protocol.hpp>
#include <memory>

#include "net/tls.h"
#include "net/transport.h"

namespace paddock::net {

using Socket = boost::asio::generic::stream_protocol::socket;

std::unique_ptr<Transport> plain_transport(Socket socket);

// Null when memory for the session is out. `context` is kept as long as the transport.
std::unique_ptr<Transport> tls_transport(Socket socket, std::shared_ptr<const TlsContext> context);

}  // namespace paddock::net
