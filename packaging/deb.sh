#!/usr/bin/env bash
# Makes a Debian package of a binary: the binary, its manual pages and its completions.
# usage: deb.sh BINARY VERSION ARCHITECTURE OUT_DIR      (amd64, arm64; needs dpkg-deb; the binary has to run here)
set -euo pipefail
[ $# -eq 4 ] || { sed -n 2,3p "$0"; exit 2; }
binary=$1 version=$2 architecture=$3 out=$4
tree=$(cd "$(dirname "$0")/.." && pwd)
root=$(mktemp -d)
trap 'rm -rf "$root"' EXIT
chmod 755 "$root"
umask 022
install -D -m 755 "$binary" "$root/usr/bin/ringload"
install -D -m 644 "$tree/LICENSE" "$root/usr/share/doc/ringload/copyright"
share=$root/usr/share
mkdir -p "$share/man/man1" "$share/bash-completion/completions" "$share/zsh/vendor-completions" "$share/fish/vendor_completions.d"
"$binary" man --dir "$share/man/man1"
gzip -9n "$share/man/man1/"*.1
"$binary" completions bash >"$share/bash-completion/completions/ringload"
"$binary" completions zsh >"$share/zsh/vendor-completions/_ringload"
"$binary" completions fish >"$share/fish/vendor_completions.d/ringload.fish"
# A static binary needs nothing; one of glibc says which.
depends=
if command -v objdump >/dev/null && objdump -p "$binary" 2>/dev/null | grep 'NEEDED.*libc\.so\.6' >/dev/null; then
  glibc=$(objdump -T "$binary" | grep -o 'GLIBC_[0-9.]*' | sort -Vu | tail -1)
  depends="Depends: libc6 (>= ${glibc#GLIBC_}), libgcc-s1"$'\n'
fi
mkdir -p "$root/DEBIAN" "$out"
cat >"$root/DEBIAN/control" <<CONTROL
Package: ringload
Version: $version
Architecture: $architecture
Maintainer: The ringload authors <ringload@localhost>
Installed-Size: $(du -sk "$root/usr" | cut -f1)
Section: utils
Priority: optional
${depends}Recommends: ca-certificates
Description: load engine for LLM inference servers
 Drives OpenAI-compatible endpoints, stamps every token with the kernel's own
 arrival time, and says how far the client itself is in the figures.
CONTROL
file=$out/ringload_${version}_${architecture}.deb
dpkg-deb --root-owner-group --build "$root" "$file" >/dev/null
echo "$file"
