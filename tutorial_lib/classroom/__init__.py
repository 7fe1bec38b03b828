"""A class: hand-ins of learners, what a teacher reads in them, and challenges.

A hand-in is untrusted: it is text of a bounded size, nothing in it is executed or unpickled, and
what is odd in it is named and left out.
"""
