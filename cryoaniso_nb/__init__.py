"""Jupyter toolkit for the anisotropy of cryo-EM maps."""
