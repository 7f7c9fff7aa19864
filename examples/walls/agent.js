// Finds the action items of a meeting, writes them to a file, and, where the Tiny VM has an LLM, asks it for a summary.
// The same file runs as JavaScript in WebAssembly and under Node behind the other walls.
import fs from 'node:fs';
import { llm, log } from 'tinyvm';
import { actions, minutes } from './lib/minutes.js';

const most = Number(process.argv[2] ?? 10);
const found = actions(minutes).sort((a, b) => b.hours - a.hours || a.who.localeCompare(b.who));
const total = found.reduce((sum, a) => sum + a.hours, 0);

console.log(process.env.TITLE);
for (const { who, what, hours } of found.slice(0, most)) console.log(`- ${who}: ${what} (${hours} h)`);
console.log(`${found.length} items, ${total} h`);

fs.writeFileSync('actions.json', JSON.stringify(found));
const again = JSON.parse(fs.readFileSync('actions.json', 'utf8'));
log('info', `kept ${again.length} items in ${process.cwd()}/actions.json`);

if (process.env.OPENAI_BASE_URL && process.env.MODEL) {
  console.log(await llm('Say in one sentence who has the most to do: ' + JSON.stringify(found), { model: process.env.MODEL }));
}

// A budget of six hours: the agent's exit code says whether the work fits.
process.exitCode = total > 6 ? 3 : 0;
