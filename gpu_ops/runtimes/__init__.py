"""The network on a processor through OpenVINO or ONNX Runtime instead of eager torch.

Everything else of a lane stays as it is: warp and decoding are those of `gpu_ops.cpu`. `openvino`,
`onnx`, `onnxruntime` and `nncf` are imported here alone, and only when they are used.
"""

import sys

# OpenVINO's tools and NNCF report their use over the network, on a thread of their own, where this
# package can be imported, and are silent where it cannot.
sys.modules.setdefault("openvino_telemetry", None)  # type: ignore[arg-type]
