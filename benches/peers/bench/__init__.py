"""Times mailvc and its peers at the same work on the same mail.

| module | what |
|---|---|
| `main` | arguments, rows in turn |
| `snapshots` `syncs` `history` `bare` | the rows |
| `backups` `files` `imap` `ours` | the programs under comparison |
| `scene` | scratch, homes, environment, the mail and the work in it |
| `report` `targets` | tables, JSON, what was aimed at |
| `line` | sshd, and what counts bytes on the way to it |
| `measure` | one run of one command |

Python 3 with its standard library alone.
"""
