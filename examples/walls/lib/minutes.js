// The meeting's minutes, and how action items are found in them.
export const minutes = `
10:02 Ada: the import is slow again. ACTION Ben: profile the import (2h)
10:07 Cleo: customers ask for dark mode; not now.
10:15 Ben: backups are green. ACTION Cleo: restore one to be sure (1h)
10:21 Ada: the invoice page is wrong for refunds. ACTION Ada: fix the refund line (3h)
10:30 Cleo: ACTION Ben: write it all down (1h)
`;

export function actions(text) {
  return [...text.matchAll(/ACTION (\w+): ([^(]+) \((\d+)h\)/g)].map(([, who, what, hours]) => ({ who, what: what.trim(), hours: Number(hours) }));
}
