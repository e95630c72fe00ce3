"""The commands behind the Makefile: ``python -m localcloud run | up | down | status | logs | reset | token``.

Arguments come from the environment (FILE, JSON, TENANT …): make hands them over untouched that way.
Exit status: 0 when all went well, whatever the verdict; 1 when an analysis failed or was refused; 2 when
the command was wrong; 3 when the local cloud is to blame; 130 after Ctrl-C.
"""

from __future__ import annotations

import json
import os
import shlex
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from localcloud import show
from localcloud.bootstrap import first_token, new_token
from localcloud.cloud import ROOT, CloudError, LocalCloud, healthy
from localcloud.deploy import STACK, deploy
from localcloud.sample import make_sample
from localcloud.submit import Client, Refused, SubmitError, Unreachable, is_url

__all__ = ["main"]


class UsageError(Exception):
    """The command makes no sense as given."""


def main(command: str, environment: Mapping[str, str]) -> int:
    """Run one command; returns the exit status."""
    try:
        if command not in _COMMANDS:
            raise UsageError(f"one of {', '.join(_COMMANDS)}, not {command!r}")
        return _COMMANDS[command](_cloud(environment), environment)
    except UsageError as error:
        _note(f"error: {error}")
        return 2
    except (CloudError, Unreachable) as error:
        _note(f"error: {error}")
        return 3
    except SubmitError as error:
        _note(f"error: {error}")
        return 1
    except BrokenPipeError:  # whoever read our output has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except KeyboardInterrupt:
        _note("\nInterrupted. The local cloud goes on (make down stops it), and so do analyses that it took.")
        return 130


def _cloud(environment: Mapping[str, str]) -> LocalCloud:
    """Return the cloud of this folder; BONAFIDE_LOCAL, BONAFIDE_PORT and BONAFIDE_FRONT_PORT move it."""
    return LocalCloud(
        environment.get("BONAFIDE_LOCAL") or ROOT / ".local",
        int(environment.get("BONAFIDE_PORT") or 0) or None,
        int(environment.get("BONAFIDE_FRONT_PORT") or 0) or None,
    )


def _note(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


# ---- run ----------------------------------------------------------------------------------------
def run(cloud: LocalCloud, environment: Mapping[str, str]) -> int:
    """Analyse FILE and show the verdict (JSON=1: print the document)."""
    wanted = files_of(environment.get("FILE", ""))
    missing = [name for name in wanted if not is_url(name) and not Path(name).is_file()]
    if missing:
        raise UsageError(f"there is no file {', '.join(missing)}")
    _bring_up(cloud)
    if not wanted:
        wanted = [str(make_sample(cloud.root / "sample.jpg"))]
        _note(f"No FILE given: analysing a sample, {wanted[0]}")
    client = Client(cloud.base_url, first_token(cloud))
    as_json = environment.get("JSON", "") not in ("", "0")
    shown, refused = [], 0
    for name in wanted:
        try:
            shown.append(_analyse(cloud, client, name, quiet=as_json))
        except Unreachable:
            raise
        except SubmitError as error:
            refused += 1
            _note(f"error: {name}: {error}")
            continue
        if not as_json:
            print(show.verdict_text(shown[-1], colour=_colour()), end="\n\n", flush=True)
    cloud.checkpoint()
    _conclude(shown, as_json, several=len(wanted) > 1)
    return 1 if refused or any(one.document.get("state") != "completed" for one in shown) else 0


def files_of(text: str) -> list[str]:
    """Split FILE: one path if such a file exists, spaces and all; else words as a shell would read them.

    >>> files_of("a.jpg 'b c.jpg' https://example.org/x?a=1&b=2")
    ['a.jpg', 'b c.jpg', 'https://example.org/x?a=1&b=2']
    """
    if not text.strip():
        return []
    if Path(text).exists():
        return [text]
    try:
        return shlex.split(text)
    except ValueError:
        return text.split()


def _analyse(cloud: LocalCloud, client: Client, name: str, *, quiet: bool) -> show.Shown:
    progress = show.Progress(Path(name).name if not is_url(name) else name)
    begun = time.monotonic()
    try:
        progress.say("sending")
        analysis_id = str(_accepted(cloud, client, name)["id"])
        sent = time.monotonic()
        document: dict[str, Any] = {}
        for document in client.follow(analysis_id):
            progress.update(document)
        done = time.monotonic()
        folder = Path("out") / analysis_id
        files = [] if quiet else client.fetch_artifacts(document, folder)
    finally:
        progress.close()
    timing = show.Timing(sent - begun, done - sent, time.monotonic() - done)
    return show.Shown(name, document, timing, folder, files)


def _accepted(cloud: LocalCloud, client: Client, name: str) -> dict[str, Any]:
    try:
        return client.submit(name)
    except Refused as refusal:
        if refusal.status != 401:
            raise
    # The kept token is older than the tables (a hard kill, a reset): make a new one, once.
    client.token = first_token(cloud, renew=True)
    return client.submit(name)


def _conclude(shown: list[show.Shown], as_json: bool, *, several: bool) -> None:
    if as_json:
        documents = [one.document for one in shown]
        if several or documents:
            print(json.dumps(documents if several else documents[0], indent=2))
    elif several and shown:
        rows = [show.summary_row(one) for one in shown]
        print(show.table(rows, ("file", "verdict", "p_fake", "decided by", "seconds")))


def _colour() -> bool:
    return sys.stdout.isatty() and "NO_COLOR" not in os.environ


# ---- the cloud ----------------------------------------------------------------------------------
def up(cloud: LocalCloud, _environment: Mapping[str, str]) -> int:
    """Start and deploy."""
    _bring_up(cloud)
    first_token(cloud)
    _describe(cloud)
    return 0


def _bring_up(cloud: LocalCloud) -> None:
    if not cloud.running():
        _note("Starting the local cloud …")
    if notice := cloud.start():
        _note(f"warning: {notice}")
    begun = time.monotonic()
    if not cloud.outputs():
        _note("Deploying template.yaml …")
    if deploy(cloud):
        _note(f"Deployed in {time.monotonic() - begun:.1f} s.")


def down(cloud: LocalCloud, _environment: Mapping[str, str]) -> int:
    """Stop; everything is kept."""
    _note("Stopped; analyses are kept." if cloud.stop() else "The local cloud was not running.")
    return 0


def reset(cloud: LocalCloud, _environment: Mapping[str, str]) -> int:
    """Stop and forget."""
    cloud.erase()
    _note(f"Forgot everything under {cloud.root}.")
    return 0


def status(cloud: LocalCloud, _environment: Mapping[str, str]) -> int:
    """Say whether it runs; exit status 0 if it answers, 1 if not."""
    return 0 if _describe(cloud) else 1


def _describe(cloud: LocalCloud) -> bool:
    known = cloud.status()
    if not known.running:
        print("The local cloud is down (make up starts it).")
        if known.notice:
            print(known.notice)
        return False
    alive = healthy(known.port)
    since = datetime.fromisoformat(known.started_at or datetime.now(UTC).isoformat())
    print(f"API        {cloud.base_url}/v1   (Authorization: Bearer $(cat {cloud.token_file}))")
    print(f"AWS        {cloud.endpoint}   (any SDK: AWS_ENDPOINT_URL, key and secret 'test')")
    print(f"Process    {known.pid}, up {str(datetime.now(UTC) - since).split('.')[0]}")
    print(f"Answers    {'yes' if alive else 'no, see make logs'}")
    print(f"Deployed   {known.deployed or 'nothing yet'}")
    print(f"State      {cloud.root}, {show.plain_size(_disk(cloud.root))}")
    return alive


def _disk(folder: Path) -> int:
    return sum(file.lstat().st_size for file in folder.rglob("*") if file.is_file())


def logs(cloud: LocalCloud, environment: Mapping[str, str]) -> int:
    """Show the cloud's log, or one function's (FUNCTION); FOLLOW=1 keeps reading."""
    follow = environment.get("FOLLOW", "") not in ("", "0")
    if name := environment.get("FUNCTION"):
        return _function_logs(cloud, name.replace("_", "-"), follow=follow)
    if not cloud.log_file.exists():
        raise UsageError("there is no log yet")
    if follow:
        return subprocess.run(["tail", "-n", "50", "-F", str(cloud.log_file)], check=False).returncode
    print(cloud.tail(200))
    return 0


def _function_logs(cloud: LocalCloud, name: str, *, follow: bool) -> int:
    if not cloud.running():
        raise UsageError("the local cloud is down")
    client = cloud.client("logs")
    group = f"/aws/lambda/{STACK}-{name}"
    seen: set[tuple[int, str]] = set()
    while True:
        try:
            pages = client.get_paginator("filter_log_events").paginate(logGroupName=group)
            events = [event for page in pages for event in page["events"]]
        except client.exceptions.ResourceNotFoundException:
            raise UsageError(f"there is no function {name}") from None
        for event in events:
            mark = (event["timestamp"], event["message"])  # MiniStack numbers no events
            if mark not in seen:
                seen.add(mark)
                print(event["message"].rstrip(), flush=True)
        if not follow:
            return 0
        time.sleep(1)


def token(cloud: LocalCloud, environment: Mapping[str, str]) -> int:
    """Make a token for TENANT; it is printed alone, once."""
    tenant = environment.get("TENANT")
    if not tenant:
        raise UsageError("name a tenant: make token TENANT=acme")
    _bring_up(cloud)
    scopes = [scope for scope in environment.get("SCOPES", "").split(",") if scope]
    print(new_token(cloud, tenant, name=environment.get("NAME") or "first", scopes=scopes))
    cloud.checkpoint()
    return 0


_COMMANDS: dict[str, Callable[[LocalCloud, Mapping[str, str]], int]] = {
    "run": run,
    "up": up,
    "down": down,
    "status": status,
    "logs": logs,
    "reset": reset,
    "token": token,
}

if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1] if len(sys.argv) > 1 else "", os.environ))
