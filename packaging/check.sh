#!/usr/bin/env bash
# Installs the packages of a folder as users do, and runs each: the wheel in an empty virtual environment, the Debian package in an empty root, the
# archive as it is. Each has to answer and to make the demo run.
# usage: check.sh DIR
set -euo pipefail
dir=$(cd "${1:?usage: check.sh DIR}" && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
demo() {
  "$1" --version
  "$1" profile --demo --request-count 20 --concurrency 2 --artifact-dir "$work/$2" --allow-invalid --quiet
  test -s "$work/$2/profile_export_aiperf.json"
}
for wheel in "$dir"/*.whl; do
  [ -e "$wheel" ] || continue
  python3 -m venv "$work/venv"
  "$work/venv/bin/pip" install --quiet --no-index "$wheel"
  demo "$work/venv/bin/ringload" wheel
  test -s "$work/venv/share/man/man1/ringload-profile.1.gz"
  bash -n "$work/venv/share/bash-completion/completions/ringload"
  "$work/venv/bin/pip" uninstall --quiet --yes ringload
  rm -rf "$work/venv"
done
for package in "$dir"/*.deb; do
  [ -e "$package" ] || continue
  mkdir "$work/root"
  dpkg-deb --extract "$package" "$work/root"
  demo "$work/root/usr/bin/ringload" deb
  test -s "$work/root/usr/share/man/man1/ringload-profile.1.gz"
  bash -n "$work/root/usr/share/bash-completion/completions/ringload"
  rm -rf "$work/root"
done
for archive in "$dir"/*.tar.gz; do
  [ -e "$archive" ] || continue
  mkdir "$work/archive"
  tar -C "$work/archive" --strip-components=1 -xzf "$archive"
  demo "$work/archive/ringload" archive
  test -s "$work/archive/man/ringload-profile.1"
  bash -n "$work/archive/completions/ringload.bash"
  rm -rf "$work/archive"
done
echo "every package of $dir runs"
