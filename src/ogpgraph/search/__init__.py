"""Rules of full-text search without I/O: the words of texts, what a query asks for, points, and snippets.

Everything here is a function of texts and queries alone, so that a search of one state of the record always finds the
same, in the same order, with the same points.
"""
