"""The flags of provenance: each says what it does not prove."""

from __future__ import annotations

from bonafide.model import Flag
from bonafide.policy import TRUSTED_GENERATED
from bonafide_inference.detectors.provenance.manifest import NOT_CHECKED, Facts, Store
from bonafide_inference.detectors.provenance.story import Story

__all__ = ["fact_flags", "story_flags"]

_RATE = "0 of 915 pictures of the material, 715 of them genuine: none bears such a manifest"
_NOT_MEASURED = "not measured: the material holds fixtures only"

_BROKEN = {
    "content_bound": (
        "credentials_not_of_this_content",
        "The content is not the one that the Content Credentials were made for.",
        "Any program that changes the file and leaves its credentials in does this; so does pasting them.",
    ),
    "signature_valid": (
        "credentials_signature_broken",
        "The signature of the Content Credentials does not fit them.",
        "Nothing that the credentials say can be relied on; the content itself may be as it was.",
    ),
    "assertions_intact": (
        "credentials_statements_changed",
        "Statements within the Content Credentials were changed or removed after signing.",
        "Faulty writers of credentials do this too; the content itself may be as it was.",
    ),
    "ingredients_intact": (
        "ingredient_credentials_broken",
        "The Content Credentials of something that went into this content do not fit.",
        "The maker took it as it was, and the break may be older than this file.",
    ),
}
"""Code, message and caveat by the fact that is false."""

_STATES = {
    "remote": (
        "credentials_elsewhere",
        "The file names an address for its Content Credentials and carries none.",
        "It is not fetched, since an upload must not choose where this service connects to.",
    ),
    "unreadable": (
        "credentials_unreadable",
        "The file carries Content Credentials that cannot be read.",
        "Damage and unknown versions have this effect.",
    ),
}


def fact_flags(store: Store, facts: Facts) -> list[Flag]:
    """What does not fit, each fact for itself."""
    flags = [
        Flag(code=code, base_rate=_NOT_MEASURED, value=False, message=message, caveat=caveat)
        for fact, (code, message, caveat) in _BROKEN.items()
        if getattr(facts, fact) is False
    ]
    if facts.credential in ("expired", "revoked", "unsuitable") or facts.claim_well_formed is False:
        flags.append(Flag(
            code="credentials_formally_invalid",
            value="malformed claim" if facts.claim_well_formed is False else facts.credential,
            base_rate="34 of 53 genuine files of one large generator (forensics notes)",
            message="Content Credentials with a formal defect: validators call them invalid.",
            caveat="It is no sign of tampering: whether content and signature fit is said apart.",
        ))  # fmt: skip
    if store.state in _STATES:
        code, message, caveat = _STATES[store.state]
        value = (store.remote or "")[:300] if store.state == "remote" else store.problem
        flags.append(Flag(code=code, base_rate=_NOT_MEASURED, value=value, message=message, caveat=caveat))
    return flags


_SAID = "It is a statement of the signer; signed by nobody known, anyone can have made it."
_READINGS = {
    "generated": ("declared_generated", "The signer says that a trained model made this content.", _SAID),
    "generated_then_edited": (
        "declared_generated", "The signer says that this was made of what a trained model made.", _SAID,
    ),
    "with_generated_parts": (
        "declared_generated_parts", "The signer says that a trained model made parts of this content.", _SAID,
    ),
    "captured": (
        "declared_captured", "The signer says that a device captured this content.",
        "It is a statement of the signer: a screen can be photographed.",
    ),
}  # fmt: skip
"""Code, message and caveat by what the manifest says of the making."""


def story_flags(story: Story, facts: Facts) -> list[Flag]:
    """What the manifest says of the making, with how far it can be relied on."""
    if story.reading not in _READINGS:
        return []
    code, message, caveat = _READINGS[story.reading]
    signer = {
        True: f"signer on the {facts.trust_list}",
        False: "signer on no list asked",
        NOT_CHECKED: "signer not checked",
    }[facts.signer_trusted]
    if code == "declared_generated" and facts.holds and facts.signer_trusted is True:
        code, caveat = (
            TRUSTED_GENERATED,
            "A signer who is known can err; nobody else can have made the statement.",
        )
    weight = "content bound" if facts.holds else "NOT bound to this content"
    return [Flag(
        code=code, message=message, where=f"{weight}; {signer}"[:200], value=story.generator, base_rate=_RATE,
        caveat=caveat,
    )]  # fmt: skip
