"""What must never be committed: paths and hosts of somebody's machine, and secrets."""

from __future__ import annotations

import functools
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path
from urllib.parse import urlsplit

__all__ = ["breaches", "committed", "local_hosts", "unexplained"]

# Written so that no pattern finds itself.
PATTERNS = {
    "a path of one machine": re.compile(r"(?<![\w.}])/(?:wor[k]|roo[t]|hom[e]/\w+|tmp/[w]|Use[r]s/\w+)/"),
    "an AWS access key": re.compile(r"\b(?:AKI[A]|ASI[A])(?!\w*EXAMPLE)[0-9A-Z]{16}\b"),
    "a private key": re.compile(r"-----BEGIN (?:[A-Z]+ )?PRIVATE KE[Y]-----"),
    "a token of a forge or registry": re.compile(
        r"\b(?:gh[pousr]_|npm[_]|pypi-AgEI|glpat-)[A-Za-z0-9_-]{20,}"
    ),
    "a token of a chat or payment service": re.compile(
        r"\b(?:xox[abprs]-|sk_live_|rk_live_)[A-Za-z0-9-]{10,}"
    ),
    "a password in an address": re.compile(
        r"\b[a-z]+://[^\s/:@\"'{}$<>]+:[^\s/@\"'{}$<>]+@(?!127\.|localhost)\w"
    ),
}
PUBLIC_HOSTS = {"pypi.org", "files.pythonhosted.org", "registry.npmjs.org", "localhost", "127.0.0.1"}
# bandit's guesses by name ("token", "password"): ruff's S105 to S107 guess better; `PATTERNS` knows secrets.
GUESSES = {"B105", "B106", "B107"}
# A line that must show such a thing (a test of this very scan, a URL with a password as bad input) says so.
EXCUSE = re.compile(r"scan: \S.{9,}")


def committed(root: Path) -> list[Path]:
    """Return the files that git tracks, and those that it would take with ``git add``."""
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    listed = subprocess.run(command, cwd=root, check=True, capture_output=True, text=True).stdout
    return [root / name for name in sorted(set(listed.split("\0"))) if name and (root / name).is_file()]


@functools.cache
def local_hosts() -> frozenset[str]:
    """Return the hosts and paths that pip and npm are set up with here, but for the public ones."""
    said = [value for key, value in os.environ.items() if key.lower().endswith(("_proxy", "_index_url"))]
    for command in ([sys.executable, "-m", "pip", "config", "list"], ["npm", "config", "get", "registry"]):
        if shutil.which(command[0]):
            done = subprocess.run(command, check=False, capture_output=True, text=True, timeout=60)
            said.append(done.stdout)
    hosts = {urlsplit(address).hostname for address in re.findall(r"https?://[^\s'\"]+", " ".join(said))}
    return frozenset(host for host in hosts if host and host not in PUBLIC_HOSTS)


def breaches(files: Iterable[Path], root: Path, hosts: Iterable[str] = ()) -> list[str]:
    """Return ``file:line: what`` for all that must not be committed."""
    named = {"a package index of one machine": re.compile("|".join(map(re.escape, hosts)))} if hosts else {}
    wrong = []
    for path in files:
        try:
            text = path.read_text("utf-8")
        except UnicodeDecodeError:
            continue
        patterns = PATTERNS | named
        if path.relative_to(root).parts[0] == "tests":
            patterns.pop("a password in an address")  # hostile addresses are what those tests are about
        wrong += [f"{path.relative_to(root)}:{line}: {what}" for line, what in _lines(text, patterns)]
        if path.name == "package-lock.json" and '"resolved"' in text:
            wrong.append(
                f"{path.relative_to(root)}: names a registry (npm's omit-lockfile-registry-resolved)"
            )
    return wrong


def _lines(text: str, patterns: dict[str, re.Pattern[str]]) -> list[tuple[int, str]]:
    return [
        (number, what)
        for number, line in enumerate(text.splitlines(), 1)
        for what, pattern in patterns.items()
        if pattern.search(line) and not EXCUSE.search(line)
    ]


def unexplained(findings: Iterable[dict[str, object]], root: Path) -> list[str]:
    """Return bandit's findings that no reason excuses.

    ruff's S rules are bandit's, number for number; one mark serves both: ``# noqa: S311 (a picture, not a
    secret)``. Without words beside it the mark excuses nothing.
    """
    wrong = []
    for finding in findings:
        path, test = Path(str(finding["filename"])), str(finding["test_id"])
        if test in GUESSES:
            continue
        lines = (root / path).read_text("utf-8").splitlines()
        span = finding["line_range"]
        assert isinstance(span, list)
        said = "\n".join(lines[min(span) - 1 : max(span)])
        if not re.search(rf"noqa: [A-Z0-9, ]*S{test[1:]}\b[^\n]*?[A-Za-z]{{3}}", said):
            wrong.append(f"{path}:{finding['line_number']}: {test} {finding['issue_text']}")
    return wrong
