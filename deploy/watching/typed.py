"""The check of a dashboard against Grafana's types, since Grafana silently drops unknown fields."""

import json
import subprocess
from typing import Any

from deploy import lint_api

TYPES = """\
import type { Dashboard } from "@grafana/schema";
import type { FieldConfig, Options } from "@grafana/schema/dist/esm/raw/composable/timeseries/panelcfg/x/TimeSeriesPanelCfg_types.gen";
// JSON holds the value of an enumeration where TypeScript wants its name.
type Written<T> = T extends string ? `${T}` : T extends object ? { [K in keyof T]: Written<T[K]> } : T;
"""
STRICTLY = ["--noEmit", "--strict", "--skipLibCheck", "--target", "es2022", "--module", "nodenext", "--moduleResolution", "nodenext"]


def held(dashboard: dict[str, Any]) -> subprocess.CompletedProcess[str]:
    """Return the compiler's output; npm packages are installed at the first call."""
    lint_api.install(lint_api.GRAFANA)
    pictures = [panel for panel in dashboard["panels"] if panel["type"] == "timeseries"]
    typed = [("Dashboard", dashboard), *(("Options", one["options"]) for one in pictures)]
    typed += [("FieldConfig", one["fieldConfig"]["defaults"]["custom"]) for one in pictures]
    lines = [f"export const it{at}: Written<{kind}> = {json.dumps(value)};" for at, (kind, value) in enumerate(typed)]
    file = lint_api.GRAFANA / "node_modules/dashboard.ts"
    file.write_text(TYPES + "\n".join(lines))
    return lint_api.run(lint_api.GRAFANA, ["node_modules/typescript/bin/tsc", *STRICTLY, str(file)])
