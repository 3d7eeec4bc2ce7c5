// Whether an organization asks for consent before it records, as its settings have it.
#pragma once

#include <string>

namespace pbx::dialplan {

enum class ConsentMode {
    none,         ///< nobody is asked
    external,     ///< consent was given elsewhere: nobody is asked, and the CDR rows state it
    announcement, ///< a notice, then the recording
    opt_out,      ///< a notice, then the recording, unless 2 is pressed
    opt_in,       ///< a notice, and a recording only if 1 is pressed
};

struct Consent {
    ConsentMode mode = ConsentMode::none;
    std::string prompt{}; ///< the name of a sound in Asterisk's own folder; empty: the suite's own notice
};

/// As settings.recording_consent has it: "opt_in".
const char* word_of(ConsentMode mode);

/// Whether the mode plays a notice.
bool has_notice(ConsentMode mode);

/// What is wrong with settings.recording_consent, as JSON; empty when nothing is.
std::string consent_fault(const std::string& mode);
/// The mode of a wrong setting is opt_in, the strictest: what was meant may forbid recordings without consent.
ConsentMode consent_value(const std::string& mode);

/// What is wrong with settings.consent_prompt, as JSON; empty when nothing is.
std::string prompt_fault(const std::string& prompt);
/// Empty for a wrong setting: the suite's own notice states that the call is recorded.
std::string prompt_value(const std::string& prompt);

} // namespace pbx::dialplan
