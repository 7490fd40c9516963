# Every target makes .venv first, and again when pyproject.toml or constraints.txt changed.

PYTHON ?= $(if $(filter Windows_NT,$(OS)),python,python3)
VENV := .venv
BIN := $(VENV)/$(if $(filter Windows_NT,$(OS)),Scripts,bin)
STAMP := $(VENV)/.installed

# What is typed reaches a command as it is, in single quotes: nothing in it is run or expanded, by
# make or by the shell. ARGS alone is words for the shell, quotes and all.
quoted = '$(subst ','\'',$(1))'
the = $(call quoted,$(value $(1)))
each = $(foreach word,$(value $(1)),$(2)$(call quoted,$(word)))
option = $(if $(value $(2)),$(1)$(call the,$(2)))
taken = $(call quoted,$(1)$(value TASK)$(2))

# Words on make's own line with a lower-case name are flags, so that
# `make train TASK=timeseries model.cell=gru threads=1` needs no ARGS; one in capitals is a variable
# of this file, or a slip. Make gives a space in a word as "\ ", a backslash and a dollar twice.
VARIABLES := $(sort $(shell grep -oE '[(,][A-Z_]+[),]' $(firstword $(MAKEFILE_LIST)) | tr -d '(),'))
CAPITALS := A% B% C% D% E% F% G% H% I% J% K% L% M% N% O% P% Q% R% S% T% U% V% W% X% Y% Z%
space := $(subst ,, )
words = $(subst \$(space),␣,$(subst \\,␛,$(MAKEOVERRIDES)))
typed = $(subst $$$$,$$,$(subst ␛,\,$(subst ␣,$(space),$(1))))
name = $(firstword $(subst =, ,$(1)))
FLAGS = $(foreach word,$(words),$(if $(filter $(CAPITALS),$(call name,$(word))),,$(call quoted,--$(call typed,$(word)))))
# Make would expand them for the environment of what it starts.
unexport $(foreach word,$(words),$(call name,$(word)))
unknown := $(filter-out $(VARIABLES),$(filter $(CAPITALS),$(foreach word,$(words),$(call name,$(word)))))
$(if $(unknown),$(error $(unknown): no such variable; the targets and theirs are listed by: make help))
# Make drops the + of +=, and a list that was to be longer would be another.
$(if $(filter trainer.callbacks%,$(words)),$(error add callbacks by ARGS="--trainer.callbacks+=Name"))
PRESETS = $(call each,PRESET,--config )
ROOT = $(call option,--data.root=,DATA)
COMPARED = $(call option,--name ,NAME) $(call option,--seeds ,SEEDS) $(call option,--folds ,FOLDS)
EXECUTED = $(call option,--executor ,EXECUTOR)
KINDLING = $(BIN)/kindling
# Links to the runs, where links can be made.
LOGDIR = $(if $(wildcard logs/.tensorboard/*/*),logs/.tensorboard,logs)
need = $(if $(value $(1)),,$(error $@ needs $(1)=$(2), for example: make $@ $(1)=$(3)))

.DEFAULT_GOAL := help
.PHONY: help install train evaluate predict resume finetune compare crossval sweep runs reproduce export demo docs data check new update remove tensorboard test test-all test-floor pictures bench lint format clean

help:  ## This list
	@echo "make TARGET [NAME=value ...]"
	@awk -F ':.*## ' '/^[a-z-]+:.*## /{printf "  %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)
	@echo "Any setting can follow: make train TASK=timeseries model.cell=gru trainer.max_epochs=5"

install: $(STAMP)  ## Create the environment, .venv

train: $(STAMP)  ## Fit, then test the best checkpoint: TASK=t [DATA=dir] [PRESET="a b"] [ARGS="--flags"]
	$(call need,TASK,name,timeseries)
	@$(KINDLING) train --config $(call the,TASK) $(PRESETS) $(ROOT) $(FLAGS) $(ARGS)

evaluate: $(STAMP)  ## Test a run's best checkpoint: RUN=logs/t/latest [DATA=dir] [ARGS=...]
	$(call need,RUN,folder,logs/timeseries/latest)
	@$(KINDLING) test --run $(call the,RUN) $(ROOT) $(FLAGS) $(ARGS)

predict: $(STAMP)  ## Predict raw input as CSV: RUN=logs/t/latest INPUT=file-or-folder
	$(call need,RUN,folder,logs/timeseries/latest)
	$(call need,INPUT,file,data.csv RUN=$(value RUN))
	@$(KINDLING) predict --run $(call the,RUN) --data.input=$(call the,INPUT) $(FLAGS) $(ARGS)

resume: $(STAMP)  ## Resume a run from its last checkpoint: RUN=logs/t/latest [ARGS=...]
	$(call need,RUN,folder,logs/timeseries/latest)
	@$(KINDLING) train --run $(call the,RUN) $(FLAGS) $(ARGS)

finetune: $(STAMP)  ## Start a new run from a run's weights: RUN=logs/t/latest [TASK=t] [DATA=dir] [PRESET=..] [ARGS=--freeze=backbone]
	$(call need,RUN,folder,logs/clouds/latest)
	@$(KINDLING) train --from_run $(call the,RUN) $(call option,--config ,TASK) $(PRESETS) $(ROOT) $(FLAGS) $(ARGS)

compare: $(STAMP)  ## Variants over seeds: TASK=t [SEEDS=n] [FOLDS=k] [NAME=..] [DATA=dir]; or RUNS="logs/t/version_0 ..."
	$(if $(value RUNS),,$(call need,TASK,name,timeseries))
	@$(KINDLING) compare $(if $(value RUNS),--runs$(call each,RUNS, ),--task $(call the,TASK)) $(COMPARED) $(EXECUTED) $(PRESETS) $(ROOT) $(FLAGS) $(ARGS)

crossval: $(STAMP)  ## k-fold cross-validation: TASK=t [FOLDS=5] [NAME=..] [DATA=dir] [ARGS=...]
	$(call need,TASK,name,potability)
	@$(KINDLING) crossval --task $(call the,TASK) $(COMPARED) $(EXECUTED) $(PRESETS) $(ROOT) $(FLAGS) $(ARGS)

sweep: $(STAMP)  ## Search settings by validation: TASK=t [TRIALS=50] [NAME=..] [DATA=dir] [ARGS=...]
	$(call need,TASK,name,potability)
	@$(KINDLING) sweep --task $(call the,TASK) $(call option,--trials ,TRIALS) $(COMPARED) $(EXECUTED) $(PRESETS) $(ROOT) $(FLAGS) $(ARGS)

runs: $(STAMP)  ## List runs: date, scores, settings: [TASK=t] [ARGS=--all]
	@$(KINDLING) runs $(call option,--task ,TASK) $(ARGS)

reproduce: $(STAMP)  ## Repeat a run and compare its scores: RUN=logs/t/latest
	$(call need,RUN,folder,logs/timeseries/latest)
	@$(KINDLING) reproduce --run $(call the,RUN) $(ARGS)

export: $(STAMP)  ## ONNX and torch.export, checked: RUN=logs/t/latest [DATA=dir] [ARGS="--format onnx"]
	$(call need,RUN,folder,logs/timeseries/latest)
	@$(KINDLING) export --run $(call the,RUN) $(ROOT) $(FLAGS) $(ARGS)

demo: $(STAMP)  ## A web page to try a run's model: RUN=logs/t/latest [ARGS="--port 8000"]
	$(call need,RUN,folder,logs/timeseries/latest)
	@$(KINDLING) demo --run $(call the,RUN) $(ARGS)

data: $(STAMP)  ## Fetch the real data: TASK=timeseries|potability|clouds|prices [ARGS="--client MT_001"]
	$(call need,TASK,name,timeseries)
	@$(KINDLING) fetch --task $(call the,TASK) $(ARGS)

check: $(STAMP)  ## Examine a data set before training: TASK=t [DATA=dir] [PRESET=..] [ARGS=...]
	$(call need,TASK,name,timeseries)
	@$(KINDLING) check --task $(call the,TASK) $(PRESETS) $(ROOT) $(FLAGS) $(ARGS)

new: $(STAMP)  ## A problem of your own: TASK=name KIND=tabular|images|series|... [TARGET=regression] [DATA=my.csv] [TARGET_COLUMN=..]
	$(call need,TASK,name,churn KIND=tabular)
	$(call need,KIND,kind,tabular TASK=churn)
	@$(KINDLING) new --task $(call the,TASK) --kind $(call the,KIND) $(call option,--target ,TARGET) $(call option,--data ,DATA) $(call option,--column ,TARGET_COLUMN)

update: $(STAMP)  ## Replace the engine by another version, your problems untouched: TO=v0.2.0 or a checkout [FROM=url] [ARGS=--no-test]
	$(call need,TO,version,v0.2.0)
	@$(KINDLING) update --to $(call the,TO) $(call option,--from ,FROM) $(ARGS)

remove:  ## Delete a problem, by git rm: TASK=t
	$(call need,TASK,name,clouds)
	@test -d $(call taken,src/problems/,) -a -f $(call taken,configs/,.yaml) || \
	  { printf '%s\n' $(call taken,TASK=,: no such problem in src/problems and configs) >&2; exit 2; }
	@git rm -r --ignore-unmatch -- $(call taken,src/problems/,) $(call taken,tests/problems/,) $(call taken,docs/,.md) \
	  $(foreach ending,.yaml _*.yaml,$(call taken,configs/,$(ending)) $(call taken,configs/*/,$(ending)))
	@git clean -dfqX -- $(call taken,src/problems/,) $(call taken,tests/problems/,)
	@rm -rf $(call taken,data/sample/,)

tensorboard: $(STAMP)  ## Curves of all runs in the browser
	@$(BIN)/tensorboard --logdir $(LOGDIR) $(ARGS)

docs: $(STAMP)  ## The pages as a site in site/: [ARGS=--strict], or serve them: ARGS=serve
	@test -x $(BIN)/mkdocs || { echo "docs needs MkDocs, which is not installed: pip install -e '.[docs]'" >&2; exit 2; }
	@$(BIN)/mkdocs $(if $(filter serve,$(ARGS)),serve,build $(ARGS))

test: $(STAMP)  ## Run the tests except the slow ones
	@$(BIN)/pytest -n 2 $(ARGS)

test-all: $(STAMP)  ## Run all tests
	@$(BIN)/pytest -n 2 -m '' $(ARGS)

test-floor:  ## Run the tests on the oldest supported versions (needs uv)
	@uv venv --quiet --allow-existing --python $(PYTHON) .venv-floor
	@uv pip install --quiet --python .venv-floor/$(notdir $(BIN))/python --resolution lowest-direct -e . --group dev
	@.venv-floor/$(notdir $(BIN))/pytest -n 2 $(ARGS)

pictures: $(STAMP)  ## README's pictures, by headless Chromium: [RUN="logs/t/latest .."], or of a fresh run
	@$(BIN)/python scripts/pictures.py $(if $(value RUN),--run$(call each,RUN, )) $(ARGS)

bench: $(STAMP)  ## Training beside plain loops: LOOPS=script.py DATA=dir [ARGS="--only clouds"]
	$(call need,LOOPS,script,loops.py DATA=data)
	$(call need,DATA,dir,data LOOPS=loops.py)
	@$(BIN)/python scripts/bench.py --loops $(call the,LOOPS) --data $(call the,DATA) $(ARGS)

lint: $(STAMP)  ## Style and types
	@$(BIN)/ruff check
	@$(BIN)/ruff format --check
	@$(BIN)/mypy

format: $(STAMP)  ## Put the code in the project's style
	@$(BIN)/ruff check --fix
	@$(BIN)/ruff format

clean:  ## Remove the environment, samples and caches, but no runs
	rm -rf $(VENV) data/sample data/cache site .pytest_cache .mypy_cache .ruff_cache src/*.egg-info

$(STAMP): pyproject.toml constraints.txt
	@if command -v uv >/dev/null; then \
	  uv venv --quiet --allow-existing --python $(PYTHON) $(VENV) && \
	  uv pip install --quiet --compile-bytecode --python $(BIN)/python -c constraints.txt -e . \
	    --group dev; \
	else \
	  $(PYTHON) -m venv $(VENV) && \
	  $(BIN)/python -m pip install --quiet --upgrade 'pip>=25.1' && \
	  $(BIN)/python -m pip install --quiet -c constraints.txt -e . --group dev; \
	fi
	@touch $@
