"""The forecaster for other programs: ONNX and ``torch.export``, and forecasts by onnxruntime."""
