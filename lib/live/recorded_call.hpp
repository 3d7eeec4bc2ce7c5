// The channels and recorders of one call.
#pragma once

#include "live/asterisk_calls.hpp"

#include <string>
#include <utility>
#include <vector>

namespace pbx::live {

using Recorders = std::vector<std::pair<Channel, Recorder>>;

/// One call, and what belongs to the same conversation or may become a part of it, whatever its linkedid is: the
/// consultations of the call's phones, and the calls with which it shares a bridge of two.
class RecordedCall {
  public:
    /// `all`: the channels in progress.
    RecordedCall(const AsteriskCalls& asterisk, const std::string& call, const std::vector<Channel>& all);

    Recorders find_recorders() const;
    const std::vector<Channel>& channels() const { return channels_; }

  private:
    const AsteriskCalls& asterisk_;
    std::vector<Channel> channels_;
};

} // namespace pbx::live
