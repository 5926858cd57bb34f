"""Constructed interactions: scenes in which what one agent does depends on another, and on nothing else."""
