// Reads an AsyncAPI document as a listener's tools would: `node events.mjs <file>` fails on anything that they would trip over.
import { readFile } from "node:fs/promises";
import { Parser } from "@asyncapi/parser";

const { document, diagnostics } = await new Parser().parse(await readFile(process.argv[2], "utf8"));
const faults = diagnostics.filter(({ severity }) => severity === 0);
for (const { path, message } of faults) console.error(`${path.join(".")}: ${message}`);
process.exit(document && !faults.length ? 0 : 1);
