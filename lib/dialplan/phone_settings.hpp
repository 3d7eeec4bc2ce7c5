// What an organization decides about its phones and trunks: settings.max_contacts and settings.codecs, as JSON.
#pragma once

#include <string>

namespace pbx::dialplan {

/// Why `contacts` is no number of devices with which a phone may register at the same time; empty for one that is, and
/// for none.
std::string contacts_fault(const std::string& contacts);
/// That number; 1 without one, or if it is invalid.
int contacts_value(const std::string& contacts);

/// Why `codecs` is no list of codecs; empty for one that is, and for none. A list is an array of names, or a text with
/// names between commas.
std::string codecs_fault(const std::string& codecs);
/// The names between commas, as Asterisk's "allow" has them; ulaw and alaw without a list, or if it is invalid.
std::string codecs_value(const std::string& codecs);

} // namespace pbx::dialplan
