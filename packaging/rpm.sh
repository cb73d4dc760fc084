#!/usr/bin/env bash
# Makes an RPM package of a binary: the binary, its manual pages and its completions.
# usage: rpm.sh BINARY VERSION ARCHITECTURE OUT_DIR      (x86_64, aarch64; needs cargo-generate-rpm; the binary has to run here)
set -euo pipefail
[ $# -eq 4 ] || { sed -n 2,3p "$0"; exit 2; }
binary=$(readlink -f "$1") version=$2 architecture=$3
mkdir -p "$4"
out=$(cd "$4" && pwd)
tree=$(cd "$(dirname "$0")/.." && pwd)
stage=$(mktemp -d)
trap 'rm -rf "$stage"' EXIT
mkdir -p "$stage/src" "$stage/man"
: >"$stage/src/lib.rs"
cp "$binary" "$stage/ringload"
cp "$tree/LICENSE" "$stage/LICENSE"
"$binary" man --dir "$stage/man"
gzip -9n "$stage/man/"*.1
"$binary" completions bash >"$stage/ringload.bash"
"$binary" completions zsh >"$stage/_ringload"
"$binary" completions fish >"$stage/ringload.fish"
# cargo-generate-rpm reads a manifest: this one names nothing but what was put here.
cat >"$stage/Cargo.toml" <<MANIFEST
[package]
name = "ringload"
version = "$version"
edition = "2021"
license = "$(sed -n 's/^license = "\(.*\)"/\1/p' "$tree/Cargo.toml" | head -1)"
description = "Load engine for LLM inference servers"

[workspace]

[package.metadata.generate-rpm]
summary = "Load engine for LLM inference servers"
auto-req = "disabled"
assets = [
  { source = "ringload", dest = "/usr/bin/ringload", mode = "755" },
  { source = "LICENSE", dest = "/usr/share/licenses/ringload/LICENSE", mode = "644" },
  { source = "man/*.gz", dest = "/usr/share/man/man1/", mode = "644", doc = true },
  { source = "ringload.bash", dest = "/usr/share/bash-completion/completions/ringload", mode = "644" },
  { source = "_ringload", dest = "/usr/share/zsh/site-functions/_ringload", mode = "644" },
  { source = "ringload.fish", dest = "/usr/share/fish/vendor_completions.d/ringload.fish", mode = "644" },
]
recommends = { ca-certificates = "*" }
MANIFEST
cd "$stage"
file=$out/ringload-$version-1.$architecture.rpm
cargo generate-rpm --arch "$architecture" --output "$file" >/dev/null
echo "$file"
