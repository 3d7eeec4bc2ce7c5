// Pure arithmetic, apart from the printing of tables.
#include "base/table_widths.hpp"

#include <algorithm>

namespace pbx {

namespace {

class Layout {
  public:
    Layout(const std::vector<Column>& columns, const std::vector<std::size_t>& longest, std::size_t room)
        : columns_{columns}, longest_{longest}, room_{room}, widths_(columns.size(), 0) {}

    std::vector<std::size_t> make() {
        for (std::size_t i = 0; i < columns_.size(); ++i)
            if (i == 0 || columns_[i].is_kept)
                show(i);
        grow();
        for (std::size_t i = 0; i < columns_.size(); ++i)
            if (widths_[i] == 0 && !show(i))
                break;
        grow();
        return std::move(widths_);
    }

  private:
    // What the column needs at least.
    std::size_t base(std::size_t i) const {
        if (i == 0)
            return longest_[i];
        return columns_[i].is_text ? std::min(longest_[i], columns_[i].width)
                                   : std::max(longest_[i], columns_[i].width);
    }

    bool show(std::size_t i) {
        const auto needed = base(i) + (used_ > 0 ? 2 : 0);
        if (used_ > 0 && used_ + needed > room_)
            return false;
        widths_[i] = base(i);
        used_ += needed;
        return true;
    }

    // One character each in turn, so that no text takes all.
    void grow() {
        for (bool has_grown = true; has_grown && used_ < room_;) {
            has_grown = false;
            for (std::size_t i = 1; i < columns_.size() && used_ < room_; ++i)
                if (widths_[i] > 0 && columns_[i].is_text && widths_[i] < longest_[i]) {
                    ++widths_[i];
                    ++used_;
                    has_grown = true;
                }
        }
    }

    const std::vector<Column>& columns_;
    const std::vector<std::size_t>& longest_;
    std::size_t room_;
    std::vector<std::size_t> widths_;
    std::size_t used_ = 0;
};

} // namespace

std::vector<std::size_t> table_widths(const std::vector<Column>& columns, const std::vector<std::size_t>& longest,
                                      std::size_t room) {
    return Layout{columns, longest, room}.make();
}

} // namespace pbx
