#!/usr/bin/env bash
# One run and its judgement, as the action of this folder takes them from its inputs: ARGS, FAIL_IF, UNDECIDED, BASELINE, REGRESS_IF, DIR.
# Exit status: that of the run, else that of the comparison with the baseline.
set -uo pipefail
ringload=${RINGLOAD:-ringload}
dir=${DIR:-ringload-results}
mkdir -p "$dir"

conditions() { # FLAG, lines of conditions
  while IFS= read -r line; do
    line=${line#"${line%%[![:space:]]*}"}
    line=${line%"${line##*[![:space:]]}"}
    if [ -n "$line" ]; then printf '%s\0%s\0' "$1" "$line"; fi
  done <<<"$2"
}

# Words as a shell splits them, quotes included; nothing in them is run.
mapfile -d '' -t args < <(xargs printf '%s\0' <<<"${ARGS:-}")
mapfile -d '' -t fail_if < <(conditions --fail-if "${FAIL_IF:-}")
if [ "${UNDECIDED:-false}" = true ] && [ ${#fail_if[@]} -gt 0 ]; then fail_if+=(--fail-if-undecided); fi

"$ringload" profile "${args[@]}" "${fail_if[@]}" --artifact-dir "$dir" --junit "$dir/junit.xml" --annotations github
ended=$?

if [ -n "${BASELINE:-}" ] && [ -e "$dir/profile_export.jsonl" ]; then
  mapfile -d '' -t regress_if < <(conditions --fail-if "${REGRESS_IF:-}")
  "$ringload" compare "$BASELINE" "$dir" --format markdown "${regress_if[@]}" | tee "$dir/comparison.md"
  compared=${PIPESTATUS[0]}
  if [ -n "${GITHUB_STEP_SUMMARY:-}" ]; then cat "$dir/comparison.md" >>"$GITHUB_STEP_SUMMARY"; fi
  if [ "$compared" -ne 0 ]; then echo "::error title=ringload::the run is worse than its baseline $BASELINE"; fi
  if [ "$ended" -eq 0 ]; then ended=$compared; fi
fi
exit "$ended"
