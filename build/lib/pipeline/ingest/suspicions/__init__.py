"""What is hardly as a drive's source meant it: units, rates, headings, boxes, maps and poses that cannot be right."""
