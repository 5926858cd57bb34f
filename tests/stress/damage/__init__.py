"""What can befall the files of a drive; importing this package knows all kinds."""

from tests.stress.damage import columns, files, json_values, pictures, text, xml
from tests.stress.damage.kinds import KINDS, Hit, Kind, Means

__all__ = ["KINDS", "Hit", "Kind", "Means", "columns", "files", "json_values", "pictures", "text", "xml"]
