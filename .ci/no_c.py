"""No crate of the build graph compiles or binds C code."""

import subprocess
import sys

# Build scripts of crates in this list only probe the compiler.
BUILDERS = {"cc", "cmake", "bindgen", "pkg-config", "vcpkg", "autotools"}
# Rust translations in spite of the name, or bindings to the system alone.
PURE_SYS = {"libbz2-rs-sys", "linux-raw-sys", "windows-sys", "js-sys", "web-sys"}


def crates(*features):
    tree = ["cargo", "tree", "--workspace", "-e", "normal,build", "--prefix", "none", "--no-dedupe", *features]
    lines = subprocess.run(tree, check=True, capture_output=True, text=True).stdout.splitlines()
    return {line.split()[0] for line in lines if line.strip()}


bad = set()
for features in ([], ["--all-features"]):
    names = crates(*features)
    bad |= names & BUILDERS
    bad |= {name for name in names if name.endswith("-sys") and name not in PURE_SYS}
if bad:
    sys.exit(f"crates that bring C: {', '.join(sorted(bad))}")
print("no crate compiles or binds C")
