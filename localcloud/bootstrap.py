"""The first tenant of a local cloud, made with the owner's own command (`bonafide.admin`), as on AWS."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Sequence

from localcloud.cloud import ROOT, CloudError, LocalCloud

__all__ = ["TENANT", "first_token", "new_token"]

TENANT = "local"


def first_token(cloud: LocalCloud, *, renew: bool = False) -> str:
    """Return the token of the tenant ``local``, made on first use and kept in the state folder (mode 600)."""
    with cloud.locked(cloud.root / "deploying", wait=True):
        if cloud.token_file.exists() and not renew:
            return cloud.token_file.read_text().strip()
        _admin(cloud, "tenant", "--tenant", TENANT, "--plan", "ENTERPRISE")  # the machine is the limit
        token = new_token(cloud, TENANT, name="make run")
        temporary = cloud.token_file.with_suffix(".tmp")
        temporary.unlink(missing_ok=True)
        with os.fdopen(os.open(temporary, os.O_CREAT | os.O_WRONLY | os.O_EXCL, 0o600), "w") as file:
            file.write(token + "\n")
        temporary.replace(cloud.token_file)
        cloud.checkpoint()
        return token


def new_token(cloud: LocalCloud, tenant: str, *, name: str = "first", scopes: Sequence[str] = ()) -> str:
    """Make a token for any tenant.

    Raises
    ------
    CloudError
        The command refused; the message is its own.
    """
    words = ["token", "--tenant", tenant, "--name", name]
    for scope in scopes:
        words += ["--scope", scope]
    return _admin(cloud, *words)


def _admin(cloud: LocalCloud, *words: str) -> str:
    """Run the owner's command; what it says on standard output."""
    outputs = cloud.outputs()
    if not outputs:
        raise CloudError("Nothing is deployed yet; run make up.")
    environment = cloud.aws_env() | {
        "PYTHONPATH": str(ROOT / "layers" / "core"),
        "TABLE_NAME": outputs["Table"],
        "MEDIA_BUCKET": outputs["MediaBucket"],
        "EVENT_BUS_NAME": outputs["Bus"],
    }
    result = subprocess.run(
        [sys.executable, "-m", "bonafide.admin", *words],
        env=environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    if result.returncode:
        raise CloudError(f"The {words[0]} was not made: {result.stderr.strip()[-2000:]}")
    return result.stdout.strip()
