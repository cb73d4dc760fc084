# Homebrew (Linux): release.yml writes VERSION and the checksums into a copy of this file.
class Ringload < Formula
  desc "Load engine for LLM inference servers"
  homepage "https://github.com/OWNER/ringload"
  version "VERSION"
  license "Apache-2.0"
  depends_on :linux

  on_intel do
    url "https://github.com/OWNER/ringload/releases/download/vVERSION/ringload-VERSION-x86_64-linux-musl.tar.gz"
    sha256 "SHA256_X86_64"
  end
  on_arm do
    url "https://github.com/OWNER/ringload/releases/download/vVERSION/ringload-VERSION-aarch64-linux-musl.tar.gz"
    sha256 "SHA256_AARCH64"
  end

  def install
    bin.install "ringload"
    man1.install Dir["man/*.1"]
    generate_completions_from_executable(bin/"ringload", "completions")
  end

  test do
    system bin/"ringload", "--version"
  end
end
