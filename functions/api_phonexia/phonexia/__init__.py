"""Phonexia's Authenticity Verification, spoken by Bonafide: wire models and translation only."""
