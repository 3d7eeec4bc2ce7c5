# A private PostgreSQL server on a socket in a folder, for shell scripts: source this, then start_postgres FOLDER [SERVER OPTION...].
# The server refuses to run as root, so root starts it as the user postgres. $postgres_programs is the folder of its psql.

start_postgres() {
    local folder=$1 log=$1/log i as_user=(setpriv --pdeathsig INT)
    shift
    postgres_programs=$(printf '%s\n' /usr/lib/postgresql/*/bin "$(pg_config --bindir 2>/dev/null)" | sort -V |
        while read -r programs; do [[ -x $programs/initdb ]] && echo "$programs"; done | tail -n 1)
    mkdir "$folder"
    if ((EUID == 0)); then
        chown postgres: "$folder"
        as_user+=(--reuid postgres --regid postgres --init-groups)
    fi
    (cd / && "${as_user[@]}" "$postgres_programs/initdb" -D "$folder/data" -U pbx -A trust -E UTF8 --locale=C --no-sync) \
        >"$log" 2>&1 || { cat "$log"; return 1; }
    (cd / && exec "${as_user[@]}" "$postgres_programs/postgres" -D "$folder/data" -c listen_addresses= \
        -c unix_socket_directories="$folder" -c fsync=off "$@") >"$log" 2>&1 &
    postgres_server=$!
    for ((i = 0; i < 300; i++)); do
        "$postgres_programs/pg_isready" -q -h "$folder" && return
        kill -0 "$postgres_server" 2>/dev/null || break
        sleep 0.1
    done
    cat "$log"
    return 1
}

stop_postgres() {
    [[ -z ${postgres_server:-} ]] || { kill -INT "$postgres_server" 2>/dev/null && wait "$postgres_server" 2>/dev/null; } || true
}
