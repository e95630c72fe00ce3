"""Recipes: a public detector's checkpoint becomes a folder for ``make model-add`` (docs/models/recipes.md).

They need PyTorch and the library of the checkpoint (requirements/recipes.txt); nothing that runs needs
either.
"""

from training.recipes.export import Facts, export

__all__ = ["Facts", "export"]
