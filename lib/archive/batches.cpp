// A folder may hold more files than a process can have open: at most three batches of them are.
#include "archive/batches.hpp"

#include <fmt/format.h>

#include <cstdint>
#include <memory>
#include <utility>

namespace pbx::archive {

namespace {

class Batches {
  public:
    Batches(ArchiveContext& context, Shelf shelf, Progress& progress, const FileSteps& steps)
        : context_{context}, shelf_{shelf}, progress_{progress}, steps_{steps} {}

    void add(std::optional<SourceFile> file) {
        if (!file)
            return;
        if (stopped_) {
            ++untried_;
            return;
        }
        files_.push_back(*std::move(file));
        if (files_.size() == batch_size)
            advance(std::exchange(files_, {}));
    }

    void finish() {
        advance(std::exchange(files_, {}));
        advance({});
        context_.report.print_failures(shelf_);
        if (untried_ > 0)
            context_.report.add_run_failure(
                {Exit::temporary,
                 fmt::format("{} more {} were not tried, {}", untried_, name_of(shelf_),
                             context_.deadline.interrupted() ? "since the run was interrupted"
                             : context_.deadline.passed()    ? "since the time was up (--timeout)"
                                                             : "since all before failed"),
                 "the next run continues with them"});
    }

  private:
    // Begins to read `files`, and processes those that it began to read before.
    void advance(std::vector<SourceFile> files) {
        std::unique_ptr<FileBatch> next; // stays in its place while another thread fills it
        if (!files.empty()) {
            next = std::make_unique<FileBatch>(FileBatch{std::move(files), {}});
            if (steps_.read)
                next->reading = std::async([this, &files = next->files] { return steps_.read(files); });
        }
        if (current_)
            process(*current_);
        current_ = std::move(next);
        if (stopped_ && current_) {
            untried_ += current_->files.size();
            current_.reset();
        }
    }

    void process(FileBatch& batch) {
        const auto& failed = context_.report.counts(shelf_).failed;
        const auto failed_before = failed;
        const auto size = batch.files.size();
        const auto bytes = total_size(batch.files);
        steps_.process(batch);
        progress_.add(size, bytes);
        context_.report.print_failures(shelf_);
        stopped_ = (size == batch_size && failed - failed_before == size) || context_.deadline.passed();
    }

    ArchiveContext& context_;
    Shelf shelf_;
    Progress& progress_;
    const FileSteps& steps_;
    std::vector<SourceFile> files_;
    std::unique_ptr<FileBatch> current_; ///< the batch that is processed next
    bool stopped_ = false;
    std::uint64_t untried_ = 0;
};

} // namespace

namespace {

// The names in the folder; `progress` gets the number and size of the files that are due. Only for a run that somebody
// watches, since the names of a folder can fill the memory.
std::vector<std::string> expected_names(const FileSteps& steps, Progress& progress) {
    std::vector<std::string> names;
    std::uint64_t count = 0;
    std::uint64_t bytes = 0;
    steps.list([&](const std::string& name) {
        names.push_back(name);
        if (const auto found = steps.find_due(name)) {
            ++count;
            bytes += static_cast<std::uint64_t>(found->st_size);
        }
    });
    progress.expect(count, bytes);
    return names;
}

} // namespace

void process_in_batches(ArchiveContext& context, Shelf shelf, Progress& progress, const FileSteps& steps) {
    Batches batches{context, shelf, progress, steps};
    const auto add = [&](const std::string& name) {
        std::optional<SourceFile> file;
        try {
            file = steps.select(name);
        } catch (const Error& error) {
            context.report.add_failure(shelf, name, error);
        }
        batches.add(std::move(file));
    };
    if (Progress::wanted())
        for (const auto& name : expected_names(steps, progress))
            add(name);
    else
        steps.list(add);
    batches.finish();
}

std::function<void(const std::function<void(const std::string&)>&)> names_in(const Folder& folder) {
    return [&folder](const std::function<void(const std::string&)>& each) { folder.for_each_name(each); };
}

void show_action(const char* action, Shelf shelf) {
    if (auto* progress = Progress::youngest())
        progress->doing(fmt::format("{} {}", action, name_of(shelf)));
}

} // namespace pbx::archive
