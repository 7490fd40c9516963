#!/usr/bin/env bash
# Trains under SLURM on one node or several, and goes on exactly where it was when it is requeued:
#   sbatch --nodes=2 --ntasks-per-node=4 scripts/slurm.sh --config clouds --trainer.max_epochs=200
#SBATCH --job-name=kindling
#SBATCH --time=04:00:00
#SBATCH --requeue
#SBATCH --open-mode=append
# Two minutes before the time is up, to this script alone.
#SBATCH --signal=B:USR1@120
set -u

logs=logs/slurm-$SLURM_JOB_ID
flags=(--config ddp "--trainer.num_nodes=${SLURM_NNODES:-1}" "--trainer.devices=${SLURM_NTASKS_PER_NODE:-1}")
last=$(find "$logs" -path '*/version_0/checkpoints/last.ckpt' 2>/dev/null)
if [ -n "$last" ]; then
    step=(train --run "${last%/checkpoints/last.ckpt}")
else
    step=(train "$@" "${flags[@]}" "--logs=$logs")
fi

requeue=no
srun .venv/bin/kindling "${step[@]}" &
# The processes stop between two steps, save, and end with a status of 143.
trap 'requeue=yes; kill -TERM %1' USR1
while true; do
    wait %1
    status=$?
    # A trap ends the wait, not the step.
    jobs %1 >/dev/null 2>&1 && [ -n "$(jobs -r)" ] || break
done
if [ "$requeue" = yes ]; then
    exec scontrol requeue "$SLURM_JOB_ID"
fi
exit "$status"
