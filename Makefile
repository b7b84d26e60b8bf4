# Each target sets up all that it needs: Debian packages by dev/packages, Python environments by dev/venv, both outside
# the checkout. Only Debian's packages and PyPI are used.

.PHONY: help check test demo bench prove roundtrip lab stage build docs clean

help:
	@echo "make demo    two gateways in the lab, a playbook run, a look at the wire"
	@echo "make check   linters, types, unit, architecture, contract and daemon tests (PARTS='ruff mypy' for some)"
	@echo "make test    make check, Python 3.9, secrets, ansible-test sanity, galaxy-importer, documentation, lab scenarios"
	@echo "make bench   a thousand tunnels into a charon on this computer"
	@echo "make prove   the long statistics, not part of make test"
	@echo "make roundtrip FILES='a.conf b.conf'   whether swanctl.conf files keep their meaning through our objects"
	@echo "make lab     start the lab and leave it running (molecule/lab/README.md)"
	@echo "make build   the collection's tarball, in build/"
	@echo "make docs    the documentation as HTML, in build/docs/"
	@echo "make stage   the tree as Ansible's tools want it; prints where"
	@echo "make clean   remove build/ and the environments and copies in the cache; the lab's images stay (lab clean)"

check:
	@dev/check check $(PARTS)

test:
	@dev/check test $(PARTS)

demo:
	@dev/run lab -- dev/demo

bench:
	@dev/run daemon -- bench/run

prove:
	@SWANFLEET_SCENARIOS=all SWANFLEET_KILLS=200 SWANFLEET_WINDOWS=all SWANFLEET_FAILOVERS=60 SWANFLEET_HARMS=100 dev/check test scenarios
	@SWANFLEET_STRIKES=all $$(dev/venv test)/bin/python -m pytest -q --durations=5 \
		tests/unit/plugins/module_utils/apply/test_struck.py tests/daemon/test_engine_struck.py \
		tests/contract/test_firewall_generated.py
	@SWANFLEET_SIMULATED=1000000 $$(dev/venv test)/bin/python -m pytest -q --durations=5 \
		tests/unit/plugins/module_utils/agent/decision/test_walk.py
	@dev/run daemon -- bench/agent hot-100ms hot-1s cold-1s many idle
	@dev/mutate --sample 400

roundtrip:
	@dev/run daemon -- dev/roundtrip $(FILES)

lab:
	@dev/run lab -- molecule/lab/lab up

stage:
	@dev/stage manual

build:
	@mkdir -p build
	@PATH="$$(dev/venv run)/bin:$$PATH" dev/build "$$(dev/stage manual)" "$(CURDIR)/build"

docs:
	@mkdir -p build
	@PATH="$$(dev/venv test)/bin:$$PATH" dev/docs "$$(dev/stage manual)" "$(CURDIR)/build/docs"

clean:
	@dev/clean
