#pragma once

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include <cstdio>
#include <memory>
#include <string>

#include "engine/base/check.h"
#include "engine/link/wire/stream.h"

namespace carillon::link {

/// An authority and what it signs, made anew for each test and written as PEM files.
class Authority {
 public:
  Authority(std::string folder, const char* name) : folder_(std::move(folder)), name_(name), key_(EVP_EC_gen("P-256")) {
    certificate_ = sign(key_, name, key_, nullptr, true);
    save(folder_ + "/" + name_ + ".pem", certificate_, nullptr);
  }
  ~Authority() {
    X509_free(certificate_);
    EVP_PKEY_free(key_);
  }
  Authority(const Authority&) = delete;
  Authority& operator=(const Authority&) = delete;

  TlsConfig make(const char* who, std::string peer_name = {}) const {
    EVP_PKEY* key = EVP_EC_gen("P-256");
    X509* certificate = sign(key, who, key_, certificate_, false);
    const std::string base = folder_ + "/" + who;
    save(base + ".pem", certificate, nullptr);
    save(base + ".key", nullptr, key);
    X509_free(certificate);
    EVP_PKEY_free(key);
    return {base + ".pem", base + ".key", folder_ + "/" + name_ + ".pem", std::move(peer_name)};
  }

 private:
  static X509* sign(EVP_PKEY* key, const char* name, EVP_PKEY* with, X509* issuer, bool is_authority) {
    static long serial = 1;
    X509* made = X509_new();
    X509_set_version(made, X509_VERSION_3);
    ASN1_INTEGER_set(X509_get_serialNumber(made), serial++);
    X509_gmtime_adj(X509_getm_notBefore(made), -3600);
    X509_gmtime_adj(X509_getm_notAfter(made), 3600);
    X509_set_pubkey(made, key);
    X509_NAME* subject = X509_get_subject_name(made);
    X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_ASC, reinterpret_cast<const unsigned char*>(name), -1, -1, 0);
    X509_set_issuer_name(made, issuer ? X509_get_subject_name(issuer) : subject);
    X509V3_CTX context;
    X509V3_set_ctx(&context, issuer ? issuer : made, made, nullptr, nullptr, 0);
    const std::string alternative = std::string("DNS:") + name;
    add(made, context, is_authority ? NID_basic_constraints : NID_subject_alt_name,
        is_authority ? "critical,CA:TRUE" : alternative.c_str());
    CHECK(X509_sign(made, with, EVP_sha256()) != 0);
    return made;
  }
  static void add(X509* to, X509V3_CTX& context, int kind, const char* value) {
    X509_EXTENSION* extension = X509V3_EXT_conf_nid(nullptr, &context, kind, value);
    CHECK(extension != nullptr);
    X509_add_ext(to, extension, -1);
    X509_EXTENSION_free(extension);
  }
  static void save(const std::string& path, X509* certificate, EVP_PKEY* key) {
    std::FILE* file = std::fopen(path.c_str(), "w");
    CHECK(file != nullptr);
    if (certificate) PEM_write_X509(file, certificate);
    if (key) PEM_write_PrivateKey(file, key, nullptr, nullptr, 0, nullptr, nullptr);
    std::fclose(file);
  }

  std::string folder_, name_;
  EVP_PKEY* key_;
  X509* certificate_ = nullptr;
};

}  // namespace carillon::link
