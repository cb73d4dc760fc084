"""Packages of a proxy, unpacked or installed in a folder of their own and kept for the next run."""

import os
import pathlib
import platform
import shutil
import subprocess
import sys

LAB = pathlib.Path(os.environ.get("RINGLOAD_LAB", pathlib.Path.home() / ".cache/ringload-lab"))


def debian(name, packages):
    """The root folder into which the newest versions of Debian's packages are unpacked; not installed."""
    folder = LAB / name
    root = folder / "root"
    if not (folder / "done").exists():
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        subprocess.run(["apt-get", "-qq", "download", *packages], cwd=folder, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        for package in folder.glob("*.deb"):
            subprocess.run(["dpkg-deb", "-x", package, root], check=True)
        (folder / "done").touch()
    return root


def debian_version(name, package):
    """The version of an unpacked package, from its file's name."""
    file = next((LAB / name).glob(f"{package}_*.deb"))
    return file.name.split("_")[1].replace("%3a", ":")


def environment(root):
    """The environment in which unpacked programs find their libraries."""
    libraries = [f"{root}/usr/lib/{platform.machine()}-linux-gnu", f"{root}/lib/{platform.machine()}-linux-gnu"]
    libraries += [str(p) for p in pathlib.Path(libraries[0]).glob("*") if p.is_dir()]
    return {**os.environ, "LD_LIBRARY_PATH": ":".join(libraries)}


def python(name, requirements, bare=()):
    """The folder of a virtual environment with these requirements; those in `bare` without their dependencies."""
    folder = LAB / name
    if not (folder / "done").exists():
        shutil.rmtree(folder, ignore_errors=True)
        subprocess.run([sys.executable, "-m", "venv", folder], check=True)
        pip = [folder / "bin/pip", "--quiet", "--disable-pip-version-check", "install"]
        if requirements:
            subprocess.run([*pip, *requirements], check=True)
        if bare:
            subprocess.run([*pip, "--no-deps", *bare], check=True)
        (folder / "done").touch()
    return folder
