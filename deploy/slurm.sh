#!/usr/bin/env bash
# A sweep on a Slurm allocation: a Ray head on the first node, a worker on every node, the driver beside the head.
#   sbatch --nodes=4 --cpus-per-task=32 deploy/slurm.sh --preset paper --out /shared/sweeps/paper
# --out must lie on a file system that all nodes share. The same command again does only what is missing.
#SBATCH --job-name=hyperphase
#SBATCH --ntasks-per-node=1
#SBATCH --exclusive
#SBATCH --signal=B:TERM@120
set -euo pipefail

cd "${SLURM_SUBMIT_DIR:-$PWD}"
export PATH="$PWD/.venv/bin:$PATH" OMP_NUM_THREADS=1 RAY_USAGE_STATS_ENABLED=0
port="${RAY_PORT:-6379}"
runtime="$(mktemp -d "$PWD/.ray-XXXXXX")" # on the shared file system: the token is for all nodes, and for you alone
export RAY_AUTH_MODE=token RAY_AUTH_TOKEN_PATH="$runtime/token"
(umask 077 && head -c 32 /dev/urandom | od -An -tx1 | tr -d ' \n' > "$RAY_AUTH_TOKEN_PATH")

mapfile -t nodes < <(scontrol show hostnames "$SLURM_JOB_NODELIST")
head_address="$(srun --nodes=1 --ntasks=1 --nodelist="${nodes[0]}" hostname --ip-address | tr ' ' '\n' | head -n 1)"

steps=()
driver=""
finish() {
    for step in "$driver" "${steps[@]}"; do
        [ -z "$step" ] || kill "$step" 2> /dev/null || true
    done
    [ -z "$driver" ] || wait "$driver" 2> /dev/null || true
    rm -rf "$runtime"
}
trap finish EXIT
trap 'exit 143' TERM # Slurm's warning before the time limit: the driver stops like on Ctrl-C

srun --overlap --nodes=1 --ntasks=1 --nodelist="${nodes[0]}" \
    ray start --head --block --node-ip-address="$head_address" --port="$port" \
    --num-cpus="${SLURM_CPUS_PER_TASK:-1}" --include-dashboard=false --disable-usage-stats &
steps+=($!)
until srun --overlap --nodes=1 --ntasks=1 --nodelist="${nodes[0]}" \
    ray health-check --address "$head_address:$port" > /dev/null 2>&1; do
    kill -0 "${steps[0]}" || exit 1
    sleep 2
done
for node in "${nodes[@]:1}"; do
    srun --overlap --nodes=1 --ntasks=1 --nodelist="$node" \
        ray start --block --address="$head_address:$port" \
        --num-cpus="${SLURM_CPUS_PER_TASK:-1}" --disable-usage-stats &
    steps+=($!)
done

# in the background, so that the trap for TERM runs at once
srun --overlap --nodes=1 --ntasks=1 --nodelist="${nodes[0]}" \
    hyperphase sweep --address "$head_address:$port" "$@" &
driver=$!
wait "$driver"
