# One word a task. Needs Python 3.11+ and make; everything else goes into .venv.
#   make card TORCH="torch --index-url URL"   # another build: the URL that pytorch.org shows for your CUDA version
PYTHON ?= python3
TORCH ?= torch==2.13.0
MODEL ?= smollm2-135m
BIN := .venv/bin
.PHONY: card teach test check docs bench bench-peers laws fuzz foreign proof slow clean

card: .venv/run
	@$(BIN)/selfscope card $(MODEL) -o card $(if $(wildcard card/study.json),--resume)

# A report is taught to follow a state that it cannot read, and asked before and after. Stop it when you like: it goes on.
TAUGHT := --phenomena own_choice
teach: .venv/run
	@$(BIN)/selfscope card $(MODEL) $(TAUGHT) -o teach/untaught $(if $(wildcard teach/untaught/study.json),--resume)
	@test -e teach/reporter/selfscope.json || $(BIN)/selfscope fit states $(MODEL) -o teach/reporter --layers 4-29 --precision bf16 --resume
	@$(BIN)/selfscope card $(MODEL) $(TAUGHT) --adapter teach/reporter --before teach/untaught -o teach/taught \
	    $(if $(wildcard teach/taught/study.json),--resume)

# Files of tests in several processes of one thread each: threads of two processes on the same cores slow each other down.
test: .venv/dev
	@OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n auto --maxprocesses 4 --dist loadfile

check: .venv/dev
	@$(BIN)/ruff check .
	@$(BIN)/mypy
	@$(BIN)/python -m pytest -q tests/test_plan.py

docs: .venv/dev
	@$(BIN)/python -m pytest -q tests/test_docs.py tests/test_reference.py tests/test_examples.py

bench: .venv/dev
	@$(BIN)/python benchmarks/decode.py
	@$(BIN)/python benchmarks/inside.py
	@$(BIN)/python benchmarks/training.py
	@$(BIN)/python benchmarks/decoder_training.py
	@$(BIN)/python benchmarks/card.py
	@$(BIN)/python benchmarks/larger.py

bench-peers: .venv/dev
	@$(BIN)/python benchmarks/peers.py

# Over every architecture of tests/architectures.py: stop it when you like, the next call goes on. Delete laws/ to begin anew.
laws: .venv/dev
	@$(BIN)/python studies/laws.py

# torch-xla on the CPU: its tensors meet none of the CPU's. An environment of its own, as it follows an older torch.
XLA ?= 2.9.0
# 500 malformed inputs of each kind, and a hundred kills.
fuzz: .venv/dev
	@SELFSCOPE_FUZZ=500 SELFSCOPE_FUZZED=500 SELFSCOPE_KILLS=100 OMP_NUM_THREADS=1 $(BIN)/python -m pytest -q --durations=12 \
	    tests/test_fuzz.py tests/test_kill.py tests/test_damaged_models.py -k "fuzz or random or kills_of"

foreign: .venv-foreign/ready
	@PJRT_DEVICE=CPU SELFSCOPE_TEST_DEVICE=xla .venv-foreign/bin/python -m pytest -m foreign -rP -o filterwarnings=default \
	    tests/test_foreign.py

.venv-foreign/ready: pyproject.toml
	@test -x .venv-foreign/bin/python || $(PYTHON) -m venv .venv-foreign
	@.venv-foreign/bin/python -m pip install --quiet --disable-pip-version-check torch==$(XLA) torch_xla==$(XLA)
	@.venv-foreign/bin/python -m pip install --quiet --disable-pip-version-check -e '.[hf,dev]'
	@touch $@

proof: .venv/dev
	@$(BIN)/python studies/proof.py full

slow: .venv/dev
	@$(BIN)/python -m pytest -m "slow or proof"

.venv/run: pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit("selfscope needs Python 3.11 or newer, this is " + sys.version.split()[0]) if sys.version_info < (3, 11) else None'
	@test -x $(BIN)/python || $(PYTHON) -m venv .venv
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check $(TORCH)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -e '.[hf]'
	@touch $@

.venv/dev: .venv/run
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -e '.[hf,parquet,pandas,dev]'
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -e '.[server]' \
	    || echo "xllamacpp cannot be installed here: the test against a real chat server is skipped"
	@touch $@

clean:
	rm -rf .venv .venv-foreign card teach laws
