#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only
"""Change SQLite databases in transactions, or check them after the power was cut.

usage: sqlite.py write DIRECTORY TRANSACTIONS
       sqlite.py check DIRECTORY MARKS

DIRECTORY has a directory for each database.  After each transaction there is a mark in the
log of dm-log-writes: NAME:NUMBER.  What is in a database follows from the number of its
last transaction, which must be that of the last mark of it at least.
"""
import os
import random
import sqlite3
import subprocess
import sys

JOURNAL = {"rollback": "DELETE", "wal": "WAL", "mapped": "WAL", "nocow": "WAL"}
MOST_ROWS = 100


def change(name, number, rows):
    """What a transaction changes: row: contents or None."""
    chooser = random.Random(f"{name} {number}")
    changes = {}
    for _ in range(chooser.randrange(1, 10)):
        row = chooser.randrange(MOST_ROWS)
        if row in rows and chooser.random() < 0.3:
            changes[row] = None
        else:
            changes[row] = (f"THE-PLAINTEXT-MARKER {name} {number} {row} ".encode()
                            + chooser.randbytes(chooser.choice([10, 500, 20000])))
    return changes


def apply(rows, changes):
    for row, contents in changes.items():
        if contents is None:
            rows.pop(row, None)
        else:
            rows[row] = contents


def open_database(directory, name):
    database = sqlite3.connect(os.path.join(directory, name, "database"), isolation_level=None)
    database.execute(f"PRAGMA journal_mode={JOURNAL[name]}")
    # With a rollback journal, FULL doesn't sync the directory after the last step.
    database.execute("PRAGMA synchronous=EXTRA")
    database.execute(f"PRAGMA mmap_size={(1 << 26) * (name == 'mapped')}")
    return database


def write(directory, transactions):
    databases = {name: open_database(directory, name) for name in JOURNAL}
    contents = {name: {} for name in JOURNAL}
    for database in databases.values():
        database.execute("CREATE TABLE rows (row INTEGER PRIMARY KEY, contents BLOB)")
        database.execute("CREATE TABLE last (number INTEGER)")
        database.execute("INSERT INTO last VALUES (0)")
    for number in range(1, transactions + 1):
        for name, database in databases.items():
            changes = change(name, number, contents[name])
            apply(contents[name], changes)
            database.execute("BEGIN")
            for row, data in changes.items():
                if data is None:
                    database.execute("DELETE FROM rows WHERE row = ?", (row,))
                else:
                    database.execute("REPLACE INTO rows VALUES (?, ?)", (row, data))
            database.execute("UPDATE last SET number = ?", (number,))
            database.execute("COMMIT")
            subprocess.run(["dmsetup", "message", "logged", "0", "mark", f"{name}:{number}"],
                           check=True)


def check(directory, marks):
    committed = {}
    with open(marks, encoding="ascii") as file:
        for line in file:
            name, number = line.rstrip().split(":")
            committed[name] = int(number)
    for name, least in committed.items():
        database = open_database(directory, name)
        said = database.execute("PRAGMA integrity_check").fetchall()
        if said != [("ok",)]:
            sys.exit(f"{name}: {said}")
        (last,), = database.execute("SELECT number FROM last")
        if last < least:
            sys.exit(f"{name}: has transaction {last}, but {least} was committed")
        rows = {}
        for number in range(1, last + 1):
            apply(rows, change(name, number, rows))
        if dict(database.execute("SELECT row, contents FROM rows")) != rows:
            sys.exit(f"{name}: is not what transaction {last} left")
        database.close()
    print("right:", ", ".join(f"{name} with {number} transactions"
                              for name, number in committed.items()))


if sys.argv[1] == "write":
    write(sys.argv[2], int(sys.argv[3]))
else:
    check(sys.argv[2], sys.argv[3])
