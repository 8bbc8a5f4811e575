"""Faults at random moments while jobs run, after which their results are those of an undisturbed run, cell for cell.

A scene is one job of three processes, a `seenat memorize` and two workers, and faults drawn from a seed; a campaign is many
scenes, and a tally. `make faults` runs hundreds of faults, `test_faults.py` some dozens.

campaign     scenes until there were so many faults, and the tally of what became of cells
scene        one job, its processes, and the faults that strike it and are undone
worlds       where a job's rows and values lie: SQLite or PostgreSQL, a folder, a small disk or a bucket; and who works, Ray included
searches     searches of the order's index, and whether they are right
history      what the catalog says of what happened: attempts, fences, reasons
within       what a process does to itself before it works: a wrong clock, no room, messages sent twice
proxy        an object store that answers wrongly, late or in part
kinds        the faults, one class a kind
"""
