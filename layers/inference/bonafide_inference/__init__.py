"""Bounded decoding, model manifests, calibration, detectors and plots.

Nothing here knows of AWS, tenants or the environment. Everything that touches hostile bytes runs in
`cell`; the modules that a Lambda handler imports (`cell`, `inspect`, `registry`, `models`, `catalogue`)
import neither numpy nor a decoder, so a handler imports fast.
"""
