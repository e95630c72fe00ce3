"""Content Credentials signed with a key and certificates that the test makes; nothing is fetched."""

from __future__ import annotations

import io
import json
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Any

import c2pa
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

IPTC = "http://cv.iptc.org/newscodes/digitalsourcetype/"
PURPOSES = "1.3.6.1.5.5.7.3.4\n1.3.6.1.5.5.7.3.36\n1.3.6.1.5.5.7.3.8\n"


def _name(text: str) -> x509.Name:
    return x509.Name([
        x509.NameAttribute(NameOID.ORGANIZATION_NAME, "Bonafide tests"),
        x509.NameAttribute(NameOID.COMMON_NAME, text),
    ])  # fmt: skip


def _certificate(
    subject: str, issuer: str, public: Any, key: Any, issuer_public: Any, root: bool
) -> x509.Certificate:
    now = datetime.now(UTC)
    builder = (
        x509.CertificateBuilder().subject_name(_name(subject)).issuer_name(_name(issuer)).public_key(public)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1)).not_valid_after(now + timedelta(days=30))
        .add_extension(x509.BasicConstraints(ca=root, path_length=None), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(public), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer_public), critical=False)
        .add_extension(
            x509.KeyUsage(not root, False, False, False, False, root, root, False, False), critical=True
        )
    )  # fmt: skip
    if not root:
        usage = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.EMAIL_PROTECTION])
        builder = builder.add_extension(usage, critical=False)
    return builder.sign(key, None)


@lru_cache(maxsize=1)
def authority() -> tuple[Ed25519PrivateKey, str, str]:
    """(signer's key, chain of the signer as PEM, root as PEM)."""
    root_key, key = Ed25519PrivateKey.generate(), Ed25519PrivateKey.generate()
    root_public = root_key.public_key()
    root = _certificate("Test root", "Test root", root_public, root_key, root_public, True)
    leaf = _certificate("Test signer", "Test root", key.public_key(), root_key, root_public, False)
    pem = [c.public_bytes(serialization.Encoding.PEM).decode() for c in (leaf, root)]
    return key, "".join(pem), pem[1]


def sign(
    media: bytes, mime: str = "image/jpeg", *, source: str | None = None, action: str = "c2pa.created",
    parent: bytes | None = None, remote: str | None = None,
) -> bytes:  # fmt: skip
    """``media`` with a manifest whose action has this IPTC source type; ``parent`` is an ingredient."""
    key, chain, _ = authority()
    act: dict[str, Any] = {"action": action}
    if source:
        act["digitalSourceType"] = IPTC + source
    definition = {
        "claim_generator_info": [{"name": "Bonafide test", "version": "1"}], "title": "made by a test",
        "assertions": [{"label": "c2pa.actions", "data": {"actions": [act]}}],
    }  # fmt: skip
    settings = c2pa.Settings.from_dict({
        "verify": {"verify_after_sign": False, "remote_manifest_fetch": False, "ocsp_fetch": False},
        "builder": {"thumbnail": {"enabled": False}},
    })  # fmt: skip
    out = io.BytesIO()
    with c2pa.Context(settings) as context:
        builder = c2pa.Builder(json.dumps(definition), context=context)
        if parent is not None:
            told = json.dumps({"title": "parent", "relationship": "parentOf"})
            builder.add_ingredient(told, mime, io.BytesIO(parent))
        if remote:
            builder.set_no_embed()
            builder.set_remote_url(remote)
        signer = c2pa.Signer.from_callback(key.sign, c2pa.C2paSigningAlg.ED25519, chain, None)
        builder.sign(signer, mime, io.BytesIO(media), out)
    return out.getvalue()
