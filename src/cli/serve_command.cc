// SPDX-License-Identifier: Apache-2.0
// paddock serve: a model behind the API that programs call already.

#include <fmt/ranges.h>
#include <signal.h>

#include <CLI/CLI.hpp>
#include <algorithm>

#include "base/log.h"
#include "cli/commands.h"
#include "cli/config_file.h"
#include "cli/console.h"
#include "cli/picture_fetch.h"
#include "cli/served_model.h"
#include "cli/user_folders.h"
#include "net/server.h"
#include "server/service/service.h"

namespace paddock::cli {
namespace {

constexpr const char* kServeExamples = R"(Examples:
  paddock serve model.gguf
  paddock serve scout=/models/scout.gguf --listen 0.0.0.0:8443 --tls-certificate cert.pem --tls-key key.pem
  paddock keys create --name web                    from then on a key is needed
  paddock serve --config paddock.toml
  PADDOCK_SERVE_LISTEN=127.0.0.1:9000 paddock serve model.gguf --print-config

Every option may also stand in the file that --config names and in the environment, as PADDOCK_SERVE_ and its name in
capitals; the command line goes before the environment, the environment before the file. SIGTERM lets answers finish
within the grace time; SIGHUP reads keys, prices and certificates again, and the file's verbose and quiet.)";

bool is_loopback(const std::string& address) {
  return address.starts_with("127.") || address.starts_with("localhost:") || address.starts_with("[::1]") ||
         address.starts_with("unix:");
}

Result<std::unique_ptr<server::RequestLog>> open_log(const ServeOptions& options) {
  namespace audit = server::audit;
  std::unique_ptr<audit::AuditLog> trail;
  if (!options.audit.empty()) {
    const audit::AuditOptions wanted{
        .content = *audit::content_policy_named(options.audit_content),
        .on_full_disk = options.audit_full_disk == "refuse" ? audit::OnFullDisk::kRefuse : audit::OnFullDisk::kContinue,
        .group_ms = 50};
    trail = TRY(audit::AuditLog::open(user_path(options.audit), wanted));
    if (!trail->repair().empty()) log_warning("audit trail: {}", trail->repair());
  }
  const auto format = options.log_format == "json"   ? server::LogFormat::kJson
                      : options.log_format == "none" ? server::LogFormat::kNone
                                                     : server::LogFormat::kText;
  const bool keeps_content = trail != nullptr && options.audit_content != "none";
  return std::make_unique<server::RequestLog>(format, std::move(trail), keeps_content);
}

Result<std::unique_ptr<server::auth::KeyStore>> open_keys(const ServeOptions& options) {
  const std::filesystem::path path = options.keys.empty() ? key_database() : user_path(options.keys);
  if (path.empty()) return nullptr;
  return server::auth::KeyStore::open(path);
}

Result<net::ServerOptions> network_options(const ServeOptions& options) {
  net::ServerOptions network;
  network.listen = options.listen;
  network.limits.request.body_bytes = options.body_bytes;
  network.limits.connections = static_cast<int>(options.connections);
  network.limits.connections_per_address = static_cast<int>(options.connections_per_address);
  network.limits.write_time = std::chrono::seconds(options.write_time);
  if (options.tls_certificate.empty() != options.tls_key.empty())
    return error(ErrorCode::kInvalidArgument, "--tls-certificate and --tls-key: expected both or none, found one");
  if (options.tls_certificate.empty()) {
    if (!options.tls_client_ca.empty())
      return error(ErrorCode::kInvalidArgument, "--tls-client-ca needs --tls-certificate and --tls-key");
    return network;
  }
  net::TlsOptions tls;
  tls.certificate_file = user_path(options.tls_certificate);
  tls.key_file = user_path(options.tls_key);
  if (!options.tls_client_ca.empty()) {
    tls.client_ca_file = user_path(options.tls_client_ca);
    tls.require_client_certificate = true;
  }
  network.tls = std::move(tls);
  return network;
}

// "NAME=PATH", or "MODEL:NAME=PATH", to the shelf of the model.
Result<void> load_named_adapter(const std::string& given,
                                const std::vector<std::unique_ptr<server::LoadedModel>>& models) {
  const size_t equals = given.find('='), colon = given.substr(0, equals).rfind(':');
  const size_t begin = colon == std::string::npos ? 0 : colon + 1;
  if (equals == std::string::npos || equals == begin || equals + 1 == given.size())
    return error(ErrorCode::kInvalidArgument, "--adapter: expected NAME=FOLDER or MODEL:NAME=FOLDER, found {}", given);
  const std::string name = given.substr(begin, equals - begin);
  const auto base = std::ranges::find_if(models, [&](const auto& model) {
    return colon == std::string::npos || model->id == std::string_view(given).substr(0, colon);
  });
  if (base == models.end())
    return error(ErrorCode::kInvalidArgument, "--adapter: {}: expected the name of a model before the colon, found {}",
                 given, given.substr(0, colon));
  const bool taken = std::ranges::any_of(
      models, [&](const auto& model) { return model->id == name || model->adapters->find(name) != nullptr; });
  if (taken)
    return error(ErrorCode::kInvalidArgument, "--adapter: two models or adapters are named {}: give one another name",
                 name);
  return (*base)->adapters->load(name, user_path(given.substr(equals + 1)));
}

// The signals that a server lives by. Blocked before any thread is started, so that they come to wait() alone.
class Signals {
 public:
  Signals() {
    sigemptyset(&set_);
    for (const int signal : {SIGTERM, SIGINT, SIGHUP}) sigaddset(&set_, signal);
    pthread_sigmask(SIG_BLOCK, &set_, &before_);
  }
  ~Signals() { pthread_sigmask(SIG_SETMASK, &before_, nullptr); }
  int wait() const {
    int signal = 0;
    while (sigwait(&set_, &signal) != 0) {
    }
    return signal;
  }

 private:
  sigset_t set_, before_;
};

void warn_of_certificate(const net::Server& network) {
  if (const auto certificate = network.certificate(); certificate && !certificate->warning.empty())
    log_warning("certificate: {}", certificate->warning);
}

// What the configuration file says of the log level now.
Result<void> reload_verbosity(const std::string& config) {
  CLI::App command;
  ServeOptions options;
  add_serve_options(command, &options);
  try {
    TRY_VOID(apply_config_file(command, user_path(config).string()));
  } catch (const CLI::ParseError& wrong) {
    return error(ErrorCode::kInvalidArgument, "{}: {}", config, wrong.what());
  }
  options.verbosity.apply();
  return {};
}

void reload(const ServeOptions& options, server::Service& service, net::Server& network) {
  if (service.keys() != nullptr)
    if (const auto keys = service.keys()->reload(); !keys)
      log_warning("keys: {}; those of before stay", keys.error().message);
  if (network.certificate())
    if (const auto certificate = network.reload_certificates(); !certificate)
      log_warning("certificate: {}; the one of before stays", certificate.error().message);
  warn_of_certificate(network);
  if (options.verbosity_from_file)
    if (const auto level = reload_verbosity(options.config); !level)
      log_warning("log level: {}; the one of before stays", level.error().message);
  note("paddock: keys, prices, certificates and log level were read again");
}

void welcome(const net::Server& network, const std::string& model, bool tls, bool needs_key) {
  for (const std::string& address : network.addresses()) {
    if (address.starts_with("unix:")) {
      note("paddock: listening on {}", address);
      continue;
    }
    const std::string url = fmt::format("{}://{}", tls ? "https" : "http", address);
    note(
        "paddock: listening on {}; try\n  curl {}/v1/chat/completions -H 'content-type: application/json' {}-d "
        "'{{\"model\": \"{}\", \"messages\": "
        "[{{\"role\": \"user\", \"content\": \"Hello\"}}]}}'",
        url, url, needs_key ? "-H \"authorization: Bearer $KEY\" " : "", model);
  }
}

Result<void> serve(ServeOptions options) {
  options.verbosity.apply();
  const Signals signals;
  if (options.models.empty()) {
    std::error_code ignored;
    const std::filesystem::path path = default_model();
    if (!std::filesystem::exists(path, ignored))
      return error(ErrorCode::kNotFound,
                   "{}: expected the default model, found none; start ./run once, which fetches it, or name a MODEL",
                   path.string());
    options.models.push_back(path.string());
  }
  if (!options.adapters.empty() || !options.adapter_folder.empty()) options.model.adapter_bytes = options.adapter_bytes;
  if (options.no_prefix_sharing && !options.prefix_folder.empty())
    return error(ErrorCode::kInvalidArgument,
                 "--prefix-folder and --no-prefix-sharing: expected one of them, found both");
  const net::ServerOptions network_wishes = TRY(network_options(options));
  options.model.vision.fetch = TRY(make_picture_fetch(options.image_hosts));
  const bool loopback = std::all_of(options.listen.begin(), options.listen.end(), is_loopback);
  auto keys = TRY(open_keys(options));
  auto log = TRY(open_log(options));
  if (!loopback && (keys == nullptr || !keys->any_keys()))
    log_warning(
        "others than this machine can connect, and there is no key yet: every request is refused until paddock keys "
        "create has made one");
  std::vector<std::unique_ptr<server::LoadedModel>> models;
  for (const std::string& given : options.models) {
    models.push_back(TRY(serve_model(given, options, options.models.size())));
    for (size_t other = 0; other + 1 < models.size(); ++other)
      if (models[other]->id == models.back()->id)
        return error(ErrorCode::kInvalidArgument, "two models are named {}: give one another name, as NAME=PATH",
                     models.back()->id);
  }
  for (const std::string& given : options.adapters) TRY_VOID(load_named_adapter(given, models));
  const std::string first = models.front()->id;
  const bool needs_key = !loopback || (keys != nullptr && keys->any_keys());

  server::ServiceOptions wishes;
  wishes.gate = {.loopback_only = loopback, .origins = options.allowed_origins, .allowed_hosts = options.allowed_hosts};
  wishes.version = PADDOCK_VERSION;
  wishes.stored_responses.bytes = options.stored_bytes;
  wishes.pictures = options.model.vision.limits;
  if (!options.adapter_folder.empty()) wishes.adapter_folder = user_path(options.adapter_folder);
  wishes.preparing_threads = options.model.vision.decoders;
  server::Service service(std::move(wishes), std::move(models), std::move(keys), std::move(log));
  auto network = TRY(net::Server::start(network_wishes, service.callbacks()));
  service.set_network_statistics([&network] { return network->statistics(); });
  warn_of_certificate(*network);
  welcome(*network, first, network_wishes.tls.has_value(), needs_key);

  for (int signal = signals.wait(); signal == SIGHUP; signal = signals.wait()) reload(options, service, *network);
  note("paddock: ending; answers may go on for {} s", options.grace);
  service.drain();
  network->stop(std::chrono::seconds(options.grace));
  service.set_network_statistics({});
  if (service.keys() != nullptr) TRY_VOID(service.keys()->flush());
  return {};
}

}  // namespace

void add_serve_command(CLI::App& program, Action* chosen) {
  auto options = std::make_shared<ServeOptions>();
  options->model.vision.decoders = server::ServiceOptions().preparing_threads;
  options->model.cache = "f16";
  CLI::App& command = *program.add_subcommand("serve", "answer requests of OpenAI's and Anthropic's API");
  add_serve_options(command, options.get());
  command.footer(kServeExamples);
  command.callback([options, chosen, &command] {
    options->verbosity_from_file =
        !options->config.empty() && command.count("--verbose") == 0 && command.count("--quiet") == 0;
    if (!options->config.empty())
      if (const auto applied = apply_config_file(command, user_path(options->config).string()); !applied) {
        *chosen = [problem = applied.error()]() -> Result<void> { return tl::unexpected(problem); };
        return;
      }
    if (options->print_config)
      *chosen = [text = config_text(command)] { return print(text); };
    else
      *chosen = [options] { return serve(*options); };
  });
}

}  // namespace paddock::cli
