// Many rows at once, from a file that export_rows() or a person wrote.
#include "base/fd.hpp"
#include "base/interrupt.hpp"
#include "base/name.hpp"
#include "base/printable.hpp"
#include "provision/edit.hpp"
#include "provision/new_rows.hpp"
#include "provision/row_file.hpp"
#include "provision/secret.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <optional>
#include <string_view>
#include <utility>

namespace pbx::provision {

namespace {

// In the order in which they are applied: what a row refers to comes first.
constexpr std::array<std::string_view, 6> kinds{"org", "trunk", "user", "queue", "did", "route"};

std::size_t place_of(const std::string& kind) {
    return static_cast<std::size_t>(std::find(kinds.begin(), kinds.end(), kind) - kinds.begin());
}

std::string take_text(Json& fields, const char* name) {
    const auto found = fields.find(name);
    if (found == fields.end() || found->is_null())
        return {};
    if (!found->is_string())
        throw Error{Exit::usage, fmt::format("{} is not a text", name)};
    auto text = found->get<std::string>();
    fields.erase(name);
    return text;
}

std::optional<RowKind> row_kind(const std::string& word) {
    std::optional<RowKind> found;
    const Organization without_rows;
    tenants::visit_rows(without_rows, [&](const auto& description, const auto&) {
        if (word == description.word)
            found = description.kind;
    });
    return found;
}

class Application {
  public:
    explicit Application(Provisioner& work) : work_{work} {}

    void apply(std::vector<FileRow> rows) {
        std::vector<std::pair<std::string, FileRow>> sorted;
        for (auto& row : rows)
            at_line(row.line, [&] {
                auto kind = take_text(row.fields, "kind");
                if (place_of(kind) == kinds.size())
                    throw Error{Exit::usage, fmt::format("\"{}\" is not a kind", printable(shown(kind))),
                                fmt::format("the kinds are: {}", fmt::join(kinds, " "))};
                sorted.emplace_back(std::move(kind), std::move(row));
            });
        std::stable_sort(sorted.begin(), sorted.end(), [](const auto& one, const auto& other) {
            return place_of(one.first) < place_of(other.first);
        });
        for (auto& [kind, row] : sorted)
            at_line(row.line, [&, &kind = kind, &row = row] {
                if (kind == "org")
                    apply_organization(row.fields);
                else
                    apply_row(*row_kind(kind), row.fields);
            });
    }

  private:
    template <typename Work>
    static void at_line(std::size_t line, const Work& work) {
        try {
            work();
        } catch (const Error& error) {
            throw Error{error.status(), fmt::format("line {}: {}", line, error.what()), error.hint()};
        }
    }

    void apply_organization(const Json& fields) {
        auto named = fields;
        const auto prefix = take_text(named, "prefix");
        const auto name = take_text(named, "name");
        auto& all = work_.all();
        const auto found = std::find_if(all.begin(), all.end(), [&](const Organization& each) {
            return prefix.empty() ? each.name == name : each.context_prefix == prefix;
        });
        if (found != all.end())
            return set_organization_fields(*found, fields, Known::keep);
        auto added = new_row<Organization>();
        added.id = make_id();
        set_organization_fields(added, fields, Known::check);
        if (added.context_prefix.empty())
            added.context_prefix = make_prefix();
        all.push_back(std::move(added));
    }

    void apply_row(RowKind kind, Json& fields) {
        const auto wanted = take_text(fields, "org");
        if (wanted.empty())
            throw Error{Exit::usage, "the field org is missing", "it names the organization that the row belongs to"};
        auto& owner = work_.organization(wanted);
        if (const auto stored = find_stored(owner, kind, fields))
            set_row_fields(owner, kind, *stored, fields, Known::keep);
        else
            add_row(owner, kind, fields);
    }

    // The row that the file means, as the database spells its name.
    static std::optional<std::string> find_stored(const Organization& owner, RowKind kind, const Json& fields) {
        std::optional<std::string> stored;
        tenants::visit_rows(owner, kind, [&](const auto& description, const auto& rows) {
            using Row = typename std::remove_cvref_t<decltype(rows)>::value_type;
            const auto& key = fields_of<Row>().front().name;
            const auto given = fields.find(key);
            if (given == fields.end() || !given->is_string())
                throw Error{Exit::usage,
                            fmt::format("the field {} of a {} is missing, or not a text", key, description.word)};
            const auto name = given->template get<std::string>();
            for (const auto& row : rows)
                if (is_same_name(kind, row.*description.name, name) ||
                    (!stored && printable(row.*description.name) == name))
                    stored = row.*description.name;
        });
        return stored;
    }

    Provisioner& work_;
};

std::string read_input(const std::string& path) {
    if (path != "-")
        return read_file(path);
    std::string text;
    std::array<char, 65536> buffer{};
    for (;;) {
        const auto got = ::read(STDIN_FILENO, buffer.data(), buffer.size());
        if (got < 0 && errno == EINTR) {
            interrupt::check();
            continue;
        }
        if (got < 0)
            throw system_error(Exit::io, "cannot read stdin", errno);
        if (got == 0)
            return text;
        text.append(buffer.data(), static_cast<std::size_t>(got));
    }
}

} // namespace

Exit apply_file(const Context& context, const std::string& path) {
    const auto text = read_input(path);
    try {
        auto rows = parse_rows(text);
        Provisioner work{context};
        return carry_out(context, work, [&] { Application{work}.apply(std::move(rows)); });
    } catch (const Error& error) {
        throw Error{error.status(), fmt::format("{}: {}", path == "-" ? "stdin" : path, error.what()), error.hint()};
    }
}

} // namespace pbx::provision
