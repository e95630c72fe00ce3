"""The flags of provenance: each says what it does not prove."""

from __future__ import annotations

from bonafide.model import Flag
from bonafide_inference.detectors.provenance.manifest import NOT_CHECKED, Facts, Store
from bonafide_inference.detectors.provenance.story import Story

__all__ = ["fact_flags", "story_flags"]

_RATE = "0 of the files without such a manifest, by its nature; see the card"
_NOT_MEASURED = "not measured: the material holds fixtures only"


def fact_flags(store: Store, facts: Facts) -> list[Flag]:
    """What does not fit, each fact for itself."""
    flags = []
    if facts.content_bound is False:
        flags.append(Flag(
            code="credentials_not_of_this_content", base_rate=_NOT_MEASURED, value=False,
            message="The content is not the one that the Content Credentials were made for.",
            caveat="Any program that changes the file and leaves its credentials in place does this, and so "
            "does pasting credentials of another file; what was changed is not known.",
        ))  # fmt: skip
    if facts.signature_valid is False:
        flags.append(Flag(
            code="credentials_signature_broken", base_rate=_NOT_MEASURED, value=False,
            message="The signature of the Content Credentials does not fit them.",
            caveat="Nothing that the credentials say can be relied on; the content itself may be as it was.",
        ))  # fmt: skip
    if facts.assertions_intact is False:
        flags.append(Flag(
            code="credentials_statements_changed", base_rate=_NOT_MEASURED, value=False,
            message="Statements within the Content Credentials were changed or removed after signing.",
            caveat="Faulty writers of credentials do this too; the content itself may be as it was.",
        ))  # fmt: skip
    if facts.ingredients_intact is False:
        flags.append(Flag(
            code="ingredient_credentials_broken", base_rate=_NOT_MEASURED, value=False,
            message="The Content Credentials of something that went into this content do not fit.",
            caveat="The maker took it as it was, and the break may be older than this file.",
        ))  # fmt: skip
    return flags + _state_flags(store, facts)


def _state_flags(store: Store, facts: Facts) -> list[Flag]:
    flags = []
    if facts.credential in ("expired", "revoked", "unsuitable") or facts.claim_well_formed is False:
        words = facts.credential if facts.claim_well_formed is not False else "malformed claim"
        flags.append(Flag(
            code="credentials_formally_invalid", value=words,
            base_rate="34 of 53 genuine files of one large generator (forensics notes)",
            message="Content Credentials with a formal defect: validators call them invalid.",
            caveat="It is no sign of tampering: whether content and signature fit is said apart.",
        ))  # fmt: skip
    if store.state == "remote":
        flags.append(Flag(
            code="credentials_elsewhere", value=(store.remote or "")[:300], base_rate=_NOT_MEASURED,
            message="The file names an address for its Content Credentials and carries none.",
            caveat="It is not fetched, since an upload must not choose where this service connects to.",
        ))  # fmt: skip
    if store.state == "unreadable":
        flags.append(Flag(
            code="credentials_unreadable", value=store.problem, base_rate=_NOT_MEASURED,
            message="The file carries Content Credentials that cannot be read.",
            caveat="Damage and unknown versions have this effect.",
        ))  # fmt: skip
    return flags


_READINGS = {
    "generated": ("declared_generated", "The signer says that a trained model made this content."),
    "generated_then_edited": (
        "declared_generated", "The signer says that this was made from content that a trained model made.",
    ),
    "with_generated_parts": (
        "declared_generated_parts", "The signer says that a trained model made parts of this content.",
    ),
    "captured": ("declared_captured", "The signer says that a device captured this content."),
}  # fmt: skip


def story_flags(story: Story, facts: Facts) -> list[Flag]:
    """What the manifest says of the making, with how far it can be relied on."""
    if story.reading not in _READINGS:
        return []
    code, message = _READINGS[story.reading]
    bound = facts.content_bound is True and facts.signature_valid is True
    weight = "content bound" if bound else "NOT bound to this content"
    signer = {
        True: f"signer on the {facts.trust_list}",
        False: "signer on no list asked",
        NOT_CHECKED: "signer not checked",
    }
    captured = "It is a statement of the signer: a screen can be photographed."
    generated = "It is a statement of the signer; signed by nobody known, anyone can have made it."
    return [Flag(
        code=code, message=message, where=f"{weight}; {signer[facts.signer_trusted]}"[:200],
        value=story.generator, base_rate=_RATE,
        caveat=captured if story.reading == "captured" else generated,
    )]  # fmt: skip
