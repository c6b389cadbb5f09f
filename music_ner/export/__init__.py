"""Conversion of a trained pipeline to ONNX Runtime."""
