#!/usr/bin/env bash
# Instructions per event of every stage of the path of a token, counted by callgrind: the cases of `cargo bench --bench path`.
#
#   bench/compare/instructions.sh [-o OUT.tsv] [-b BASELINE.tsv] [CASE]      needs valgrind
#
# Prints a Markdown table of the cases whose names begin with CASE, or of all; -o writes them as a baseline, -b compares with one. A count
# does not depend on how busy the machine is; it does on the toolchain, and on what the libraries find the processor to have (AVX2, AES-NI).
#
#   bench/compare/instructions.sh -p CASE      writes callgrind.out.CASE for callgrind_annotate, which says where the instructions are
set -euo pipefail
cd "$(dirname "$0")/../.."
out= baseline= profile= rounds=3
while getopts o:b:p: option; do
  case $option in
    o) out=$OPTARG ;; b) baseline=$OPTARG ;; p) profile=$OPTARG ;;
    *) sed -n 's/^#   //p' "$0" >&2; exit 2 ;;
  esac
done
shift $((OPTIND - 1))
command -v valgrind >/dev/null || { echo "instructions.sh: install valgrind" >&2; exit 2; }
[ -z "$profile" ] || export CARGO_PROFILE_RELEASE_DEBUG=line-tables-only
cargo build --release --quiet -p ringload-bench --bin counts
counts=$(realpath "${CARGO_TARGET_DIR:-target}/release/counts")
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT

callgrind() { # FILE CASE [less]: what is counted is the function `counted`, which runs a round
  local file=$1; shift
  valgrind --tool=callgrind --collect-atstart=no --toggle-collect='*ringload_bench::case::counted*' --callgrind-out-file="$file" "$counts" "$1" $rounds "${@:2}" 2>"$tmp/log" ||
    { cat "$tmp/log" >&2; exit 1; }
}
total() { # CASE [less]
  callgrind "$tmp/out" "$@"
  awk '$1 == "totals:" { print $2 }' "$tmp/out"
}

if [ -n "$profile" ]; then
  file="callgrind.out.${profile//[ \/,]/-}"
  callgrind "$file" "$profile"
  echo "$file: $rounds rounds; callgrind_annotate --inclusive=yes $file"
  exit
fi

{
  echo "# instructions per event, bytes per event; $(rustc --version), $(valgrind --version)"
  "$counts" | while IFS=$'\t' read -r name events bytes less; do
    [[ $name == "${1-}"* ]] || continue
    all=$(total "$name") off=0
    [ "$less" = - ] || off=$(total "$name" less)
    awk -v name="$name" -v n=$((events * rounds)) -v all="$all" -v off="$off" -v bytes="$bytes" -v events="$events" \
      'BEGIN { printf "%s\t%.1f\t%.0f\n", name, (all - off) / n, bytes / events }'
  done
} >"$tmp/rows"
[ -z "$out" ] || cp "$tmp/rows" "$out"

awk -F'\t' '
  FNR == 1 { file++ }
  /^#/ { next }
  file == 1 && files == 2 { before[$1] = $2; next }
  !head++ { print files == 2 ? "| case | instructions per event | before | change | bytes per event |\n|---|---|---|---|---|" \
                             : "| case | instructions per event | bytes per event |\n|---|---|---|" }
  {
    bytes = $3 > 0 ? $3 : "–"
    if (files == 2) {
      known = $1 in before && before[$1] > 0
      printf "| %s | %s | %s | %s | %s |\n", $1, $2, known ? before[$1] : "–", known ? sprintf("%+.1f %%", ($2 / before[$1] - 1) * 100) : "–", bytes
    } else printf "| %s | %s | %s |\n", $1, $2, bytes
  }' files=$([ -n "$baseline" ] && echo 2 || echo 1) ${baseline:+"$baseline"} "$tmp/rows"
