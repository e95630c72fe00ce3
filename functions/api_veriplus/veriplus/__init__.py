"""VeriPlus' Deepfake Detection API v4, spoken by Bonafide: wire models and translation only."""
