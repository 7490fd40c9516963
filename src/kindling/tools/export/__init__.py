"""A trained model as a file that is used without this project: ONNX and ``torch.export``."""
