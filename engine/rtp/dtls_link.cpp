#include "engine/rtp/dtls_link.h"

#include <openssl/bio.h>

#include "engine/base/check.h"

namespace carillon::rtp {
namespace {

int write_datagram(BIO* bio, const char* data, int size) {
  BIO_clear_retry_flags(bio);
  static_cast<DtlsLink*>(BIO_get_data(bio))->put(std::as_bytes(std::span(data, static_cast<std::size_t>(size))));
  return size;  // also if it was lost: the network loses some too
}

int read_datagram(BIO* bio, char* out, int room) {
  BIO_clear_retry_flags(bio);
  auto& link = *static_cast<DtlsLink*>(BIO_get_data(bio));
  const ByteView datagram = link.incoming;
  link.incoming = {};
  if (datagram.empty() || datagram.size() > static_cast<std::size_t>(room)) {
    BIO_set_retry_read(bio);
    return -1;
  }
  std::memcpy(out, datagram.data(), datagram.size());
  return static_cast<int>(datagram.size());
}

long control(BIO*, int command, long, void*) { return command == BIO_CTRL_FLUSH ? 1 : 0; }

int create(BIO* bio) {
  BIO_set_init(bio, 1);
  return 1;
}

const BIO_METHOD* method() {
  static const BIO_METHOD* const kMethod = [] {  // constant once made
    BIO_METHOD* made = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "datagrams");
    CHECK(made);
    BIO_meth_set_write(made, write_datagram);
    BIO_meth_set_read(made, read_datagram);
    BIO_meth_set_ctrl(made, control);
    BIO_meth_set_create(made, create);
    return made;
  }();
  return kMethod;
}

}  // namespace

void DtlsLink::put(ByteView datagram) {
  if (count == kOutboxMax || datagram.size() > bytes.size() - used) {
    ++lost;
    return;
  }
  std::memcpy(bytes.data() + used, datagram.data(), datagram.size());
  used += datagram.size();
  sizes[count++] = static_cast<std::uint16_t>(datagram.size());
}

ByteView DtlsLink::next() {
  if (first == count) {
    used = first = count = given = 0;
    return {};
  }
  const auto datagram = ByteView(bytes).subspan(given, sizes[first++]);
  given += datagram.size();
  return datagram;
}

bio_st* DtlsLink::make_bio() {
  BIO* bio = BIO_new(method());
  CHECK(bio);
  BIO_set_data(bio, this);
  return bio;
}

}  // namespace carillon::rtp
