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
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <optional>
#include <utility>

namespace pbx::cdr {

namespace {

constexpr std::size_t rows_at_once = 500;
constexpr std::size_t bytes_at_once = 1U << 20U;
constexpr std::uint64_t compared_bytes = 4096;
constexpr const char* stdin_path = "stdin"; // in messages
constexpr const char* not_complete = "it is not complete";

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

// A pipe can be read only once, so its bytes are kept in a file without a name.
Fd copy_stdin() {
    auto file = nameless_file();
    std::array<char, 1U << 16U> buffer{};
    const WaitingFor waiting{"the program that writes the CDR rows to stdin", Exit::temporary};
    for (;;) {
        interrupt::check();
        const auto got = ::read(STDIN_FILENO, buffer.data(), buffer.size());
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            throw system_error(Exit::io, "cannot read CDR rows from stdin", errno);
        if (got == 0)
            return file;
        write_all(file.get(), {buffer.data(), static_cast<std::size_t>(got)}, "a copy of stdin");
    }
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

Exit report_no_row(const std::string& path, std::uint64_t line, const std::string& fault) {
    log::error({Exit::data, fmt::format("{}:{}: no CDR row: {}", path, line, fault)});
    return Exit::data;
}

class FileImport {
  public:
    FileImport(soci::session& session, const ImportRequest& request, std::string path, bool is_stdin, const Fd& file,
               std::string identity)
        : session_{session}, request_{request}, path_{std::move(path)}, is_stdin_{is_stdin}, fd_{file.get()},
          identity_{std::move(identity)}, reader_{fd_, path_, 0, 1} {}

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
        if (is_stdin_ && !is_at_young_row_ && end_.bytes < size_of(fd_, path_))
            report(end_.line, not_complete);
        if (added_ > 0)
            log::warn("{}: {} {} CDR row{} that the database {}", path_, request_.dry_run ? "would add" : "added",
                      added_, added_ == 1 ? "" : "s", request_.dry_run ? "lacks" : "lacked");
        return status_;
    }

  private:
    struct Batch {
        std::vector<FileRow> rows;
        std::vector<std::uint64_t> lines;
    };

    Storing storing() const { return request_.dry_run ? Storing::on_trial : Storing::for_good; }

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
            added_ += store_rows(session_, batch_.rows, identity_, end_, storing());
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
                added_ += store_rows(session_, {batch_.rows[i]}, identity_, {}, storing());
            } catch (const Error& error) {
                if (error.status() != Exit::data)
                    throw;
                report(batch_.lines[i], error.what());
            }
        }
        store_rows(session_, {}, identity_, end_, storing());
    }

    void report(std::uint64_t line, const std::string& fault) { status_ = report_no_row(path_, line, fault); }

    soci::session& session_;
    const ImportRequest& request_;
    std::string path_;
    bool is_stdin_;
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

class Import {
  public:
    explicit Import(const ImportRequest& request) : request_{request} {}

    Exit run() {
        for (const auto& name : request_.files) {
            try {
                import_file(name);
            } catch (const FileFault& fault) {
                log::error(fault.error);
                status_ = worst(status_, fault.error.status());
                all_read_ = false;
            }
        }
        // A run that could not read its files is none that pbx-check should see.
        if (!request_.dry_run && all_read_)
            record_run(session_, request_);
        return status_;
    }

  private:
    // Ends the import of one file: the next one may be readable.
    struct FileFault {
        Error error;
    };

    template <typename Work>
    static auto of_file(const Work& work) {
        try {
            return work();
        } catch (const Error& error) {
            interrupt::check();
            throw FileFault{error};
        }
    }

    Fd open(const std::string& name) const {
        auto file = open_file(name);
        if (!file && !request_.missing_ok)
            throw system_error(
                Exit::io, "cannot open " + name, ENOENT,
                "Asterisk writes it: see cdr_custom.conf; --missing-ok accepts that it does not exist yet");
        return file;
    }

    void import_file(const std::string& name) {
        const bool is_stdin = name == "-";
        const std::string path = is_stdin ? stdin_path : name;
        const auto file = is_stdin ? copy_stdin() : of_file([&] { return open(name); });
        if (!file)
            return;
        auto identity = of_file([&] { return identity_of(file.get(), path); });
        if (identity.empty()) {
            if (is_stdin && size_of(file.get(), path) > 0)
                status_ = worst(status_, report_no_row(path, 1, not_complete));
            return;
        }
        FileImport import{session(), request_, path, is_stdin, file, std::move(identity)};
        try {
            status_ = worst(status_, import.run());
        } catch (const Error& error) {
            if (error.status() != Exit::io) // of the database
                throw;
            throw FileFault{error};
        }
    }

    // A run that has no rows needs no database.
    soci::session& session() {
        if (!session_) {
            db::connect(session_.emplace(), request_.database, request_.timeout);
            if (request_.dry_run)
                begin_trial(*session_);
        }
        return *session_;
    }

    const ImportRequest& request_;
    std::optional<soci::session> session_;
    Exit status_ = Exit::ok;
    bool all_read_ = true;
};

} // namespace

Exit import_rows(const ImportRequest& request) {
    return Import{request}.run();
}

} // namespace pbx::cdr
