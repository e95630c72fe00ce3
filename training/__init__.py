"""From media to manifest, card and weights: reproducible, measured leave-source-out."""
