"""A Python agent: counts what is on a bill with regular expressions and SQLite, keeps the result, and asks a model about it when it has one."""

import json
import os
import re
import sqlite3
import sys

import tinyvm

BILL = """
3 x coffee  2.40
1 x cake    3.90
2 x tea     1.80
"""


def main(text):
    db = sqlite3.connect("/home/user/tally.db")
    db.execute("create table if not exists item (name text, number int, cents int)")
    for number, name, price in re.findall(r"(\d+) x (\w+)\s+([\d.]+)", text):
        db.execute("insert into item values (?, ?, ?)", (name, int(number), round(float(price) * 100)))
    db.commit()
    total = db.execute("select sum(number * cents) from item").fetchone()[0]
    dearest = db.execute("select name from item order by cents desc limit 1").fetchone()[0]
    print(json.dumps({"total": total / 100, "dearest": dearest}))
    if "OPENAI_BASE_URL" in os.environ:
        print(tinyvm.llm(f"One sentence about a bill of {total / 100}.", model=os.environ.get("OPENAI_MODEL", "any")))
    tinyvm.log(f"kept {total} cents in /home/user/tally.db")


main(sys.stdin.read() if "-" in sys.argv else BILL)
