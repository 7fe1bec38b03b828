"""Plays the package of the same name on Colab: what widgets of others need of it.

Source: google/colab/output/_widgets.py of the repository googlecolab/colabtools.
"""
