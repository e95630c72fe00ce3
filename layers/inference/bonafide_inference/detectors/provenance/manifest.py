"""C2PA manifests through c2pa-python, with every way to the network closed, as facts that stand apart.

"Invalid" is no fact: a claim that is malformed, a certificate that has run out, a missing time stamp all lead
to it while content and signature fit. So each fact has its own value, read from all validation results.
"""

from __future__ import annotations

import json
import mmap
import os
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from bonafide_inference.trustlists import TrustList

__all__ = ["NOT_CHECKED", "Facts", "Store", "facts_of", "read_store", "trusted_by"]

NOT_CHECKED = "not checked"
Checked = bool | str
"""True, False, or `NOT_CHECKED`."""

_BINDINGS = ("dataHash", "bmffHash", "boxesHash", "boxHash", "collectionHash", "multiAssetHash")
_ASSERTIONS = ("hashedURI.mismatch", "missing", "undeclared", "inaccessible", "outsideManifest")
_CLAIM = re.compile(
    r"^(claim\.(malformed|cbor\.invalid|multiple|missing|invalid)|claimSignature\.missing|general)"
)
_TRUST = ("signingCredential.untrusted", "timeStamp.untrusted", "cawg.")
_REMOTE = re.compile(r"must fetch remote manifests? from url (\S{1,500})", re.IGNORECASE)
_OFF: dict[str, Any] = {
    "verify": {
        "remote_manifest_fetch": False, "ocsp_fetch": False, "verify_trust": False,
        "verify_timestamp_trust": False,
    },
    # Identities may be resolved over the web: they are shown as they stand, and not verified.
    "core": {"allowed_network_hosts": [], "decode_identity_assertions": False},
}  # fmt: skip


@dataclass(frozen=True)
class Store:
    """What lies there. ``state``: ``absent``, ``embedded``, ``remote``, ``unreadable`` or ``unsupported``.

    ``tree`` is the manifest store as the library reports it; ``remote`` the address that was not fetched.
    """

    state: str
    tree: dict[str, Any] = field(default_factory=dict)
    remote: str | None = None
    problem: str | None = None

    @property
    def active(self) -> dict[str, Any]:
        """The active manifest, or nothing."""
        found = self.tree.get("manifests", {}).get(self.tree.get("active_manifest"), {})
        return found if isinstance(found, dict) else {}


@dataclass(frozen=True)
class Facts:
    """The four facts, and what else stands apart from them. See the card for each one's meaning."""

    present: Checked
    content_bound: Checked = NOT_CHECKED
    signature_valid: Checked = NOT_CHECKED
    signer_trusted: Checked = NOT_CHECKED
    trust_list: str | None = None
    trust_list_snapshot: str | None = None
    assertions_intact: Checked = NOT_CHECKED
    ingredients_intact: Checked = NOT_CHECKED
    claim_well_formed: Checked = NOT_CHECKED
    credential: str = NOT_CHECKED

    @property
    def holds(self) -> bool:
        """Whether what the manifest says was signed for this very content and is as it was signed."""
        return self.content_bound is True and self.signature_valid is True and self.assertions_intact is True


def read_store(path: str, mime: str, trust: TrustList | None = None) -> Store:
    """Read the manifest store of the file; nothing is fetched, whatever the file names.

    Parameters
    ----------
    mime
        The type by the file's bytes: its name is nobody's word.
    trust
        The list to judge signers by; None to leave them unjudged.
    """
    import c2pa

    if mime not in _supported():
        return Store("unsupported")
    settings = json.loads(json.dumps(_OFF))
    if trust is not None:
        settings["verify"] |= {"verify_trust": True, "verify_timestamp_trust": True}
        settings["trust"] = trust.settings()
    try:
        with (
            open(path, "rb") as file,
            c2pa.Context(c2pa.Settings.from_dict(settings)) as context,
            c2pa.Reader(mime, file, context=context) as reader,
        ):
            tree = json.loads(reader.json())
    except c2pa.C2paError as error:
        return _without(str(error), path)
    except (ValueError, RecursionError) as error:
        return Store("unreadable", problem=type(error).__name__)
    return Store("embedded", tree) if isinstance(tree, dict) else Store("unreadable")


def _supported() -> frozenset[str]:
    import c2pa

    return frozenset(str(name) for name in c2pa.Reader.get_supported_mime_types())


def _without(words: str, path: str) -> Store:
    """What an error means: no manifest, one elsewhere, or one that cannot be read."""
    if "ManifestNotFound" in words:
        return Store("absent")
    remote = _REMOTE.search(words)
    if remote:
        return Store("remote", remote=remote[1])
    if "NotSupported" in words:
        return Store("unsupported")
    return Store(
        "unreadable" if _has_jumbf(path) else "absent", problem=words[:200].replace(path, "the file")
    )


def _has_jumbf(path: str) -> bool:
    """Whether a box of C2PA's kind begins anywhere: the label and its UUID stand together in every one."""
    if not os.path.getsize(path):
        return False
    with open(path, "rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
        at = data.find(b"jumdc2pa")
        return at >= 0 and data.find(b"c2pa\0", at, at + 64) >= 0


def trusted_by(path: str, mime: str, lists: Sequence[TrustList]) -> tuple[Checked, TrustList | None]:
    """Ask the lists in turn who knows the active signer; `NOT_CHECKED` without any list."""
    for one in lists:
        codes = _codes(read_store(path, mime, one).tree, "success")
        if "signingCredential.trusted" in codes:
            return True, one
    return (False, lists[0]) if lists else (NOT_CHECKED, None)


def facts_of(store: Store, trust: tuple[Checked, TrustList | None] = (NOT_CHECKED, None)) -> Facts:
    """Return the facts of a store that was read without a trust list, and the lists' word on the signer."""
    if store.state != "embedded":
        unknown: dict[str, Checked] = {"absent": False, "unsupported": NOT_CHECKED}
        return Facts(present=unknown.get(store.state, True))
    good, bad = _codes(store.tree, "success"), _codes(store.tree, "failure")
    noted = good | bad | _codes(store.tree, "informational")
    known, by = trust
    return Facts(
        present=True,
        content_bound=_bound(good, bad),
        signature_valid=_signed(good, bad),
        signer_trusted=known,
        trust_list=by.title if by and known is True else None,
        trust_list_snapshot=by.snapshot if by else None,
        assertions_intact=not any(f"assertion.{kind}" in bad for kind in _ASSERTIONS),
        ingredients_intact=_ingredients(store.tree),
        claim_well_formed=not any(_CLAIM.match(code) for code in bad),
        credential=_credential(noted),
    )


def _bound(good: set[str], bad: set[str]) -> Checked:
    """Whether the content is the one that was signed: its hash, however it is made, fits."""
    if any(f"assertion.{kind}.mismatch" in bad for kind in _BINDINGS):
        return False
    if any(f"assertion.{kind}.match" in good for kind in _BINDINGS):
        return True
    return False if "claim.hardBindings.missing" in bad else NOT_CHECKED


def _signed(good: set[str], bad: set[str]) -> Checked:
    if "claimSignature.mismatch" in bad or "claimSignature.missing" in bad:
        return False
    return True if "claimSignature.validated" in good else NOT_CHECKED


def _credential(codes: set[str]) -> str:
    """State of the certificate at the time of signing, as far as it can be told offline."""
    if "signingCredential.revoked" in codes or "signingCredential.ocsp.revoked" in codes:
        return "revoked"
    if "signingCredential.expired" in codes or "claimSignature.outsideValidity" in codes:
        return "expired"
    if "signingCredential.invalid" in codes:
        return "unsuitable"
    return "in its validity" if "claimSignature.insideValidity" in codes else NOT_CHECKED


def _ingredients(tree: dict[str, Any]) -> Checked:
    """Whether the manifests of what went into the content fit; not checked when nothing says so."""
    deltas = _results(tree).get("ingredientDeltas") or []
    bad = {code for delta in deltas if isinstance(delta, dict)
           for code in _listed(delta.get("validationDeltas"), "failure")}  # fmt: skip
    if any(not code.startswith((*_TRUST, "timeStamp.")) for code in bad):
        return False
    return True if deltas else NOT_CHECKED


def _results(tree: dict[str, Any]) -> dict[str, Any]:
    found = tree.get("validation_results")
    return found if isinstance(found, dict) else {}


def _codes(tree: dict[str, Any], kind: str) -> set[str]:
    """The active manifest's codes of one kind."""
    return set(_listed(_results(tree).get("activeManifest"), kind))


def _listed(part: Any, kind: str) -> Iterable[str]:
    entries = part.get(kind) if isinstance(part, dict) else None
    return [str(e["code"]) for e in entries or [] if isinstance(e, dict) and "code" in e]
