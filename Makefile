# Each target sets up all that it needs: Debian packages by dev/packages, Python by dev/venv, outside the checkout.

.PHONY: check

check:
	@dev/check
