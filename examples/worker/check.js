// Checks the summary that parse.py made and writes the report: node check.js SUMMARY REPORT
'use strict';
const fs = require('node:fs');
const crypto = require('node:crypto');

const [summaryFile, reportFile] = process.argv.slice(2);
const text = fs.readFileSync(summaryFile, 'utf8');
const summary = JSON.parse(text);

const problems = [];
for (const [name, station] of Object.entries(summary.stations)) {
  if (!summary.notes.includes(name)) problems.push(`no note on station ${name}`);
  if (!(station.min <= station.mean && station.mean <= station.max)) problems.push(`${name}: the mean lies outside of its range`);
}
const counted = Object.values(summary.stations).reduce((sum, station) => sum + station.n, 0);
if (counted + summary.gaps !== summary.rows) problems.push(`${summary.rows} rows, but ${counted} values and ${summary.gaps} gaps`);

const warmest = Object.entries(summary.stations).sort((a, b) => b[1].mean - a[1].mean)[0][0];
const report = {
  ok: problems.length === 0,
  problems,
  rows: summary.rows,
  gaps: summary.gaps,
  commits: summary.commits,
  warmest,
  sha256: crypto.createHash('sha256').update(text).digest('hex').slice(0, 16),
};
fs.writeFileSync(`${reportFile}.new`, JSON.stringify(report) + '\n');
fs.renameSync(`${reportFile}.new`, reportFile);
if (!report.ok) process.exitCode = 1;
