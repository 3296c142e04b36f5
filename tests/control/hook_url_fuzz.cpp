// Whatever is given as a webhook's URL: what is taken can be put into a request as it stands.

#include "control/connector/address.h"
#include "control/connector/signature.h"
#include "engine/base/check.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace carillon::control;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  if (const auto key = secret_key(text)) CHECK(!key->empty());
  (void)is_public_literal(text);
  if (size == 4 || size == 16) (void)is_public_address({data, size});
  const auto url = parse_hook_url(text);
  if (!url) return 0;
  CHECK(url->port != 0);
  CHECK(!url->host.empty());
  CHECK(url->target.starts_with('/'));
  for (const std::string& part : {url->host_header, url->target})
    for (const char letter : part) CHECK(static_cast<unsigned char>(letter) > 0x20 && letter != 0x7F);
  return 0;
}
