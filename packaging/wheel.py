#!/usr/bin/env python3
"""Makes a wheel that carries a binary: `pip install ringload` then puts it on the PATH.

usage: wheel.py BINARY VERSION PLATFORM[.PLATFORM...] OUT_DIR
       wheel.py target/x86_64-unknown-linux-musl/dist/ringload 0.1.0 manylinux_2_17_x86_64.musllinux_1_1_x86_64 dist

The wheel (PEP 427) has no Python in it. Its bytes depend on the arguments and SOURCE_DATE_EPOCH alone. A static binary runs under
both libcs, so that one file has the tags of both. Manual pages and completions go to share/ of the environment; they come from the
binary itself, so that the wheel of a binary that does not run on this machine has none (a line on stderr says so).
"""
import base64, glob, gzip, hashlib, os, platform, subprocess, sys, tempfile, time, zipfile

SUMMARY = "Load engine for LLM inference servers: shows how far the client itself is in the figures."


def member(name, mode, when):
    info = zipfile.ZipInfo(name, when)
    info.external_attr = (0o100000 | mode) << 16
    info.compress_type = zipfile.ZIP_DEFLATED
    return info


def shared(binary):
    """Manual pages and completions, by their places under share/."""
    files = []
    with tempfile.TemporaryDirectory() as pages:
        subprocess.run([binary, "man", "--dir", pages], check=True, stdout=subprocess.DEVNULL)
        for page in sorted(glob.glob(os.path.join(pages, "*.1"))):
            with open(page, "rb") as f:
                files.append((f"man/man1/{os.path.basename(page)}.gz", gzip.compress(f.read(), 9, mtime=0)))
    for shell, place in [
        ("bash", "bash-completion/completions/ringload"),
        ("zsh", "zsh/site-functions/_ringload"),
        ("fish", "fish/vendor_completions.d/ringload.fish"),
    ]:
        files.append((place, subprocess.run([binary, "completions", shell], check=True, capture_output=True).stdout))
    return files


def main(binary, version, platforms, out):
    root = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..")
    info = f"ringload-{version}.dist-info"
    tags = [f"py3-none-{platform}" for platform in platforms.split(".")]
    with open(os.path.join(root, "README.md"), encoding="utf-8") as f:
        readme = f.read()
    with open(os.path.join(root, "LICENSE"), "rb") as f:
        licence = f.read()
    with open(binary, "rb") as f:
        program = f.read()
    metadata = (
        f"Metadata-Version: 2.4\nName: ringload\nVersion: {version}\nSummary: {SUMMARY}\nLicense-Expression: Apache-2.0\nLicense-File: LICENSE\n"
        "Requires-Python: >=3.8\nKeywords: llm,inference,load-testing,benchmark,latency\n"
        f"Description-Content-Type: text/markdown\n\n{readme}"
    )
    wheel = "Wheel-Version: 1.0\nGenerator: ringload packaging/wheel.py\nRoot-Is-Purelib: false\n" + "".join(f"Tag: {tag}\n" for tag in tags)
    files = [
        (f"ringload-{version}.data/scripts/ringload", 0o755, program),
        (f"{info}/METADATA", 0o644, metadata.encode()),
        (f"{info}/WHEEL", 0o644, wheel.encode()),
        (f"{info}/licenses/LICENSE", 0o644, licence),
    ]
    if all(name.endswith(platform.machine()) for name in platforms.split(".")):
        files += [(f"ringload-{version}.data/data/share/{place}", 0o644, data) for place, data in shared(os.path.abspath(binary))]
    else:
        print(f"wheel.py: {platforms} does not run on {platform.machine()}: no manual pages and no completions", file=sys.stderr)
    hashed = lambda data: "sha256=" + base64.urlsafe_b64encode(hashlib.sha256(data).digest()).rstrip(b"=").decode()
    record = "".join(f"{name},{hashed(data)},{len(data)}\n" for name, _, data in files) + f"{info}/RECORD,,\n"
    files.append((f"{info}/RECORD", 0o644, record.encode()))
    when = time.gmtime(max(int(os.environ.get("SOURCE_DATE_EPOCH", 315532800)), 315532800))[:6]
    os.makedirs(out, exist_ok=True)
    path = os.path.join(out, f"ringload-{version}-py3-none-{platforms}.whl")
    with zipfile.ZipFile(path, "w") as archive:
        for name, mode, data in files:
            archive.writestr(member(name, mode, when), data, compresslevel=9)
    print(path)


if __name__ == "__main__":
    if len(sys.argv) != 5:
        sys.exit(__doc__)
    main(*sys.argv[1:])
