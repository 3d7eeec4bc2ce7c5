// How legs that ran at the same time are joined.
#pragma once

namespace pbx::recording {

/// What becomes of audio that two legs of a call share. Dialplans before ours left such legs: each of their recorders
/// ran until the call ended.
enum class Overlap {
    keep, ///< legs one after the other, whole
    trim, ///< on the call's timeline (a leg ends when its file was last written), the later leg wins; gaps are left out
};

} // namespace pbx::recording
