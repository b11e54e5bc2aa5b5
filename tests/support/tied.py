"""Runs a command that ends with the process that started it, also when that one is killed.

    python tied.py <pid of the starter> <signal> <user or ""> <command>...

The command takes the place of this script, so its process id is the one that the starter knows.
"""

import ctypes
import os
import signal
import sys

PR_SET_PDEATHSIG = 1  # see prctl(2)


def main(starter: str, end: str, user: str, *command: str) -> None:
    if user:
        import pwd

        account = pwd.getpwnam(user)
        os.setgroups([])
        os.setgid(account.pw_gid)
        os.setuid(account.pw_uid)

    if sys.platform == "linux":
        # After setuid, which clears it; elsewhere an orphan stays until it is ended by hand.
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, int(end))
        if os.getppid() != int(starter):
            sys.exit("The process that wanted this command has ended.")

    # A shell has its background jobs ignore SIGINT, and what is ignored stays so for all that they start.
    for number in {int(end), signal.SIGINT}:
        signal.signal(number, signal.SIG_DFL)
    os.execvp(command[0], command)


if __name__ == "__main__":
    main(*sys.argv[1:])
