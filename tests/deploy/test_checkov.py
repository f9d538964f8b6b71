"""checkov finds nothing in the manifests. It is installed by `make deploy-test` only."""

import os
import subprocess
from pathlib import Path

import pytest

from tests.deploy.rendered import ROOT, VALUES, text

CHECKOV = ROOT / ".venv/checkov/bin/checkov"
pytestmark = pytest.mark.skipif("DEPLOY_TEST" not in os.environ, reason="installing checkov takes minutes: make deploy-test")


def checkov(manifest: Path) -> subprocess.CompletedProcess[str]:
    words = [CHECKOV, "--config-file", ROOT / "deploy/tools/checkov.yaml", "--file", manifest]
    return subprocess.run(words, capture_output=True, text=True, check=False)


@pytest.mark.parametrize("values", VALUES)
def test_checkov_finds_nothing(values: str, tmp_path: Path) -> None:
    manifest = tmp_path / "manifest.yaml"
    manifest.write_text(text(values))
    said = checkov(manifest)
    assert said.returncode == 0, said.stdout


def test_checkov_would_find_a_privileged_container(tmp_path: Path) -> None:
    manifest = tmp_path / "manifest.yaml"
    manifest.write_text(text().replace("allowPrivilegeEscalation: false", "privileged: true"))
    assert "CKV_K8S_16" in checkov(manifest).stdout
