#pragma once
// Certificates for tests, made with OpenSSL: an authority, and leaves that it signs.

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <unistd.h>

#include <cstdio>
#include <ctime>
#include <filesystem>
#include <memory>
#include <string>

#include "engine/base/check.h"
#include "engine/stream/tls.h"

namespace carillon::stream {

struct OpensslFree {
  void operator()(X509* certificate) const { X509_free(certificate); }
  void operator()(EVP_PKEY* key) const { EVP_PKEY_free(key); }
};
using CertificatePtr = std::unique_ptr<X509, OpensslFree>;
using KeyPtr = std::unique_ptr<EVP_PKEY, OpensslFree>;

class Folder {
 public:
  Folder() {
    std::string pattern = std::filesystem::temp_directory_path() / "stream-test-XXXXXX";
    CHECK(::mkdtemp(pattern.data()));
    path_ = pattern;
  }
  ~Folder() { std::filesystem::remove_all(path_); }
  std::string file(const std::string& name) const { return path_ + "/" + name; }

 private:
  std::string path_;
};

struct Leaf {
  std::string names = "DNS:sip.example.com";  ///< subjectAltName as OpenSSL's configuration has it; empty: none
  std::string common_name = "leaf";
  long from_day = -1, to_day = 30;  ///< validity, relative to today
};

inline void add_extension(X509* to, X509* issuer, int id, const std::string& value) {
  X509V3_CTX context;
  X509V3_set_ctx(&context, issuer, to, nullptr, nullptr, 0);
  X509_EXTENSION* extension = X509V3_EXT_conf_nid(nullptr, &context, id, value.c_str());
  CHECK(extension);
  X509_add_ext(to, extension, -1);
  X509_EXTENSION_free(extension);
}

/// A certificate for `key`, by `issuer` with its key, or by itself.
inline CertificatePtr make_certificate(EVP_PKEY* key, const Leaf& leaf, X509* issuer, EVP_PKEY* issuer_key) {
  static long serial = 1000;
  CertificatePtr made(X509_new());
  X509_set_version(made.get(), 2);
  ASN1_INTEGER_set(X509_get_serialNumber(made.get()), ++serial);
  X509_gmtime_adj(X509_getm_notBefore(made.get()), leaf.from_day * 86'400);
  X509_gmtime_adj(X509_getm_notAfter(made.get()), leaf.to_day * 86'400);
  X509_set_pubkey(made.get(), key);
  X509_NAME_add_entry_by_txt(X509_get_subject_name(made.get()), "CN", MBSTRING_ASC,
                             reinterpret_cast<const unsigned char*>(leaf.common_name.c_str()), -1, -1, 0);
  X509_set_issuer_name(made.get(), X509_get_subject_name(issuer ? issuer : made.get()));
  add_extension(made.get(), issuer ? issuer : made.get(), NID_basic_constraints,
                issuer ? "critical,CA:FALSE" : "critical,CA:TRUE");
  if (!leaf.names.empty()) add_extension(made.get(), issuer ? issuer : made.get(), NID_subject_alt_name, leaf.names);
  CHECK(X509_sign(made.get(), issuer_key, EVP_sha256()) > 0);
  return made;
}

class Authority {
 public:
  explicit Authority(std::string name)
      : key_(EVP_EC_gen("P-256")),
        certificate_(make_certificate(key_.get(), {.names = "", .common_name = std::move(name)}, nullptr, key_.get())) {
    std::FILE* file = std::fopen(ca_file().c_str(), "w");
    CHECK(file);
    CHECK(PEM_write_X509(file, certificate_.get()) == 1);
    std::fclose(file);
  }

  std::string ca_file() const { return folder_.file("ca.pem"); }
  /// Files of a new key and its certificate; `name` tells them apart and may be made anew.
  TlsIdentity sign(const std::string& name, const Leaf& leaf = {}) const {
    const KeyPtr key(EVP_EC_gen("P-256"));
    const auto certificate = make_certificate(key.get(), leaf, certificate_.get(), key_.get());
    TlsIdentity files{folder_.file(name + ".crt"), folder_.file(name + ".key")};
    std::FILE* file = std::fopen(files.certificate_file.c_str(), "w");
    CHECK(PEM_write_X509(file, certificate.get()) == 1);
    std::fclose(file);
    file = std::fopen(files.key_file.c_str(), "w");
    CHECK(PEM_write_PrivateKey(file, key.get(), nullptr, nullptr, 0, nullptr, nullptr) == 1);
    std::fclose(file);
    return files;
  }
  /// Without files, for is_for().
  CertificatePtr sign_only(const Leaf& leaf) const {
    const KeyPtr key(EVP_EC_gen("P-256"));
    return make_certificate(key.get(), leaf, certificate_.get(), key_.get());
  }

 private:
  Folder folder_;
  KeyPtr key_;
  CertificatePtr certificate_;
};

}  // namespace carillon::stream
