"""Scores by word, calibration, and how reliable confidences are."""
