"""The vendor's own words, and which of ours they stand for."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from bonafide.model import MediaKind, Operation

__all__ = [
    "ATTRIBUTIONS",
    "DIALECT",
    "FORMATS",
    "MANIPULATIONS",
    "MAX_AUDIO_S",
    "MAX_FILE_BYTES",
    "MAX_LINES",
    "MAX_VIDEO_S",
    "NO_FACES",
    "POLICY",
    "RED_FLAGS",
    "TASKS",
    "Event",
    "Task",
]

DIALECT = "sensity"
POLICY = "even"
"""The vendor's labels are two, real and fake: the core's policy that splits at one half."""

MAX_FILE_BYTES = 32 * 1024 * 1024
"""SEN-20; clients in the field count 2^20 bytes a MB (SEN-27)."""

MAX_VIDEO_S = 30 * 60.0
MAX_AUDIO_S = 20 * 60.0
MAX_LINES = 2560
"""SEN-21: of the shorter side, as in 1080p."""

FORMATS: dict[MediaKind, frozenset[str]] = {
    MediaKind.IMAGE: frozenset(("jpeg", "png", "tiff", "gif", "webp")),
    MediaKind.VIDEO: frozenset(("mkv", "flv", "mov", "mp4", "avi", "webm", "3gp")),
    MediaKind.AUDIO: frozenset(("wav", "mp3", "m4a", "ogg", "aac", "flac")),
    MediaKind.DOCUMENT: frozenset(("pdf",)),
}
"""What is taken, by the names of our own probe (SEN-16 … SEN-19): jpg and jfif are jpeg, 3gpp is 3gp."""


class Event(StrEnum):
    """What webhooks may be registered for (SEN-77); the first four are told, the others never happen here."""

    FACE = "face_manipulation_analysis_complete"
    IMAGE = "ai_generated_image_detection_analysis_complete"
    VOICE = "voice_analysis_complete"
    FORENSIC = "forensic_analysis_complete"
    DATA = "data_extraction_analysis_complete"
    MATCHING = "face_matching_analysis_complete"
    DOCUMENT = "id_document_authentication_analysis_complete"
    LIVENESS = "liveness_detection_analysis_complete"


@dataclass(frozen=True)
class Task:
    """One of the four services: its name in the path, its event, what it asks of the core, what it takes."""

    name: str
    event: Event
    operations: tuple[Operation, ...]
    kinds: tuple[MediaKind, ...]


_PICTURES = (MediaKind.IMAGE, MediaKind.VIDEO)
FACE = Task("face_manipulation", Event.FACE, (Operation.FACE_MANIPULATION, Operation.LIP_SYNC), _PICTURES)
IMAGE = Task(
    "ai_generated_image_detection",
    Event.IMAGE,
    (Operation.SYNTHETIC_IMAGE, Operation.SYNTHETIC_VIDEO),
    _PICTURES,
)
VOICE = Task("voice_analysis", Event.VOICE, (Operation.SYNTHETIC_SPEECH,), (MediaKind.AUDIO, MediaKind.VIDEO))
FORENSIC = Task(
    "forensic_analysis",
    Event.FORENSIC,
    (Operation.FILE_FORENSICS, Operation.PROVENANCE, Operation.IMAGE_FORGERY),
    (*_PICTURES, MediaKind.DOCUMENT, MediaKind.AUDIO),
)
TASKS = {task.name: task for task in (FACE, IMAGE, VOICE, FORENSIC)}

NO_FACES = frozenset(("no_face", "no_faces", "no_face_found"))
"""Reasons of a silent `face_manipulation` that are the vendor's ``no_faces`` (SEN-44)."""

MANIPULATIONS = {
    "faceswap": "faceswap",
    "face_swap": "faceswap",
    "face_reenactment": "face_reenactment",
    "reenactment": "face_reenactment",
    "lipsync": "lipsync",
    "lip_sync": "lipsync",
}
"""Attributions of `face_manipulation`, in the vendor's three words (SEN-47)."""

_GENERATORS = (
    "stylegan stylegan2 stylegan3 generated_photos midjourney dalle-2 stable-diffusion glide firefly"
    " blue-willow unstable-diffusion stable-dream"
)
ATTRIBUTIONS = {name.replace("_", "-"): name for name in _GENERATORS.split()} | {
    "adobe-firefly": "firefly",
    "bluewillow": "blue-willow",
    "dall-e-2": "dalle-2",
    "dalle2": "dalle-2",
    "stable-diffusion-(a1111)": "stable-diffusion",
}
"""Generators, lower case with hyphens, in the vendor's twelve words (SEN-56)."""

_EDITING = (
    "adobe_app14 adobe_tables camera_file_reencoded edit_history editing_software editor_named"
    " local_corrections mixed_writers photoshop_caption_block photoshop_resources producers_differ"
    " raw_developer_named save_for_web text_layers"
)
_DATES = (
    "container_saved_later creation_dates_differ exif_dates_differ gps_date_differs iptc_date_differs"
    " info_and_xmp_dates_differ modified_before_creation modified_before_taken xmp_date_differs"
)
_VERSIONS = (
    "changed_after_signing document_ancestors earlier_picture_remains page_content_changed_later"
    " saved_incrementally saved_twice"
)
RED_FLAGS = {
    **dict.fromkeys(_EDITING.split(), "suspect_software_editing"),
    "screenshot_marker": "screenshot_software",
    "screenshot_likely": "screenshot_software",
    **dict.fromkeys(_DATES.split(), "file_dates_mismatch"),
    **dict.fromkeys(_VERSIONS.split(), "multiple_file_versions"),
}
"""Our flags by the four traces that the vendor names (SEN-73); every other flag keeps its own name."""
