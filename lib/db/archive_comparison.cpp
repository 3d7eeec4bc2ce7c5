// The listing goes in with COPY, and one join compares it with the facts.
#include "db/archive_comparison.hpp"

#include <fmt/format.h>

#include <string_view>

namespace pbx::db {

namespace {

using std::chrono::seconds;
using std::chrono::sys_seconds;

constexpr std::string_view stitched_folder = "stitched/";

constexpr const char* tables = R"(
    create temporary table pbx_verify_listing (shelf text not null, name text not null, size bigint not null,
        md5 text not null, modified bigint not null);
    create temporary table pbx_verify_suspects (id bigint generated always as identity primary key, path text not null,
        size bigint, md5 text, modified bigint, archived_at bigint);
    create temporary table pbx_verify_findings (verdict text not null, path text not null, text text not null))";

// Some storages can hold two objects of one name: any of them is compared, and a question by name shows both.
constexpr const char* objects = R"(
    create temporary table pbx_verify_objects as
    select distinct on (shelf, name) * from pbx_verify_listing order by shelf, name;
    drop table pbx_verify_listing;
    analyze pbx_verify_objects)";

constexpr const char* compared = R"(
    create temporary view pbx_verify_compared as
    select case coalesce(r.shelf, o.shelf) when 'stitched' then 'stitched/' else '' end || coalesce(r.name, o.name) as path,
        o.size, o.md5, o.modified, cast(floor(extract(epoch from r.archived_at) * 1000000) as bigint) as archived_at,
        r.verified_at, r.size as known_size, r.md5 as known_md5, r.sha256 as known_sha256,
        coalesce(o.size = r.size and (o.md5 = '' or o.md5 = r.md5), false) as agrees
    from pbx_verify_objects o full join recordings r on r.shelf = o.shelf and r.name = o.name
    where case when r.name is null then o.modified >= {since}
        else r.archived_at >= to_timestamp({since}) and r.archived_at <= to_timestamp({began}) end{only})";

constexpr const char* of_account = R"(
        and case when r.name is not null then r.accountcode = {account}
            else exists (select from (select o.shelf, o.name) g cross join lateral ({owner}) owner
                where owner.accountcode = {account}) end)";

constexpr const char* disagreeing = R"(
    insert into pbx_verify_suspects (path, size, md5, modified, archived_at)
    select path, size, md5, modified, archived_at from pbx_verify_compared where not agrees order by path)";

constexpr const char* sampling = R"(
    create temporary table pbx_verify_sample as
    select row_number() over () as id, s.* from (
        select path, known_size, known_md5, coalesce(known_sha256, '') as known_sha256, archived_at
        from pbx_verify_compared where agrees
        order by verified_at nulls first, random()
        limit (select ceil(count(*) * cast({share} as numeric)) from pbx_verify_compared where agrees)) s;
    create index on pbx_verify_sample (id))";

constexpr sys_seconds earliest{seconds{-100'000'000'000}}; // before the first year

std::uint64_t size_at(const BulkRow& row, int column) {
    return row.size(column).value_or(0);
}

} // namespace

ArchiveComparison::ArchiveComparison(soci::session& session, std::optional<sys_seconds> since,
                                     const std::optional<std::string>& account, const LegNaming& naming)
    : session_{session, "compare the archive with the facts"},
      since_{std::to_string((since ? *since : earliest).time_since_epoch().count())} {
    if (account)
        only_ = fmt::format(of_account, fmt::arg("account", session_.literal(*account)),
                            fmt::arg("owner", owner_of_object(naming)));
    session_.execute(tables);
    const auto now = session_.execute("select extract(epoch from clock_timestamp())");
    began_ = BulkRow{now.get(), 0}.text(0);
}

void ArchiveComparison::add_listing(const std::function<void(const AddObject&)>& list) {
    session_.copy("pbx_verify_listing", [&](const auto& add_line) {
        list([&](const ListedObject& object) {
            const bool is_stitched = object.path.starts_with(stitched_folder);
            const auto name = std::string_view{object.path}.substr(is_stitched ? stitched_folder.size() : 0);
            add_line(fmt::format("{}\t{}\t{}\t{}\t{}\n", is_stitched ? "stitched" : "legs", copy_escaped(name),
                                 object.size, object.md5, object.modified.time_since_epoch().count()));
        });
    });
}

std::int64_t ArchiveComparison::compare() {
    session_.execute(objects);
    session_.execute(
        fmt::format(compared, fmt::arg("since", since_), fmt::arg("began", began_), fmt::arg("only", only_)));
    session_.execute(disagreeing);
    const auto agreeing = session_.execute("select count(*) from pbx_verify_compared where agrees");
    return BulkRow{agreeing.get(), 0}.number(0);
}

std::vector<Suspect> ArchiveComparison::next_suspects() {
    constexpr int at_once = 256;
    const auto found = session_.execute(
        fmt::format("select id, path, size, md5, modified, archived_at from pbx_verify_suspects where id > {} "
                    "order by id limit {}",
                    last_suspect_, at_once));
    std::vector<Suspect> suspects;
    for (int number = 0; number < PQntuples(found.get()); ++number) {
        const BulkRow row{found.get(), number};
        last_suspect_ = row.number(0);
        Suspect suspect{row.text(1), std::nullopt, std::nullopt};
        if (!row.is_null(2))
            suspect.object =
                ListedObject{row.text(1), size_at(row, 2), row.text(3), sys_seconds{seconds{row.number(4)}}};
        if (!row.is_null(5))
            suspect.archived_at = row.number(5);
        suspects.push_back(std::move(suspect));
    }
    return suspects;
}

std::int64_t ArchiveComparison::draw_sample(double share) {
    session_.execute(fmt::format(sampling, fmt::arg("share", share)));
    const auto drawn = session_.execute("select count(*) from pbx_verify_sample");
    return BulkRow{drawn.get(), 0}.number(0);
}

std::vector<SampledObject> ArchiveComparison::next_sample(std::uint64_t most_bytes) {
    constexpr int at_once = 256;
    const auto found = session_.execute(
        fmt::format("select id, path, known_size, known_md5, known_sha256, archived_at from pbx_verify_sample "
                    "where id > {} order by id limit {}",
                    last_sampled_, at_once));
    std::vector<SampledObject> sample;
    std::uint64_t bytes = 0;
    for (int number = 0; number < PQntuples(found.get()); ++number) {
        const BulkRow row{found.get(), number};
        bytes += size_at(row, 2);
        if (bytes > most_bytes && !sample.empty())
            break;
        last_sampled_ = row.number(0);
        sample.push_back({row.text(1), Content{size_at(row, 2), row.text(3), row.text(4)}, row.number(5)});
    }
    return sample;
}

void ArchiveComparison::add_finding(const std::string& verdict, const std::string& path, const std::string& text) {
    session_.execute(fmt::format("insert into pbx_verify_findings values ({}, {}, {})", session_.literal(verdict),
                                 session_.literal(path), session_.literal(text)));
}

void ArchiveComparison::for_each_finding(const std::function<void(const std::string& text)>& each) {
    session_.for_each_row("select text from pbx_verify_findings order by verdict, path",
                          [&](const BulkRow& row) { each(row.text(0)); });
}

} // namespace pbx::db
