"""What the command ``stile`` does, one module for each duty; ``cli.py`` only reads its arguments."""
