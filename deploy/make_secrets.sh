#!/usr/bin/env bash
# Writes deploy/secrets/ for compose.yaml, kuberay-*.yaml, ray-cluster.yaml and slurm.sh: random, once, for you alone.
set -euo pipefail
folder="$(dirname "$0")/secrets"
umask 077
mkdir -p "$folder"
random() { head -c 32 /dev/urandom | od -An -tx1 | tr -d ' \n'; }
for name in ray_token postgres_password; do
    [ -e "$folder/$name" ] || random > "$folder/$name"
done
if [ ! -e "$folder/s3_credentials" ]; then
    secret="$(random)"
    cat > "$folder/s3_credentials" <<END
[default]
aws_access_key_id = hyperphase
aws_secret_access_key = $secret
END
    cat > "$folder/s3_identities.json" <<END
{"identities": [{"name": "hyperphase", "actions": ["Admin", "Read", "Write", "List", "Tagging"],
  "credentials": [{"accessKey": "hyperphase", "secretKey": "$secret"}]}]}
END
fi
# containers read them as another user
chmod 644 "$folder"/* && chmod 700 "$folder"
echo "secrets are in $folder"
