"""firmware/tune: reads a machine (machine.py), what the engine needs (needs.py), judges (memory, cores, kernel, nic,
disk), prints (cli.py) and, asked to, writes what is safe at run time (apply.py)."""
