"""Which environment variables a training process gets to see.

The submitter's environment holds tokens (Jupyter's, clouds', the model hub's) that a training
script, its libraries and its crash reports have no business with. So names are allowed, not
forbidden, and among the allowed ones those that sound like a secret are left out.
"""

import re
from collections.abc import Mapping

ALLOWED = frozenset(
    {
        "PATH", "HOME", "USER", "LOGNAME", "SHELL", "LANG", "LANGUAGE", "TZ", "TMPDIR", "TERM",
        "LD_LIBRARY_PATH", "LD_PRELOAD", "VIRTUAL_ENV", "CONDA_PREFIX", "PYTHONPATH",
        "GLADIUS_HOME", "GLADIUS_ATTEMPT",
        "SSL_CERT_FILE", "SSL_CERT_DIR", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE",
        "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "http_proxy", "https_proxy", "no_proxy",
        "TOKENIZERS_PARALLELISM", "TRITON_CACHE_DIR", "XDG_CACHE_HOME", "XDG_CONFIG_HOME",
    }
)  # fmt: skip
ALLOWED_PREFIXES = (
    "LC_", "HF_", "TRANSFORMERS_", "CUDA_", "NVIDIA_", "NCCL_", "ROCR_", "HIP_", "HSA_",
    "TORCH_", "TORCHINDUCTOR_", "PYTORCH_", "GLOO_", "MKL_", "KMP_", "OPENBLAS_", "PIP_",
)  # fmt: skip
_SECRET = re.compile(r"TOKEN(?!IZER)|SECRET|PASSW|CREDENTIAL|API_?KEY|_KEY$|AUTH", re.IGNORECASE)
_LOGIN_IN_ADDRESS = re.compile(r"://[^/\s]*@")


def training_environment(
    source: Mapping[str, str], *, threads: int, extra: Mapping[str, str]
) -> dict[str, str]:
    """The environment of the launcher and its ranks.

    Args:
        source: the runner's own environment.
        threads: CPU threads of each training process.
        extra: what the launch needs besides.
    """
    kept = {name: value for name, value in source.items() if _is_allowed(name, value)}
    return {
        **kept,
        "PYTHONUNBUFFERED": "1",
        "PYTHONIOENCODING": "utf-8",
        "OMP_NUM_THREADS": str(threads),
        **extra,
    }


def _is_allowed(name: str, value: str) -> bool:
    if name not in ALLOWED and not name.startswith(ALLOWED_PREFIXES):
        return False
    return not _SECRET.search(name) and not _LOGIN_IN_ADDRESS.search(value)
