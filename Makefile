# Every target makes .venv first, and again when pyproject.toml or constraints.txt changed.

PYTHON ?= $(if $(filter Windows_NT,$(OS)),python,python3)
VENV := .venv
BIN := $(VENV)/$(if $(filter Windows_NT,$(OS)),Scripts,bin)
STAMP := $(VENV)/.installed

# Words on make's own line with a lower-case name are flags, so that
# `make train TASK=timeseries model.cell=gru threads=1` needs no ARGS; one in capitals is a variable
# of this file, or a slip. Make gives a space in a word as "\ ".
VARIABLES := $(sort $(shell grep -oE '[$$][(][A-Z_]+[)]' $(firstword $(MAKEFILE_LIST)) | tr -d '$$()'))
CAPITALS := A% B% C% D% E% F% G% H% I% J% K% L% M% N% O% P% Q% R% S% T% U% V% W% X% Y% Z%
space := $(subst ,, )
words = $(subst \$(space),␣,$(MAKEOVERRIDES))
name = $(firstword $(subst =, ,$(1)))
FLAGS = $(foreach word,$(words),$(if $(filter $(CAPITALS),$(call name,$(word))),,'--$(subst ␣,$(space),$(word))'))
unknown := $(filter-out $(VARIABLES),$(filter $(CAPITALS),$(foreach word,$(words),$(call name,$(word)))))
$(if $(unknown),$(error $(unknown): no such variable; the targets and theirs are listed by: make help))
# Make drops the + of +=, and a list that was to be longer would be another.
$(if $(filter trainer.callbacks%,$(words)),$(error add callbacks by ARGS="--trainer.callbacks+=Name"))
PRESETS = $(foreach name,$(PRESET),--config $(name))
ROOT = $(if $(DATA),--data.root='$(DATA)')
COMPARED = $(if $(NAME),--name '$(NAME)') $(if $(SEEDS),--seeds $(SEEDS)) $(if $(FOLDS),--folds $(FOLDS))
EXECUTED = $(if $(EXECUTOR),--executor $(EXECUTOR))
KINDLING = $(BIN)/kindling
# Links to the runs, where links can be made.
LOGDIR = $(if $(wildcard logs/.tensorboard/*/*),logs/.tensorboard,logs)
need = $(if $($(1)),,$(error $@ needs $(1)=$(2), for example: make $@ $(1)=$(3)))

.DEFAULT_GOAL := help
.PHONY: help install train evaluate predict resume finetune compare crossval results sweep runs reproduce export data check new update remove tensorboard test test-all test-floor pictures bench lint format clean

help:  ## This list
	@echo "make TARGET [NAME=value ...]"
	@awk -F ':.*## ' '/^[a-z-]+:.*## /{printf "  %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)
	@echo "Any setting can follow: make train TASK=timeseries model.cell=gru trainer.max_epochs=5"

install: $(STAMP)  ## Make the environment, .venv

train: $(STAMP)  ## Fit, then test the best checkpoint: TASK=t [DATA=dir] [PRESET="a b"] [ARGS="--flags"]
	$(call need,TASK,name,timeseries)
	@$(KINDLING) train --config $(TASK) $(PRESETS) $(ROOT) $(FLAGS) $(ARGS)

evaluate: $(STAMP)  ## Test a run's best checkpoint: RUN=logs/t/latest [DATA=dir] [ARGS=...]
	$(call need,RUN,folder,logs/timeseries/latest)
	@$(KINDLING) test --run '$(RUN)' $(ROOT) $(FLAGS) $(ARGS)

predict: $(STAMP)  ## Predict raw input as CSV: RUN=logs/t/latest INPUT=file-or-folder
	$(call need,RUN,folder,logs/timeseries/latest)
	$(call need,INPUT,file,data.csv RUN=$(RUN))
	@$(KINDLING) predict --run '$(RUN)' --data.input='$(INPUT)' $(FLAGS) $(ARGS)

resume: $(STAMP)  ## Go on from a run's last checkpoint: RUN=logs/t/latest [ARGS=...]
	$(call need,RUN,folder,logs/timeseries/latest)
	@$(KINDLING) train --run '$(RUN)' $(FLAGS) $(ARGS)

finetune: $(STAMP)  ## A new run from a run's weights: RUN=logs/t/latest [TASK=t] [DATA=dir] [PRESET=..] [ARGS=--freeze=backbone]
	$(call need,RUN,folder,logs/clouds/latest)
	@$(KINDLING) train --from_run '$(RUN)' $(if $(TASK),--config $(TASK)) $(PRESETS) $(ROOT) $(FLAGS) $(ARGS)

compare: $(STAMP)  ## Variants over seeds: TASK=t [SEEDS=n] [FOLDS=k] [NAME=..] [DATA=dir]; or RUNS="logs/t/version_0 ..."
	$(if $(RUNS),,$(call need,TASK,name,timeseries))
	@$(KINDLING) compare $(if $(RUNS),--runs $(RUNS),--task $(TASK)) $(COMPARED) $(EXECUTED) $(PRESETS) $(ROOT) $(FLAGS) $(ARGS)

crossval: $(STAMP)  ## k-fold cross-validation: TASK=t [FOLDS=5] [NAME=..] [DATA=dir] [ARGS=...]
	$(call need,TASK,name,potability)
	@$(KINDLING) crossval --task $(TASK) $(COMPARED) $(EXECUTED) $(PRESETS) $(ROOT) $(FLAGS) $(ARGS)

sweep: $(STAMP)  ## Search settings by validation: TASK=t [TRIALS=50] [NAME=..] [DATA=dir] [ARGS=...]
	$(call need,TASK,name,potability)
	@$(KINDLING) sweep --task $(TASK) $(if $(TRIALS),--trials $(TRIALS)) $(COMPARED) $(EXECUTED) $(PRESETS) $(ROOT) $(FLAGS) $(ARGS)

results: $(STAMP)  ## The scores of docs/results.md again: DATA=dir of data sets [ARGS="--only clouds"]
	@$(KINDLING) results $(if $(DATA),--data '$(DATA)') $(EXECUTED) $(ARGS)

runs: $(STAMP)  ## All runs: when, what was changed, how good: [TASK=t] [ARGS=--all]
	@$(KINDLING) runs $(if $(TASK),--task $(TASK)) $(ARGS)

reproduce: $(STAMP)  ## Make a run again and compare its scores: RUN=logs/t/latest
	$(call need,RUN,folder,logs/timeseries/latest)
	@$(KINDLING) reproduce --run '$(RUN)' $(ARGS)

export: $(STAMP)  ## ONNX and torch.export, checked: RUN=logs/t/latest [DATA=dir] [ARGS="--format onnx"]
	$(call need,RUN,folder,logs/timeseries/latest)
	@$(KINDLING) export --run '$(RUN)' $(ROOT) $(FLAGS) $(ARGS)

data: $(STAMP)  ## Fetch the real data: TASK=timeseries|potability|clouds|prices [ARGS="--client MT_001"]
	$(call need,TASK,name,timeseries)
	@$(KINDLING) fetch --task '$(TASK)' $(ARGS)

check: $(STAMP)  ## Examine a data set before training: TASK=t [DATA=dir] [PRESET=..] [ARGS=...]
	$(call need,TASK,name,timeseries)
	@$(KINDLING) check --task '$(TASK)' $(PRESETS) $(ROOT) $(FLAGS) $(ARGS)

new: $(STAMP)  ## A problem of your own: TASK=name KIND=tabular|images|series|... [TARGET=regression] [DATA=my.csv] [TARGET_COLUMN=..]
	$(call need,TASK,name,churn KIND=tabular)
	$(call need,KIND,kind,tabular TASK=churn)
	@$(KINDLING) new --task '$(TASK)' --kind '$(KIND)' $(if $(TARGET),--target '$(TARGET)') $(if $(DATA),--data '$(DATA)') $(if $(TARGET_COLUMN),--column '$(TARGET_COLUMN)')

update: $(STAMP)  ## Another version of the engine, your problems untouched: TO=v0.2.0 or a checkout [FROM=url] [ARGS=--no-test]
	$(call need,TO,version,v0.2.0)
	@$(KINDLING) update --to '$(TO)' $(if $(FROM),--from '$(FROM)') $(ARGS)

remove:  ## Take a problem out, by git rm: TASK=t
	$(call need,TASK,name,clouds)
	@test -d 'src/problems/$(TASK)' -a -f 'configs/$(TASK).yaml' || \
	  { echo "TASK=$(TASK): no such problem in src/problems and configs" >&2; exit 2; }
	@git rm -r --ignore-unmatch -- 'src/problems/$(TASK)' 'tests/problems/$(TASK)' 'docs/$(TASK).md' \
	  $(foreach ending,.yaml _*.yaml,'configs/$(TASK)$(ending)' 'configs/*/$(TASK)$(ending)')
	@git clean -dfqX -- 'src/problems/$(TASK)' 'tests/problems/$(TASK)'
	@rm -rf 'data/sample/$(TASK)'

tensorboard: $(STAMP)  ## Curves of all runs in the browser
	@$(BIN)/tensorboard --logdir $(LOGDIR) $(ARGS)

test: $(STAMP)  ## The project's tests, but for the slow ones
	@$(BIN)/pytest -n 2 $(ARGS)

test-all: $(STAMP)  ## All of the project's tests
	@$(BIN)/pytest -n 2 -m '' $(ARGS)

test-floor:  ## The project's tests on the oldest supported versions (needs uv)
	@uv venv --quiet --allow-existing --python $(PYTHON) .venv-floor
	@uv pip install --quiet --python .venv-floor/$(notdir $(BIN))/python --resolution lowest-direct -e . --group dev
	@.venv-floor/$(notdir $(BIN))/pytest -n 2 $(ARGS)

pictures: $(STAMP)  ## README's pictures, by headless Chromium: [RUN="logs/t/latest .."], or of a fresh run
	@$(BIN)/python scripts/pictures.py $(if $(RUN),--run $(RUN)) $(ARGS)

bench: $(STAMP)  ## Training beside plain loops: LOOPS=script.py DATA=dir [ARGS="--only clouds"]
	$(call need,LOOPS,script,loops.py DATA=data)
	$(call need,DATA,dir,data LOOPS=loops.py)
	@$(BIN)/python scripts/bench.py --loops '$(LOOPS)' --data '$(DATA)' $(ARGS)

lint: $(STAMP)  ## Style and types
	@$(BIN)/ruff check
	@$(BIN)/ruff format --check
	@$(BIN)/mypy

format: $(STAMP)  ## Put the code in the project's style
	@$(BIN)/ruff check --fix
	@$(BIN)/ruff format

clean:  ## Remove the environment, the samples and caches; runs stay
	rm -rf $(VENV) data/sample data/cache .pytest_cache .mypy_cache .ruff_cache src/*.egg-info

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
