#!/bin/bash
# A sweep as a SLURM job array. Nothing runs between the nodes: the tasks share a folder, nothing else.
#
#   neurogeom sweep plan 'acts/*.npy' --metric procrustes --metric cka --threads 4 --store "$PWD/sweep.zarr"
#   sbatch sweep_slurm.sh "$PWD/sweep.zarr"
#   neurogeom sweep status sweep.zarr            # at any time, also while it runs
#   sbatch sweep_slurm.sh "$PWD/sweep.zarr"      # the same line goes on, until status says that none is left
#   neurogeom sweep verify sweep.zarr            # compute some of it again, compare bits
#   neurogeom sweep export sweep.zarr distances.npz
#
# The plan prints how many core-hours and how much memory it takes, and a line for sbatch: set --array, --mem
# and --time below by it. Plan on a compute node if the login node is slow: what is planned with is measured.
# Here the same is shown by two processes without SLURM: sweep_array.py.
#
#SBATCH --job-name=sweep
#SBATCH --array=0-15
#SBATCH --ntasks=1
#SBATCH --cpus-per-task=4
#SBATCH --mem=4G
#SBATCH --time=04:00:00
# Preempted tasks are queued again by clusters that do so; where they are cancelled instead, the others take
# over what is left, or the next submission does.
#SBATCH --requeue
# A task that comes again goes on in its log, instead of beginning it anew.
#SBATCH --open-mode=append
#SBATCH --output=sweep-%A_%a.log
# Two minutes before the end the worker is told to end; it leaves its tile as if it had not begun it. This is
# for tiles that took longer than expected: --stop-before below begins none that would not be finished.
#SBATCH --signal=TERM@120

set -euo pipefail
store=${1:?usage: sbatch sweep_slurm.sh STORE}

# source ~/venv/bin/activate

# --stop-before needs to know when the job ends. Where SLURM does not say it, it can be asked.
if [ -z "${SLURM_JOB_END_TIME:-}" ]; then
    SLURM_JOB_END_TIME=$(date -d "$(squeue --noheader --jobs "$SLURM_JOB_ID" --format %e)" +%s)
    export SLURM_JOB_END_TIME
fi

# Threads are those of the task, said explicitly; OMP_NUM_THREADS has no part in it. Numbers of the array may
# have any first number, as when only some tasks are submitted again: ranks count from 0.
rank=$(((SLURM_ARRAY_TASK_ID - SLURM_ARRAY_TASK_MIN) % SLURM_ARRAY_TASK_COUNT))

status=0
srun neurogeom sweep work "$store" \
    --rank "$rank" --of "$SLURM_ARRAY_TASK_COUNT" \
    --threads "$SLURM_CPUS_PER_TASK" --stop-before 5m || status=$?

# 0: all is finished. 3: tiles are left because time ran out, or were given up after three tries. Where tasks
# may put themselves back into the queue, this makes resubmission by hand unnecessary:
#   if [ "$status" -eq 3 ]; then scontrol requeue "$SLURM_JOB_ID"; fi
# But look at `neurogeom sweep status` first: tiles that were given up would bring the task back for ever.
exit "$status"
