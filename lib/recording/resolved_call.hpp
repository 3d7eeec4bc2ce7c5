// A call whose recording may be made and served: what it is called, and where its legs are.
#pragma once

#include "base/error.hpp"
#include "cdr/legs.hpp"
#include "recording/local_legs.hpp"

#include <string>
#include <vector>

namespace pbx::recording {

/// "1713450004.12", or "1713450004.12 of account "X"" where accounts share the linkedid; for messages.
std::string display_name(const cdr::Call& call);

/// A leg of the call is, or the recording of the call could be, also another account's.
class AmbiguousLeg : public Error {
  public:
    using Error::Error;
};

/// Throws AmbiguousLeg (data) when another account claims this leg of the call too, by its rows or by the facts of the
/// archived leg: it may be another tenant's audio.
void require_own_leg(const cdr::Call& call, const std::string& name);

/// The file name of a call's stitched recording: <linkedid>.wav, or <linkedid>.<accountcode>.wav where accounts share
/// the linkedid (a call without accountcode keeps the plain name). Throws Error (data) when the linkedid or the
/// accountcode is not fit for a file name.
std::string stitched_name(const cdr::Call& call);

struct ResolvedCall {
    cdr::Call call;
    std::string recording;        ///< stitched_name()
    std::vector<LocatedLeg> legs; ///< those of `call`, in its order
};

/// Looks for the call's legs in the spool. Throws Error (data) when the call's names are not fit for a file name, or
/// one of its legs is ambiguous: then its stitched recording may neither be made nor served.
ResolvedCall resolve_call(cdr::Call call, const LocalLegs& legs);

} // namespace pbx::recording
