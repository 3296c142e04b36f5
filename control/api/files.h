#pragma once

#include <string>

#include "control/api/operation.h"

namespace carillon::control {

/// A file as an answer: whole, or the one range that was asked for (RFC 9110 §14: 206, 416), with ETag from its digest
/// (If-None-Match: 304; If-Range). A range of several parts is answered with the whole file.
Reply file_response(const Request& request, const std::string& path, std::string_view type, std::string_view digest);

}  // namespace carillon::control
