#!/usr/bin/env bash
# A sweep on a Slurm allocation: a Ray head and the driver on the first node, a worker on every other one.
#   sbatch --nodes=4 deploy/slurm.sh --preset paper --out /shared/sweeps/paper
# --out must lie on a file system that all nodes share. The same command again does only what is missing, which is what
# Slurm itself does when a node fails or the job is preempted.
#SBATCH --job-name=hyperphase
#SBATCH --ntasks-per-node=1
#SBATCH --exclusive
#SBATCH --signal=B:TERM@120
#SBATCH --requeue
#SBATCH --open-mode=append
set -euo pipefail

cd "${SLURM_SUBMIT_DIR:-$PWD}"
export PATH="$PWD/.venv/bin:$PATH" OMP_NUM_THREADS=1 RAY_USAGE_STATS_ENABLED=0
runtime="$(mktemp -d "$PWD/.ray-XXXXXX")" # on the shared file system: the token is for all nodes, and for you alone
export RAY_AUTH_MODE=token RAY_AUTH_TOKEN_PATH="$runtime/token"
(umask 077 && head -c 32 /dev/urandom | od -An -tx1 | tr -d ' \n' > "$RAY_AUTH_TOKEN_PATH")

address="$({ hostname --ip-address; hostname --all-ip-addresses; } | tr ' ' '\n' | awk '/\./ && !/^127\./ && !n++')"
head="$address:${RAY_PORT:-6379}"
cores="${SLURM_CPUS_PER_TASK:-$SLURM_CPUS_ON_NODE}"
temporary="${RAY_TMPDIR:-/tmp}/ray-$SLURM_JOB_ID" # on every node; /tmp/ray may be somebody else's

steps=()
driver=""
finish() {
    trap '' TERM
    rm -rf "$runtime" # first: half a minute after scancel Slurm kills what is left
    [ -z "$driver" ] || { kill "$driver" && wait "$driver"; } 2> /dev/null || true
    [ "${#steps[@]}" -eq 0 ] || { kill "${steps[@]}" && wait "${steps[@]}"; } 2> /dev/null || true
    srun --quiet --overlap rm -rf "$temporary" 2> /dev/null || rm -rf "$temporary"
}
trap finish EXIT
trap 'exit 143' TERM # scancel --batch, or Slurm's warning before the time limit: the driver stops as on Ctrl-C

# Head and driver are no steps of srun's, which answers TERM by killing its processes.
ray start --head --block --node-ip-address="$address" --port="${RAY_PORT:-6379}" --num-cpus="$cores" \
    --temp-dir="$temporary" --include-dashboard=false --disable-usage-stats &
steps+=($!)
until ray health-check --address "$head" > /dev/null 2>&1; do
    kill -0 "${steps[0]}" || exit 1
    sleep 2
done
for node in $(scontrol show hostnames "$SLURM_JOB_NODELIST"); do
    [ "$node" != "$SLURMD_NODENAME" ] || continue
    srun --quiet --overlap --nodes=1 --ntasks=1 --nodelist="$node" \
        ray start --block --address="$head" --num-cpus="$cores" --temp-dir="$temporary" --disable-usage-stats &
    steps+=($!)
done

# in the background, so that the trap for TERM runs at once
hyperphase sweep --address "$head" "$@" &
driver=$!
wait "$driver"
