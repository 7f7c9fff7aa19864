// Counts the words of the texts in a directory (default: /home/user) and writes the ten most frequent into words.json.
import fs from 'node:fs';
import { log } from 'tinyvm';

const directory = process.argv[2] ?? '/home/user';
const counts = new Map();
for (const name of fs.readdirSync(directory)) {
  const path = directory + '/' + name;
  if (!name.endsWith('.txt') || !fs.statSync(path).isFile()) continue;
  for (const word of fs.readFileSync(path, 'utf8').toLowerCase().match(/\p{L}+/gu) ?? []) {
    counts.set(word, (counts.get(word) ?? 0) + 1);
  }
}
const top = [...counts].sort((a, b) => b[1] - a[1] || a[0].localeCompare(b[0])).slice(0, 10);
fs.writeFileSync(directory + '/words.json', JSON.stringify(Object.fromEntries(top)));
log('info', `counted ${counts.size} different words`);
console.log(top.map(([word, count]) => `${count} ${word}`).join('\n') || 'there are no texts');
