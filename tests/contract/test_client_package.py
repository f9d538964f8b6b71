"""The packed TypeScript client: a project that installs it compiles under strict settings, and node runs it without the sources."""

import json
import shutil
import tarfile
from pathlib import Path

import pytest

from deploy import client_package, lint_api

USED = """
import { connect, must, Refused, wxTransport, type NeedIn, type ProblemCode } from "@duijie/client";
import { needOutState } from "@duijie/client/labels";
import { problemsOf, type ProblemOf } from "@duijie/client/problems";
import type { NeedOut } from "@duijie/client/schema";
import { units, type Unit } from "@duijie/client/words";

export const duijie = connect({ baseUrl: "https://example.org", language: "en" });
export const post = (body: NeedIn): Promise<NeedOut> => must(duijie.POST("/v1/needs", { body }));
export const code: ProblemOf<"post_need"> = "unknown_household";
export const known: ProblemCode = problemsOf.post_need[0];
export const said: string = needOutState.published["zh-CN"] + units["kg" satisfies Unit].en + String(Refused) + String(wxTransport);
"""
MISUSED = 'import type { ProblemOf } from "@duijie/client/problems";\nexport const code: ProblemOf<"post_need"> = "wrong_credentials";\n'
RUN = """
import { connect, newId, wxTransport } from "@duijie/client";
import { needOutState } from "@duijie/client/labels";
import { problemsOf } from "@duijie/client/problems";
const sent = [];
const wx = {
  request({ url, method, success }) {
    sent.push([method, url]);
    success({ statusCode: 200, header: {}, data: '{"items": []}' });
  },
};
const duijie = connect({ baseUrl: "https://example.org", transport: wxTransport(wx) });
const { data } = await duijie.GET("/v1/needs", { params: { query: { region: "51" } } });
const [label, listed] = [needOutState.published["zh-CN"], problemsOf.post_need.includes("id_taken")];
console.log(JSON.stringify({ sent, data, id: newId().length, label, listed }));
"""


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project that has the packed client and what it depends on, and nothing else."""
    lint_api.install(lint_api.CLIENT)
    folder = tmp_path_factory.mktemp("installed")
    client_package.build_package(folder / "dist")
    archive = client_package.pack(folder / "dist", folder)
    installed = folder / "node_modules" / "@duijie" / "client"
    with tarfile.open(archive) as packed:
        packed.extractall(folder)
    installed.parent.mkdir(parents=True)
    (folder / "package").rename(installed)
    for name in ("openapi-fetch", "openapi-typescript-helpers"):
        shutil.copytree(lint_api.CLIENT / "node_modules" / name, folder / "node_modules" / name)
    shutil.rmtree(folder / "dist")
    (folder / "package.json").write_text('{"type": "module"}')
    return folder


def test_package_holds_compiled_files_and_says_what_it_needs(project: Path) -> None:
    installed = project / "node_modules" / "@duijie" / "client"
    names = {file.name for file in installed.iterdir()}
    assert {"client.js", "client.d.ts", "schema.d.ts", "labels.js", "problems.js", "README.md", "CHANGELOG.md", "LICENSE"} <= names
    assert [name for name in names if name.endswith(".ts") and not name.endswith(".d.ts")] == []
    stated = json.loads((installed / "package.json").read_text())
    assert stated["engines"] == {"node": ">=20"}
    assert "private" not in stated
    files = {target for exported in stated["exports"].values() for target in exported.values()}
    assert {target.removeprefix("./") for target in files} <= names


@pytest.mark.parametrize("resolution", ["nodenext", "bundler"])
def test_project_that_installed_the_package_compiles(project: Path, resolution: str) -> None:
    (project / "used.ts").write_text(USED)
    (project / "misused.ts").write_text(MISUSED)
    module = "nodenext" if resolution == "nodenext" else "esnext"
    options = {"strict": True, "noEmit": True, "target": "es2022", "lib": ["es2022", "dom"], "module": module, "types": []}
    (project / "tsconfig.json").write_text(json.dumps({"compilerOptions": options | {"moduleResolution": resolution}, "include": ["*.ts"]}))
    outcome = lint_api.run(lint_api.CLIENT, lint_api.compiled(project))
    faults = [line for line in outcome.stdout.splitlines() if ": error TS" in line]
    assert len(faults) == 1, outcome.stdout
    assert "misused.ts(2," in faults[0]


def test_node_runs_the_package(project: Path) -> None:
    (project / "run.mjs").write_text(RUN)
    outcome = lint_api.run(project, ["--no-experimental-strip-types", "run.mjs"])
    assert outcome.returncode == 0, outcome.stderr
    found = json.loads(outcome.stdout)
    assert found["sent"] == [["GET", "https://example.org/v1/needs?region=51"]]
    assert (found["data"], found["id"], found["label"], found["listed"]) == ({"items": []}, 36, "已发布", True)
