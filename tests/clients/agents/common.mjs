// The same small agent as common.py, for SDKs in JavaScript: `node AGENT.mjs [--continue] PROMPT`.
import { spawnSync } from "node:child_process";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { homedir } from "node:os";

// The SDKs are installed elsewhere than this file.
const require = createRequire(`${process.env.AGENT_MODULES}/`);
export const load = (name) => import(require.resolve(name));

const string = { type: "string" };
const properties = { read: { path: string }, write: { path: string, content: string }, run: { command: string } };
export const SYSTEM = "You are a coding agent. Be brief.";
export const TOOLS = Object.entries(properties).map(([name, each]) => ({
  name,
  schema: { type: "object", properties: each, required: Object.keys(each) },
}));

function use(name, given) {
  if (name === "read") return readFileSync(given.path, "utf8");
  if (name === "write") {
    writeFileSync(given.path, given.content);
    return `wrote ${given.path}`;
  }
  const done = spawnSync(given.command, { shell: true, encoding: "utf8" });
  return done.stdout + done.stderr;
}

export async function main(say, turn, answer) {
  const session = `${homedir()}/session.json`;
  const resumed = process.argv[2] === "--continue" && existsSync(session);
  const history = resumed ? JSON.parse(readFileSync(session, "utf8")) : [];
  say(history, process.argv.at(-1));
  let said;
  for (;;) {
    const [text, calls] = await turn(history);
    said = text;
    if (!calls.length) break;
    answer(history, calls.map(([id, name, given]) => [id, name, use(name, given)]));
  }
  writeFileSync(session, JSON.stringify(history));
  console.log(said);
}
