"""``python -m tests.stress``, which ``make stress`` runs."""

if __name__ == "__main__":  # a worker imports this file too, and hooks in its checks before it imports code
    from tests.stress.command import main

    main()
