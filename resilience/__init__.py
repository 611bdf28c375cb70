"""What keeps a call to the outside from doing harm. A leaf: imports nothing of the other apps."""
