"""`python -m app` is `dance`."""

from app.cli.main import main

main()
