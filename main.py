"""Start the program: `python main.py live|process|eval|bench|train|weights|doctor`."""

from app.cli import main

if __name__ == "__main__":
    main()
