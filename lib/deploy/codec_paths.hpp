// Whether Asterisk can convert the codecs of phones and trunks: what it cannot convert, it neither records nor connects
// with another codec.
#pragma once

#include "deploy/asterisk_listings.hpp"

#include <functional>
#include <map>
#include <string>
#include <string_view>

namespace pbx::deploy {

/// The codecs that the organizations' files allow, each with the files that do.
std::map<std::string, Names> codecs_in(const std::vector<File>& files);

/// Asks Asterisk's console; returns what it prints.
using AskConsole = std::function<std::string(const std::string& question)>;

/// Those of `codecs` that Asterisk cannot convert both from and to signed linear samples.
Names codecs_without_path(const std::map<std::string, Names>& codecs, const AskConsole& ask);

/// Whether a listing of "core show translation paths" has a way to this codec.
bool leads_to(std::string_view listing, std::string_view codec);

/// What is wrong with such a codec, and in which files.
std::string codec_fault(const std::string& codec, const Names& files);

inline constexpr const char* codec_hint =
    "install Asterisk's module for that codec, and load it in modules.conf, or set "
    "other codecs with pbx-provision org phones";

} // namespace pbx::deploy
