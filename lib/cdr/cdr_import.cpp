// Reads each file from where the last run stopped, and lets the database decide which rows are new.
#include "cdr/cdr_import.hpp"

#include "base/deadline.hpp"
#include "base/fd.hpp"
#include "base/hash.hpp"
#include "base/interrupt.hpp"
#include "base/log.hpp"
#include "base/moment.hpp"
#include "base/progress.hpp"
#include "cdr/cdr_file.hpp"
#include "cdr/import_store.hpp"
#include "db/nodes.hpp"
#include "db/session.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>

#include <algorithm>
#include <optional>
#include <utility>

namespace pbx::cdr {

namespace {

constexpr std::size_t rows_at_once = 500;
constexpr std::size_t bytes_at_once = 1U << 20U;
constexpr std::uint64_t compared_bytes = 4096;

// Nothing when it does not exist. Without waiting for the writer of a FIFO.
Fd open_file(const std::string& path) {
    Fd file{::open(path.c_str(), O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC)};
    if (!file && errno == ENOENT)
        return file;
    if (!file)
        throw system_error(Exit::io, "cannot open " + path, errno);
    struct stat status {};
    if (::fstat(file.get(), &status) != 0)
        throw system_error(Exit::io, "cannot look at " + path, errno);
    if (!S_ISREG(status.st_mode))
        throw Error{Exit::data, path + " is not a regular file"};
    return file;
}

// SHA-256 of the first line; empty before it is complete.
std::string identity_of(int fd, const std::string& path) {
    constexpr std::size_t most = 64U << 10U;
    std::string beginning(most, '\0');
    beginning.resize(read_at(fd, beginning, 0, path));
    const auto newline = beginning.find('\n');
    if (newline == std::string::npos && beginning.size() < most)
        return {};
    return sha256_of(std::string_view{beginning}.substr(0, newline));
}

std::string hash_before(int fd, std::uint64_t position, const std::string& path) {
    const auto length = std::min(position, compared_bytes);
    return sha256_of_range(fd, position - length, length, path);
}

class FileImport {
  public:
    FileImport(soci::session& session, const ImportRequest& request, std::string path, const Fd& file,
               std::string identity)
        : session_{session}, request_{request}, path_{std::move(path)}, fd_{file.get()}, identity_{std::move(identity)},
          reader_{fd_, path_, 0, 1} {}

    Exit run() {
        const auto begin = find_beginning();
        reader_ = CdrFileReader{fd_, path_, begin.bytes, begin.line};
        Progress progress{"importing CDR rows", ""};
        progress.expect(0, size_of(fd_, path_) - begin.bytes);
        auto done = begin.bytes;
        while (read_batch()) {
            store_batch();
            progress.add(0, reader_.position() - std::exchange(done, reader_.position()));
            interrupt::check();
        }
        if (added_ > 0)
            log::warn("{}: added {} CDR row{} that the database lacked", path_, added_, added_ == 1 ? "" : "s");
        return status_;
    }

  private:
    struct Batch {
        std::vector<FileRow> rows;
        std::vector<std::uint64_t> lines;
    };

    ImportPosition find_beginning() {
        const auto position = request_.from_beginning ? std::nullopt : find_position(session_, identity_);
        if (!position)
            return {};
        if (position->bytes <= size_of(fd_, path_) && hash_before(fd_, position->bytes, path_) == position->before)
            return *position;
        log::note("{} was changed where it had been read: it is read from its beginning", path_);
        return {};
    }

    // Asterisk may still be storing this row itself. A time in the future comes from a clock that was wrong.
    bool is_young(const FileRow& row) const {
        const auto now = current_second();
        return row.written > now - request_.min_age && row.written <= now + request_.min_age;
    }

    // False when nothing is left to be stored.
    bool read_batch() {
        batch_ = {};
        const auto begin = reader_.position();
        end_ = {begin, reader_.line(), {}};
        while (!is_at_young_row_ && batch_.rows.size() < rows_at_once && end_.bytes - begin < bytes_at_once) {
            auto record = reader_.next();
            if (!record)
                break;
            if (record->row && is_young(*record->row)) {
                is_at_young_row_ = true;
                break;
            }
            end_.bytes = reader_.position();
            end_.line = reader_.line();
            if (record->row) {
                batch_.rows.push_back(*std::move(record->row));
                batch_.lines.push_back(record->line);
            } else {
                report(record->line, record->fault);
            }
        }
        return end_.bytes > begin;
    }

    void store_batch() {
        end_.before = hash_before(fd_, end_.bytes, path_);
        try {
            added_ += store_rows(session_, batch_.rows, identity_, end_);
        } catch (const Error& error) {
            if (error.status() != Exit::data)
                throw;
            log::note("{}; the rows are added one by one", error.what());
            store_one_by_one();
        }
    }

    void store_one_by_one() {
        for (std::size_t i = 0; i < batch_.rows.size(); ++i) {
            try {
                added_ += store_rows(session_, {batch_.rows[i]}, identity_, {});
            } catch (const Error& error) {
                if (error.status() != Exit::data)
                    throw;
                report(batch_.lines[i], error.what());
            }
        }
        store_rows(session_, {}, identity_, end_);
    }

    void report(std::uint64_t line, const std::string& fault) {
        log::error({Exit::data, fmt::format("{}:{}: no CDR row: {}", path_, line, fault)});
        status_ = Exit::data;
    }

    soci::session& session_;
    const ImportRequest& request_;
    std::string path_;
    int fd_;
    std::string identity_;
    CdrFileReader reader_;
    Batch batch_;
    ImportPosition end_; ///< of the batch
    bool is_at_young_row_ = false;
    std::uint64_t added_ = 0;
    Exit status_ = Exit::ok;
};

// For pbx-check. The import itself must not depend on it: the database may be older, or its user have fewer rights.
void record_run(std::optional<soci::session>& session, const ImportRequest& request) {
    try {
        if (!session)
            db::connect(session.emplace(), request.database, request.timeout);
        db::record_import(*session, db::this_node({}, request.spool), Deadline::after(std::chrono::seconds{5}));
    } catch (const Error& error) {
        log::note("this run is not recorded: {}", error.what());
    }
}

} // namespace

Exit import_rows(const ImportRequest& request) {
    std::optional<soci::session> session;
    auto status = Exit::ok;
    for (const auto& path : request.files) {
        const auto file = open_file(path);
        if (!file && !request.missing_ok)
            throw system_error(
                Exit::io, "cannot open " + path, ENOENT,
                "Asterisk writes it: see cdr_custom.conf; --missing-ok accepts that it does not exist yet");
        if (!file)
            continue;
        auto identity = identity_of(file.get(), path);
        if (identity.empty())
            continue;
        if (!session)
            db::connect(session.emplace(), request.database, request.timeout);
        status = worst(status, FileImport{*session, request, path, file, std::move(identity)}.run());
    }
    record_run(session, request);
    return status;
}

} // namespace pbx::cdr
