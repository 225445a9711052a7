# Sourced: a PostgreSQL of one's own in a temporary folder, which is gone when the script ends.
#
# Gives the folder as $temporary, start_postgresql (which sets EXEUNT_TEST_POSTGRES) and as_postgres.

say() { printf '\n== %s\n' "$*"; }
fail() { printf '%s: %s\n' "$0" "$*" >&2; exit 1; }

# The folder of PostgreSQL's programs; Debian keeps them out of PATH, the newest version last.
find_postgresql() {
  local initdb
  initdb="$(find /usr/lib/postgresql -path '*/bin/initdb' 2>/dev/null | sort -V | tail -n 1)" || true
  [[ -n $initdb ]] || initdb="$(command -v initdb)" || return 1
  dirname "$initdb"
}

# PostgreSQL refuses to run as root.
as_postgres() {
  if (( EUID == 0 )); then (cd / && runuser -u postgres -- "$@"); else "$@"; fi
}

# Further arguments are PostgreSQL's own.
start_postgresql() {
  local programs password port attempt
  programs="$(find_postgresql)" || fail "please install postgresql, and try again"
  password="$(od -An -N16 -tx1 /dev/urandom | tr -d ' \n')"
  mkdir "$cluster"
  printf '%s' "$password" >"$cluster/password"
  if (( EUID == 0 )); then chown -R postgres "$cluster"; fi

  say "starting PostgreSQL ($programs)"
  as_postgres "$programs/initdb" --pgdata="$cluster/data" --username=exeunt --pwfile="$cluster/password" \
    --auth=scram-sha-256 --encoding=UTF8 --locale=C --no-sync >"$temporary/initdb.log" \
    || { cat "$temporary/initdb.log" >&2; fail "initdb failed"; }
  for attempt in 1 2 3 4 5; do
    port=$((20000 + RANDOM % 12000))
    if as_postgres "$programs/pg_ctl" start --wait --silent --pgdata="$cluster/data" --log="$cluster/log" -o "-p $port \
      -k $cluster -c listen_addresses=127.0.0.1 -c max_connections=200 $*"; then
      export EXEUNT_TEST_POSTGRES="postgres://exeunt:$password@127.0.0.1:$port/postgres"
      return
    fi
  done
  cat "$cluster/log" >&2
  fail "PostgreSQL does not start"
}

clean_up() {
  local status=$?
  if [[ -f $cluster/data/postmaster.pid ]]; then
    as_postgres "$(find_postgresql)/pg_ctl" stop --silent --mode=immediate --pgdata="$cluster/data" || true
  fi
  rm -rf "$temporary"
  exit "$status"
}

# Not under TMPDIR, which may be long: the path of a socket has about a hundred bytes.
temporary="$(mktemp -d /tmp/exeunt.XXXXXX)"
cluster="$temporary/postgresql"
trap clean_up EXIT
trap 'exit 130' INT
trap 'exit 143' TERM
# PostgreSQL's own user passes through; the cluster below is its alone.
chmod 711 "$temporary"
# What needs not outlive a power cut.
without_fsync=(-c fsync=off -c full_page_writes=off)
