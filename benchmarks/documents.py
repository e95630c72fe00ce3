"""Documents with a known history, made on the spot: appended, linearised, signed, overlaid, hiding text."""

from __future__ import annotations

import io
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Any

import pikepdf
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

__all__ = [
    "appended", "cases", "expected_facts", "overlaid", "page", "signed", "with_embedded", "with_text",
]  # fmt: skip

HELLO = b"BT /F1 24 Tf 72 700 Td (Total due: 1200 EUR) Tj ET"


def page(content: bytes = HELLO, *, pages: int = 1, linearize: bool = False, picture: bool = False) -> bytes:
    """Return a PDF whose pages hold ``content``; ``/F1`` is Helvetica, ``/Im1`` a grey picture if wanted."""
    with pikepdf.new() as pdf:
        font = pikepdf.Dictionary(
            Type=pikepdf.Name.Font, Subtype=pikepdf.Name.Type1, BaseFont=pikepdf.Name.Helvetica
        )
        for _ in range(pages):
            pdf.add_blank_page(page_size=(595, 842))
            resources = pikepdf.Dictionary(Font=pikepdf.Dictionary(F1=font))
            resources.ExtGState = pikepdf.Dictionary(Clear=pikepdf.Dictionary(ca=0))
            if picture:
                resources.XObject = pikepdf.Dictionary(Im1=_picture(pdf))
            pdf.pages[-1].obj.Resources = resources
            pdf.pages[-1].obj.Contents = pdf.make_stream(content)
        out = io.BytesIO()
        pdf.save(out, linearize=linearize)
    return out.getvalue()


def _picture(pdf: pikepdf.Pdf) -> Any:
    return pikepdf.Stream(
        pdf, bytes(range(256)), Type=pikepdf.Name.XObject, Subtype=pikepdf.Name.Image, Width=16, Height=16,
        BitsPerComponent=8, ColorSpace=pikepdf.Name.DeviceGray,
    )  # fmt: skip


def appended(data: bytes, content: bytes = b"BT /F1 12 Tf 72 100 Td (Page 1) Tj ET") -> bytes:
    """Save on top: the first page gets another content stream, the old bytes stay."""
    from pyhanko.pdf_utils.generic import StreamObject
    from pyhanko.pdf_utils.incremental_writer import IncrementalPdfFileWriter

    writer = IncrementalPdfFileWriter(io.BytesIO(data))
    stream = writer.add_object(StreamObject(stream_data=content))
    writer.add_stream_to_page(0, stream)
    out = io.BytesIO()
    writer.write(out)
    return out.getvalue()


@lru_cache(maxsize=1)
def _signer() -> Any:
    """A signer with a key and certificate of its own, made once a run."""
    from asn1crypto import keys
    from asn1crypto import x509 as asn1_x509
    from pyhanko.sign import SimpleSigner
    from pyhanko_certvalidator.registry import SimpleCertificateStore

    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Test Signer")])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
        .serial_number(1).not_valid_before(now - timedelta(days=1)).not_valid_after(now + timedelta(days=365))
        .add_extension(x509.KeyUsage(True, True, *[False] * 7), critical=True)
        .sign(key, hashes.SHA256())
    )  # fmt: skip
    form, encoding = serialization.PrivateFormat.PKCS8, serialization.Encoding.DER
    raw = key.private_bytes(encoding, form, serialization.NoEncryption())
    return SimpleSigner(
        signing_cert=asn1_x509.Certificate.load(certificate.public_bytes(encoding)),
        signing_key=keys.PrivateKeyInfo.load(raw),
        cert_registry=SimpleCertificateStore(),
    )


def signed(data: bytes, field: str = "Signature1") -> bytes:
    """Sign the document as it is, as an appended revision."""
    from pyhanko.pdf_utils.incremental_writer import IncrementalPdfFileWriter
    from pyhanko.sign import PdfSignatureMetadata, PdfSigner

    signer = PdfSigner(PdfSignatureMetadata(field_name=field), signer=_signer())
    out = io.BytesIO()
    signer.sign_pdf(IncrementalPdfFileWriter(io.BytesIO(data)), output=out)
    return out.getvalue()


def overlaid(data: bytes) -> bytes:
    """Paint a white box over the sum, and another sum on it, in an appended revision."""
    return appended(data, b"1 g 60 690 400 40 re f 0 g BT /F1 24 Tf 72 700 Td (Total due: 9200 EUR) Tj ET")


def with_embedded(data: bytes) -> bytes:
    """Attach another PDF that was saved twice, stored as it is: its end marks are not the document's."""
    with pikepdf.open(io.BytesIO(data)) as pdf:
        pdf.attachments["inner.pdf"] = appended(page())
        out = io.BytesIO()
        pdf.save(out, compress_streams=False)
    return out.getvalue()


_TEXTS = {
    "invisible": b"BT 3 Tr /F1 12 Tf 72 600 Td (Hidden words here) Tj ET",
    "transparent": b"q /Clear gs BT /F1 12 Tf 72 600 Td (Hidden words here) Tj ET Q",
    "white": b"1 g BT /F1 12 Tf 72 600 Td (Hidden words here) Tj ET",
    "covered": b"BT /F1 12 Tf 72 600 Td (Hidden words here) Tj ET 0 g 60 590 300 30 re f",
    "off_page": b"BT /F1 12 Tf 72 -400 Td (Hidden words here) Tj ET",
    "tiny": b"BT /F1 0.2 Tf 72 600 Td (Hidden words here) Tj ET",
}


def with_text(kind: str) -> bytes:
    """Return a page with seen text and one that is hidden in this way (a key of `hidden.KINDS`)."""
    return page(HELLO + b" " + _TEXTS[kind])


def cases() -> Iterator[tuple[str, bytes, set[str], set[str]]]:
    """Yield (name, document, flags it must raise, flags it must not raise)."""
    several, changed = {"saved_incrementally"}, {"changed_after_signing"}
    anything = several | changed | {"text_over_covered_text", "covered_text", "white_text", "invisible_text"}
    yield "plain", page(), set(), anything
    yield "linearised", page(pages=3, linearize=True), set(), several
    yield "appended", appended(page()), several | {"page_content_changed_later"}, changed
    yield "linearised_appended", appended(page(pages=3, linearize=True)), several, set()
    yield "embedding_an_appended_one", with_embedded(page()), {"embedded_files"}, several
    yield "signed", signed(page()), several, changed
    yield "signed_twice", signed(signed(page()), "Signature2"), several, changed
    yield "signed_overlaid", overlaid(signed(page())), several | changed | {"text_over_covered_text"}, set()
    yield "overlaid_signed", signed(overlaid(page())), {"text_over_covered_text"}, changed
    broken = bytearray(signed(page()))
    broken[broken.index(b"%PDF-") + 5] ^= 1
    yield "signed_broken", bytes(broken), {"signature_broken"}, set()
    for kind in _TEXTS:
        code = "covered_text" if kind == "covered" else f"{kind}_text"
        yield f"text_{kind}", with_text(kind), {code}, several
    on_dark = b"0 g 0 0 595 842 re f 1 g BT /F1 12 Tf 72 600 Td (White on black) Tj ET"
    yield "white_on_black", page(on_dark), set(), {"white_text", "covered_text"}
    scan = b"BT 3 Tr /F1 12 Tf 72 600 Td (Recognised words) Tj ET q 595 0 0 842 0 0 cm /Im1 Do Q"
    yield "scan_with_text", page(scan, picture=True), set(), {"invisible_text", "covered_text"}


def expected_facts(name: str) -> dict[str, object]:
    """Return what the name of a C2PA test file says of it (the naming of the public test files).

    ``C`` has credentials, ``A`` has none, ``I`` is an ingredient, ``X`` was changed after signing, and
    ``E-sig``, ``E-dat``, ``E-uri`` and ``E-clm`` have that part broken on purpose.
    """
    stem = name.split(".", maxsplit=1)[0]
    if stem == "cloud":
        return {"present": True, "content_bound": "not checked", "signature_valid": "not checked"}
    if stem.split("_")[0] == "A":
        return {"present": False, "content_bound": "not checked", "signature_valid": "not checked"}
    wanted: dict[str, object] = {
        "present": True, "content_bound": True, "signature_valid": True, "assertions_intact": True,
    }  # fmt: skip
    kinds = {"sig": "signature_valid", "dat": "content_bound", "uri": "assertions_intact"}
    if stem.startswith("X"):
        wanted["content_bound"] = False
    elif stem.startswith("E-"):
        wanted[kinds.get(stem[2:5], "ingredients_intact")] = False
    elif "IE-" in stem:
        wanted["ingredients_intact"] = False
    return wanted
