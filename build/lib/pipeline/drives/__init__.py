"""What a drive is, and one small file per raw format that reads it."""
