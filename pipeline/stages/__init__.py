"""One thin file per DVC stage: parse paths, load one params section, call one function."""
