// Three tiers: the stitched recording here, the one in the archive, and one built from the legs.
#include "recording/fetch.hpp"

#include "audio/leg_audio.hpp"
#include "base/atomic_file.hpp"
#include "base/deadline.hpp"
#include "base/hash.hpp"
#include "base/name.hpp"
#include "base/words.hpp"
#include "cdr/legs.hpp"
#include "db/session.hpp"
#include "recording/build.hpp"
#include "recording/damage.hpp"
#include "remote/query.hpp"
#include "remote/remote.hpp"
#include "remote/transfer.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <ctime>
#include <filesystem>

namespace pbx::recording {

namespace {

// How much of an object is held back until all of it has come and was checked: a reader never gets the whole of a bad
// one, and of a short one nothing.
constexpr std::size_t held_back = 1U << 16U;

// A folder for legs when the shared cache cannot be written: gone with this process's work.
class TemporaryFolder {
  public:
    TemporaryFolder() {
        auto name = (temporary_folder() / "pbx-recording-fetch.XXXXXX").native();
        if (::mkdtemp(name.data()) == nullptr)
            throw system_error(Exit::cant_create, "cannot make a temporary folder " + name, errno);
        path_ = name;
    }
    ~TemporaryFolder() {
        std::error_code ignored;
        std::filesystem::remove_all(path_, ignored);
    }
    TemporaryFolder(const TemporaryFolder&) = delete;
    TemporaryFolder& operator=(const TemporaryFolder&) = delete;
    const std::filesystem::path& path() const { return path_; }

  private:
    std::filesystem::path path_;
};

constexpr const char* cannot_be_rebuilt =
    "its legs, as far as they are left, can be fetched one by one with pbx-recording-fetch --leg N";

bool cannot_write(const Error& error) {
    return error.kind() == Exit::cant_create || error.kind() == Exit::no_permission;
}

class Fetch {
  public:
    explicit Fetch(const FetchOptions& options)
        : options_{options}, deadline_{Deadline::after(options.timeout)}, answer_{options.answer},
          legs_{Folder::open(options.places.spool)} {
        std::error_code ignored;
        if (std::filesystem::exists(options.places.stitch_src, ignored))
            legs_.add_cache(Folder::open(options.places.stitch_src));
        if (!options.places.remote.empty())
            remote_.emplace(options.places.remote, options.places.rclone);
    }

    Exit serve(const cdr::Call& call) {
        if (options_.leg && *options_.leg > call.legs.size())
            throw Error{Exit::no_input,
                        fmt::format("call {} has no leg {}: it has {}", shown(call), *options_.leg, call.legs.size())};
        if (options_.leg)
            return serve_leg(call, call.legs.at(*options_.leg - 1));
        if (call.legs.size() == 1)
            return serve_leg(call, call.legs.front());
        return serve_stitched(call);
    }

  private:
    // With what an object is served, and what its audio must be.
    struct Served {
        AnswerHeaders headers;
        std::uint64_t data_offset = 0;
        audio::Manifest manifest;
    };

    // --- one leg as it is ---

    Exit serve_leg(const cdr::Call& call, const std::string& name) {
        require_own_leg(call, name);
        if (auto file = legs_.find(name)) {
            const auto what = "leg " + name;
            const auto size = size_of(file->get(), what);
            const audio::LegAudio leg{Fd{::dup(file->get())}, what};
            if (leg.frames() == 0)
                throw nothing_to_hear(call);
            answer_.begin({size, 1, "leg-local", 0});
            answer_.add(file->get(), 0, size, what);
            answer_.finish();
            return Exit::ok;
        }
        if (!remote_)
            throw Error{Exit::no_input, "leg " + name + " of call " + shown(call) + " is not in the spool",
                        "legs leave for the archive every hour: set --remote or PBX_REMOTE"};
        const auto object = find_object(*remote_, Shelf::legs, name, deadline_);
        if (!object)
            throw Error{Exit::no_input,
                        "leg " + name + " of call " + shown(call) + " is neither in the spool nor in the archive",
                        std::chrono::system_clock::now() - call.ended < patience_for_other_nodes
                            ? "another node may still bring it: try again in an hour"
                            : "pbx-archive audit lists every recording that is missing"};
        serve_object(Shelf::legs, name, *object,
                     [&](std::string_view beginning, bool all) { return leg_headers(call, name, beginning, all); });
        return Exit::ok;
    }

    static std::optional<Served> leg_headers(const cdr::Call& call, const std::string& name, std::string_view beginning,
                                             bool all) {
        try {
            const auto header = audio::parse_wav_header(beginning);
            if (!header && !all)
                return std::nullopt;
            if (!header)
                throw Error{Exit::data, "no WAV file: it has no data chunk where one belongs"};
            if (all && beginning.size() <= header->data_offset)
                throw nothing_to_hear(call);
            if (!all && beginning.size() <= header->data_offset)
                return std::nullopt;
        } catch (const Error& error) {
            if (error.kind() != Exit::data)
                throw;
            throw Error{Exit::data, "leg " + name + " in the archive: " + error.what()};
        }
        return Served{{std::nullopt, 1, "leg-remote", 0}, 0, {}};
    }

    static Error nothing_to_hear(const cdr::Call& call) {
        return {Exit::no_input, "the recording of call " + shown(call) + " has no audio"};
    }

    // --- the stitched recording ---

    Exit serve_stitched(const cdr::Call& call) {
        const auto name = stitched_name(call);
        require_own_legs(call);
        const auto why_not = serve_local(call);
        if (why_not.empty())
            return Exit::ok;
        if (local_damage_)
            words::warn("{}; it is not served", local_damage_->what());
        else
            words::note("{}", why_not);
        std::optional<Error> trouble;
        const auto attempt = [&](const auto& serve) -> std::optional<Exit> {
            try {
                return serve();
            } catch (const Error& error) {
                if (!answer_.take_back())
                    throw;
                words::note("{}", error.what());
                trouble = error;
                return std::nullopt;
            }
        };
        const auto from_remote = [&] { return serve_remote(call, name); };
        std::optional<Exit> status;
        if (local_damage_) {
            // It is to be replaced, which a copy from the archive does not do: that is for when a leg is lost.
            status = attempt([&] { return serve_built(call, name, {}); });
            if (!status)
                status = attempt(from_remote);
        } else {
            // What is here may be enough; and nobody may hear "not there" because the archive did not answer.
            status = attempt(from_remote);
            if (!status)
                status = serve_built(call, name, trouble);
        }
        if (!status)
            throw Error{trouble ? *trouble : *local_damage_};
        return *status;
    }

    // Nothing, when it was served; else why it was not.
    std::string serve_local(const cdr::Call& call) {
        constexpr const char* none = "no stitched recording here";
        local_damage_.reset();
        std::error_code ignored;
        if (!std::filesystem::exists(options_.places.stitched, ignored))
            return none;
        const auto stitched = Folder::open(options_.places.stitched);
        Fd file;
        const auto standing = examine_file(call, stitched, legs_, options_.overlap, &file);
        const auto path = stitched.path_of(stitched_name(call));
        if (standing.damaged)
            local_damage_ = Error{Exit::data, path + ": " + standing.reason, cannot_be_rebuilt};
        if (!standing.current)
            return standing.exists ? "stitched recording here: " + standing.reason : none;
        if (has_come_back(standing.manifest))
            return "stitched recording here: a leg that was missing is in the archive now";
        if (standing.manifest.audible() == 0)
            throw nothing_to_hear(call);
        // Before any of it is sent: it can then be built again. What was read once is sent from memory.
        if (const auto fault = damage_of_file(file.get(), path); !fault.empty()) {
            local_damage_ = Error{Exit::data, path + ": " + fault, cannot_be_rebuilt};
            return fault;
        }
        send_file(file.get(), standing.manifest, "stitched-local");
        return {};
    }

    // The recording here, although it is out of date, since it has a leg that is nowhere else. Nothing when its
    // manifest cannot be read.
    std::optional<Exit> serve_outdated(const cdr::Call& call) {
        const auto stitched = Folder::open(options_.places.stitched);
        const auto path = stitched.path_of(stitched_name(call));
        const auto file = stitched.find(stitched_name(call));
        std::optional<audio::Manifest> manifest;
        try {
            if (file)
                manifest = audio::Manifest::from(audio::read_wav_header(file->get(), path));
        } catch (const Error& error) {
            if (error.kind() != Exit::data)
                throw;
        }
        if (!manifest)
            return std::nullopt;
        if (const auto fault = damage_of_file(file->get(), path); !fault.empty())
            throw Error{Exit::data, path + ": " + fault, cannot_be_rebuilt};
        manifest->missing = manifest->lacking(call.legs);
        for (const auto& leg : manifest->missing)
            words::warn("call {}: leg {} is not in what is served", shown(call), pbx::shown(leg));
        send_file(file->get(), *manifest, "stitched-local");
        return Exit::ok;
    }

    // A leg that only the recording here has; empty when there is none.
    std::string leg_only_here(const cdr::Call& call, const audio::Manifest& built) const {
        std::error_code ignored;
        if (!std::filesystem::exists(options_.places.stitched, ignored))
            return {};
        return leg_only_in(Folder::open(options_.places.stitched), call, built);
    }

    // Whether the archive has by now what the manifest calls missing, as it may when another node was late.
    bool has_come_back(const audio::Manifest& manifest) {
        if (manifest.missing.empty() || !remote_)
            return false;
        try {
            const auto found = find_objects(*remote_, Shelf::legs, askable(manifest.missing), deadline_);
            throw_first(found.failures);
            return !found.objects.empty();
        } catch (const Error& error) {
            words::note("cannot ask for the legs that were missing: {}", error.what());
            return false;
        }
    }

    static std::vector<std::string> askable(const std::vector<std::string>& names) {
        std::vector<std::string> result;
        std::copy_if(names.begin(), names.end(), std::back_inserter(result),
                     [](const std::string& name) { return name_fault(name).empty() && is_utf8(name); });
        return result;
    }

    void send_file(int fd, const audio::Manifest& manifest, const char* source) {
        const auto size = size_of(fd, "the recording");
        answer_.begin({size, manifest.audible(), source, manifest.missing.size()});
        answer_.add(fd, 0, size, "the recording");
        answer_.finish();
    }

    // Nothing when the archive has none that is up to date.
    std::optional<Exit> serve_remote(const cdr::Call& call, const std::string& name) {
        if (!remote_)
            return std::nullopt;
        const auto object = find_object(*remote_, Shelf::stitched, name, deadline_);
        if (!object) {
            words::note("no stitched recording in the archive");
            return std::nullopt;
        }
        struct Stale {};
        try {
            serve_object(Shelf::stitched, name, *object, [&](std::string_view beginning, bool all) {
                auto decided = decide_on_stitched(call, *object, beginning, all);
                if (decided && !decided->standing.current) {
                    words::note("stitched recording in the archive: {}", decided->standing.reason);
                    throw Stale{};
                }
                return decided ? std::optional{std::move(decided->served)} : std::nullopt;
            });
            return Exit::ok;
        } catch (const Stale&) {
            return std::nullopt;
        }
    }

    struct Decided {
        Standing standing;
        Served served;
    };

    // Nothing when more of the object's beginning is needed to decide.
    std::optional<Decided> decide_on_stitched(const cdr::Call& call, const RemoteObject& object,
                                              std::string_view beginning, bool all) {
        Decided decided;
        std::optional<audio::WavHeader> header;
        try {
            header = audio::parse_wav_header(beginning);
            if (!header && !all)
                return std::nullopt;
        } catch (const Error& error) {
            if (error.kind() != Exit::data)
                throw;
        }
        if (!header) {
            decided.standing.reason = "it is no WAV file";
            return decided;
        }
        // rclone keeps whole seconds in some remotes: take the last instant of the second.
        const auto modified = (object.modified.time_since_epoch().count() + 1) * 1'000'000'000 - 1;
        decided.standing = examine(call, *header, object.size, modified, legs_, options_.overlap);
        if (decided.standing.current && has_come_back(decided.standing.manifest)) {
            decided.standing.current = false;
            decided.standing.reason = "a leg that was missing is in the archive now";
        }
        if (!decided.standing.current)
            return decided;
        auto& manifest = decided.standing.manifest;
        if (manifest.audible() == 0)
            throw nothing_to_hear(call);
        decided.served = {{std::nullopt, manifest.audible(), "stitched-remote", manifest.missing.size()},
                          header->data_offset,
                          std::move(manifest)};
        return decided;
    }

    // Streams an object. Its beginning is held back until `decide` has seen enough of it to say with what it is served,
    // and its end until all of it was checked; `decide` throws when it is not to be served at all.
    void serve_object(Shelf shelf, const std::string& name, const RemoteObject& object,
                      const std::function<std::optional<Served>(std::string_view, bool all)>& decide) {
        std::string held;
        std::optional<Served> served;
        bool begun = false;
        Hash hash{Hash::Algorithm::sha256};
        const auto send = [&](std::string_view data) {
            if (!begun) {
                served->headers.length = object.size;
                answer_.begin(served->headers);
                begun = true;
            }
            answer_.add(data);
        };
        const auto flow = [&](std::string_view data) {
            held += data;
            if (served) {
                hash.add(data);
            } else {
                served = decide(held, held.size() >= object.size);
                if (!served)
                    return;
                hash.add(std::string_view{held}.substr(served->data_offset));
            }
            if (held.size() > held_back) {
                const auto ready = held.size() - held_back;
                send(std::string_view{held}.substr(0, ready));
                held.erase(0, ready);
            }
        };
        stream_object(*remote_, shelf, name, object, flow, deadline_);
        if (!served)
            throw Error{Exit::no_input, name + " in the archive is empty"};
        if (const auto fault = damage(served->manifest, hash.hex()); !fault.empty())
            throw Error{Exit::data, name + " in the archive: " + fault,
                        "give -o FILE: what is bad then never gets out, and the legs are joined instead"};
        send(held);
        answer_.finish();
    }

    // Joins the legs. Nothing when the recording here is damaged and has a leg that is nowhere else.
    std::optional<Exit> serve_built(const cdr::Call& call, const std::string& name,
                                    const std::optional<Error>& trouble) {
        std::optional<TemporaryFolder> own_folder;
        fetch_missing(call, own_folder);
        const auto still = legs_.absent(call);
        // The archive may hold the whole call in the object that it did not give us.
        if (!still.empty() && trouble)
            throw Error{*trouble};
        const bool cache = still.empty() || std::chrono::system_clock::now() - call.ended >= patience_for_other_nodes;
        std::optional<Folder> stitched;
        std::optional<AtomicFile> file;
        if (cache) {
            try {
                stitched = Folder::create(options_.places.stitched, &legs_.spool());
                file.emplace(*stitched, name, 0640, deadline_);
            } catch (const Error& error) {
                if (!cannot_write(error))
                    throw;
                words::note("the result is not cached: {}", error.what());
            }
        }
        // While we waited for another writer of the same file, it did our work.
        if (file && serve_local(call).empty())
            return Exit::ok;
        const Fd nameless = file ? Fd{} : nameless_file();
        const int out = file ? file->fd() : nameless.get();
        const auto built =
            build(call, legs_, still, options_.overlap, out, "the stitched recording of call " + shown(call));
        if (!built.being_written.empty())
            throw Error{Exit::temporary,
                        "call " + shown(call) + ": leg " + built.being_written.front() + " is still being recorded",
                        "try again when the call has ended"};
        if (!built.gone.empty()) {
            // The archive took a leg since we asked for those that are not here: it has that one too now.
            file.reset();
            return serve_built(call, name, trouble);
        }
        for (const auto& fault : built.faults)
            words::error({built.status, "call " + shown(call) + ": " + fault});
        // Another descriptor on the same file: the commit closes nothing that is still to be sent.
        const Fd body{::dup(out)};
        if (const auto leg = leg_only_here(call, built.manifest); !leg.empty()) {
            words::note("leg {} is nowhere but in the stitched recording here, which is kept", pbx::shown(leg));
            file.reset();
            if (local_damage_)
                return std::nullopt;
            if (const auto status = serve_outdated(call))
                return status;
        }
        if (built.manifest.audible() == 0)
            throw built.status == Exit::ok ? nothing_to_hear(call)
                                           : Error{built.status, "no leg of call " + shown(call) + " can be read"};
        if (file)
            file->commit();
        send_file(body.get(), built.manifest, "stitched-ondemand");
        return built.status;
    }

    void fetch_missing(const cdr::Call& call, std::optional<TemporaryFolder>& own_folder) {
        const auto absent = legs_.absent(call);
        if (absent.empty() || !remote_)
            return;
        try {
            const auto folder = Folder::create(options_.places.stitch_src, &legs_.spool());
            if (::geteuid() == 0 && folder.owner().st_uid != 0) {
                fetch_as_root(absent, folder);
            } else {
                throw_first(fetch_objects(*remote_, Shelf::legs, absent, folder, deadline_).failures);
            }
            legs_.add_cache(Folder::open(options_.places.stitch_src));
        } catch (const Error& error) {
            if (!cannot_write(error) || ::access(options_.places.stitch_src.c_str(), W_OK) == 0)
                throw;
            words::note("legs are not cached: {}", error.what());
            own_folder.emplace();
            throw_first(
                fetch_objects(*remote_, Shelf::legs, absent, Folder::open(own_folder->path()), deadline_).failures);
            legs_.add_cache(Folder::open(own_folder->path()));
        }
    }

    // rclone writes by paths, and the user who owns the cache could lead those elsewhere: as root it writes into a
    // folder of root's, from where the legs are copied into the cache.
    void fetch_as_root(const std::vector<std::string>& names, const Folder& cache) {
        const TemporaryFolder temporary;
        const auto arrived = Folder::open(temporary.path());
        throw_first(fetch_objects(*remote_, Shelf::legs, names, arrived, deadline_).failures);
        for (const auto& name : names) {
            const auto leg = arrived.find(name);
            if (!leg)
                continue;
            AtomicFile file{cache, name, 0640, deadline_};
            copy_bytes(leg->get(), 0, size_of(leg->get(), name), file.fd(), name);
            file.commit();
        }
    }

    const FetchOptions& options_;
    Deadline deadline_;
    Answer answer_;
    LocalLegs legs_;
    std::optional<Remote> remote_;
    std::optional<Error> local_damage_; ///< of the stitched recording here
};

std::vector<cdr::Call> look_up(const FetchOptions& options) {
    soci::session session;
    db::connect(session, options.database, std::min(options.timeout, std::chrono::seconds{60}));
    return cdr::find_calls(session, options.call);
}

// The one call that is meant. Another account's call is answered in the very words of one that does not exist.
cdr::Call choose(std::vector<cdr::Call> calls, const FetchOptions& options) {
    if (options.account)
        std::erase_if(calls, [&](const cdr::Call& call) { return call.accountcode != *options.account; });
    if (calls.empty())
        throw Error{Exit::no_input, "no recorded call \"" + pbx::shown(options.call) + "\"",
                    "a call is named by its CDR id, uniqueid or linkedid; pbx-calls lists them"};
    if (calls.size() == 1)
        return std::move(calls.front());
    std::string accounts;
    for (const auto& call : calls)
        accounts += fmt::format("{}\"{}\"", accounts.empty() ? "" : ", ", pbx::shown(call.accountcode));
    throw Error{Exit::usage, "several accounts share linkedid " + pbx::shown(calls.front().linkedid) + ": " + accounts,
                "name one with --account"};
}

} // namespace

Exit fetch(const FetchOptions& options) {
    if (options.call.empty())
        throw Error{Exit::usage, "the call's name is empty", "name it by its CDR id, uniqueid or linkedid"};
    Fetch work{options};
    return work.serve(choose(look_up(options), options));
}

} // namespace pbx::recording
