#!/usr/bin/env bash
# Makes everything of a release for one target: a static binary, its archive, a wheel, a Debian package, an RPM package, checksums.
# usage: build.sh [TARGET] [OUT_DIR]     (TARGET: x86_64-unknown-linux-musl, the default, or aarch64-unknown-linux-musl)
#
# Needs the Rust target (`rustup target add TARGET`) and a C compiler for it: musl-gcc of musl-tools, or, for aarch64, the one named in
# CC_aarch64_unknown_linux_musl. Only what was built for this machine's processor is packaged as .deb here: its manual pages and completions come
# from the binary itself.
set -euo pipefail
cd "$(dirname "$0")/.."
target=${1:-x86_64-unknown-linux-musl} out=${2:-target/packages}
version=$(sed -n 's/^version = "\(.*\)"/\1/p' Cargo.toml | head -1)
case $target in
  x86_64-*) processor=x86_64 architecture=amd64 ;;
  aarch64-*) processor=aarch64 architecture=arm64 ;;
  *) echo "build.sh: no package is made for $target" >&2; exit 2 ;;
esac
# With cargo-auditable the binary says which crates are in it.
cargo=(cargo)
command -v cargo-auditable >/dev/null && cargo=(cargo auditable)
"${cargo[@]}" build --profile dist --locked --target "$target" -p ringload
binary=${CARGO_TARGET_DIR:-target}/$target/dist/ringload
mkdir -p "$out"
size=$(stat -c %s "$binary")
[ "$size" -le $((25 << 20)) ] || { echo "build.sh: the binary has $size bytes, over 25 MiB" >&2; exit 1; }
name=ringload-$version-$processor-linux-musl
stage=$(mktemp -d)
trap 'rm -rf "$stage"' EXIT
mkdir "$stage/$name"
install -m 755 "$binary" "$stage/$name/ringload"
cp LICENSE README.md "$stage/$name/"
if [ "$(uname -m)" = "$processor" ]; then
  mkdir "$stage/$name/man"
  "$binary" man --dir "$stage/$name/man"
  mkdir "$stage/$name/completions"
  "$binary" completions bash >"$stage/$name/completions/ringload.bash"
  "$binary" completions zsh >"$stage/$name/completions/_ringload"
  "$binary" completions fish >"$stage/$name/completions/ringload.fish"
  packaging/deb.sh "$binary" "$version" "$architecture" "$out"
  if command -v cargo-generate-rpm >/dev/null; then packaging/rpm.sh "$binary" "$version" "$processor" "$out"; fi
fi
tar -C "$stage" --sort=name --owner=0 --group=0 --mtime="@${SOURCE_DATE_EPOCH:-0}" -czf "$out/$name.tar.gz" "$name"
python3 packaging/wheel.py "$binary" "$version" "manylinux_2_17_$processor.manylinux2014_$processor.musllinux_1_1_$processor" "$out"
(cd "$out" && find . -maxdepth 1 -type f ! -name 'SHA256SUMS*' -printf '%P\n' | sort | xargs sha256sum >"SHA256SUMS.$processor")
echo "$out/$name.tar.gz ($size bytes of binary)"
