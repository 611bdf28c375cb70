"""Looking passages up: the contract (``base``) and the index embedded in the process (``embedded``)."""
