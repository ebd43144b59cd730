"""Measures of anisotropy: pure functions of results, one measure a file."""
